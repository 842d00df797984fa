"""Who waits for whom: deadlocks, abandoned locks, and what a blocked process waits for.

A deadlock is a circle of threads, each waiting without a limit for a lock that the next one holds.  A picture is not
taken at one moment, so one circle may be a chance: it is believed when the very same waits stand in two pictures.

A thread that waits for a lock that it holds itself is a circle of one.  It is believed only after some seconds: a Lock
may be released by anybody, and programs use two of them as a gate.

Pure; for any thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from poolmgr.model.sync import MUTEXES, Deadlock, Link, SyncObject, SyncSnapshot, Waiter

#: Seconds after which a thread that waits for itself is told.  Less would take a gate for an error, more would have
#: one look at a program that has stopped without a word.
OF_ONE = 5.0

#: A thread: its process and itself.
Thread = tuple[int, int]


def circles(objects: Iterable[SyncObject]) -> tuple[Deadlock, ...]:
    """The circles that this picture shows, each told once and begun at its smallest thread."""
    waits = _waits(objects)
    found: list[Deadlock] = []
    seen: set[Thread] = set()
    for begin in waits:
        path: dict[Thread, Link] = {}
        thread = begin
        while thread in waits and thread not in seen and thread not in path:
            link, holder = waits[thread]
            path[thread] = link
            thread = holder
        if thread in path:
            threads = list(path)
            circle = threads[threads.index(thread) :]
            first = circle.index(min(circle))
            found.append(Deadlock(tuple(path[each] for each in circle[first:] + circle[:first])))
        seen |= path.keys()
    return tuple(sorted(found, key=lambda each: each.chain[0].stamp))


def _waits(objects: Iterable[SyncObject]) -> dict[Thread, tuple[Link, Thread]]:
    """What each thread waits for that waits without a limit for a lock that a living one holds, and who that is."""
    waits: dict[Thread, tuple[Link, Thread]] = {}
    for each in objects:
        if each.kind not in MUTEXES or each.holder is None or each.holder.dead:
            continue
        holder = (each.holder.pid, each.holder.thread)
        for waiter in each.waiters:
            thread = (waiter.pid, waiter.thread)
            # A signal's handler may wait inside of a wait: the newer one is what the thread is at.
            if waiter.limit is None and (thread not in waits or waits[thread][0].stamp < waiter.stamp):
                link = Link(waiter.pid, waiter.thread, each.id, waiter.since, waiter.stamp)
                waits[thread] = (link, holder)
    return waits


def standing(before: Iterable[Deadlock], after: Iterable[Deadlock], now: float) -> tuple[Deadlock, ...]:
    """The circles of the later picture that were in the earlier one too, with the very same waits."""
    known = {_identity(each) for each in before}
    return tuple(
        each
        for each in after
        if _identity(each) in known and (len(each.chain) > 1 or now - each.chain[0].since >= OF_ONE)
    )


def _identity(deadlock: Deadlock) -> tuple[tuple[int, int, int, int], ...]:
    return tuple((link.pid, link.thread, link.lock, link.stamp) for link in deadlock.chain)


def orphans(objects: Iterable[SyncObject]) -> Mapping[int, int]:
    """Locks whose holder is gone and that somebody waits for, with the stamps of the holders."""
    return {
        each.id: each.holder.stamp
        for each in objects
        if each.holder is not None and each.holder.dead and each.waiters and each.kind in MUTEXES
    }


def abandoned(before: Mapping[int, int], after: Mapping[int, int]) -> tuple[int, ...]:
    """The locks of the later picture that were abandoned in the earlier one by the same holder."""
    return tuple(lock for lock, stamp in after.items() if before.get(lock) == stamp)


def stuck(sync: SyncSnapshot, most: int) -> list[Waiter]:
    """Those who wait for a lock of a deadlock or for an abandoned one: the circles first, then the longest waits."""
    links = [link for deadlock in sync.deadlocks for link in deadlock.chain]
    order = {link.stamp: place for place, link in enumerate(links)}
    locks = {*(link.lock for link in links), *sync.abandoned}
    found = [waiter for each in sync.objects if each.id in locks for waiter in each.waiters]
    return sorted(found, key=lambda waiter: (order.get(waiter.stamp, len(order)), waiter.stamp))[:most]


@dataclass(frozen=True, slots=True)
class Block:
    """What a process waits for."""

    #: The lock or semaphore itself, and the object that it is a part of, or itself again.
    lock: SyncObject
    whole: SyncObject
    waiter: Waiter


def blocked(sync: SyncSnapshot, pid: int) -> Block | None:
    """What a process waits for, for the longest time; None if none of its threads waits."""
    found = [(each, waiter) for each in sync.objects for waiter in each.waiters if waiter.pid == pid]
    if not found:
        return None
    each, waiter = min(found, key=lambda pair: pair[1].stamp)
    return Block(each, sync.whole(each), waiter)


def held_by(sync: SyncSnapshot, pid: int) -> tuple[SyncObject, ...]:
    """The locks that a process holds, those of its own first made first."""
    return tuple(each for each in sync.objects if each.holder is not None and each.holder.pid == pid)
