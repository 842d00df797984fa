"""Ctrl-C and SIGTERM as something to wait for, in place of an exception at any line.

Handlers run in the main thread and only note the signal and write one byte into a pipe.  They touch no lock: a
handler may run while the main thread holds any.
"""

from __future__ import annotations

import math
import os
import select
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from poolmgr.errors import PoolmgrError
from poolmgr.model.snapshot import Counts

#: What ends a run early.  SIGHUP is the terminal that was closed.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Seconds between two tries to end what has not begun yet, for which nobody calls.  A screen takes half a second.
BEGINNING = 0.05


class Interrupted(PoolmgrError):
    """A signal ended the run early.

    Attributes:
        signum: The signal.
        counts: The jobs at that moment, None if the pool was not open yet.
    """

    def __init__(self, signum: int, counts: Counts | None = None) -> None:
        super().__init__(signum, counts)
        self.signum = signum
        self.counts = counts

    @property
    def exit_code(self) -> int:
        """The shell's convention: 128 and the signal, so 130 for Ctrl-C and 143 for SIGTERM."""
        return 128 + self.signum

    def __str__(self) -> str:
        how = "interrupted" if self.signum == signal.SIGINT else f"ended by {signal.Signals(self.signum).name}"
        if self.counts is None:
            return f"{how}: no job had been started"
        counts = self.counts
        return f"{how}: {counts.ended:,} of {counts.submitted:,} jobs had ended, the others were dropped"


class Interrupts:
    """While it is entered, :data:`SIGNALS` are noted; :meth:`wait` gives the first.

    A signal that the process was started to ignore (as under nohup) stays ignored.
    """

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._before: dict[int, Any] = {}
        #: The first signal that came.  Written by the main thread, or by a wait for a terminal's end; read by all.
        self.signum: int | None = None

    def __enter__(self) -> Self:
        for signum in SIGNALS:
            if signal.getsignal(signum) is not signal.SIG_IGN:
                self._before[signum] = signal.signal(signum, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)
        os.close(self._reader)
        os.close(self._writer)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        # A forked worker has this handler until it sets its own, and the same pipe: its signals are not ours.
        if os.getpid() != self._owner:
            os._exit(128 + signum)
        if self.signum is None:
            self.signum = signum
        self.notify()

    def notify(self) -> None:
        """Have a :meth:`wait` return early. From any thread."""
        try:
            os.write(self._writer, b"!")
        except BlockingIOError:
            # The pipe is full of wake-ups: one more changes nothing.
            pass

    def wait(self, seconds: float | None, terminal: int | None = None) -> int | None:
        """Wait for a signal, a :meth:`notify` or the end of the time. One thread at a time.

        Args:
            seconds: The time, None for ever.
            terminal: A descriptor whose hang-up counts as SIGHUP: the kernel sends that only to the session that the
                terminal controls.

        Returns:
            The first signal that came since this was entered, or None.
        """
        if self.signum is None:
            poll = select.poll()
            poll.register(self._reader, select.POLLIN)
            if terminal is not None:
                # No event is asked for: a hang-up is told in any case.
                poll.register(terminal, 0)
            for fd, _ in poll.poll(None if seconds is None else math.ceil(seconds * 1000)):
                if fd == self._reader:
                    os.read(fd, 4096)
                elif self.signum is None:
                    self.signum = signal.SIGHUP
        return self.signum

    def check(self, counts: Counts | None = None) -> None:
        """Raise :class:`Interrupted` if a signal came."""
        if self.signum is not None:
            raise Interrupted(self.signum, counts)


class InterruptWatch:
    """Calls ``act`` from a thread of its own if a signal comes, or the terminal hangs up, before :meth:`close`.

    For the time when the main thread belongs to the screen, which waits for keys and timers of its own.

    Args:
        interrupts: What is noted.
        act: Ends what the main thread does; returns False if it has not begun yet, and is called again a little later.
        terminal: The terminal's descriptor.
    """

    def __init__(self, interrupts: Interrupts, act: Callable[[], bool], terminal: int | None = None) -> None:
        self._interrupts = interrupts
        self._act = act
        self._terminal = terminal
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="poolmgr-interrupts", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._closed.is_set():
            if self._interrupts.wait(None, terminal=self._terminal) is None:
                continue
            if self._act():
                return
            self._closed.wait(BEGINNING)

    def close(self) -> None:
        """End the watch."""
        self._closed.set()
        self._interrupts.notify()
        self._thread.join()
