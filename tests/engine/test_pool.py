"""What poolmgr.Pool offers beyond the stock pool, on real processes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import multiprocessing
import os
import signal
import threading
import weakref
from multiprocessing.pool import ApplyResult, IMapIterator, MapResult
from pathlib import Path
from typing import Any

import psutil
import pytest

import poolmgr
from poolmgr.errors import JobCancelled, JobKilled, JobStopped, PoolClosed, PoolTerminated, UnknownJob, WorkerDied
from poolmgr.model.states import JobState, PoolState, WorkerState
from tests.engine.conftest import MakePool
from tests.engine.test_faults import LONG, started, works
from tests.helpers import jobs
from tests.helpers.wait import wait_until


def pids(pool: poolmgr.Pool) -> set[int]:
    return {worker.pid for worker in pool.snapshot().workers}


def go(folder: Path) -> None:
    """Let the jobs of mark_and_wait end."""
    (folder / "go").write_text("")


def gone(pid: int) -> bool:
    """Whether a process has ended, be it that nobody has collected it."""
    # Asked once: it may be collected between two questions.
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


def test_it_is_a_stock_pool_and_gives_stock_results(pool: poolmgr.Pool) -> None:
    """isinstance holds for the pool and for what it returns."""
    assert isinstance(pool, multiprocessing.pool.Pool)
    assert isinstance(pool.apply_async(jobs.double, (1,)), ApplyResult)
    assert isinstance(pool.map_async(jobs.double, [1]), MapResult)
    assert isinstance(pool.imap(jobs.double, [1]), IMapIterator)


def test_resize_grows_at_once_and_shrinks_after_jobs(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """More workers come at once; fewer remain when jobs have ended, and no job is lost."""
    running = [pool.apply_async(jobs.mark_and_wait, (str(tmp_path), f"j{i}")) for i in range(4)]
    assert len(started(tmp_path, 2)) == 2
    pool.resize(4)
    assert len(set(started(tmp_path, 4))) == 4
    pool.resize(1)
    assert len(pids(pool)) == 4
    go(tmp_path)
    assert [job.get(LONG) for job in running] == ["j0", "j1", "j2", "j3"]
    wait_until(lambda: len(pids(pool)) == 1)
    assert works(pool)
    with pytest.raises(ValueError, match="at least 1"):
        pool.resize(0)


def test_shrink_lets_an_idle_worker_leave(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """Of a busy and an idle worker the idle one leaves, whichever slot it has; a busy one that is to leave says so."""
    job = pool.apply_async(jobs.mark_and_wait, (str(tmp_path), "long"))
    busy = started(tmp_path, 1)
    pool.resize(1)
    wait_until(lambda: pids(pool) == set(busy))
    pool.resize(2)
    other = pool.apply_async(jobs.mark_and_wait, (str(tmp_path), "other"))
    started(tmp_path, 2)
    pool.resize(1)
    assert sorted(worker.state for worker in pool.snapshot().workers) == [WorkerState.LEAVING, WorkerState.RUNNING]
    go(tmp_path)
    assert (job.get(LONG), other.get(LONG)) == ("long", "other")


@pytest.mark.parametrize("by_operator", [True, False])
def test_job_that_died_says_how_long_it_ran(pool: poolmgr.Pool, tmp_path: Path, by_operator: bool) -> None:
    """A job whose worker was killed is shown with the time at which it had begun."""
    job = pool.apply_async(jobs.mark_and_wait, (str(tmp_path), "long"))
    pid = started(tmp_path, 1)[0]
    if by_operator:
        assert pool.kill(job.id)
    else:
        os.kill(pid, signal.SIGKILL)
    with pytest.raises((JobKilled, WorkerDied)):
        job.get(LONG)
    shown = pool.snapshot().job(job.id)
    assert shown is not None
    assert shown.started is not None
    assert shown.ended is not None
    assert shown.submitted <= shown.started <= shown.ended


def test_pause_starts_nothing_until_resume(pool: poolmgr.Pool) -> None:
    """A held pool takes jobs and starts none; resume starts them."""
    pool.pause()
    job = pool.apply_async(jobs.double, (2,))
    assert pool.snapshot().state is PoolState.HELD
    with pytest.raises(multiprocessing.TimeoutError):
        job.get(0.05)
    assert job.state is JobState.QUEUED
    pool.resume()
    assert job.get(LONG) == 4


def test_cancel_of_a_queued_job_has_no_effect_but_its_end(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """A queued job that is cancelled never runs, and says so; a second cancel says False."""
    pool.pause()
    ran = tmp_path / "ran"
    job = pool.apply_async(jobs.append, (str(ran), "x"))
    whole = pool.map_async(jobs.append, [str(ran)] * 4, 1)
    assert job.cancel()
    assert pool.cancel(whole.id)
    with pytest.raises(JobCancelled):
        job.get(LONG)
    with pytest.raises(JobCancelled):
        whole.get(LONG)
    assert job.state is JobState.CANCELLED
    assert not pool.cancel(job.id)
    pool.resume()
    assert works(pool)
    assert not ran.exists()
    assert pool.snapshot().counts.cancelled == 2


def test_cancel_of_a_running_job_raises_inside_it(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """The job is stopped, its worker lives on."""
    before = pids(pool)
    job = pool.apply_async(jobs.mark_and_wait, (str(tmp_path),))
    started(tmp_path)
    assert job.cancel()
    with pytest.raises(JobStopped):
        job.get(LONG)
    assert job.state is JobState.KILLED
    assert works(pool)
    assert pids(pool) == before


def test_nothing_is_kept_of_jobs_that_were_cancelled(make_pool: MakePool, tmp_path: Path) -> None:
    """A pool in which many running jobs are stopped holds on to the last of them at the most."""
    pool = make_pool(1)
    for i in range(5):
        job = pool.apply_async(jobs.mark_and_wait, (str(tmp_path), f"job {i}"))
        started(tmp_path, i + 1)
        assert job.cancel()
        with pytest.raises(JobStopped):
            job.get(LONG)
    assert set(pool._dispatcher.feeding.doomed) <= {job}
    assert works(pool)


def test_kill_ends_one_job_and_what_it_has_started(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """The job fails with JobKilled, its child processes die, its worker is replaced, the other job goes on."""
    victim = pool.apply_async(jobs.start_child_and_wait, (str(tmp_path),))
    child = wait_until(lambda: (tmp_path / "child").exists() and int((tmp_path / "child").read_text()))
    other = pool.apply_async(jobs.double, (3,))
    assert pool.kill(victim.id)
    with pytest.raises(JobKilled):
        victim.get(LONG)
    assert victim.state is JobState.KILLED
    assert other.get(LONG) == 6
    wait_until(lambda: gone(child))
    assert works(pool)
    assert not pool.kill(victim.id)
    with pytest.raises(UnknownJob):
        pool.kill(10**9)


def test_kill_with_grace_escalates(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """A job that swallows every exception survives SIGINT and is ended by what follows."""
    job = pool.apply_async(jobs.catch_everything_and_wait, (str(tmp_path),))
    started(tmp_path)
    assert pool.kill(job.id, grace=0.2)
    with pytest.raises(JobKilled):
        job.get(LONG)
    assert works(pool)


def test_worker_that_dies_takes_the_jobs_children_with_it(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """What a job has started does not outlive its worker's death."""
    job = pool.apply_async(jobs.start_child_and_wait, (str(tmp_path),))
    child = wait_until(lambda: (tmp_path / "child").exists() and int((tmp_path / "child").read_text()))
    (worker,) = [worker.pid for worker in pool.snapshot().workers if worker.job_id == job.id]
    os.kill(worker, signal.SIGKILL)
    with pytest.raises(WorkerDied):
        job.get(LONG)
    wait_until(lambda: gone(child))


def test_retry_runs_a_lost_job_again_with_its_callbacks(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """A retry has the old arguments and callbacks and a new id; what ended well cannot be retried."""
    got: list[Any] = []
    job = pool.apply_async(jobs.mark_and_wait, (str(tmp_path), "name"), callback=got.append)
    (pid,) = started(tmp_path)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(WorkerDied):
        job.get(LONG)
    go(tmp_path)
    again: Any = pool.retry(job.id)
    assert again.get(LONG) == "name"
    assert got == ["name"]
    shown = wait_until(lambda: pool.snapshot().job(again.id))
    assert shown is not None
    assert (shown.attempt, shown.retry_of) == (2, job.id)
    with pytest.raises(UnknownJob):
        pool.retry(again.id)


def test_retry_of_a_map_runs_only_what_has_no_result(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """Chunks that ended well are not run a second time, and the results are whole."""
    ran = tmp_path / "ran"
    deadly = [(str(ran), "a"), (str(ran), "b"), (str(tmp_path / "missing" / "x"), "c"), (str(ran), "d")]
    job = pool.starmap_async(jobs.append, deadly, 1)
    with pytest.raises(FileNotFoundError):
        job.get(LONG)
    (tmp_path / "missing").mkdir()
    again: Any = pool.retry(job.id)
    assert again.get(LONG) == ["a", "b", "c", "d"]
    assert sorted(ran.read_text().split()) == ["a", "b", "d"]


def test_retry_of_a_stream_gives_the_missing_results(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """What an imap could not give is run again as a stream of its own."""
    paths = [str(tmp_path / "a"), str(tmp_path / "missing" / "b")]
    stream: Any = pool.imap(jobs.append_line, paths)
    assert next(stream) == paths[0]
    with pytest.raises(FileNotFoundError):
        next(stream)
    wait_until(lambda: stream.state is JobState.FAILED)
    (tmp_path / "missing").mkdir()
    again: Any = pool.retry(stream.id)
    assert list(again) == [paths[1]]


def test_awaiting_jobs(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """Jobs can be awaited; a cancelled wait leaves the job alone."""

    async def main() -> list[Any]:
        good = [pool.apply_async(jobs.double, (i,)) for i in range(20)]
        slow = pool.apply_async(jobs.mark_and_wait, (str(tmp_path), "slow"))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(_await(slow), 0.01)
        go(tmp_path)
        with pytest.raises(ValueError, match="no"):
            await pool.apply_async(jobs.fail)
        return [await job for job in good] + [await slow]

    async def _await(job: poolmgr.Job) -> Any:
        return await job

    assert asyncio.run(main()) == [*(2 * i for i in range(20)), "slow"]


def test_join_with_a_timeout_says_whether_it_ended(make_pool: MakePool, tmp_path: Path) -> None:
    """join(timeout) returns False while a job runs and True after; a running pool refuses."""
    pool = make_pool()
    job = pool.apply_async(jobs.mark_and_wait, (str(tmp_path),))
    with pytest.raises(ValueError, match="still running"):
        pool.join()
    pool.close()
    assert pool.join(0.05) is False
    with pytest.raises(PoolClosed):
        pool.apply_async(jobs.double, (1,))
    go(tmp_path)
    assert pool.join(LONG) is True
    assert job.get(0) == ""
    assert pool.snapshot().state is PoolState.ENDED
    assert pool.snapshot().workers == ()
    for act in (lambda: pool.resize(3), pool.pause, lambda: pool.kill(job.id)):
        with pytest.raises(PoolClosed):
            act()


def test_terminate_ends_jobs_as_well_as_workers(make_pool: MakePool, tmp_path: Path) -> None:
    """Nobody waits for ever for a job of a pool that was terminated."""
    pool = make_pool()
    errors: list[BaseException] = []
    running = pool.apply_async(jobs.mark_and_wait, (str(tmp_path),), error_callback=errors.append)
    queued = [pool.apply_async(jobs.sleep, (60,)) for _ in range(5)]
    stream = pool.imap(jobs.sleep, iter([60] * 5))
    whole = pool.map_async(jobs.sleep, [60] * 50, 1)
    started(tmp_path)
    pool.terminate()
    assert pool.join(LONG)
    with pytest.raises(PoolTerminated, match="while it ran"):
        running.get(0)
    waiting: list[Any] = [*queued, whole]
    for job in waiting:
        with pytest.raises(PoolTerminated):
            job.get(0)
    with pytest.raises(PoolTerminated):
        next(stream)
    assert [type(error) for error in errors] == [PoolTerminated]


def test_pool_that_is_forgotten_ends(method: str) -> None:
    """A pool that nobody holds any more warns, as the stock pool does, and leaves no worker."""
    pool: poolmgr.Pool | None = poolmgr.Pool(2, context=multiprocessing.get_context(method))
    assert pool is not None
    job = pool.map_async(jobs.double, range(50), 3)
    assert job.get(LONG) == [2 * x for x in range(50)]
    # Until then the thread that woke us has the pool in hand.
    wait_until(lambda: job._pool is None)
    forgotten = weakref.ref(pool)
    workers = [psutil.Process(pid) for pid in pids(pool)]
    with pytest.warns(ResourceWarning, match="unclosed running"):
        pool = None
    assert forgotten() is None
    wait_until(lambda: not any(worker.is_running() for worker in workers))


def test_maxtasksperchild_replaces_workers(make_pool: MakePool) -> None:
    """No worker runs more than its share, and nothing is lost between two of them."""
    pool = make_pool(2, maxtasksperchild=3)
    seen = pool.map_async(jobs.pid, range(30), 1).get(LONG)
    assert max(seen.count(pid) for pid in seen) <= 3
    assert len(set(seen)) >= 10


def test_task_that_is_taken_back_is_not_of_a_workers_share(make_pool: MakePool) -> None:
    """A worker that is sent a task and stands still does not leave for it: it has run one task less."""
    pool = make_pool(1, maxtasksperchild=2)
    pid = pool.apply(os.getpid)
    os.kill(pid, signal.SIGSTOP)
    second = pool.apply_async(os.getpid)
    # Nobody asks after it.  It waits again, and its worker may begin nothing until it has left what it was sent.
    wait_until(lambda: pool._dispatcher.feeding.waiting_ids() == [second.id], what="the task is taken back")
    os.kill(pid, signal.SIGCONT)
    assert second.get(LONG) == pid
    assert pool.apply(os.getpid) != pid


def test_initializer_runs_in_each_worker(make_pool: MakePool) -> None:
    """Every worker, replaced ones too, has run the initializer before its first job."""
    pool = make_pool(2, initializer=jobs.initialize, initargs=(7,))
    assert set(pool.map_async(jobs.initialized_value, range(10), 1).get(LONG)) == {7}
    for worker in pool.snapshot().workers:
        os.kill(worker.pid, signal.SIGKILL)
    assert set(pool.map_async(jobs.initialized_value, range(10), 1).get(LONG)) == {7}


def test_captured_output_is_told_with_its_job(make_pool: MakePool, capfd: pytest.CaptureFixture[str]) -> None:
    """With capture_output nothing that a job prints reaches our descriptors: it is in the log, with the job's id."""
    pool = make_pool(capture_output=True)
    job = pool.apply_async(jobs.print_lines, ("hello",))
    job.get(LONG)
    lines = {line.text: line for line in pool.snapshot().log if line.kind != "event"}
    assert set(lines) == {"hello", "hello to stderr", "hello to fd 1"}
    assert {line.job_id for line in lines.values()} == {job.id}
    assert lines["hello to stderr"].kind == "err"
    assert capfd.readouterr() == ("", "")


def test_snapshot_tells_what_runs_and_what_waits(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """Workers, jobs and counts are as they are, with arguments in short and never a user's repr."""
    running = pool.apply_async(jobs.mark_and_wait, (str(tmp_path), "a"), name="first")
    other = pool.apply_async(jobs.mark_and_wait, (str(tmp_path), "b"))
    started(tmp_path, 2)
    queued = pool.apply_async(jobs.echo, (jobs.UnpicklableAndUnprintable(),))
    failed_before = pool.snapshot()
    assert failed_before.counts.queued == 1
    assert failed_before.counts.running == 2
    shown = failed_before.job(running.id)
    assert shown is not None
    assert (shown.state, shown.name, shown.function) == (JobState.RUNNING, "first", "tests.helpers.jobs.mark_and_wait")
    waiting = failed_before.job(queued.id)
    assert waiting is not None
    assert waiting.args == "(<UnpicklableAndUnprintable>)"
    assert {worker.state for worker in failed_before.workers} == {WorkerState.RUNNING}
    go(tmp_path)
    assert other.get(LONG) == "b"
    with pytest.raises(TypeError):
        queued.get(LONG)
    assert running.get(LONG) == "a"
    # A result is there a moment before its worker counts as free.
    wait_until(lambda: pool.snapshot().counts.running == 0)
    after = pool.snapshot()
    assert (after.counts.done, after.counts.failed, after.counts.queued, after.counts.running) == (2, 1, 0, 0)


def test_listeners_hear_of_deaths_and_failures(pool: poolmgr.Pool) -> None:
    """subscribe() calls on news, until it is ended."""
    heard = threading.Event()
    unsubscribe = pool.subscribe(heard.set)
    with pytest.raises(WorkerDied):
        pool.apply_async(jobs.leave, (1,)).get(LONG)
    assert heard.wait(LONG)
    unsubscribe()
    assert works(pool)


def test_many_pools_leave_no_descriptor_thread_or_process(method: str) -> None:
    """Pools that are closed, terminated or abandoned leave nothing behind."""

    def leftovers() -> tuple[int, int, int]:
        gc.collect()
        children = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
        return len(os.listdir("/proc/self/fd")), threading.active_count(), len(children)

    context = multiprocessing.get_context(method)

    def once(end: str) -> None:
        pool = poolmgr.Pool(2, context=context, capture_output=True)
        assert works(pool)
        os.kill(next(iter(pids(pool))), signal.SIGKILL)
        getattr(pool, end)()
        assert pool.join(LONG)

    once("close")
    before = leftovers()
    for end in ("close", "terminate") * 3:
        once(end)
    assert leftovers() == before


def test_idle_pool_uses_no_cpu_time(pool: poolmgr.Pool) -> None:
    """A pool that has nothing to do sleeps: its threads are not scheduled while nothing happens."""
    assert works(pool)

    def switches() -> int:
        return sum(psutil.Process(pid).num_ctx_switches().voluntary for pid in pids(pool))

    def at_rest() -> int:
        """The switches so far, if all workers have started and sleep; else 0."""
        idle = all(worker.state is WorkerState.IDLE for worker in pool.snapshot().workers)
        asleep = all(psutil.Process(pid).status() == psutil.STATUS_SLEEPING for pid in pids(pool))
        return switches() if idle and asleep else 0

    quiet = wait_until(at_rest)
    assert switches() - quiet <= 1


def test_owners_signal_handlers_do_not_act_in_a_worker_that_is_just_forked(tmp_path: Path) -> None:
    """SIGTERM to a worker at its first breath ends it, though the owner has a handler that would not."""
    seen = tmp_path / "seen"
    before = signal.signal(signal.SIGTERM, lambda *_: seen.write_text(str(os.getpid())))
    try:
        context = multiprocessing.get_context("fork")
        for _ in range(10):
            pool = poolmgr.Pool(4, context=context)
            for process in list(pool._pool):
                process.terminate()
            assert works(pool)
            pool.terminate()
            assert pool.join(LONG)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not seen.exists(), "the owner's handler ran in a worker"
