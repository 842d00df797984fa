"""Stacks of a worker's threads, told on demand, also while its job holds the interpreter's lock in C.

    worker   offer(): memory of its own, and the handlers of two signals, which write stacks into it; of a program under
             poolmgr run they are the hook's, since a process has one handler for each and so one memory
    owner    Tap: opens that memory through /proc, sends ASK, and reads what came.  If nothing comes, the main thread is
             in C, and it sends SIGNAL, which has the main thread's stack told from there

ASK is answered between two instructions of Python, when no thread's frames move.  SIGNAL is answered wherever the
thread is, and one whose frames move at that moment dies of it by SIGSEGV: of a job that ran generators one look in 40
was such a moment.  So it is sent only when the thread certainly stands still (:class:`Standstill`), and with the memory
locked, which keeps the thread in its answer to ASK should it come back just then.

Memory and not a pipe: a pipe that nobody reads would stop the job in the handler.

Threads: :func:`offer` runs in the worker's main thread; a :class:`Tap` belongs to whoever made it.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import os
import re
import signal
import sys
import time
from types import TracebackType
from typing import Self

from poolmgr.errors import NoStack
from poolmgr.hook.site.poolmgr_hook import stacks as guest
from poolmgr.hook.site.poolmgr_hook.stacks import ASK, BEGIN, END, NAME, SIGNAL
from poolmgr.runtime.procfs import alive, has, masks, ran, state, stopped, switches, threads

#: Bytes after which the memory is emptied: an hour of looking must not fill the machine.
LARGEST = 1 << 20
#: Seconds that a stack may take.  It takes 2 to 20 ms; a process that waits for a disk, or for a core, takes longer.
DEADLINE = 3.0
#: Seconds between two looks at the memory: nobody is told when it grows, and a stack takes a few of them.
STEP = 0.001
#: Seconds of CPU without an answer, or of sleep, after which a main thread is in C.  Python's instructions take some
#: microseconds, and one that waits for the interpreter's lock wakes every 5 ms.  More makes a stack slow to come, less
#: has SIGNAL sent to jobs that would have answered soon.
STILL = 0.03
#: Seconds without an answer after which a thread that sleeps is in C, or waits for one that is.
LONG = 0.25
_STANDS = "it stands still, and tells its stack only when it goes on"
_OTHERS = "(its other threads are told when the main one, which is in C, is back)"
#: The frames of what answers ASK.
_TELLER = re.compile(r'^  File "[^"\n]*poolmgr_hook/stacks\.py", line \d+ in _(?:tell|stay)\n', re.MULTILINE)
#: What faulthandler puts above the stack of one thread.
_LONE = "Stack (most recent call first):\n"


def offer() -> int:
    """Have this process tell its stacks when asked. Returns the descriptor of the memory, -1 where there is none."""
    if "poolmgr_hook" not in sys.modules:
        return guest.offer()
    # Under poolmgr run it has another name as well, and the module of that name knows what was offered.
    fd: int = importlib.import_module("poolmgr_hook.stacks").offer()
    return fd


class Standstill:
    """Whether the frames of a process's main thread stand still, as far as the kernel tells."""

    def __init__(self, pid: int, asked: bool) -> None:
        """Look for the first time; ``asked`` if ASK has been sent, and would be answered."""
        self._pid, self._asked = pid, asked
        self._begun = self._since = time.monotonic()
        self._ran, self._switches = ran(pid, pid), switches(pid, pid)

    def certain(self) -> bool:
        """Whether it is in C since, or sleeps there, and a signal would meet it there."""
        now, woken = time.monotonic(), switches(self._pid, self._pid)
        if woken != self._switches:
            self._switches, self._since = woken, now
        asleep = state(self._pid) == "S"
        if not (
            (asleep and now - self._since >= STILL)
            or (self._asked and ran(self._pid, self._pid) - self._ran >= STILL * 1e9)
            or (self._asked and asleep and now - self._begun >= LONG)
        ):
            return False
        mask = masks(self._pid, self._pid)
        waiting = _waiting(mask)
        # Else it has not heard the question yet, or another thread would hear what is meant for it.
        return bool(mask) and not has(waiting, ASK) and not has(waiting | mask["SigBlk"], SIGNAL)


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
        #: The main thread's number, as stacks have it.
        self._main = "0"

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
        """The stacks of all threads now, as faulthandler writes them; of the main one alone where that is in C.

        Raises:
            NoStack: The worker does not tell, with the reason.
        """
        end = time.monotonic() + DEADLINE
        while True:
            text = self._look(end)
            # One that went in and out of C has told its own stack in the middle of all: it is asked again.
            if _LONE not in text:
                return text

    def _look(self, end: float) -> str:
        asks = self._check()
        begin = os.fstat(self._memory).st_size
        if begin > LARGEST:
            os.ftruncate(self._memory, 0)
            begin = 0
        if asks:
            self._send(ASK)
        still = Standstill(self._pid, asks)
        while time.monotonic() < end:
            begun, text = self._told(begin)
            if not begun and still.certain():
                text = self._told_in_c(begin, end)
            if text:
                return text
            self._see_running()
            time.sleep(STEP)
        raise NoStack(f"it has not told its stack within {DEADLINE:g} s")

    def _check(self) -> bool:
        """See that a signal finds its handler, and that its memory: it would kill, or write elsewhere.

        Returns whether it hears ASK.
        """
        found = masks(self._pid)
        if not found:
            raise NoStack("the worker has ended")
        # In this order: a stop that is on its way is seen as a signal that waits, or else has come by now.
        if has(_waiting(found), signal.SIGSTOP) or stopped(self._pid):
            raise NoStack(_STANDS)
        caught = found.get("SigCgt", 0)
        if not has(caught, SIGNAL):
            raise NoStack("it is starting, or its job has taken away what tells its stack")
        with contextlib.suppress(OSError):
            name = os.readlink(self._path)
            if NAME in name:
                self._main = name.partition(NAME)[2].partition(" ")[0]
                if self._memory < 0:
                    self._memory = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
                return has(caught, ASK)
        raise NoStack("its job has closed what it would write its stack into")

    def _send(self, number: int) -> None:
        try:
            signal.pidfd_send_signal(self._pidfd, number)
        except OSError:
            raise NoStack("the worker has ended") from None

    def _see_running(self) -> None:
        """See that nobody has stopped or ended it since."""
        if stopped(self._pid):
            raise NoStack(_STANDS)
        if not alive(self._pid):
            raise NoStack("the worker has ended")

    def _read(self, begin: int) -> bytes:
        size = os.fstat(self._memory).st_size
        # It is smaller if somebody else has emptied it meanwhile.
        return os.pread(self._memory, size, begin if begin <= size else 0)

    def _told(self, begin: int) -> tuple[bool, str]:
        """Whether ASK is being answered, and the answer if it is whole; one that was begun before is another's."""
        _, found, rest = self._read(begin).partition(BEGIN)
        text, whole, _ = rest.partition(END)
        # Asked again in the middle of it, it tells anew before it goes on.
        text = text.rpartition(BEGIN)[2]
        return bool(found), _TELLER.sub("", text.decode("utf-8", "backslashreplace")) if whole else ""

    def _told_in_c(self, begin: int, end: float) -> str:
        """The main thread's stack, told by itself; empty if it is back, and tells all."""
        # From here on it cannot go on with the job, should it come back.
        try:
            fcntl.flock(self._memory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Another look is at this.
            return ""
        try:
            if BEGIN in self._read(begin):
                return ""
            self._send(SIGNAL)
            while time.monotonic() < end:
                self._see_running()
                mask = masks(self._pid, self._pid)
                # Blocked while its handler runs.
                if not has(_waiting(mask) | mask.get("SigBlk", 0), SIGNAL):
                    return self._lone(begin)
                time.sleep(STEP)
        finally:
            fcntl.flock(self._memory, fcntl.LOCK_UN)
        return ""

    def _lone(self, begin: int) -> str:
        told = self._read(begin)
        _, found, text = told.decode("utf-8", "backslashreplace").partition(_LONE)
        if BEGIN in told or not found:
            return ""
        others = f"\n{_OTHERS}\n" if len(threads(self._pid)) > 1 else ""
        return f"Current thread 0x{self._main:0>16} (most recent call first):\n{text.partition(_LONE)[0]}{others}"


def _waiting(mask: dict[str, int]) -> int:
    """The signals that a thread, or its process, has not taken yet."""
    return mask.get("SigPnd", 0) | mask.get("ShdPnd", 0)
