"""The synchronisation objects of a program at one moment: locks, semaphores, events, queues, pipes, shared values.

Plain values only, as in ``snapshot.py``: they cross threads and processes.  Times are wall-clock seconds; a *stamp* is
the clock of the program at the same moment (monotonic, ns), which tells one wait, or one holding, from the next.

Pure; for any thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

#: What can be held by a thread.
MUTEXES = frozenset({"lock", "rlock"})
#: What counts, and belongs to nobody.
SEMAPHORES = frozenset({"semaphore", "bounded semaphore"})
QUEUES = frozenset({"queue", "joinable queue", "simple queue"})


class SyncState(StrEnum):
    """What is worth knowing of an object first. The value is the word that screens and JSON use."""

    FREE = "free"
    HELD = "held"
    WAITED = "waited for"
    DEADLOCK = "deadlock"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Holder:
    """The thread that has a lock."""

    pid: int
    thread: int
    since: float
    stamp: int
    #: Whether it has ended without releasing the lock.
    dead: bool = False


@dataclass(frozen=True, slots=True)
class Waiter:
    """A thread that waits."""

    pid: int
    thread: int
    since: float
    stamp: int
    #: Seconds after which it gives up; None if it never does.
    limit: float | None = None
    #: What it wants of an object made of several: ``get``, ``put``, ``wait``, ``join``; empty for a lock.
    what: str = ""


@dataclass(frozen=True, slots=True)
class SyncObject:
    """One object, or a lock that is a part of one. What does not exist of its kind is None."""

    #: Tells it from every other object that the program has, or has had.
    id: int
    #: ``lock``, ``rlock``, ``semaphore``, ``event``, ``queue``, ...
    kind: str
    #: The variable that it was put into, empty if nobody can tell.
    name: str = ""
    #: Where it was made.
    file: str = ""
    line: int = 0
    made: float = 0.0
    maker: int = 0
    #: What made it in the program's place, such as ``multiprocessing.pool``; empty if the program did itself.
    machinery: str = ""
    #: The object that it is a part of, and as what: ``reading``, ``writing``, ``flag``, ...
    part_of: int | None = None
    role: str = ""
    holder: Holder | None = None
    waiters: tuple[Waiter, ...] = ()
    #: The count of a semaphore, 1 or 0 for an event that is set or not, how many have come to a barrier.
    value: int | None = None
    #: The most that a bounded semaphore, or the items that a bounded queue takes; the parties of a barrier.
    limit: int | None = None
    #: How often it was acquired, how often that took waiting, and for how many seconds in all.
    acquires: int | None = None
    contended: int | None = None
    waited: float | None = None
    #: Threads that waited for it on average over the last ten seconds.
    waiting: float | None = None
    #: Items in a queue, and how many went in and came out.
    depth: int | None = None
    puts: int | None = None
    gets: int | None = None
    #: The same a second, over the last ten seconds.
    rate_in: float | None = None
    rate_out: float | None = None
    #: Bytes in a pipe, and how many of them wait to be received at each end of a two-way one that is still open.
    bytes_waiting: int | None = None
    bytes_first: int | None = None
    bytes_second: int | None = None
    #: What a value or an array is now, in short; the same as a number where it is one; and by how much that has changed
    #: a second.
    content: str = ""
    number: float | None = None
    change: float | None = None

    @property
    def place(self) -> str:
        """``crawl.py:12``, empty where it is not known."""
        return f"{self.file.rpartition('/')[2]}:{self.line}" if self.file else ""

    @property
    def label(self) -> str:
        """What people call it: ``lock results (crawl.py:12)``."""
        name = f"{self.kind} {self.name}" if self.name else self.kind
        return f"{name} ({self.place})" if self.place else name


@dataclass(frozen=True, slots=True)
class Link:
    """One thread of a deadlock: it waits for a lock that the next one holds."""

    pid: int
    thread: int
    #: The lock that it waits for, and since when.
    lock: int
    since: float
    stamp: int


@dataclass(frozen=True, slots=True)
class Deadlock:
    """Threads in a circle, each of which waits for a lock of the next one, without a limit."""

    chain: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a stack that has not returned, with its line of source."""

    file: str
    line: int
    function: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class ThreadStack:
    """What a thread is at that waits: the program's own calls, the innermost first."""

    pid: int
    thread: int
    #: Of its wait.
    stamp: int
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True)
class SyncSnapshot:
    """All that is tracked of a program."""

    objects: tuple[SyncObject, ...] = ()
    #: Those that stood in two pictures.
    deadlocks: tuple[Deadlock, ...] = ()
    #: Locks that somebody waits for and whose holder is gone, likewise.
    abandoned: tuple[int, ...] = ()
    #: Objects that there are, those left out included.
    total: int = 0
    #: Of the threads of deadlocks, and of those that wait for an abandoned lock, as far as they are told.
    stacks: tuple[ThreadStack, ...] = ()

    def find(self, object_id: int) -> SyncObject | None:
        """The object of this id, if it is one of those told."""
        return next((each for each in self.objects if each.id == object_id), None)

    def stack(self, stamp: int) -> ThreadStack | None:
        """The stack of the thread whose wait has this stamp, if it is told."""
        return next((each for each in self.stacks if each.stamp == stamp), None)

    def parts(self, object_id: int) -> Iterator[SyncObject]:
        """The locks that an object is made of, and those that its parts are made of."""
        for each in self.objects:
            if each.part_of == object_id:
                yield each
                yield from self.parts(each.id)

    def whole(self, each: SyncObject) -> SyncObject:
        """The object that this one is a part of, in the end; itself if it is none."""
        while each.part_of is not None and (above := self.find(each.part_of)) is not None:
            each = above
        return each

    def state(self, each: SyncObject) -> SyncState:
        """What is worth knowing of an object first."""
        if each.id in self.abandoned or (each.holder is not None and each.holder.dead):
            return SyncState.ABANDONED
        if any(link.lock == each.id for deadlock in self.deadlocks for link in deadlock.chain):
            return SyncState.DEADLOCK
        if each.waiters:
            return SyncState.WAITED
        return SyncState.HELD if each.holder is not None else SyncState.FREE
