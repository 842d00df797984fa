"""The backlog: what waits to be sent to workers, in order.

    Job        one task
    Segment    a run of tasks of one map or stream: no object a task
    Source     a stream whose iterable is still being read: its feeder adds at one end, workers take at the other

Appended to by any thread; taken from, and put back at the head, by whoever holds the feed lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from poolmgr.engine.job import Job, ManyTasks, Task


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


class Backlog(deque[Entry]):
    """A deque of entries."""

    def take(self, most: int) -> Batch:
        """Take up to ``most`` tasks from the head, maybe none; jobs that have ended meanwhile are passed over."""
        jobs: list[Job] = []
        pop = self.popleft
        try:
            while len(jobs) < most:
                head = pop()
                if isinstance(head, Job):
                    if head._ended is None:
                        jobs.append(head)
                elif jobs:
                    self.appendleft(head)
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
        self.appendleft(head.part(most))
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
            self.appendleft(source)
            return segment
        # Not in the backlog first, then a last look: the feeder sees the one, or is seen by the other.
        source.queued = False
        if source.items:
            self.offer(source)
        return segment

    def offer(self, source: Source) -> None:
        """Have the source in the backlog, once."""
        if not source.queued:
            source.queued = True
            self.append(source)

    def put_back(self, batch: Batch) -> None:
        """Put what was taken and not begun at the head again."""
        if isinstance(batch, Segment):
            if batch.items:
                self.appendleft(batch)
        else:
            self.extendleft(reversed(batch))

    def forget_ended(self) -> None:
        """Drop jobs at the head that have ended, so that it is empty when nothing waits, also while it is held."""
        while self:
            head = self[0]
            if (head if isinstance(head, Job) else head.job)._ended is None:
                return
            self.popleft()

    def tasks_about(self) -> int:
        """How many tasks wait: exact where jobs do, and at least what is at the head."""
        try:
            head = self[0]
        except IndexError:
            return 0
        return len(self) if isinstance(head, Job) else len(self) - 1 + len(head.items)

    def withdraw(self, job: ManyTasks) -> list[Task]:
        """Take out all tasks of a map or stream."""
        mine = [entry for entry in tuple(self) if not isinstance(entry, Job) and entry.job is job]
        tasks: list[Task] = []
        for entry in mine:
            if isinstance(entry, Segment):
                self.remove(entry)
                tasks += tasks_of(entry)
            elif isinstance(entry, Source):
                self.remove(entry)
                entry.queued = False
                tasks += tasks_of(self._from_source(entry, len(entry.items)))
        return tasks


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
