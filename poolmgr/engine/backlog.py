"""The backlog: what waits to be sent to workers, in order.

    Job        one task
    Segment    a run of tasks of one map or stream: no object a task
    Source     a stream whose iterable is still being read: its feeder adds at one end, workers take at the other

Appended to by any thread; taken from, sorted, and put back at the head, by whoever holds the feed lock.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from itertools import islice
from operator import itemgetter
from typing import Any

from poolmgr.engine.job import AnyJob, Job, ManyTasks, Task


class Segment:
    """Tasks ``start``, ``start`` + 1, ... of one job: ``func(item)`` for each item."""

    __slots__ = ("func", "items", "job", "start")

    def __init__(self, job: ManyTasks, start: int, func: Callable[..., Any], items: list[Any]) -> None:
        self.job = job
        self.start = start
        self.func = func
        self.items = items

    def part(self, begin: int, end: int | None = None) -> Segment:
        """The tasks from the ``begin``-th to the ``end``-th of this segment."""
        return Segment(self.job, self.start + begin, self.func, self.items[begin:end])


class Source:
    """Items that a feeder has read and no worker has been sent."""

    __slots__ = ("func", "items", "job", "queued", "sent")

    def __init__(self, job: ManyTasks, func: Callable[..., Any]) -> None:
        self.job = job
        self.func = func
        self.items: deque[Any] = deque()
        #: Items that were taken; the position of the next one.
        self.sent = 0
        #: Whether it is in the backlog.
        self.queued = False


Entry = Job | Segment | Source
#: What travels to a worker at once: jobs, or tasks of one map or stream.
Batch = list[Job] | Segment


Lane = deque[Entry]


class Backlog:
    """Entries by priority: those of a higher one first, and first in, first out among those of one."""

    def __init__(self) -> None:
        #: Entries of priority 0, which nearly all have: appended to by any thread.
        self.plain: Lane = deque()
        #: Entries of other priorities that nobody has sorted yet: appended to by any thread.
        self.arrived: Lane = deque()
        #: Sorted ones by rank, that is, minus the priority: under the feed lock.
        self.lanes: dict[int, Lane] = {}
        # The ranks that have a lane, as a heap.
        self._ranks: list[int] = []
        #: Put an entry of priority 0 at the end: the deque's own method, since it is called for each job.
        self.append: Callable[[Entry], None] = self.plain.append

    def __bool__(self) -> bool:
        # In one piece under the interpreter's lock, so that any thread may ask.
        return bool(self.plain or self.arrived) or any(self.lanes.values())

    def put(self, entry: Entry) -> None:
        """Put an entry at the end of its priority. Any thread may."""
        (self.arrived if _rank(entry) else self.plain).append(entry)

    def entries(self, most: int | None = None) -> list[Entry]:
        """What waits, up to ``most`` of each priority, in the order of its turn. Any thread may ask: it is a copy."""
        lanes = [(0, self.plain), *self.lanes.copy().items()]
        parts = [(rank, _some(lane, most)) for rank, lane in lanes]
        parts += [(_rank(entry), (entry,)) for entry in _some(self.arrived, most)]
        return [entry for _, part in sorted(parts, key=itemgetter(0)) for entry in part]

    # -- under the feed lock

    def head(self) -> Entry:
        """The entry whose turn it is; IndexError if nothing waits."""
        return self._first()[0]

    def _first(self) -> Lane:
        """The lane whose turn it is, empty if nothing waits."""
        if self.arrived:
            self._sort()
        ranks = self._ranks
        while ranks and (ranks[0] < 0 or not self.plain):
            lane = self.lanes[ranks[0]]
            if lane:
                return lane
            # A lane for each priority that there ever was would be a leak.
            del self.lanes[heappop(ranks)]
        return self.plain

    def _sort(self) -> None:
        while self.arrived:
            entry = self.arrived.popleft()
            self._lane(_rank(entry)).append(entry)

    def _lane(self, rank: int) -> Lane:
        if not rank:
            return self.plain
        lane = self.lanes.get(rank)
        if lane is None:
            lane = self.lanes[rank] = deque()
            heappush(self._ranks, rank)
        return lane

    def lane_of(self, job: AnyJob) -> Lane:
        """All that waits with the job's priority."""
        self._sort()
        return self._lane(_rank_of(job))

    def take(self, most: int) -> Batch:
        """Take up to ``most`` tasks of one priority, maybe none; jobs that have ended meanwhile are passed over."""
        while lane := self._first():
            batch = self._take_from(lane, most)
            if count(batch):
                return batch
        return []

    def _take_from(self, lane: Lane, most: int) -> Batch:
        jobs: list[Job] = []
        pop = lane.popleft
        try:
            while len(jobs) < most:
                head = pop()
                if isinstance(head, Job):
                    if head._ended is None:
                        jobs.append(head)
                elif jobs:
                    lane.appendleft(head)
                    break
                else:
                    taken = (
                        self._from_source(head, most) if isinstance(head, Source) else self._from_segment(head, most)
                    )
                    if taken.items:
                        return taken
        except IndexError:
            pass
        return jobs

    def _from_segment(self, head: Segment, most: int) -> Segment:
        if head.job._ended is not None:
            return head.part(0, 0)
        if len(head.items) <= most:
            return head
        self._lane(_rank(head)).appendleft(head.part(most))
        return head.part(0, most)

    def _from_source(self, source: Source, most: int) -> Segment:
        pop, items = source.items.popleft, []
        try:
            for _ in range(most):
                items.append(pop())
        except IndexError:
            pass
        segment = Segment(source.job, source.sent, source.func, items)
        source.sent += len(items)
        if source.items:
            self._lane(_rank(source)).appendleft(source)
            return segment
        # Not in the backlog first, then a last look: the feeder sees the one, or is seen by the other.
        source.queued = False
        if source.items:
            self.offer(source)
        return segment

    def offer(self, source: Source) -> None:
        """Have the source in the backlog, once. Any thread may."""
        if not source.queued:
            source.queued = True
            self.put(source)

    def put_back(self, batch: Batch) -> None:
        """Put what was taken and not begun at the head of its priority again."""
        if isinstance(batch, Segment):
            if batch.items:
                self._lane(_rank(batch)).appendleft(batch)
        elif batch:
            self._lane(_rank(batch[0])).extendleft(reversed(batch))

    def forget_ended(self) -> None:
        """Drop jobs at the head that have ended, so that it is empty when nothing waits, also while it is held."""
        while lane := self._first():
            head = lane[0]
            if (head if isinstance(head, Job) else head.job)._ended is None:
                return
            lane.popleft()

    def tasks_about(self) -> int:
        """How many tasks wait: exact where jobs of one priority do, and at least what is at the head."""
        lane = self._first()
        if not lane:
            return 0
        head = lane[0]
        return len(lane) if isinstance(head, Job) else len(lane) - 1 + len(head.items)

    def withdraw(self, job: ManyTasks) -> list[Task]:
        """Take out all tasks of a map or stream."""
        lane = self.lane_of(job)
        mine = [entry for entry in tuple(lane) if not isinstance(entry, Job) and entry.job is job]
        tasks: list[Task] = []
        for entry in mine:
            lane.remove(entry)
            if isinstance(entry, Segment):
                tasks += tasks_of(entry)
            elif isinstance(entry, Source):
                entry.queued = False
                tasks += tasks_of(self._from_source(entry, len(entry.items)))
        return tasks


def _some(lane: Lane, most: int | None) -> tuple[Entry, ...]:
    """The first entries of a lane that others change meanwhile."""
    while True:
        # The copying runs in one piece, but another thread may come between it and the making of the iterator.
        with contextlib.suppress(RuntimeError):
            return tuple(islice(lane, most))


def _rank(entry: Entry) -> int:
    return _rank_of(entry if isinstance(entry, Job) else entry.job)


def _rank_of(job: AnyJob) -> int:
    return -job.options.priority


def count(batch: Batch) -> int:
    """Tasks in a batch."""
    return len(batch.items) if isinstance(batch, Segment) else len(batch)


def part(batch: Batch, begin: int, end: int | None = None) -> Batch:
    """The tasks of a batch from the ``begin``-th to the ``end``-th."""
    return batch.part(begin, end) if isinstance(batch, Segment) else batch[begin:end]


def task_at(batch: Batch, i: int) -> Task:
    """The ``i``-th task of a batch."""
    if isinstance(batch, Segment):
        return Task(batch.job, batch.start + i, batch.func, (batch.items[i],), {})
    return batch[i]._task()


def tasks_of(batch: Batch) -> Iterator[Task]:
    """The tasks of a batch, one by one."""
    return (task_at(batch, i) for i in range(count(batch)))
