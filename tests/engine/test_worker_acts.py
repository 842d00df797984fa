"""What an operator does to one worker, on real processes: it meets that worker, and no job is lost by it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

import poolmgr
from poolmgr.engine.job import Job
from poolmgr.errors import JobTimedOut, UnknownWorker, WorkerDied
from poolmgr.model.states import WorkerState
from poolmgr.runtime.procfs import stopped, threads
from tests.engine.conftest import MakePool
from tests.engine.test_faults import LONG, started, works
from tests.engine.test_pool import go, pids
from tests.helpers import jobs
from tests.helpers.wait import wait_until


def slot_of(pool: poolmgr.Pool, pid: int) -> int:
    """The slot of a worker."""
    return next(worker.slot for worker in pool.snapshot().workers if worker.pid == pid)


def state_of(pool: poolmgr.Pool, slot: int) -> WorkerState | None:
    """What the worker of a slot does."""
    return next((worker.state for worker in pool.snapshot().workers if worker.slot == slot), None)


def all_ready(pool: poolmgr.Pool) -> None:
    """Wait until two workers have started."""
    wait_until(lambda: [worker.state for worker in pool.snapshot().workers] == 2 * [WorkerState.IDLE])


def test_starting_worker_is_not_suspended(make_pool: MakePool, tmp_path: Path) -> None:
    """It could not be told to leave when the pool closes."""
    pool = make_pool(1, initializer=jobs.mark_and_wait, initargs=(str(tmp_path),))
    with pytest.raises(ValueError, match="w1 is still starting"):
        pool.suspend(0)
    go(tmp_path)
    assert works(pool)


def test_suspended_worker_stands_still_and_keeps_nothing_from_others(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """It stops with its job's children, others do all that waits, and its job ends well once it goes on."""
    job = pool.apply_async(jobs.start_child_and_wait, (str(tmp_path),))
    child = int(wait_until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text()))
    pid = next(worker.pid for worker in pool.snapshot().workers if worker.job_id == job.id)
    slot = slot_of(pool, pid)
    assert pool.suspend(slot) == pid
    wait_until(lambda: stopped(pid) and stopped(child))
    assert state_of(pool, slot) is WorkerState.FROZEN
    go(tmp_path)
    assert works(pool)
    assert not job.ready()
    assert pool.unsuspend(slot) == pid
    job.get(LONG)
    assert not stopped(child)
    assert works(pool)
    assert pid in pids(pool)
    os.kill(child, signal.SIGKILL)


def test_idle_worker_that_is_suspended_is_fed_nothing(make_pool: MakePool) -> None:
    """What is submitted meanwhile waits, and is done once it goes on."""
    pool = make_pool(1)
    assert works(pool)
    pool.suspend(0)
    job = pool.apply_async(jobs.double, (4,))
    assert state_of(pool, 0) is WorkerState.FROZEN
    assert pool.cancel(job.id)
    other = pool.apply_async(jobs.double, (5,))
    pool.unsuspend(0)
    assert other.get(LONG) == 10


def test_pool_with_an_idle_suspended_worker_ends(pool: poolmgr.Pool) -> None:
    """close() and join() do not wait for a worker that has nothing to do and stands still."""
    all_ready(pool)
    pool.suspend(1)
    pool.close()
    assert pool.join(LONG)


def test_time_limit_stands_still_while_the_worker_is_suspended(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """Time in which it is suspended does not count; the limit comes after it goes on."""

    def suspended() -> tuple[float, Job, int] | None:
        begun = time.monotonic()
        name = f"begun at {begun}"
        job = pool.apply_async(jobs.mark_and_wait, (str(tmp_path), name), timeout=2.5)
        # A job that was sent and not begun would be given to the other worker.
        wait_until(lambda: job.ready() or (tmp_path / name).exists())
        slots = [worker.slot for worker in pool.snapshot().workers if worker.job_id == job.id]
        for slot in slots:
            pool.suspend(slot)
        return (begun, job, slots[0]) if slots and not job.ready() else None

    # On a busy machine the limit may come before we do.
    found = wait_until(suspended)
    assert found is not None
    begun, job, slot = found
    wait_until(lambda: time.monotonic() - begun > 4.0)
    assert not job.ready()
    pool.unsuspend(slot)
    with pytest.raises(JobTimedOut):
        job.get(LONG)


def test_suspended_worker_can_be_killed_and_terminated(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """A kill of its job meets it, and so does the end of the pool."""
    job = pool.apply_async(jobs.mark_and_wait, (str(tmp_path),))
    [pid] = started(tmp_path)
    pool.suspend(slot_of(pool, pid))
    assert pool.kill(job.id)
    with pytest.raises(poolmgr.JobKilled):
        job.get(LONG)
    all_ready(pool)
    for worker in pool.snapshot().workers:
        pool.suspend(worker.slot)
    pool.terminate()
    assert pool.join(LONG)


def test_recycled_worker_leaves_after_its_job(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """Its job ends well, it takes no other one, and there are as many workers as before."""
    job = pool.apply_async(jobs.mark_and_wait, (str(tmp_path), "a"))
    [pid] = started(tmp_path)
    slot = slot_of(pool, pid)
    assert pool.recycle(slot) == pid
    assert state_of(pool, slot) is WorkerState.LEAVING
    assert works(pool)
    assert pid in pids(pool)
    go(tmp_path)
    assert job.get(LONG) == "a"
    wait_until(lambda: pid not in pids(pool) and len(pids(pool)) == 2)
    assert works(pool)
    assert pool.snapshot().counts.lost == 0


def test_idle_worker_is_recycled_at_once(pool: poolmgr.Pool) -> None:
    """One that has nothing to do leaves now."""
    assert works(pool)
    pid = pool.recycle(0)
    wait_until(lambda: pid not in pids(pool) and len(pids(pool)) == 2)
    assert works(pool)


def test_act_does_not_meet_a_replacement(pool: poolmgr.Pool) -> None:
    """A worker that was named by its process is not mistaken for the one that has its slot now."""
    assert works(pool)
    [worker] = [worker for worker in pool.snapshot().workers if worker.slot == 0]
    os.kill(worker.pid, signal.SIGKILL)
    wait_until(lambda: any(other.generation == 2 for other in pool.snapshot().workers))
    for act in (pool.suspend, pool.unsuspend, pool.recycle):
        with pytest.raises(UnknownWorker, match="nothing was done to the one in its place"):
            act(0, worker.generation)
    with pytest.raises(UnknownWorker):
        pool.send_signal(0, signal.SIGUSR1, worker.generation)
    with pytest.raises(UnknownWorker):
        pool.renice(0, 5, worker.generation)
    with pytest.raises(UnknownWorker):
        pool.set_affinity(0, [0], worker.generation)
    with pytest.raises(UnknownWorker, match="there is no worker w8"):
        pool.suspend(7)
    assert works(pool)


def test_nice_value_and_cpus_are_those_of_all_threads_and_children(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """They reach every thread of the worker, and what the job has started."""
    job = pool.apply_async(jobs.start_child_and_wait, (str(tmp_path),))
    child = int(wait_until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text()))
    pid = next(worker.pid for worker in pool.snapshot().workers if worker.job_id == job.id)
    slot = slot_of(pool, pid)
    nice = psutil.Process(pid).nice() + 1 if psutil.Process(pid).nice() < 19 else 19
    cpus = {min(os.sched_getaffinity(0))}
    pool.renice(slot, nice)
    pool.set_affinity(slot, cpus)
    for each in (pid, child):
        assert psutil.Process(each).nice() == nice
        assert [os.sched_getaffinity(thread) for thread in threads(each)] == [cpus] * len(threads(each))
    with pytest.raises(OSError, match="Invalid"):
        pool.set_affinity(slot, [1000])
    go(tmp_path)
    job.get(LONG)
    os.kill(child, signal.SIGKILL)


def test_signal_reaches_the_worker_and_what_it_makes_of_it_is_told(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """A handled one interrupts the job, an ignored one does nothing, another one ends the worker."""
    job = pool.apply_async(jobs.ignore_sigterm_and_wait, (str(tmp_path),))
    [pid] = started(tmp_path)
    slot = slot_of(pool, pid)
    assert pool.send_signal(slot, signal.SIGTERM) == (pid, "ignores")
    assert pool.send_signal(slot, signal.SIGINT) == (pid, "handles")
    with pytest.raises(poolmgr.JobExited):
        job.get(LONG)
    assert pid in pids(pool)
    (tmp_path / "second").mkdir()
    second = pool.apply_async(jobs.mark_and_wait, (str(tmp_path / "second"),))
    [pid] = started(tmp_path / "second")
    slot = slot_of(pool, pid)
    assert pool.send_signal(slot, signal.SIGKILL)[1] == "ends"
    with pytest.raises(WorkerDied, match="SIGKILL"):
        second.get(LONG)
    assert works(pool)
