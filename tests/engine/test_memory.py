"""Bounds of workers' memory, on real processes."""

from __future__ import annotations

import pickle
from pathlib import Path

import psutil
import pytest

import poolmgr
from poolmgr import MemoryLimitExceeded
from poolmgr.model.states import JobState
from tests.engine.conftest import MakePool
from tests.engine.test_faults import LONG, started, works
from tests.engine.test_pool import go, pids
from tests.helpers import jobs
from tests.helpers.wait import wait_until

MB = 1 << 20


def bound() -> int:
    """More memory than a worker needs that was forked from this process."""
    return int(psutil.Process().memory_info().rss) + 60 * MB


def test_job_that_takes_too_much_memory_is_killed_alone(make_pool: MakePool, tmp_path: Path) -> None:
    """It fails with MemoryLimitExceeded, which says how much; the job beside it goes on, the worker is replaced."""
    limit = bound()
    pool = make_pool(2, max_rss=limit)
    other = pool.apply_async(jobs.mark_and_wait, (str(tmp_path), "other"))
    started(tmp_path)
    job = pool.apply_async(jobs.take_memory_and_wait, (limit + 40 * MB,))
    with pytest.raises(MemoryLimitExceeded) as caught:
        job.get(LONG)
    error = caught.value
    assert (error.job_id, error.limit) == (job.id, limit)
    assert error.rss > limit
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert job.state is JobState.FAILED
    go(tmp_path)
    assert other.get(LONG) == "other"
    assert error.pid not in pids(pool)
    assert works(pool)


def test_job_that_takes_too_much_memory_may_be_tried_again(make_pool: MakePool, tmp_path: Path) -> None:
    """With retries it has another worker, with empty hands."""
    limit = bound()
    pool = make_pool(1, max_rss=limit)
    path = str(tmp_path / "ran")
    assert pool.apply(jobs.take_memory_once, (path, limit + 40 * MB), retries=1) == 2


def test_worker_that_has_grown_is_replaced_after_its_jobs(make_pool: MakePool) -> None:
    """Beyond recycle_rss a worker leaves once it has nothing to do: no job is lost, and the pool keeps its size."""
    limit = bound()
    pool = make_pool(2, recycle_rss=limit)
    first = pool.apply_async(jobs.keep_memory, (limit + 40 * MB,)).get(LONG)
    waiting = [pool.apply_async(jobs.double, (i,)) for i in range(100)]
    wait_until(lambda: first not in pids(pool))
    assert [job.get(LONG) for job in waiting] == [2 * i for i in range(100)]
    wait_until(lambda: len(pids(pool)) == 2)
    assert any("it is replaced" in line.text for line in pool.snapshot().log)
    assert works(pool)
    assert pool.snapshot().counts.lost == pool.snapshot().counts.failed == 0


def test_idle_worker_that_has_grown_is_replaced(make_pool: MakePool) -> None:
    """A worker that kept more than max_rss after its job is not waited for until somebody is killed for it."""
    limit = bound()
    pool = make_pool(1, max_rss=limit)
    try:
        first = pool.apply(jobs.keep_memory, (limit + 40 * MB,))
    except MemoryLimitExceeded as error:
        first = error.pid  # It was looked at just then; that it is gone is what counts.
    wait_until(lambda: first not in pids(pool))
    assert works(pool)


def test_small_bound_does_not_start_workers_for_ever(make_pool: MakePool) -> None:
    """A bound below what a worker needs fails jobs, and replaces no worker that has done nothing."""
    pool = make_pool(1, recycle_rss=1)
    before = wait_until(lambda: {worker.pid for worker in pool.snapshot().workers if worker.state == "idle"})
    moment = pool._dispatcher.watches.due or 0.0
    wait_until(lambda: (pool._dispatcher.watches.due or 0.0) > moment + 0.4)
    assert pids(pool) == before
    assert pool.apply(jobs.double, (2,)) == 4


def test_pool_refuses_what_is_no_size() -> None:
    """A wrong size is an error before any worker is started."""
    with pytest.raises(ValueError, match="max_rss"):
        poolmgr.Pool(1, max_rss="much")
    with pytest.raises(TypeError, match="recycle_rss"):
        poolmgr.Pool(1, recycle_rss=1.5)  # type: ignore[arg-type]
