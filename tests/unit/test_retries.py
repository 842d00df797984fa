"""Which tasks are tried again, and after how long: alone, without a process or a clock."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from poolmgr.engine.job import Job, JobWithOptions, Tries
from poolmgr.engine.ledger import Ledger
from poolmgr.engine.options import Options
from poolmgr.engine.retries import DEATHS, FIRST_DELAY, LONGEST_DELAY, Retries, backoff, delay


def tried(attempts: int, deaths: int = 0) -> Tries:
    tries = Tries()
    tries.errors = ["no"] * attempts
    tries.deaths = deaths
    return tries


def test_each_attempt_waits_twice_as_long_up_to_the_longest() -> None:
    """The delays are the same each time, grow, and have an end."""
    assert [backoff(attempt) for attempt in (1, 2, 3, 4)] == [FIRST_DELAY * factor for factor in (1, 2, 4, 8)]
    assert backoff(20) == backoff(10**6) == LONGEST_DELAY


def test_last_attempt_is_final() -> None:
    """With so many retries there is one attempt more than that."""
    assert delay(0, tried(1)) is None
    assert delay(2, tried(2)) == backoff(2)
    assert delay(2, tried(3)) is None


def test_task_that_kills_workers_is_set_aside() -> None:
    """After its second dead worker a task has no attempt left, however many it was given."""
    assert delay(100, tried(5, deaths=DEATHS - 1)) is not None
    assert delay(100, tried(5, deaths=DEATHS)) is None


@given(retries=st.integers(0, 20), ends=st.lists(st.booleans(), min_size=40, max_size=40))
def test_no_task_is_tried_for_ever(retries: int, ends: list[bool]) -> None:
    """Whatever it fails by, a task has at most ``retries`` further attempts, and each death but the last is one."""
    tries, attempts = Tries(), 0
    for died in ends:
        attempts += 1
        tries.errors.append("no")
        tries.deaths += died
        if delay(retries, tries) is None:
            break
    assert attempts <= retries + 1
    assert tries.deaths <= DEATHS


class AnyOrder(RuleBasedStateMachine):
    """Jobs that run, fail, wait, come back, are cancelled, in a pool that ends at some time: each ends exactly once."""

    def __init__(self) -> None:
        super().__init__()
        self.pool: Any = SimpleNamespace(_job_ids=count(1), _cache={})
        self.queue: list[Job] = []
        self.running: list[Job] = []
        self.doomed: dict[Job, bool] = {}
        self.due: list[Callable[[], None]] = []
        self.ends: dict[Job, int] = {}
        self.runs: dict[Job, int] = {}
        feeding: Any = SimpleNamespace(lock=Ledger().lock, doomed=self.doomed, put_back=self.put_back)
        self.retries = Retries(feeding, Ledger(), lambda seconds, step: self.due.append(step))

    def put_back(self, batches: list[list[Job]]) -> None:
        for (job,) in batches:
            if job in self.doomed:
                self.end(job)
            else:
                self.queue.insert(0, job)

    def end(self, job: Job) -> None:
        self.ends[job] += 1

    @precondition(lambda self: not self.retries.closed)
    @rule(retries=st.integers(0, 3))
    def submit(self, retries: int) -> None:
        job = JobWithOptions(self.pool, len, (), None, None, None, 0.0)
        job.take_over("", Options(retries=retries, priority=1))
        self.ends[job] = self.runs[job] = 0
        self.queue.append(job)

    @precondition(lambda self: self.queue)
    @rule()
    def begin(self) -> None:
        job = self.queue.pop(0)
        self.runs[job] += 1
        self.running.append(job)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), well=st.booleans(), died=st.booleans())
    def finish(self, data: st.DataObject, well: bool, died: bool) -> None:
        job = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        if well or not self.retries.again(job._task(), "no", died):
            self.end(job)

    @precondition(lambda self: self.due)
    @rule(data=st.data())
    def delay_is_over(self, data: st.DataObject) -> None:
        self.due.pop(data.draw(st.integers(0, len(self.due) - 1)))()

    @precondition(lambda self: self.ends)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(sorted(self.ends, key=lambda job: job.id)))
        if job in self.running:
            self.doomed[job] = True
        for task in self.retries.withdraw(job):
            self.end(task.job)  # type: ignore[arg-type]
        if job in self.queue:
            self.queue.remove(job)
            self.end(job)

    @rule()
    def terminate(self) -> None:
        self.retries.closed = True
        for task in self.retries.withdraw():
            self.end(task.job)  # type: ignore[arg-type]
        for job in self.queue:
            self.end(job)
        self.queue.clear()

    @invariant()
    def every_job_is_in_one_place_or_has_ended_once(self) -> None:
        waiting = [job for job, _ in self.retries.waiting]
        places = self.queue + self.running + waiting
        assert len(places) == len(set(places))
        for job, times in self.ends.items():
            assert times + (job in places) == 1
            assert self.runs[job] <= job.options.retries + 1
            assert self.retries.find(job.id) is (job if job in waiting else None)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
