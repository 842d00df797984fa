"""Retries, on real processes: what fails is tried again, what kills workers is set aside, and every job ends once."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

import poolmgr
from poolmgr import JobCancelled, JobKilled, JobStopped, JobTimedOut, PoolTerminated, WorkerDied
from poolmgr.engine import retries, unheard
from poolmgr.engine.stream import StreamJob
from poolmgr.model.states import JobState
from tests.engine.conftest import MakePool
from tests.engine.test_faults import LONG, started, works
from tests.engine.test_pool import go
from tests.helpers import jobs
from tests.helpers.wait import wait_until


@pytest.fixture
def long_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that has failed waits until the test is over."""
    monkeypatch.setattr(retries, "FIRST_DELAY", 600.0)
    monkeypatch.setattr(retries, "LONGEST_DELAY", 600.0)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize("how", ["raise", "exit", "die"])
def test_job_that_fails_once_has_its_result(pool: poolmgr.Pool, tmp_path: Path, how: str) -> None:
    """An error, a sys.exit, or the death of its worker costs an attempt, and the next one counts."""
    path = tmp_path / "ran"
    job = pool.apply_async(jobs.fail_until, (str(path), 2, how), retries=3)
    assert job.get(LONG) == 2
    assert len(lines(path)) == 2
    assert job.attempt == 2
    # A result is there a moment before its worker counts as free.
    shown = wait_until(lambda: [each for each in pool.snapshot().jobs if each.id == job.id and each.state.ended])
    assert [(each.state, each.attempt) for each in shown] == [(JobState.DONE, 2)]
    assert any("attempt 1 of 4 failed" in line.text for line in pool.snapshot().log)
    assert pool.snapshot().counts.failed == pool.snapshot().counts.lost == 0


def test_job_that_keeps_failing_has_its_last_error_with_the_others(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """After the last attempt the job fails with what that raised; notes tell of the attempts before."""
    path = tmp_path / "ran"
    job = pool.apply_async(jobs.fail_until, (str(path), 99), retries=2)
    with pytest.raises(ValueError, match="attempt 3") as caught:
        job.get(LONG)
    assert caught.value.__notes__ == ["attempt 1: ValueError: attempt 1", "attempt 2: ValueError: attempt 2"]
    assert len(lines(path)) == 3
    assert pool.snapshot().counts.failed == 1


def test_job_that_times_out_is_tried_again(make_pool: MakePool, tmp_path: Path) -> None:
    """A time limit costs an attempt, and is new for the next one."""
    # The initializer has each worker import the jobs before it is ready: else a limit counts that too.
    pool = make_pool(initializer=jobs.pid)
    path = tmp_path / "ran"
    assert pool.apply(jobs.fail_until, (str(path), 2, "hang"), timeout=0.5, retries=1) == 2
    with pytest.raises(JobTimedOut) as caught:
        pool.apply(jobs.sleep_long, timeout=0.3, retries=1)
    assert len(caught.value.__notes__) == 1


def test_job_that_kills_two_workers_is_set_aside(make_pool: MakePool, tmp_path: Path) -> None:
    """However many retries it has, a job under which two workers died is not run again; no neighbour is blamed."""
    pool = make_pool(2)
    path = tmp_path / "ran"
    before = [pool.apply_async(jobs.double, (i,)) for i in range(50)]
    victim = pool.apply_async(jobs.append_then_die, (str(path), "x"), retries=50)
    after = [pool.apply_async(jobs.double, (i,), retries=1) for i in range(50)]
    with pytest.raises(WorkerDied, match="2 workers have died of it, so it was set aside") as caught:
        victim.get(LONG)
    assert caught.value.deaths == 2
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert victim.state is JobState.LOST
    assert [job.get(LONG) for job in before + after] == [2 * i for i in range(50)] * 2
    assert lines(path) == ["x", "x"]
    assert pool.snapshot().counts.lost == 1
    assert works(pool)


def test_items_are_tried_again_one_by_one(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """Of a stream and of a map only the items that fail run again, and all results are in their places."""
    flaky = [f"{tmp_path}/{i}:{2 if i % 3 == 0 else 1}" for i in range(20)]
    assert list(pool.imap(jobs.fail_item_until, flaky, retries=1)) == [2 if i % 3 == 0 else 1 for i in range(20)]
    flaky = [f"{tmp_path}/map{i}:{2 if i % 3 == 0 else 1}" for i in range(20)]
    assert pool.map(jobs.fail_item_until, flaky, 1, retries=1) == [2 if i % 3 == 0 else 1 for i in range(20)]
    counts = Counter(len(lines(path)) for path in tmp_path.iterdir())
    assert counts == {2: 14, 1: 26}


@pytest.mark.parametrize("chunksize", [5, 100])
def test_items_of_a_chunk_are_tried_again_one_by_one(pool: poolmgr.Pool, tmp_path: Path, chunksize: int) -> None:
    """Items in chunks that kill their worker or raise run again by themselves; the others run once."""
    flaky = [f"{tmp_path}/{i}:{2 if i % 7 == 0 else 1}" for i in range(20)]
    assert pool.map(jobs.die_item_until, flaky, chunksize, retries=1) == [2 if i % 7 == 0 else 1 for i in range(20)]
    again = [f"{tmp_path}/again{i}:{2 if i % 7 == 0 else 1}" for i in range(20)]
    assert sum(pool.imap_unordered(jobs.fail_item_until, again, chunksize, retries=1)) == 23
    counts = Counter(len(lines(path)) for path in tmp_path.iterdir())
    assert counts == {2: 6, 1: 34}


def test_what_cannot_be_pickled_is_not_tried_again(pool: poolmgr.Pool) -> None:
    """A call or a result that cannot travel fails at once: it would not go better."""
    for func, args in ((jobs.unpicklable_result, ()), (jobs.echo, (jobs.ExplodesWhenUnpickled(),))):
        job = pool.apply_async(func, args, retries=5)
        job.wait(LONG)
        assert job.attempt == 1
        assert not job.successful()
    job = pool.apply_async(jobs.echo, (jobs.UnpicklableResult(),), retries=5)
    with pytest.raises(TypeError, match="cannot be pickled"):
        job.get(LONG)
    assert not any("attempt" in line.text for line in pool.snapshot().log)


@pytest.mark.parametrize("kill", [False, True])
def test_job_that_is_stopped_by_somebody_is_not_tried_again(pool: poolmgr.Pool, tmp_path: Path, kill: bool) -> None:
    """A cancel and a kill are final, whatever retries there are."""
    job = pool.apply_async(jobs.mark_and_wait, (str(tmp_path),), retries=5)
    started(tmp_path)
    assert pool.kill(job.id) if kill else job.cancel()
    with pytest.raises(JobKilled if kill else JobStopped):
        job.get(LONG)
    assert job.attempt == 1
    assert works(pool)


def check_stops_where_exceptions_are_dropped(pool: poolmgr.Pool, folder: Path) -> None:
    """A job that is asked to stop inside a ``__del__`` stops behind it."""
    job = pool.apply_async(jobs.wait_where_exceptions_are_dropped, (str(folder),))
    started(folder)
    assert job.cancel()
    with pytest.raises(JobStopped):
        job.get(LONG)
    assert works(pool)


def test_request_to_stop_that_python_drops_is_made_again(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """Raised inside a __del__, where exceptions are only printed, it is raised again behind it."""
    check_stops_where_exceptions_are_dropped(pool, tmp_path)


def test_request_to_stop_that_comes_while_one_is_dropped_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python hands to nobody what is raised while it tells that it has dropped something: there it is put off."""
    later, early = unheard.again, iter([signal.SIGINT])

    def again() -> None:
        for number in early:
            os.kill(os.getpid(), number)
            return
        later()

    monkeypatch.setattr(unheard, "again", again)
    with poolmgr.Pool(1, context=multiprocessing.get_context("fork")) as pool:
        check_stops_where_exceptions_are_dropped(pool, tmp_path)


@pytest.mark.usefixtures("long_delays")
def test_job_that_waits_for_its_next_attempt_can_be_cancelled(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """It counts as queued, is shown, and ends at once; it has run, so it is told as stopped."""
    path = tmp_path / "ran"
    job = pool.apply_async(jobs.fail_until, (str(path), 2), retries=1)
    stream = pool.imap(jobs.fail_item_until, [f"{path}2:2"], retries=1)
    # It waits there a moment before its worker is rid of it.
    wait_until(lambda: len(pool._dispatcher.retries.waiting) == 2 and job.state is JobState.QUEUED)
    shown = pool.snapshot().job(job.id)
    assert shown is not None
    assert (shown.state, shown.attempt) == (JobState.QUEUED, 2)
    assert pool.withdraw([job.id]) == []
    assert job.cancel()
    assert isinstance(stream, StreamJob)
    assert pool.cancel(stream.id)
    with pytest.raises(JobStopped):
        job.get(LONG)
    with pytest.raises(JobStopped):
        next(stream)
    assert not job.cancel()
    assert not pool._dispatcher.retries.waiting
    pool.close()
    assert pool.join(LONG)


@pytest.mark.usefixtures("long_delays")
def test_terminate_fails_what_waits_for_its_next_attempt(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """A pool that is terminated does not wait for delays; the job has run, and the error says so."""
    job = pool.apply_async(jobs.fail_until, (str(tmp_path / "ran"), 2), retries=1)
    wait_until(lambda: pool._dispatcher.retries.waiting)
    pool.terminate()
    assert pool.join(LONG)
    with pytest.raises(PoolTerminated, match="while it ran"):
        job.get(LONG)
    assert job.state is JobState.KILLED


def test_close_waits_for_the_last_attempt(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """A closed pool ends when all attempts are over, and not before."""
    job = pool.apply_async(jobs.fail_until, (str(tmp_path / "ran"), 3), retries=5)
    pool.close()
    assert pool.join(LONG)
    assert job.get(0) == 3


def test_held_pool_starts_no_further_attempt(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """While the pool is held, a task whose delay is over waits with the others."""
    folder = tmp_path / "folder"
    folder.mkdir()
    path = tmp_path / "ran"
    job = pool.apply_async(jobs.mark_wait_and_fail_once, (str(folder), str(path)), retries=1)
    started(folder)
    pool.pause()
    go(folder)
    wait_until(lambda: pool._dispatcher.feeding.backlog)
    assert job.state is JobState.QUEUED
    assert len(lines(path)) == 1
    pool.resume()
    assert job.get(LONG) == 2


def test_kills_at_random_moments_with_retries_end_every_job_once(make_pool: MakePool, tmp_path: Path) -> None:
    """Workers killed again and again: each job has its result, or two workers died under it, and none ends twice."""
    pool = make_pool(3)
    ended: Counter[int] = Counter()

    def end(i: int, _: object) -> None:
        ended[i] += 1

    waiting = []
    for i in range(300):
        call = (str(tmp_path / "ran"), str(i))
        back = partial(end, i)
        waiting.append(pool.apply_async(jobs.append, call, None, back, back, retries=9, timeout=60))
        busy = [worker for worker in pool.snapshot().workers if worker.state == "running"] if i % 25 == 0 else []
        with contextlib.suppress(ProcessLookupError):
            for worker in busy[:1]:
                os.kill(worker.pid, signal.SIGKILL)
    for job in waiting:
        job.wait(LONG)
    errors = [job._value for job in waiting if not job.successful()]
    assert all(isinstance(error, WorkerDied) and error.deaths == 2 for error in errors)
    well = [(i, job) for i, job in enumerate(waiting) if job.successful()]
    assert [job.get(0) for _, job in well] == [str(i) for i, _ in well]
    wait_until(lambda: len(ended) == 300)
    assert set(ended.values()) == {1}
    assert works(pool)


def test_cancelled_before_its_first_attempt_is_cancelled(pool: poolmgr.Pool) -> None:
    """Retries change nothing for a job that has not run."""
    pool.pause()
    job = pool.apply_async(jobs.double, (1,), retries=3)
    assert job.cancel()
    with pytest.raises(JobCancelled):
        job.get(LONG)
