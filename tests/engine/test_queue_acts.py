"""What an operator does to jobs that wait: their order, and a cancel that is taken back."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

import poolmgr
from poolmgr.errors import JobCancelled, PoolTerminated
from poolmgr.model.states import JobState
from tests.engine.conftest import MakePool
from tests.engine.test_faults import LONG, started, works
from tests.engine.test_pool import go
from tests.helpers import jobs
from tests.helpers.wait import wait_until

#: Seconds that nothing in these tests reaches.
FAR = 600.0


class Line:
    """A pool of one worker that is busy, and jobs that wait, each of which notes that it ran."""

    def __init__(self, make_pool: MakePool, folder: Path) -> None:
        self.folder, self.path = folder, folder / "ran"
        self.pool = make_pool(1)
        assert works(self.pool)
        self.busy = self.pool.apply_async(jobs.mark_and_wait, (str(folder), "busy"))
        started(folder)

    def wait(self, name: str, **options: Any) -> Any:
        """Submit a job that waits."""
        return self.pool.apply_async(jobs.append, (str(self.path), name), **options)

    def ran(self, *jobs_: Any) -> str:
        """Let all run, and tell in which order they did."""
        go(self.folder)
        for job in jobs_:
            job.get(LONG)
        return "".join(self.path.read_text().split())


@pytest.fixture
def line(make_pool: MakePool, tmp_path: Path) -> Line:
    """One of them."""
    return Line(make_pool, tmp_path)


def test_jobs_that_wait_change_places(line: Line) -> None:
    """Up and down go past one job, top before all; who is there already stays."""
    a, b, c, d = (line.wait(name) for name in "abcd")
    pool = line.pool
    assert pool.move(c.id, "up")
    assert pool.move(a.id, "down")
    assert pool.move(d.id, "top")
    assert not pool.move(d.id, "up")
    assert not pool.move(b.id, "down")
    assert not pool.move(line.busy.id, "top")
    assert not pool.move(999, "up")
    assert line.ran(a, b, c, d) == "dcab"


def test_jobs_change_places_within_their_priority(line: Line) -> None:
    """A move does not change what a priority says."""
    a, b = (line.wait(name) for name in "ab")
    x, y = (line.wait(name, priority=5) for name in "xy")
    assert line.pool.move(b.id, "top")
    assert line.pool.move(y.id, "up")
    assert not line.pool.move(y.id, "up")
    assert line.ran(a, b, x, y) == "yxba"


def test_maps_and_jobs_change_places(line: Line) -> None:
    """A map is moved as a whole, and a job past all of it."""
    a = line.wait("a")
    path = str(line.path)
    many = line.pool.starmap_async(jobs.append, [(path, f"m{i}") for i in range(3)], 1)
    b = line.wait("b")
    assert line.pool.move(many.id, "up")
    assert line.pool.move(b.id, "top")
    assert line.ran(a, b, many) == "bm0m1m2a"


def test_cancel_is_taken_back_in_its_place(line: Line) -> None:
    """While it can be taken back nobody is told; then the job runs where it would have run."""
    told: list[object] = []
    a = line.wait("a")
    b = line.pool.apply_async(jobs.append, (str(line.path), "b"), callback=told.append, error_callback=told.append)
    c = line.wait("c")
    assert line.pool.cancel(b.id, undo=FAR)
    assert not b.ready()
    assert b.state is JobState.QUEUED
    record = line.pool.snapshot().job(b.id)
    assert record is not None
    assert (record.state, "taken back" in record.message) == (JobState.QUEUED, True)
    assert line.pool.uncancel(b.id)
    assert not line.pool.uncancel(b.id)
    assert line.ran(a, b, c) == "abc"
    wait_until(lambda: told == ["b"])


def test_cancel_that_is_not_taken_back_ends_the_job(line: Line) -> None:
    """It ends as any job that is cancelled, its callback is called, and it cannot come back."""
    told = threading.Event()
    job = line.pool.apply_async(jobs.double, (1,), error_callback=lambda error: told.set())
    assert line.pool.cancel(job.id, undo=0.05)
    with pytest.raises(JobCancelled):
        job.get(LONG)
    assert told.wait(LONG)
    assert not line.pool.uncancel(job.id)
    assert line.pool.snapshot().counts.cancelled == 1


def test_place_whose_turn_has_come_is_at_the_head(line: Line) -> None:
    """A job that was taken out while all others ran is the next one to run."""
    a = line.wait("a")
    assert line.pool.cancel(a.id, undo=FAR)
    b = line.wait("b")
    assert line.ran(b) == "b"
    line.pool.pause()
    c = line.wait("c")
    assert line.pool.uncancel(a.id)
    line.pool.resume()
    assert line.ran(a, c) == "bac"


def test_second_cancel_has_a_time_of_its_own(line: Line) -> None:
    """The time of a cancel that was taken back does not end the next one."""
    job, short = line.wait("a"), line.wait("b")
    # Long enough to take it back on a busy machine too.
    assert line.pool.cancel(job.id, undo=2.0)
    assert line.pool.uncancel(job.id)
    assert line.pool.cancel(job.id, undo=FAR)
    assert line.pool.cancel(short.id, undo=2.2)
    with pytest.raises(JobCancelled):
        short.get(LONG)
    assert line.pool.uncancel(job.id)
    assert line.ran(job) == "a"


def test_cancel_for_good_is_at_once(line: Line) -> None:
    """Who asks again without an undo, or kills it, does not wait."""
    jobs_ = [line.wait(name) for name in "abc"]
    for job in jobs_:
        assert line.pool.cancel(job.id, undo=FAR)
    assert line.pool.cancel(jobs_[0].id)
    assert line.pool.kill(jobs_[1].id)
    assert line.pool.withdraw([jobs_[2].id]) == [jobs_[2].id]
    for job in jobs_:
        with pytest.raises(JobCancelled):
            job.get(LONG)


def test_map_is_taken_back_as_a_whole(line: Line) -> None:
    """A map that has not begun can be put back like a single job."""
    job = line.pool.map_async(jobs.double, range(10), 2)
    assert line.pool.cancel(job.id, undo=FAR)
    other = line.wait("a")
    assert line.pool.uncancel(job.id)
    assert line.ran(other) == "a"
    assert job.get(LONG) == [2 * x for x in range(10)]


def test_what_runs_is_stopped_and_cannot_be_taken_back(line: Line) -> None:
    """An undo is for what waits."""
    assert line.pool.cancel(line.busy.id, undo=FAR)
    with pytest.raises(poolmgr.JobStopped):
        line.busy.get(LONG)
    assert not line.pool.uncancel(line.busy.id)


def test_pool_waits_for_what_may_be_taken_back(line: Line) -> None:
    """close() does not end a pool from under it; terminate() does, and it is told."""
    first, second = line.wait("a"), line.wait("b")
    assert line.pool.cancel(first.id, undo=FAR)
    assert line.pool.cancel(second.id, undo=0.1)
    line.pool.close()
    go(line.folder)
    with pytest.raises(JobCancelled):
        second.get(LONG)
    assert not line.pool.join(timeout=0.05)
    line.pool.terminate()
    with pytest.raises(PoolTerminated):
        first.get(LONG)


def test_failed_jobs_are_told_until_they_are_retried(pool: poolmgr.Pool) -> None:
    """Those that failed or were lost, and not those that somebody cancelled or has retried."""
    failed = [pool.apply_async(jobs.fail) for _ in range(3)]
    lost = pool.apply_async(jobs.leave, (3,))
    for job in (*failed, lost):
        job.wait(LONG)
    wait_until(lambda: len(pool.failed_ids()) == 4)
    again = pool.retry(failed[1].id)
    wait_until(lambda: set(pool.failed_ids()) == {failed[0].id, failed[2].id, lost.id, again.id})
