"""Stacks of a worker's threads, told on demand, also while its job holds the interpreter's lock in C.

    worker   offer(): memory of its own, and faulthandler's handler for SIGNAL, which writes all stacks into it; of a
             program under poolmgr run it is the hook's, since a process has one handler and so one memory
    owner    Tap: opens that memory through /proc, sends SIGNAL, waits until the handler is done, reads what came

faulthandler reads the frames in the signal handler itself and runs no Python code, so it works where a handler of
Python's would wait for ever.  Memory and not a pipe: a pipe that nobody reads would stop the job in the handler.

Threads: :func:`offer` runs in the worker's main thread; a :class:`Tap` belongs to whoever made it.
"""

from __future__ import annotations

import contextlib

# It is the hook's part that uses it; imported here, a forked worker finds it there.
import faulthandler  # noqa: F401
import importlib
import os
import signal
import sys
import time
from types import TracebackType
from typing import Self

from poolmgr.errors import NoStack
from poolmgr.hook.site.poolmgr_hook import stacks as guest
from poolmgr.hook.site.poolmgr_hook.stacks import NAME, SIGNAL
from poolmgr.runtime.procfs import has, masks, stopped, threads

#: Bytes after which the memory is emptied: an hour of looking must not fill the machine.
LARGEST = 1 << 20
#: Seconds that a stack may take.  It takes 2 to 7 ms; a process that waits for a disk, or for a core, takes longer.
DEADLINE = 3.0
#: Seconds between two looks at the memory: nobody is told when it grows, and a stack takes a few of them.
STEP = 0.001
#: Seconds without growth after which a stack is taken to be whole although the handler seems to be running.
QUIET = 0.25
_STANDS = "it stands still, and tells its stack only when it goes on"


def offer() -> int:
    """Have this process tell its stacks on SIGNAL. Returns the descriptor of the memory, -1 where there is none."""
    if "poolmgr_hook" not in sys.modules:
        return guest.offer()
    # Under poolmgr run it has another name as well, and the module of that name knows what was offered.
    fd: int = importlib.import_module("poolmgr_hook.stacks").offer()
    return fd


class Tap:
    """Takes stacks of one worker, one after the other, while it is entered."""

    def __init__(self, pid: int, pidfd: int, fd: int) -> None:
        """Make it.

        Args:
            pid: The worker's process id.
            pidfd: Stands for the process, whoever has its number later; it is closed with the tap.
            fd: What :func:`offer` has returned there.
        """
        self._pid, self._pidfd = pid, pidfd
        self._path = f"/proc/{pid}/fd/{fd}"
        self._memory = -1

    @classmethod
    def open(cls, pid: int, fd: int) -> Self:
        """One of a process that is known by its number alone; ``fd`` is -1 if it has offered nothing.

        Raises:
            NoStack: It has offered nothing, or has ended.
        """
        if fd < 0:
            raise NoStack("what tells it is not in this process")
        try:
            pidfd = os.pidfd_open(pid)
        except OSError as error:
            raise NoStack(f"it cannot be reached: {error.strerror}") from error
        return cls(pid, pidfd, fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for fd in (self._memory, self._pidfd):
            if fd >= 0:
                os.close(fd)

    def take(self) -> str:
        """The stacks of all threads now, as faulthandler writes them.

        Raises:
            NoStack: The worker does not tell, with the reason.
        """
        self._check()
        begin = os.fstat(self._memory).st_size
        if begin > LARGEST:
            os.ftruncate(self._memory, 0)
            begin = 0
        # What a thread had blocked before stays so: it is not at our signal.
        deaf = self._at_it()
        try:
            signal.pidfd_send_signal(self._pidfd, SIGNAL)
        except OSError:
            raise NoStack("the worker has ended") from None
        self._wait(begin, deaf)
        size = os.fstat(self._memory).st_size
        return os.pread(self._memory, size - begin, begin).decode("utf-8", "backslashreplace")

    def _check(self) -> None:
        """See that the signal finds its handler, and the handler its memory: it would kill, or write elsewhere."""
        found = masks(self._pid)
        if not found:
            raise NoStack("the worker has ended")
        # In this order: a stop that is on its way is seen as a signal that waits, or else has come by now.
        waiting = found.get("SigPnd", 0) | found.get("ShdPnd", 0)
        if has(waiting, signal.SIGSTOP) or stopped(self._pid):
            raise NoStack(_STANDS)
        if not has(found.get("SigCgt", 0), SIGNAL):
            raise NoStack("it is starting, or its job has taken away what tells its stack")
        with contextlib.suppress(OSError):
            if NAME in os.readlink(self._path):
                if self._memory < 0:
                    self._memory = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
                return
        raise NoStack("its job has closed what it would write its stack into")

    def _wait(self, begin: int, deaf: set[int]) -> None:
        end = time.monotonic() + DEADLINE
        size, grown = begin, time.monotonic()
        while (now := time.monotonic()) < end:
            new = os.fstat(self._memory).st_size
            if new != size:
                size, grown = new, now
            elif size > begin and (now - grown > QUIET or not self._at_it() - deaf):
                return
            elif size == begin and stopped(self._pid):
                # Somebody has stopped it since.
                raise NoStack(_STANDS)
            time.sleep(STEP)
        raise NoStack(f"it has not told its stack within {DEADLINE:g} s")

    def _at_it(self) -> set[int]:
        """The threads that have our signal before them, or are in its handler, where it is blocked."""
        found: set[int] = set()
        for thread in threads(self._pid):
            mask = masks(self._pid, thread)
            if has(mask.get("SigPnd", 0) | mask.get("ShdPnd", 0) | mask.get("SigBlk", 0), SIGNAL):
                found.add(thread)
        return found
