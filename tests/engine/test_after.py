"""Jobs that wait for others: when they start, what becomes of them if those end badly, and that nothing hangs."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, cast

import pytest

import poolmgr
from poolmgr.errors import JobCancelled, PoolTerminated, PredecessorFailed, UnknownJob
from poolmgr.model.states import JobState
from tests.engine.conftest import MakePool
from tests.engine.test_faults import LONG, started, works
from tests.engine.test_pool import go
from tests.helpers import jobs
from tests.helpers.wait import wait_until


def shown(pool: poolmgr.Pool, job_id: int) -> str:
    """What the pool's picture says of a job."""
    job = pool.snapshot().job(job_id)
    return "" if job is None else f"{job.state}: {job.message}"


def test_a_job_starts_once_those_before_it_are_done(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """Jobs, maps and streams are waited for, by themselves or by their ids; idle workers do not start it earlier."""
    single = pool.apply_async(jobs.mark_and_wait, (str(tmp_path), "first"))
    mapped = pool.map_async(jobs.double, range(50))
    stream: Any = pool.imap(jobs.double, range(3))
    last = pool.apply_async(jobs.append, (str(tmp_path / "ran"), "last"), after=[single.id, mapped, stream])
    after_last = pool.apply_async(jobs.append, (str(tmp_path / "ran"), "after it"), after=last)
    started(tmp_path)
    assert mapped.get(LONG)[1] == 2
    assert pool.apply(jobs.double, (2,)) == 4
    assert (last.state, after_last.state) == (JobState.QUEUED, JobState.QUEUED)
    assert shown(pool, last.id) == f"queued: waits for jobs {single.id}, {mapped.id}, {stream.id}"
    assert not (tmp_path / "ran").exists()
    go(tmp_path)
    after_last.get(LONG)
    assert (tmp_path / "ran").read_text().splitlines() == ["last", "after it"]
    assert pool.apply_async(jobs.double, (3,), after=(single, last)).get(LONG) == 6


@pytest.mark.parametrize("how", ["failed", "killed", "cancelled", "lost"])
def test_a_job_is_cancelled_if_one_before_it_ends_badly(pool: poolmgr.Pool, tmp_path: Path, how: str) -> None:
    """It never runs, says after whom it was to run and how that has ended, and takes those behind it along."""
    if how == "cancelled":
        pool.pause()
    first = pool.apply_async(jobs.mark_and_wait, (str(tmp_path),))
    second = pool.apply_async(jobs.append, (str(tmp_path / "ran"), "second"), after=first)
    third = pool.apply_async(jobs.append, (str(tmp_path / "ran"), "third"), after=second)
    if how == "cancelled":
        assert first.cancel()
    else:
        started(tmp_path)
    if how == "killed":
        pool.kill(first.id)
    elif how == "lost":
        worker = next(worker for worker in pool.snapshot().workers if worker.job_id == first.id)
        pool.send_signal(worker.slot, 9)
    elif how == "failed":
        go(tmp_path)
        first.get(LONG)
        first = pool.apply_async(jobs.fail)
        second = pool.apply_async(jobs.append, (str(tmp_path / "never"), "second"), after=first)
        third = pool.apply_async(jobs.append, (str(tmp_path / "never"), "third"), after=second)
    with pytest.raises(PredecessorFailed) as raised:
        second.get(LONG)
    assert (raised.value.job_id, raised.value.predecessor, raised.value.how) == (second.id, first.id, how)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
    with pytest.raises(PredecessorFailed, match=f"after job {second.id}, which was cancelled"):
        third.get(LONG)
    assert (second.state, third.state) == (JobState.CANCELLED, JobState.CANCELLED)
    assert f"after job {first.id}, which" in shown(pool, second.id)
    pool.resume()
    assert works(pool)
    assert not (tmp_path / "never").exists()


def test_after_one_that_has_failed_already(pool: poolmgr.Pool) -> None:
    """It is as if that had failed later: nobody has to know which was first."""
    first = pool.apply_async(jobs.fail)
    first.wait(LONG)
    with pytest.raises(PredecessorFailed):
        pool.apply_async(jobs.double, (1,), after=first).get(LONG)
    assert works(pool)


def test_tries_of_the_other_job_are_no_end(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """A job that fails, is tried again and succeeds lets go what waits for it."""
    first = pool.apply_async(jobs.fail_until, (str(tmp_path / "tries"), 3), retries=5)
    assert pool.apply_async(jobs.double, (4,), after=first).get(LONG) == 8
    assert first.ready()


def test_a_retry_waits_for_the_newest_retry(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """With the other job retried, a retry of the one that was cancelled waits for that, and then runs."""
    first = pool.apply_async(jobs.fail_until, (str(tmp_path / "tries"), 2))
    second = pool.apply_async(jobs.double, (5,), after=first)
    with pytest.raises(PredecessorFailed):
        second.get(LONG)
    with pytest.raises(PredecessorFailed):
        cast("Any", pool.retry(second.id)).get(LONG)
    again: Any = pool.retry(first.id)
    last: Any = pool.retry(second.id)
    assert last.get(LONG) == 10
    assert again.ready()


def test_a_held_job_can_be_cancelled(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """One that waits for another is cancelled as any that waits, and the pool forgets it."""
    first = pool.apply_async(jobs.mark_and_wait, (str(tmp_path),))
    held = [pool.apply_async(jobs.double, (1,), after=first) for _ in range(3)]
    started(tmp_path)
    assert held[0].cancel()
    assert pool.cancel(held[1].id)
    assert pool.withdraw([held[2].id]) == [held[2].id]
    assert [job.state for job in held] == [JobState.CANCELLED] * 3
    go(tmp_path)
    first.get(LONG)
    assert pool.snapshot().counts.cancelled == 3


@pytest.mark.parametrize("over", [False, True])
def test_a_held_job_that_is_cancelled_can_be_taken_back(pool: poolmgr.Pool, tmp_path: Path, over: bool) -> None:
    """It waits on, or runs if what it waited for is done by then; meanwhile it does neither, whatever comes."""
    first = pool.apply_async(jobs.mark_and_wait, (str(tmp_path),))
    back, stays, short = (pool.apply_async(jobs.double, (number,), after=first) for number in range(3))
    started(tmp_path)
    assert all(pool.cancel(job.id, undo=600) for job in (back, stays))
    assert pool.cancel(short.id, undo=0.05)
    with pytest.raises(JobCancelled):
        short.get(LONG)
    record = pool.snapshot().job(back.id)
    assert record is not None
    assert "taken back" in record.message
    if over:
        go(tmp_path)
        first.get(LONG)
        assert pool.apply_async(jobs.double, (9,), after=first).get(LONG) == 18
        assert back.state is JobState.QUEUED
    assert pool.uncancel(back.id)
    assert not pool.uncancel(back.id)
    go(tmp_path)
    assert back.get(LONG) == 0
    assert pool.cancel(stays.id)
    assert stays.state is JobState.CANCELLED


def test_a_closed_pool_runs_what_is_held(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """close() and join() wait for it, however long the chain is."""
    first = pool.apply_async(jobs.mark_and_wait, (str(tmp_path),))
    chain = [first]
    for number in range(9):
        chain.append(pool.apply_async(jobs.append, (str(tmp_path / "ran"), str(number)), after=chain[-1]))
    pool.close()
    assert not pool.join(0)
    started(tmp_path)
    go(tmp_path)
    assert pool.join(LONG)
    assert all(each.successful() for each in chain)
    assert (tmp_path / "ran").read_text().split() == [str(number) for number in range(9)]


def test_a_closed_pool_ends_when_what_is_held_is_cancelled(make_pool: MakePool, tmp_path: Path) -> None:
    """A drain does not wait for ever for what will never run."""
    pool = make_pool(1)
    first = pool.apply_async(jobs.mark_and_wait, (str(tmp_path),))
    last = pool.apply_async(jobs.double, (1,), after=pool.apply_async(jobs.double, (1,), after=first))
    pool.close()
    started(tmp_path)
    pool.kill(first.id)
    assert pool.join(LONG)
    assert last.state is JobState.CANCELLED


def test_terminate_fails_what_is_held(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """Nobody waits for ever for a job that was held when the pool was terminated."""
    first = pool.apply_async(jobs.mark_and_wait, (str(tmp_path),))
    held = pool.apply_async(jobs.double, (1,), after=first)
    pool.terminate()
    with pytest.raises((PoolTerminated, PredecessorFailed)):
        held.get(LONG)


def test_workers_that_cannot_start_hold_nobody(make_pool: MakePool, tmp_path: Path) -> None:
    """Where a job fails because no worker starts, what waits for it is cancelled."""
    pool = make_pool(1, initializer=jobs.failing_initializer, initargs=(str(tmp_path / "tries"),))
    held = pool.apply_async(jobs.double, (1,), after=pool.apply_async(jobs.double, (1,)))
    with pytest.raises(PredecessorFailed):
        held.get(LONG)


def test_a_caller_that_leads_does_not_keep_the_end_to_itself(pool: poolmgr.Pool) -> None:
    """Whoever takes the result of the other job out, the one that waits for it starts."""
    assert works(pool)
    for number in range(50):
        first = pool.apply_async(jobs.double, (number,))
        second = pool.apply_async(jobs.double, (number,), after=first)
        assert first.get(LONG) == second.get(LONG) == 2 * number


def test_what_cannot_be_meant_is_refused(pool: poolmgr.Pool) -> None:
    """A job that there is not, and a map that is to wait: nothing is submitted."""
    for wrong in (0, -3, 99):
        with pytest.raises(UnknownJob):
            pool.apply_async(jobs.double, (1,), after=wrong)
    wrong_type: Any = {"after": "1"}
    with pytest.raises(TypeError, match="after must be an int"):
        pool.apply_async(jobs.double, (1,), **wrong_type)
    with pytest.raises(TypeError, match="'after'"):
        pool.map(jobs.double, [1], **wrong_type)
    assert pool.snapshot().counts.submitted == 0
    pool.close()
    wait_until(lambda: pool.join(0.1))
