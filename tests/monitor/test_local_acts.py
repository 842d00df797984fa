"""Acts on one worker and on the order of jobs, as an operator asks for them: each has one sentence for an answer."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from poolmgr.model.requests import (
    Cancel,
    Continue,
    Inspect,
    Move,
    Profile,
    Recycle,
    Renice,
    RetryAllFailed,
    SendSignal,
    SetAffinity,
    Stack,
    Suspend,
    Uncancel,
)
from poolmgr.model.states import JobState, WorkerState
from tests.helpers.wait import wait_until
from tests.monitor.test_local import Bench, refuse, wait_for


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A pool of one worker under control."""
    bench = Bench(str(tmp_path / "flag"))
    yield bench
    bench.close()


def worker_state(bench: Bench) -> WorkerState:
    """What the one worker does."""
    return bench.control.snapshot().workers[0].state


def loop_in_job(bench: Bench) -> None:
    """Have a job that runs, and wait until its worker is in its loop: it is said to run from when it was sent."""
    bench.busy_job()
    wait_until(lambda: any("while not os.path.exists(flag)" in line for line in bench.control.send(Stack(0)).lines))


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


def test_stack_has_source_lines(bench: Bench) -> None:
    """The innermost line of the job that runs is told with its source."""
    loop_in_job(bench)
    reply = bench.control.send(Stack(0, 1))
    assert (reply.ok, reply.text) == (True, "the stack of w1")
    assert any("wait_for" in line and "while not os.path.exists(flag)" in line for line in reply.lines)


def test_profile_finds_the_line_that_runs(bench: Bench) -> None:
    """The job's loop is on the stack of each look."""
    loop_in_job(bench)
    reply = bench.control.send(Profile(0, 0.3))
    assert reply.lines[0] == "6 looks"
    assert any(line.strip().startswith("100%") and "wait_for" in line for line in reply.lines)
    assert not bench.control.send(Profile(0, 60.0)).ok


def test_stack_of_a_worker_that_stands_still(bench: Bench) -> None:
    """Why there is none is said in one sentence."""
    bench.busy_job()
    bench.control.send(Suspend(0))
    wait_until(lambda: worker_state(bench) is WorkerState.FROZEN)
    assert bench.control.send(Stack(0)).text.startswith("w1 has no stack to tell: it stands still")


def test_process_is_looked_at(bench: Bench) -> None:
    """Nice value, CPUs, threads, descriptors, memory and children are told."""
    job = bench.control.submit_call(start_child, (bench.flag,))
    # It is a child before it is another program, and has no child at all before the job begins.
    wait_until(lambda: any("sleep" in line for line in bench.control.send(Inspect(0)).lines))
    first, second, child = bench.control.send(Inspect(0)).lines
    assert first.startswith("nice ")
    assert f"parent {os.getpid()}" in first
    assert second.startswith("RSS ")
    assert "sleep" in child
    bench.let_go()
    job.get()
    assert "there is no worker w3" in bench.control.send(Inspect(2)).text


def start_child(flag: str) -> None:
    """Have a child process until the file of this name is there."""
    child = subprocess.Popen(["sleep", "600"])
    wait_for(flag)
    child.kill()
    child.wait()
