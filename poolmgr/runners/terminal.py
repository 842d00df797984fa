"""A program's own terminal, and the person's: what passes between the two, and when.

    shown     show() passes keys on; what the program prints goes to the person's terminal as it comes
    hidden    the person's terminal has the screen; what the program prints is kept (spool.py)
    always    the lines of it go to the log

The person's terminal shows all that the program printed, once and in order: what was kept comes first when the program
is shown again, and at the end.

Threads: "poolmgr-terminal" alone reads what the program prints, and never waits for the screen.  show() blocks whoever
calls it, one at a time.  A lock guards the spool and what is shown.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import termios
import threading
import time
import tty
from collections.abc import Callable
from enum import Enum
from types import FrameType
from typing import Any

from poolmgr.runners.lines import Lines
from poolmgr.runners.program import Program, copy_size
from poolmgr.runners.spool import Spool
from poolmgr.runtime.tree import descendants

#: The key that leads back from the program's terminal to the screen: ctrl+], as in telnet.
BACK = b"\x1d"
#: Numbers of the system call read: of x86, and of the processors that came later.
READS = ("0", "63")
#: The key that stops a program: ctrl+z.
SUSPEND = b"\x1a"
#: Bytes taken at once.
CHUNK = 1 << 16
#: Keys that the program has not read are kept up to so many bytes before no more are read.
KEPT = 1 << 16
#: Seconds between two looks whether a terminal that the program has closed was opened again.
REOPENED = 0.2
#: ms that the kernel may take to hand on what was written last, where somebody still has the terminal open.
LAST_WORDS = 300
#: Bytes that are taken after the end of the program: more than the kernel keeps of a terminal.
MOST_LEFT = 1 << 20


def _reads(pid: int, terminal: str) -> bool:
    """Whether a process is in a read of a terminal at this moment, in its first thread."""
    try:
        with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
            words = file.read().split()
        # All processors that Linux runs Python on have one of these.
        if words[0] not in READS:
            return False
        return os.path.realpath(f"/proc/{pid}/fd/{int(words[1], 16)}") == terminal
    except (OSError, IndexError, ValueError):
        return False


class Left(Enum):
    """Why the program is no longer shown."""

    #: It has ended.
    ENDED = "ended"
    #: The person pressed the key for it.
    ASKED = "asked"
    #: Somebody called :meth:`ProgramTerminal.call_back`.
    CALLED = "called"
    #: The person's terminal is gone.
    GONE = "gone"


class ProgramTerminal:
    """Both terminals of a program.

    Args:
        program: Has a terminal of its own.
        terminal: The person's terminal.
        spool: Keeps what nobody sees.
        tell: Takes each line that the program prints; called by the reading thread.
    """

    def __init__(self, program: Program, terminal: int, spool: Spool, tell: Callable[[str], None]) -> None:
        assert program.master is not None
        self._program = program
        self._master = program.master
        self._tty = terminal
        self._spool = spool
        self._tell = tell
        self._lines = Lines()
        self._lock = threading.Lock()
        self._shown = False
        #: The person's terminal is gone: nothing is shown any more.
        self._gone = False
        #: Of the person's terminal, while it shows the program.
        self._settings: list[Any] = []
        self._ending = threading.Event()
        self._wake, self._waker = os.pipe()
        self._called, self._caller = os.pipe()
        os.set_blocking(self._called, False)
        os.set_blocking(self._master, False)
        self._thread = threading.Thread(target=self._run, name="poolmgr-terminal", daemon=True)

    def start(self) -> None:
        """Begin to read what the program prints."""
        self._thread.start()

    def show(self) -> Left:
        """Show the program and pass keys on to it until something else is to be done."""
        self._settings = termios.tcgetattr(self._tty)
        # A screen that was open before leaves handlers of its own.
        handlers: dict[int, Any] = {
            signal.SIGWINCH: self._resized,
            signal.SIGTSTP: signal.SIG_DFL,
            signal.SIGCONT: signal.SIG_DFL,
        }
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        tty.setraw(self._tty, termios.TCSANOW)
        try:
            self.fit()
            self._turn(True)
            return self._pass_keys()
        finally:
            self._turn(False)
            self._restore()
            for number, handler in before.items():
                signal.signal(number, handler)

    def visit(self) -> bool:
        """As :meth:`show`, for the screen: until the person comes back; whether the program still runs."""
        while (left := self.show()) is Left.CALLED:
            pass
        return left is Left.ASKED

    @property
    def ended(self) -> bool:
        """Whether the program has ended."""
        return bool(select.select([self._program.ended], [], [], 0)[0])

    def awaits_input(self) -> bool:
        """Whether some process of the program that has the terminal is in a read of it. Without rights, False."""
        return any(_reads(pid, self._program.terminal) for pid in (self._program.pid, *descendants(self._program.pid)))

    def call_back(self) -> None:
        """Have :meth:`show` return, the present one or the next. From any thread."""
        os.write(self._caller, b"!")

    def fit(self) -> None:
        """Give the program's terminal the size of the person's."""
        copy_size(self._tty, self._master)

    def close(self) -> None:
        """The program has ended: read what is left, and show what was kept. The terminal is as it was before."""
        self._ending.set()
        os.write(self._waker, b"!")
        self._thread.join()
        with self._lock:
            # This terminal is no longer raw, and puts the returns in itself.
            for chunk in self._spool.take():
                self._write(chunk.replace(b"\r\n", b"\n"))
        self._spool.close()
        for fd in (self._master, self._wake, self._waker, self._called, self._caller):
            os.close(fd)

    # -- what the program prints

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        while not self._ending.is_set():
            poll.poll(self._lines.patience(time.monotonic()))
            if data := self._read():
                self._take(data)
            else:
                self._tell_all(self._lines.settled(time.monotonic()))
        self._read_rest()
        self._tell_all(self._lines.rest())

    def _read_rest(self) -> None:
        """The program is gone: what it wrote last may still be on its way; what a daemon of it writes has no end."""
        left = MOST_LEFT
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        while left > 0 and poll.poll(LAST_WORDS):
            try:
                data = os.read(self._master, CHUNK)
            except BlockingIOError:
                continue
            except OSError:
                # EIO: nobody has it open, and all is read.
                return
            self._take(data)
            left -= len(data)

    def _read(self) -> bytes:
        """What is there, maybe nothing."""
        try:
            return os.read(self._master, CHUNK)
        except BlockingIOError:
            return b""
        except OSError:
            # EIO: nobody has the terminal open.  A child of the program may open it again.
            if not self._ending.is_set():
                select.select([self._wake], [], [], REOPENED)
            return b""

    def _take(self, data: bytes) -> None:
        with self._lock:
            if self._shown:
                self._write(data)
            else:
                self._spool.add(data)
        self._tell_all(self._lines.feed(data, time.monotonic()))

    def _tell_all(self, lines: list[str]) -> None:
        for line in lines:
            self._tell(line)

    def _turn(self, shown: bool) -> None:
        with self._lock:
            self._shown = shown and not self._gone
            if self._shown:
                for chunk in self._spool.take():
                    self._write(chunk)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view and not self._gone:
            try:
                view = view[os.write(self._tty, view) :]
            except BlockingIOError:
                select.select([], [self._tty], [])
            except OSError:
                self._gone = True

    # -- keys

    def _restore(self) -> None:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(self._tty, termios.TCSADRAIN, self._settings)

    def _stops(self, typed: bytes) -> bool:
        """Whether the person wants the program stopped (ctrl+z), and it takes that key for that."""
        if SUSPEND not in typed:
            return False
        try:
            settings = termios.tcgetattr(self._master)
        except termios.error:
            return False
        return bool(settings[3] & termios.ISIG) and settings[6][termios.VSUSP] == SUSPEND

    def _suspend(self) -> None:
        """Stop the program and this process with it, until a shell has it go on.

        The kernel would drop the program's own SIGTSTP: no shell is in its session to have it go on.
        """
        with contextlib.suppress(OSError):
            group = os.tcgetpgrp(self._master)
            os.killpg(group, signal.SIGSTOP)
            self._restore()
            # Where no shell looks after us, this does nothing, and all goes on at once.
            os.kill(0, signal.SIGTSTP)
            tty.setraw(self._tty, termios.TCSANOW)
            self.fit()
            os.killpg(group, signal.SIGCONT)

    def _pass_keys(self) -> Left:
        keys = b""
        while True:
            poll = select.poll()
            poll.register(self._program.ended, select.POLLIN)
            poll.register(self._called, select.POLLIN)
            poll.register(self._tty, select.POLLIN if len(keys) < KEPT else 0)
            if keys:
                poll.register(self._master, select.POLLOUT)
            ready = dict(poll.poll())
            if self._program.ended in ready:
                return Left.ENDED
            if self._called in ready:
                os.read(self._called, CHUNK)
                return Left.CALLED
            if self._tty in ready:
                typed = self._typed()
                if not typed:
                    self._gone = True
                    return Left.GONE
                if self._stops(typed):
                    typed = typed.replace(SUSPEND, b"", 1)
                    self._suspend()
                before, asked, _ = typed.partition(BACK)
                keys += before
                if asked:
                    self._send(keys)
                    return Left.ASKED
            keys = self._send(keys)

    def _typed(self) -> bytes:
        try:
            return os.read(self._tty, CHUNK)
        except OSError:
            return b""

    def _send(self, keys: bytes) -> bytes:
        """What the program's terminal has not taken."""
        if not keys:
            return keys
        try:
            return keys[os.write(self._master, keys) :]
        except BlockingIOError:
            return keys
        except OSError:
            # Nobody has it open: there is nobody to type to.
            return b""

    def _resized(self, signum: int, frame: FrameType | None) -> None:
        self.fit()
