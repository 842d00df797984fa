"""Time limits, on real processes: each costs the one task that reached it, whatever it does."""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Callable
from multiprocessing.pool import MapResult
from pathlib import Path
from typing import Any

import pytest

import poolmgr
from poolmgr import JobStopped, JobTimedOut, SoftTimeout
from poolmgr.model.states import JobState
from tests.engine.conftest import MakePool
from tests.engine.test_faults import LONG, started, works
from tests.engine.test_options import each_method
from tests.engine.test_pool import go, gone, pids
from tests.helpers import jobs
from tests.helpers.wait import wait_until

#: A limit that a job reaches soon, and that a short job keeps also on a loaded machine (s).
SHORT = 0.5
#: One that nothing in these tests reaches (s).
FAR = 600


@pytest.fixture
def pool(make_pool: MakePool) -> poolmgr.Pool:
    """A pool of two workers, each of which imports the jobs before it is ready: else a limit counts that too."""
    return make_pool(initializer=jobs.pid)


def frozen(pool: poolmgr.Pool) -> float:
    """The longest time for which a worker has been stopped during a task with a limit."""
    deadlines = pool._dispatcher.watches.deadlines
    assert deadlines is not None
    return max(deadlines.frozen(handle) for handle in pool._dispatcher.crew.handles.values())


def test_job_beyond_its_limit_is_killed_with_what_it_has_started(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """It fails with JobTimedOut, its child processes die, its worker is replaced, the other job goes on."""
    other = pool.apply_async(jobs.mark_and_wait, (str(tmp_path), "other"))
    started(tmp_path)
    job = pool.apply_async(jobs.start_child_and_wait, (str(tmp_path),), timeout=1.5)
    child = wait_until(lambda: (tmp_path / "child").exists() and int((tmp_path / "child").read_text()))
    with pytest.raises(TimeoutError) as caught:
        job.get(LONG)
    error = caught.value
    assert isinstance(error, JobTimedOut)
    assert (error.job_id, error.limit) == (job.id, 1.5)
    assert error.seconds >= 1.5
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert job.state is JobState.FAILED
    wait_until(lambda: gone(child))
    go(tmp_path)
    assert other.get(LONG) == "other"
    wait_until(lambda: len(pids(pool)) == 2)
    assert error.pid not in pids(pool)
    assert works(pool)


def test_job_that_holds_the_interpreter_keeps_its_limit(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """A limit reaches a job that computes in C and never lets go, soft limit or not."""
    job = pool.apply_async(jobs.mark_and_spin_in_c, (str(tmp_path),), soft_timeout=SHORT / 2, timeout=SHORT)
    with pytest.raises(JobTimedOut):
        job.get(LONG)
    assert works(pool)


@each_method
def test_every_method_takes_limits(pool: poolmgr.Pool, call: Callable[..., Any]) -> None:
    """Whatever submitted it, a job that keeps its limit has its result, and one that does not has JobTimedOut."""
    assert call(pool, jobs.double, timeout=FAR, soft_timeout=FAR / 2) == 6
    with pytest.raises(JobTimedOut):
        call(pool, jobs.sleep_long, timeout=SHORT)
    assert works(pool)


def test_limit_counts_from_the_begin_of_the_job(make_pool: MakePool) -> None:
    """The time in the queue does not count."""
    pool = make_pool(1)
    first = pool.apply_async(jobs.sleep, (2 * SHORT,))
    second = pool.apply_async(jobs.sleep, (0.0,), timeout=SHORT)
    assert second.get(LONG) == 0.0
    assert first.get(LONG) == 2 * SHORT


def test_neighbours_of_a_job_that_is_killed_run_once(make_pool: MakePool, tmp_path: Path) -> None:
    """Jobs around the one that reaches its limit, with limits and without, each run once and have their results."""
    pool = make_pool(2)
    path = str(tmp_path / "ran")
    waiting = [pool.apply_async(jobs.append, (path, f"a{i}"), timeout=FAR) for i in range(100)]
    slow = [pool.apply_async(jobs.sleep_long, (i,), timeout=SHORT) for i in range(3)]
    waiting += [pool.apply_async(jobs.append, (path, f"b{i}")) for i in range(100)]
    for job in slow:
        with pytest.raises(JobTimedOut):
            job.get(LONG)
    names = [job.get(LONG) for job in waiting]
    assert sorted(Path(path).read_text().splitlines()) == sorted(names)
    assert pool.snapshot().counts.lost == 0


def test_items_of_a_stream_have_a_limit_each(pool: poolmgr.Pool) -> None:
    """Of an imap the items that are too slow fail alone, in their places."""
    naps = [0.0, FAR, 0.0, FAR, 0.0]
    stream = pool.imap(jobs.sleep, naps, timeout=SHORT)
    for nap in naps:
        if nap:
            with pytest.raises(JobTimedOut):
                next(stream)
        else:
            assert next(stream) == nap
    assert works(pool)


def test_job_may_clean_up_at_its_soft_limit(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """SoftTimeout is raised inside the job, which may catch it and return a result; the worker lives on."""
    before = pids(pool)
    job = pool.apply_async(jobs.wait_softly, (str(tmp_path),), soft_timeout=SHORT)
    assert job.get(LONG) == f"cleaned up after {SHORT}"
    assert pids(pool) == before


def test_soft_limit_that_is_not_caught_fails_the_job(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """SoftTimeout reaches the caller with the job's traceback, and the worker lives on."""
    before = pids(pool)
    job = pool.apply_async(jobs.mark_and_wait, (str(tmp_path),), soft_timeout=SHORT)
    with pytest.raises(SoftTimeout) as caught:
        job.get(LONG)
    assert caught.value.limit == SHORT
    assert "mark_and_wait" in str(caught.value.__cause__)
    assert job.state is JobState.FAILED
    assert pids(pool) == before


def test_soft_limit_is_told_once_and_the_hard_one_ends_who_ignores_it(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """A job that catches SoftTimeout and goes on hears no more of it, and is killed at its hard limit."""
    job = pool.apply_async(
        jobs.note_soft_timeouts, (str(tmp_path / "heard"),), soft_timeout=SHORT / 2, timeout=3 * SHORT
    )
    with pytest.raises(JobTimedOut):
        job.get(LONG)
    assert (tmp_path / "heard").read_text().splitlines() == ["SoftTimeout"]


def test_soft_limit_that_python_drops_is_told_again(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """Raised inside a __del__, where exceptions are only printed, it is raised again behind it."""
    job = pool.apply_async(jobs.wait_where_exceptions_are_dropped, (str(tmp_path),), soft_timeout=SHORT)
    with pytest.raises(SoftTimeout):
        job.get(LONG)


def test_job_that_went_on_after_its_soft_limit_can_be_cancelled(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """A cancel reaches a job that has caught SoftTimeout."""
    job = pool.apply_async(jobs.note_soft_timeouts, (str(tmp_path / "heard"),), soft_timeout=SHORT / 2)
    wait_until(lambda: (tmp_path / "heard").exists())
    assert job.cancel()
    with pytest.raises(JobStopped):
        job.get(LONG)
    assert works(pool)


def test_limit_of_a_stopped_worker_stands_still(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """A job whose worker is stopped for longer than its limit ends well once the worker goes on."""
    job = pool.apply_async(jobs.mark_and_wait, (str(tmp_path), "job"), timeout=2.0)
    (pid,) = started(tmp_path)
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_until(lambda: frozen(pool) > 2.2)
        assert job.state is JobState.RUNNING
        go(tmp_path)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert job.get(LONG) == "job"


def test_nobody_looks_when_nothing_with_a_limit_runs(pool: poolmgr.Pool) -> None:
    """After the last task with a limit the dispatcher sleeps until something happens."""
    assert pool.apply(jobs.double, (1,), timeout=SHORT) == 2
    assert pool.apply(jobs.double, (1,)) == 2
    deadlines = pool._dispatcher.watches.deadlines
    assert deadlines is not None
    wait_until(lambda: deadlines.due is None)


def test_snapshot_tells_limit_and_priority(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """Screens can show what a job may take, and its turn."""
    job = pool.apply_async(jobs.mark_and_wait, (str(tmp_path),), timeout=FAR, priority=2)
    started(tmp_path)
    shown = pool.snapshot().job(job.id)
    assert shown is not None
    assert (shown.limit, shown.priority) == (FAR, 2)
    go(tmp_path)
    job.wait(LONG)


def test_many_short_jobs_with_limits_all_end_well(pool: poolmgr.Pool) -> None:
    """Limits of short jobs, sent many at a time, are kept apart: none is killed for the time of another."""
    begin = time.monotonic()
    stream = pool.imap(jobs.sleep, [0.001] * 1000, timeout=SHORT)
    assert sum(stream) == pytest.approx(1.0)
    assert time.monotonic() - begin > SHORT


@pytest.mark.parametrize("chunksize", [1, 4, 100])
def test_items_of_a_chunk_have_a_limit_each(pool: poolmgr.Pool, chunksize: int) -> None:
    """Whatever the chunksize, an item that is too slow fails alone, and the others have their results in place."""
    naps = [0.01, 0.02, FAR, 0.03, 0.04]
    stream = pool.imap(jobs.sleep, naps, chunksize, timeout=SHORT)
    assert [next(stream), next(stream)] == naps[:2]
    with pytest.raises(JobTimedOut):
        next(stream)
    assert list(stream) == naps[3:]


def test_items_of_a_map_that_kept_their_limit_keep_their_results(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """After a map failed by one slow item, a retry runs that item again and no other, whatever the chunksize."""
    flaky = [f"{tmp_path}/{i}:{2 if i == 3 else 1}" for i in range(8)]
    job = pool.map_async(jobs.hang_item_until, flaky, 8, timeout=1.0)
    with pytest.raises(JobTimedOut):
        job.get(LONG)
    wait_until(lambda: job.state is JobState.FAILED)
    again = pool.retry(job.id)
    assert isinstance(again, MapResult)
    assert again.get(LONG) == [2 if i == 3 else 1 for i in range(8)]
    assert [len((tmp_path / str(i)).read_text().splitlines()) for i in range(8)] == [1, 1, 1, 2, 1, 1, 1, 1]
