"""Acts on one worker and on the order of jobs, as an operator asks for them: each has one sentence for an answer."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from poolmgr.control.worker_acts import shorten
from poolmgr.model.requests import (
    Cancel,
    Continue,
    Move,
    Recycle,
    Renice,
    RetryAllFailed,
    SendSignal,
    SetAffinity,
    Suspend,
    Uncancel,
)
from poolmgr.model.states import JobState, WorkerState
from tests.helpers.wait import wait_until
from tests.monitor.test_local import Bench, refuse


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A pool of one worker under control."""
    bench = Bench(str(tmp_path / "flag"))
    yield bench
    bench.close()


def worker_state(bench: Bench) -> WorkerState:
    """What the one worker does."""
    return bench.control.snapshot().workers[0].state


def test_suspend_and_continue(bench: Bench) -> None:
    """The worker is shown as frozen until it is continued."""
    bench.busy_job()
    pid = bench.control.snapshot().workers[0].pid
    assert (
        bench.control.send(Suspend(0, 1)).text == f"w1 (pid {pid}) is suspended: it stands still until it is continued"
    )
    wait_until(lambda: worker_state(bench) is WorkerState.FROZEN)
    assert bench.control.send(Continue(0, 1)).text == f"w1 (pid {pid}) goes on"
    wait_until(lambda: worker_state(bench) is WorkerState.RUNNING)


def test_recycle(bench: Bench) -> None:
    """Another process takes the place of the worker."""
    bench.control.submit_call(abs, (-1,)).get()
    pid = bench.control.snapshot().workers[0].pid
    assert "leaves after its job" in bench.control.send(Recycle(0)).text
    wait_until(lambda: [worker.pid for worker in bench.control.snapshot().workers] not in ([], [pid]))


def test_nice_and_cpus(bench: Bench) -> None:
    """What the system refuses is said, and what makes no sense."""
    cpu = min(os.sched_getaffinity(0))
    assert bench.control.send(Renice(0, 19)).text.endswith("have nice 19 now")
    assert not bench.control.send(Renice(0, 20)).ok
    assert bench.control.send(SetAffinity(0, (cpu,))).text.endswith(f"run on CPUs {cpu} now")
    assert "cannot be bound to CPUs 1000" in bench.control.send(SetAffinity(0, (1000,))).text
    assert "such as 0-3,6" in bench.control.send(SetAffinity(0, ())).text


def test_cpus_are_told_in_short() -> None:
    """Neighbours are told as a range."""
    assert shorten((6, 0, 1, 2, 3, 3)) == "0-3,6"


def test_signals(bench: Bench) -> None:
    """The reply says what the worker makes of it."""
    bench.control.submit_call(abs, (-1,)).get()
    assert bench.control.send(SendSignal(0, signal.SIGURG)).text.endswith("got SIGURG, which it ignores")
    assert "there is no signal 999" in bench.control.send(SendSignal(0, 999)).text
    assert bench.control.send(SendSignal(0, signal.SIGTERM)).text.endswith("got SIGTERM, which ends it")


def test_worker_that_is_not_there(bench: Bench) -> None:
    """Neither a slot without a worker nor one with another worker is an error of ours."""
    assert bench.control.send(Suspend(4)).text == "there is no worker w5"
    assert "nothing was done to the one in its place" in bench.control.send(Continue(0, 7)).text


def test_order_of_the_queue(bench: Bench) -> None:
    """A job is told where it stands now, or why it was not moved."""
    running = bench.busy_job()
    first, second = (bench.control.submit_call(abs, (-1,)) for _ in range(2))
    assert bench.control.send(Move(second.id, "up")).text == f"job {second.id} comes before job {first.id} now"
    assert bench.control.send(Move(second.id, "down")).text == f"job {second.id} comes after job {first.id} now"
    assert "is the last of its priority already" in bench.control.send(Move(second.id, "down")).text
    assert "is the first of its priority already" in bench.control.send(Move(first.id, "top")).text
    assert "does not wait in the queue" in bench.control.send(Move(running, "up")).text


def test_undo_of_a_cancel(bench: Bench) -> None:
    """A job that was taken out is put back, once."""
    bench.busy_job()
    job = bench.control.submit_call(abs, (-1,))
    assert "can be put back for 600 s" in bench.control.send(Cancel(job.id, 600.0)).text
    assert not job.ready()
    assert bench.control.send(Uncancel(job.id)).ok
    assert "cannot be put back" in bench.control.send(Uncancel(job.id)).text
    bench.let_go()
    assert job.get() == 1


def test_all_that_failed_are_retried_once(bench: Bench) -> None:
    """Those that failed and were not retried; asked again, only the new ones that failed."""
    assert not bench.control.send(RetryAllFailed()).ok
    failed = [bench.control.submit_call(refuse, (number,)) for number in range(3)]
    wait_until(lambda: all(bench.state(job.id) is JobState.FAILED for job in failed))
    assert bench.control.send(RetryAllFailed()).text == "3 jobs are submitted again"
    wait_until(lambda: bench.control.snapshot().counts.failed == 6)
    assert bench.control.send(RetryAllFailed()).text == "3 jobs are submitted again"
