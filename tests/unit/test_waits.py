"""Deadlocks and abandoned locks, decided from pictures."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from poolmgr.model.sync import Holder, SyncObject, SyncSnapshot, SyncState, Waiter
from poolmgr.model.waits import OF_ONE, abandoned, blocked, circles, held_by, orphans, standing, stuck

NOW = 1000.0


def lock(number: int, holder: int | None, *waiters: int, limit: float | None = None, dead: bool = False) -> SyncObject:
    """A lock that thread ``holder`` has, and that the threads ``waiters`` wait for."""
    return SyncObject(
        id=number,
        kind="lock",
        holder=None if holder is None else Holder(holder, holder, NOW - 2, 10 + number, dead),
        waiters=tuple(Waiter(each, each, NOW - 1, 100 * number + each, limit) for each in waiters),
    )


#: What each of some threads waits for: the lock of another one (lock n is held by thread n), or nothing.
graphs = st.dictionaries(st.integers(1, 12), st.integers(1, 12))


def objects_of(graph: dict[int, int]) -> list[SyncObject]:
    """Locks 1 to 12, of threads 1 to 12."""
    return [lock(number, number, *(who for who, of in graph.items() if of == number)) for number in range(1, 13)]


def on_a_circle(graph: dict[int, int]) -> set[int]:
    """Threads that come back to themselves, by going on step by step from each."""
    found = set()
    for begin in graph:
        at: int | None = begin
        for _ in range(len(graph) + 1):
            at = None if at is None else graph.get(at)
            if at == begin:
                found.add(begin)
    return found


@given(graphs)
def test_circles_are_those_that_there_are(graph: dict[int, int]) -> None:
    """Exactly the threads that wait for themselves in the end are in a circle, each in one, in the order of waiting."""
    found = circles(objects_of(graph))
    threads = [link.pid for deadlock in found for link in deadlock.chain]
    assert sorted(threads) == sorted(on_a_circle(graph))
    for deadlock in found:
        following = [*deadlock.chain[1:], deadlock.chain[0]]
        pairs = zip(deadlock.chain, following, strict=True)
        assert all(graph[link.pid] == link.lock == after.pid for link, after in pairs)
        assert deadlock.chain[0].pid == min(link.pid for link in deadlock.chain)


@given(graphs, st.integers(1, 12))
def test_a_limit_or_a_death_breaks_the_circle(graph: dict[int, int], number: int) -> None:
    """Who gives up after a time, or waits for a lock whose holder is gone, is in no circle."""
    plain = objects_of(graph)
    with_limit = [
        replace(each, waiters=tuple(replace(it, limit=5.0 if each.id == number else None) for it in each.waiters))
        for each in plain
    ]
    with_death = [
        replace(each, holder=replace(each.holder, dead=True)) if each.id == number and each.holder else each
        for each in plain
    ]
    left = {who: of for who, of in graph.items() if of != number}
    for changed in (with_limit, with_death):
        assert {link.pid for deadlock in circles(changed) for link in deadlock.chain} == on_a_circle(left)


@given(graphs)
def test_a_circle_is_believed_the_second_time(graph: dict[int, int]) -> None:
    """Only what was in the picture before, with the very same waits, stands; one circle of one only after a while."""
    found = circles(objects_of(graph))
    assert standing((), found, NOW) == ()
    assert standing(found, found, NOW) == tuple(each for each in found if len(each.chain) > 1)
    assert standing(found, found, NOW + OF_ONE) == found
    later = circles(
        replace(each, waiters=tuple(replace(waiter, stamp=waiter.stamp + 1) for waiter in each.waiters))
        for each in objects_of(graph)
    )
    assert standing(found, later, NOW + OF_ONE) == ()


def test_a_thread_is_at_its_newest_wait() -> None:
    """A signal's handler that waits inside of a wait is what the thread is at."""
    outer, inner = lock(1, 7, 5), lock(2, 5, 7, 5)
    assert [link.lock for deadlock in circles([outer, inner]) for link in deadlock.chain] == [2]


def test_abandoned_locks_are_those_that_somebody_waits_for() -> None:
    """A lock whose holder is gone counts once somebody waits for it, and once that stands in two pictures."""
    first = orphans([lock(1, 5, 6, dead=True), lock(2, 5, dead=True), lock(3, 5, 6)])
    assert set(first) == {1}
    assert abandoned({}, first) == ()
    assert abandoned(first, first) == (1,)
    assert abandoned({1: 0}, first) == ()


def test_what_a_process_waits_for() -> None:
    """A process is blocked by what it has waited for longest, told as a part of what it belongs to."""
    queue = SyncObject(id=1, kind="queue", name="jobs")
    reading = replace(lock(2, 4, 6), part_of=1, role="reading")
    sync = SyncSnapshot((queue, reading, lock(3, 6)))
    block = blocked(sync, 6)
    assert block is not None
    assert (block.lock.id, block.whole.name) == (2, "jobs")
    assert blocked(sync, 4) is None
    assert [each.id for each in held_by(sync, 6)] == [3]
    assert [each.id for each in sync.parts(1)] == [2]


def test_states_of_a_lock() -> None:
    """A lock is told by what is worth knowing first."""
    free, held, waited = lock(1, None), lock(2, 5), lock(3, 5, 6)
    crossed = [lock(4, 7, 8), lock(5, 8, 7)]
    dead = lock(6, 5, dead=True)
    sync = SyncSnapshot((free, held, waited, *crossed, dead), deadlocks=circles(crossed))
    states = [sync.state(each) for each in sync.objects]
    assert states == [
        SyncState.FREE, SyncState.HELD, SyncState.WAITED, SyncState.DEADLOCK, SyncState.DEADLOCK, SyncState.ABANDONED,
    ]  # fmt: skip


def test_stuck_are_those_of_circles_and_of_abandoned_locks() -> None:
    """Threads of a circle come first and in its order, then who else waits for its locks or for an abandoned one."""
    objects = [lock(1, 1, 2, 3), lock(2, 2, 1), lock(3, 9, 5, dead=True), lock(4, 4, 6)]
    found = circles(objects)
    sync = SyncSnapshot(tuple(objects), found, (3,))
    assert [waiter.pid for waiter in stuck(sync, 9)] == [1, 2, 3, 5]
    assert [waiter.pid for waiter in stuck(sync, 3)] == [1, 2, 3]
    assert stuck(replace(sync, deadlocks=(), abandoned=()), 9) == []
