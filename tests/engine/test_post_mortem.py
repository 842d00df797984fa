"""What is known of a lost job after its worker's death, on real workers."""

from __future__ import annotations

import os
import pickle
import signal
from pathlib import Path

import pytest

import poolmgr
from poolmgr.errors import WorkerDied
from poolmgr.model.snapshot import Death, JobSnapshot, Progress
from poolmgr.runtime.oom import OomWatch
from tests.engine.conftest import MakePool
from tests.engine.test_faults import LONG, works
from tests.helpers import jobs, telling
from tests.helpers.wait import wait_until


def killed(pool: poolmgr.Pool, folder: Path) -> tuple[JobSnapshot, Death, WorkerDied]:
    """A job that has printed, has said how far it is, and was looked at, is killed with its worker."""
    job = pool.apply_async(telling.say_and_die, (str(folder),))
    wait_until(lambda: any(worker.progress for worker in pool.snapshot().workers))
    # It says how far it is before it prints.
    wait_until(lambda: any(line.text == "last words" for line in pool.snapshot().log))
    pool.stack(0)
    os.kill(pool.snapshot().workers[0].pid, signal.SIGKILL)
    with pytest.raises(WorkerDied) as caught:
        job.get(LONG)
    record = pool.snapshot().job(job.id)
    assert record is not None
    assert record.death is not None
    return record, record.death, caught.value


def test_lost_job_keeps_what_was_known_of_it(make_pool: MakePool, tmp_path: Path) -> None:
    """The signal, the last stack, the last words and how far it was are there, and no lack of memory is made up."""
    pool = make_pool(1, capture_output=True)
    record, death, error = killed(pool, tmp_path)
    assert (death.how, death.for_memory) == ("SIGKILL", False)
    assert death.oom_before == death.oom_after
    assert "say_and_die" in "".join(death.stack)
    assert death.stack_age is not None
    assert death.output == ("last words",)
    assert record.progress == Progress(3.0, 4.0, "nearly")
    assert "memory" not in str(error)
    assert works(pool)


def test_kernel_that_kills_for_lack_of_memory_is_named(make_pool: MakePool, tmp_path: Path) -> None:
    """Where its count has risen, the error, the log and the record say so, and the advice is another one."""
    pool = make_pool(1)
    counts = iter((7, 8, 8, 8))
    pool._dispatcher.undertaker.oom = OomWatch(lambda: next(counts))
    job = pool.apply_async(jobs.kill_self, (signal.SIGKILL,))
    with pytest.raises(
        WorkerDied, match="was killed by SIGKILL by the kernel for lack of memory while it ran"
    ) as caught:
        job.get(LONG)
    assert caught.value.for_memory
    assert "fewer workers" in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    record = pool.snapshot().job(job.id)
    assert record is not None
    assert record.death == Death("SIGKILL", 7, 8)
    # The worker's line comes after its job's end.
    said = "by the kernel for lack of memory while it ran job"
    wait_until(lambda: any(said in line.text for line in pool.snapshot().log))


def test_other_deaths_are_not_the_kernels(make_pool: MakePool) -> None:
    """A job that exits or crashes by itself has nothing to do with the count."""
    pool = make_pool(1)
    pool._dispatcher.undertaker.oom = OomWatch(iter(range(100)).__next__)
    for call, how in (((jobs.leave, (3,)), "exit code 3"), ((jobs.kill_self, (signal.SIGSEGV,)), "SIGSEGV")):
        job = pool.apply_async(*call)
        with pytest.raises(WorkerDied):
            job.get(LONG)
        record = pool.snapshot().job(job.id)
        assert record is not None
        assert record.death == Death(how)


def test_wanted_death_has_no_card(make_pool: MakePool, tmp_path: Path) -> None:
    """A job that an operator has killed is no riddle; one that is tried again has none until it is lost for good."""
    pool = make_pool(1)
    job = pool.apply_async(jobs.mark_and_wait, (str(tmp_path),))
    wait_until(lambda: list(tmp_path.iterdir()))
    assert pool.kill(job.id)
    with pytest.raises(poolmgr.JobKilled):
        job.get(LONG)
    record = pool.snapshot().job(job.id)
    assert record is not None
    assert record.death is None
    again = pool.apply_async(jobs.leave, (3,), retries=1)
    with pytest.raises(WorkerDied):
        again.get(LONG)
    record = pool.snapshot().job(again.id)
    assert record is not None
    assert record.death == Death("exit code 3")
