"""Synchronisation objects of a program, for tests: two locks crossed, one abandoned, a queue, and others."""

from __future__ import annotations

from dataclasses import replace

from poolmgr.model.sync import Call, Deadlock, Holder, Link, SyncObject, SyncSnapshot, ThreadStack, Waiter

#: The worker's processes that the objects name.
FIRST, SECOND, THIRD = 4121, 4122, 4123
DEAD = 4999


def waiter(pid: int, now: float, ago: float, what: str = "", limit: float | None = None) -> Waiter:
    """The main thread of a process waits since ``ago`` seconds."""
    return Waiter(pid, pid, now - ago, round(1e9 * (1000 - ago)), limit, what)


def holder(pid: int, now: float, ago: float, *, dead: bool = False) -> Holder:
    """The main thread of a process has it since ``ago`` seconds."""
    return Holder(pid, pid, now - ago, round(1e9 * (1000 - ago)), dead)


def lock(number: int, name: str, line: int, **fields: object) -> SyncObject:
    """A lock made in ``crawl.py``."""
    values = {"kind": "lock", "file": "/src/crawl.py", "maker": 4100, "acquires": 100, "contended": 0, "waited": 0.0}
    each = SyncObject(id=number, name=name, line=line, **(values | {"kind": "lock"}))  # type: ignore[arg-type]
    return replace(each, **fields)  # type: ignore[arg-type]


def locked(now: float) -> SyncSnapshot:
    """A program in trouble."""
    left = lock(
        1, "left", 12, holder=holder(FIRST, now, 42), waiters=(waiter(SECOND, now, 41),), contended=7, waited=0.25,
        waiting=1.0,
    )  # fmt: skip
    right = lock(2, "right", 13, kind="rlock", holder=holder(SECOND, now, 42), waiters=(waiter(FIRST, now, 41.5),))
    ledger = lock(
        3, "self.ledger", 20, holder=holder(DEAD, now, 90, dead=True), waiters=(waiter(THIRD, now, 5, limit=30.0),)
    )
    queue = SyncObject(
        id=4, kind="queue", name="todo", file="/src/crawl.py", line=31, maker=4100, depth=3, limit=5, puts=1203,
        gets=1200, rate_in=40.5, rate_out=39.0, bytes_waiting=912,
    )  # fmt: skip
    reading = lock(5, "", 31, part_of=4, role="reading", waiters=(waiter(4130, now, 2, "get"),))
    talk = SyncObject(
        id=13, kind="pipe", name="(mine, theirs)", file="/src/crawl.py", line=41, bytes_waiting=9115, bytes_first=104,
        bytes_second=9011,
    )  # fmt: skip
    rest = (
        SyncObject(id=6, kind="bounded semaphore", name="places", file="/src/crawl.py", line=33, value=0, limit=4),
        SyncObject(id=7, kind="event", name="ready", file="/src/crawl.py", line=34, value=1),
        SyncObject(id=8, kind="barrier", name="start", file="/src/crawl.py", line=35, value=1, limit=3),
        SyncObject(id=9, kind="pipe", name="(reader, writer)", file="/src/crawl.py", line=36, bytes_waiting=2048),
        SyncObject(
            id=10,
            kind="value",
            name="total",
            file="/src/crawl.py",
            line=37,
            content="48120",
            number=48120.0,
            change=63.1,
        ),
        SyncObject(id=11, kind="array", name="sums", file="/src/crawl.py", line=38, content="[1, 4, 9]"),
        SyncObject(id=12, kind="simple queue", file="/src/crawl.py", line=40, machinery="multiprocessing.pool"),
        talk,
    )
    chain = tuple(
        Link(each.pid, each.thread, number, each.since, each.stamp)
        for number, each in ((2, right.waiters[0]), (1, left.waiters[0]))
    )
    stacks = (
        _stack(chain[0].stamp, FIRST, ("/src/crawl.py", 57, "transfer", "with second:"), ("/src/crawl.py", 80, "main")),
        _stack(chain[1].stamp, SECOND, ("/src/crawl.py", 61, "give_back", "with first:")),
        _stack(ledger.waiters[0].stamp, THIRD, ("/src/books.py", 9, "book", "ledger.acquire(timeout=30)")),
    )
    return SyncSnapshot((left, right, ledger, queue, reading, *rest), (Deadlock(chain),), (3,), 13, stacks)


def _stack(stamp: int, pid: int, *calls: tuple[object, ...]) -> ThreadStack:
    return ThreadStack(pid, pid, stamp, tuple(Call(*call) for call in calls))  # type: ignore[arg-type]
