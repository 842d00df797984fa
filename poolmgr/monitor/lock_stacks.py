"""Stacks of the threads that are stuck: those of a deadlock, and those that wait for an abandoned lock.

A thread that is stuck does not move, so its stack is taken once and remembered as long as its wait lasts.  One that
waits with a limit, and so again and again, is asked now and then, and so is a process that did not answer.

Thread: the observer's.  A process answers within some milliseconds; one that does not is waited for (``Tap``).
"""

from __future__ import annotations

import linecache
import time
from collections.abc import Iterable
from dataclasses import replace

from poolmgr.errors import NoStack
from poolmgr.model.stacks import Frame, parse
from poolmgr.model.sync import Call, SyncSnapshot, ThreadStack, Waiter
from poolmgr.model.waits import stuck
from poolmgr.monitor.locks import LockReader

#: Stacks that a picture has, and calls of each: a picture must not grow with a program.
MOST, CALLS = 16, 8
#: Seconds after which a process is asked anew for what it has not told.  Less would hold the observer up by one that
#: does not answer, and disturb one that waits in short slices; more would show a stack of long ago.
REST = 10.0


class LockStacks:
    """What the threads are at that one run's locks have stuck."""

    def __init__(self, reader: LockReader) -> None:
        self._reader = reader
        self._known: dict[Waiter, ThreadStack] = {}
        #: The waits that were asked for, and when a process was asked last.
        self._asked: set[Waiter] = set()
        self._last: dict[int, float] = {}

    def of(self, sync: SyncSnapshot) -> tuple[ThreadStack, ...]:
        """The stacks of all who are stuck in this picture, as far as their processes tell."""
        # Seconds since the epoch are reckoned anew for each picture: the stamp tells one wait from another.
        waiters = [replace(waiter, since=0.0, what="") for waiter in stuck(sync, MOST)]
        self._known = {waiter: stack for waiter, stack in self._known.items() if waiter in waiters}
        self._asked &= set(waiters)
        missing = [waiter for waiter in waiters if waiter not in self._known]
        for pid in dict.fromkeys(waiter.pid for waiter in missing):
            theirs = [waiter for waiter in missing if waiter.pid == pid]
            if self._is_due(pid, theirs):
                self._ask(pid, theirs)
        return tuple(self._known[waiter] for waiter in waiters if waiter in self._known)

    def _is_due(self, pid: int, waiters: Iterable[Waiter]) -> bool:
        rested = time.monotonic() - self._last.get(pid, -REST) >= REST
        return rested or any(waiter.limit is None and waiter not in self._asked for waiter in waiters)

    def _ask(self, pid: int, waiters: Iterable[Waiter]) -> None:
        self._last[pid] = time.monotonic()
        self._asked |= set(waiters)
        try:
            text = self._reader.stack(pid)
        except NoStack:
            return
        for waiter in waiters:
            frames = waiting_frames(text, self._reader.ident(waiter.stamp))
            if frames:
                calls = tuple(map(_call, frames[:CALLS]))
                self._known[waiter] = ThreadStack(pid, waiter.thread, waiter.stamp, calls)


def _call(frame: Frame) -> Call:
    return Call(*frame, linecache.getline(frame.file, frame.line).strip())


def waiting_frames(text: str, ident: int) -> tuple[Frame, ...]:
    """The program's own calls of a thread that waits for a lock, in a dump of all threads."""
    for thread in parse(text):
        if int(thread.ident, 16) != ident:
            continue
        inside = [place for place, frame in enumerate(thread.frames) if "/poolmgr_hook/lock" in frame.file]
        if inside:
            rest = thread.frames[inside[-1] + 1 :]
            return tuple(frame for frame in rest if "/multiprocessing/" not in frame.file)
    return ()
