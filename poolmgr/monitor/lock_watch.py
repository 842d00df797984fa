"""Watches a run's locks: takes the pictures, and puts into the log what must be known at once.

A deadlock is told once, with its chain and where each of its threads stands; an abandoned lock once for each death.

Threads: the observer's takes pictures; whoever has an operator's request releases.  A lock keeps them apart, and is
not held while somebody waits for an answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from poolmgr.model.lock_rows import deadlock_text, who, worker_of
from poolmgr.model.requests import Reply
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.model.states import PoolState
from poolmgr.model.sync import Deadlock, Link, SyncObject, SyncSnapshot
from poolmgr.monitor.lock_stacks import LockStacks
from poolmgr.monitor.locks import LockReader
from poolmgr.monitor.run_log import RunLog

#: Calls of a stack that the log tells.
CALLS = 4


class LockWatch:
    """The locks of one run."""

    def __init__(self, folder: str, processes: Callable[[], Iterable[int]], log: RunLog) -> None:
        """Watch what the hook writes into ``folder``; ``processes`` gives the program's processes."""
        self._reader = LockReader(folder, processes)
        self._stacks = LockStacks(self._reader)
        self._log = log
        self._told: set[object] = set()

    def close(self) -> None:
        """Let go of the run's files."""
        self._reader.close()

    def look(self, pictures: Sequence[PoolSnapshot]) -> SyncSnapshot | None:
        """The program's objects now; None as long as it has made none.

        Args:
            pictures: Of its pools, which know whose process is which worker.
        """
        sync = self._reader.read()
        if sync is None:
            return None
        sync = replace(sync, stacks=self._stacks.of(sync))
        for deadlock in sync.deadlocks:
            if self._is_news(tuple(link.stamp for link in deadlock.chain)):
                self._tell_deadlock(deadlock, _of(pictures, sync, [link.pid for link in deadlock.chain]))
        for number in sync.abandoned:
            lock = sync.find(number)
            if lock is not None and lock.holder is not None and self._is_news((number, lock.holder.stamp)):
                self._tell_abandoned(lock, _of(pictures, sync, [waiter.pid for waiter in lock.waiters]))
        return sync

    def _is_news(self, what: object) -> bool:
        known = what in self._told
        self._told.add(what)
        return not known

    def _tell_deadlock(self, deadlock: Deadlock, snapshot: PoolSnapshot) -> None:
        lines = deadlock_text(snapshot, deadlock)
        self._add(f"deadlock: {'; '.join(lines)}", "error", snapshot, deadlock.chain[0].pid)
        for link in deadlock.chain:
            place = _where(snapshot.sync or SyncSnapshot(), link)
            if place:
                name = who(snapshot, link.pid, link.thread)
                self._add(f"deadlock: {name} stands at {place}", "warning", snapshot, link.pid)

    def _tell_abandoned(self, lock: SyncObject, snapshot: PoolSnapshot) -> None:
        holder, whole = lock.holder, (snapshot.sync or SyncSnapshot()).whole(lock)
        gone = "its holder" if holder is None else f"process {holder.pid}"
        waits = ", ".join(who(snapshot, waiter.pid, waiter.thread) for waiter in lock.waiters[:4])
        text = f"abandoned: {whole.label}: {gone} had it and is dead; {waits} wait for ever"
        self._add(f"{text}; L in the view of locks (7) releases it", "error", snapshot, lock.waiters[0].pid)

    def _add(self, text: str, level: str, snapshot: PoolSnapshot, pid: int) -> None:
        worker = worker_of(snapshot, pid)
        slot, job = (None, None) if worker is None else (worker.slot, worker.job_id)
        self._log.add(text, level=level, slot=slot, pid=pid, job_id=job)

    def release(self, lock_id: int) -> Reply:
        """Have one of those who wait for an abandoned lock release it. Takes seconds at the most."""
        reply = self._reader.release(lock_id)
        self._log.add(reply.text, level="warning" if reply.ok else "info")
        return reply


def _where(sync: SyncSnapshot, link: Link) -> str:
    """Where a thread waits for its lock, the innermost call first; empty if its process does not tell."""
    stack = sync.stack(link.stamp)
    if stack is None:
        return ""
    told = [f"{call.file.rpartition('/')[2]}:{call.line} {call.function}" for call in stack.calls[:CALLS]]
    source = stack.calls[0].source if stack.calls else ""
    return " < ".join(told) + (f"  ({source})" if source else "")


def _of(pictures: Sequence[PoolSnapshot], sync: SyncSnapshot, pids: Sequence[int]) -> PoolSnapshot:
    """The picture of the pool that knows most of these processes, with the objects in it."""

    def known(picture: PoolSnapshot) -> int:
        return sum(worker_of(picture, pid) is not None for pid in pids)

    picture = max(pictures, key=known, default=None)
    if picture is None:
        picture = PoolSnapshot("", 0, PoolState.RUN, "", 0, 0.0, time.time())
    return replace(picture, sync=sync, time=time.time())
