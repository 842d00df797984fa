"""The backlog, alone: whatever is put in comes out once, in the order of its turn."""

from __future__ import annotations

import sys
import threading
from collections import deque
from itertools import count
from types import SimpleNamespace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from poolmgr.engine.backlog import Backlog, Batch, Segment, Source, tasks_of
from poolmgr.engine.backlog import count as tasks_in
from poolmgr.engine.job import Job, JobWithOptions, MapJob
from poolmgr.engine.options import Options
from poolmgr.engine.stream import StreamJob
from poolmgr.model.states import JobState

#: A task, known by its job's number and its place there.
Name = tuple[int, int]


class Maker:
    """Makes jobs that no pool has."""

    def __init__(self) -> None:
        self.pool: Any = SimpleNamespace(_job_ids=count(1), _cache={})

    def job(self, priority: int = 0) -> Job:
        job = (JobWithOptions if priority else Job)(self.pool, len, (), None, None, None, 0.0)
        if priority:
            job.take_over("", Options(priority=priority))
        return job

    def segment(self, size: int, priority: int = 0) -> Segment:
        job = MapJob(self.pool, len, 1, size, None, None)
        job.take_over("", Options(priority=priority))
        return Segment(job, 0, len, list(range(size)))

    def source(self, priority: int = 0) -> Source:
        job = StreamJob(self.pool, len, 10**6)
        job.take_over("", Options(priority=priority))
        return Source(job, len)


def names(batch: Batch) -> list[Name]:
    return [(task.job.id, task.position) for task in tasks_of(batch)]


def drain(backlog: Backlog) -> list[Name]:
    """All that waits, in the order in which it is given out."""
    found: list[Name] = []
    while batch := names(backlog.take(3)):
        found += batch
    return found


def test_copy_is_taken_while_others_put_and_take() -> None:
    """Whoever takes a picture need not wait for those who feed, and is not disturbed by them."""
    backlog, job = Backlog(), Maker().job()
    stop = threading.Event()

    def feed() -> None:
        while not stop.is_set():
            backlog.put(job)
            backlog.take(1)

    feeder = threading.Thread(target=feed)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        feeder.start()
        assert all(entry is job for _ in range(100_000) for entry in backlog.entries(10))
    finally:
        stop.set()
        feeder.join()
        sys.setswitchinterval(interval)


def test_higher_priorities_first_and_first_in_first_out_within_one() -> None:
    """The order of priorities decides, then that of submission; jobs, maps and streams alike."""
    make, backlog = Maker(), Backlog()
    source = make.source(priority=5)
    for _ in range(2):
        source.items.append(None)
    for entry in (make.job(), make.job(-1), make.job(5), make.segment(2, priority=5), make.job(), make.job(7)):
        backlog.put(entry)
    backlog.offer(source)
    assert drain(backlog) == [(7, 0), (4, 0), (5, 0), (5, 1), (1, 0), (1, 1), (2, 0), (6, 0), (3, 0)]
    assert not backlog


def test_jobs_of_two_priorities_never_share_a_batch() -> None:
    """A batch that comes back from a worker goes to the head of one priority, whole."""
    make, backlog = Maker(), Backlog()
    for priority in (0, 0, 2, 2):
        backlog.put(make.job(priority))
    first = backlog.take(10)
    assert names(first) == [(3, 0), (4, 0)]
    backlog.put(make.job(2))
    backlog.put_back(first)
    assert drain(backlog) == [(3, 0), (4, 0), (5, 0), (1, 0), (2, 0)]


def test_no_lane_is_left_behind() -> None:
    """Priorities that nobody uses any more cost nothing, however many there were."""
    make, backlog = Maker(), Backlog()
    for priority in range(-50, 50):
        backlog.put(make.job(priority))
    drain(backlog)
    assert not backlog.lanes


def test_ended_entries_are_passed_over() -> None:
    """A lane of jobs that were cancelled does not hide the tasks of the next one."""
    make, backlog = Maker(), Backlog()
    high, low = make.job(1), make.job()
    backlog.put(high)
    backlog.put(low)
    high._ended = JobState.CANCELLED
    assert drain(backlog) == [(low.id, 0)]
    backlog.put(high)
    backlog.forget_ended()
    assert not backlog


class AnyOrder(RuleBasedStateMachine):
    """A backlog beside a model of it: one queue for each priority."""

    def __init__(self) -> None:
        super().__init__()
        self.make = Maker()
        self.backlog = Backlog()
        self.model: dict[int, deque[Name]] = {}
        self.out: list[tuple[int, Batch]] = []
        self.sources: dict[int, Source] = {}
        self.jobs: list[Any] = []

    def expect(self, priority: int, found: list[Name]) -> None:
        self.model.setdefault(priority, deque()).extend(found)

    @rule(priority=st.integers(-2, 2), many=st.integers(1, 3))
    def put_jobs(self, priority: int, many: int) -> None:
        for _ in range(many):
            job = self.make.job(priority)
            self.backlog.put(job)
            self.expect(priority, [(job.id, 0)])

    @rule(priority=st.integers(-2, 2), size=st.integers(1, 5))
    def put_segment(self, priority: int, size: int) -> None:
        segment = self.make.segment(size, priority)
        self.jobs.append(segment.job)
        self.backlog.put(segment)
        self.expect(priority, names(segment))

    @rule(most=st.integers(1, 4))
    def take(self, most: int) -> None:
        batch = self.backlog.take(most)
        priorities = sorted((priority for priority, queue in self.model.items() if queue), reverse=True)
        if not priorities:
            assert not tasks_in(batch)
            return
        queue = self.model[priorities[0]]
        assert 1 <= tasks_in(batch) <= most
        assert names(batch) == [queue.popleft() for _ in range(tasks_in(batch))]
        self.out.append((priorities[0], batch))

    @rule(data=st.data())
    def put_back(self, data: st.DataObject) -> None:
        if self.out:
            priority, batch = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
            self.backlog.put_back(batch)
            self.model[priority].extendleft(reversed(names(batch)))

    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        if self.jobs:
            job = data.draw(st.sampled_from(self.jobs))
            found = [(task.job.id, task.position) for task in self.backlog.withdraw(job)]
            queue = self.model[job.options.priority]
            assert found == [name for name in queue if name[0] == job.id]
            self.model[job.options.priority] = deque(name for name in queue if name[0] != job.id)

    @invariant()
    def nothing_is_lost(self) -> None:
        waiting = [name for queue in self.model.values() for name in queue]
        assert bool(self.backlog) == bool(waiting)
        batches: list[Any] = [[entry] if isinstance(entry, Job) else entry for entry in self.backlog.entries()]
        shown = [name for batch in batches for name in names(batch)]
        assert shown == [name for priority in sorted(self.model, reverse=True) for name in self.model[priority]]


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
