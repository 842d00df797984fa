"""Synchronisation objects in rows and in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from poolmgr.model.lock_rows import LockRow, blocked_text, deadlock_text, holding_text, rows, state_text, who
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.model.sync import SyncObject, SyncSnapshot, SyncState
from tests.helpers.fake_control import NOW, make_snapshot, make_worker
from tests.helpers.locked import DEAD, FIRST, SECOND, THIRD, holder, lock, locked


def picture() -> PoolSnapshot:
    """Three workers of a program in trouble."""
    return make_snapshot((make_worker(0, 1), make_worker(1, 2), make_worker(2, 3)), sync=locked(NOW))


def row_of(name: str) -> LockRow:
    """The row of an object."""
    return next(row for row in rows(locked(NOW)) if row.each.name == name)


def test_trouble_is_on_top() -> None:
    """Deadlocks, abandoned locks and what is waited for come first, what a pool made for itself last."""
    found = rows(locked(NOW))
    assert [row.each.name for row in found[:4]] == ["left", "right", "self.ledger", "todo"]
    assert found[-1].each.machinery == "multiprocessing.pool"
    assert [row.state for row in found[:4]] == [
        SyncState.DEADLOCK, SyncState.DEADLOCK, SyncState.ABANDONED, SyncState.WAITED,
    ]  # fmt: skip


def test_parts_are_told_with_their_whole() -> None:
    """Who waits for a part of a queue waits at the queue, with what for."""
    row = row_of("todo")
    assert [(waiter.pid, waiter.what) for waiter in row.waiters] == [(4130, "get")]
    assert not [row for row in rows(locked(NOW)) if row.each.role]


def test_reader_of_an_empty_queue_waits() -> None:
    """Who has a queue's lock for reading while there is nothing to read waits for an item, and holds up nobody."""
    queue = SyncObject(id=1, kind="simple queue", bytes_waiting=0)
    reading = replace(lock(2, "", 5, holder=holder(FIRST, NOW, 3)), part_of=1, role="reading")
    (row,) = rows(SyncSnapshot((queue, reading)))
    assert (row.holder, [waiter.what for waiter in row.waiters]) == (None, ["get"])
    (row,) = rows(SyncSnapshot((replace(queue, bytes_waiting=20), reading)))
    assert (row.holder, row.waiters) == (reading.holder, ())


def test_abandoned_part_can_be_released() -> None:
    """The lock to release is the one whose holder is gone, also inside of a queue."""
    assert row_of("self.ledger").abandoned == 3
    assert row_of("left").abandoned is None
    queue = SyncObject(id=1, kind="simple queue", bytes_waiting=0)
    reading = replace(lock(2, "", 5, holder=holder(DEAD, NOW, 3, dead=True)), part_of=1, role="reading")
    (row,) = rows(SyncSnapshot((queue, reading)))
    assert (row.state, row.abandoned) == (SyncState.ABANDONED, 2)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("places", "0 of 4 free"),
        ("ready", "set"),
        ("start", "1 of 3 here"),
        ("todo", "3 of 5 items"),
        ("(reader, writer)", "2 KB waiting"),
        ("total", "48120"),
        ("sums", "[1, 4, 9]"),
    ],
)
def test_state_in_words(name: str, text: str) -> None:
    """Each kind says what it is now."""
    assert state_text(row_of(name).each) == text


def test_processes_are_told_as_workers() -> None:
    """A process that is a worker is told with its job, and a thread that is not the main one with its number."""
    snapshot = picture()
    assert who(snapshot, FIRST) == "w1 job 1"
    assert who(snapshot, SECOND, 77) == "w2 job 2 thread 77"
    assert who(snapshot, snapshot.pid) == "the program"
    assert who(snapshot, 99) == "pid 99"


def test_what_a_worker_waits_for() -> None:
    """One line says what a blocked process waits for, since when, who has it and since when."""
    snapshot = picture()
    assert blocked_text(snapshot, FIRST) == (
        "waits for rlock right (crawl.py:13) for 41.5s; w2 job 2 has had it for 42.0s"
    )
    assert blocked_text(snapshot, THIRD) == (
        f"waits for lock self.ledger (crawl.py:20) for 5.0s of 30.0s; pid {DEAD}, which is DEAD, has had it for 90.0s"
    )
    assert blocked_text(snapshot, 4130).startswith("waits to get at queue todo (crawl.py:31) for 2.0s")
    assert blocked_text(snapshot, 99) == ""
    assert blocked_text(make_snapshot(), FIRST) == ""


def test_what_a_worker_holds() -> None:
    """One line says what locks a process holds, and who is held up."""
    assert holding_text(picture(), FIRST) == "holds lock left (crawl.py:12) for 42.0s, 1 wait"
    assert holding_text(picture(), THIRD) == ""


def test_chain_of_a_deadlock() -> None:
    """Each thread of a deadlock is told with the lock that it waits for and who has that."""
    snapshot = picture()
    assert snapshot.sync is not None
    assert deadlock_text(snapshot, snapshot.sync.deadlocks[0]) == [
        "w1 job 1 waits 41.5s for rlock right (crawl.py:13), which w2 job 2 has",
        "w2 job 2 waits 41.0s for lock left (crawl.py:12), which w1 job 1 has",
    ]
