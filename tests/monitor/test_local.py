"""The local control: each request against a real pool, and one clear sentence for each answer."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import poolmgr
from poolmgr.control.described import load_target
from poolmgr.control.local import LocalControl
from poolmgr.errors import PoolClosed, UsageError
from poolmgr.model.control import PoolControl
from poolmgr.model.requests import (
    Cancel,
    CheckCall,
    Complete,
    Drain,
    Kill,
    Pause,
    Resize,
    Resume,
    Retry,
    Submit,
    Terminate,
)
from poolmgr.model.snapshot import JobSnapshot
from poolmgr.model.states import JobState, PoolState
from poolmgr.monitor.collector import Collector
from tests.helpers import jobs
from tests.helpers.stop_points import Stop, install, put_tokens, stopped_pids
from tests.helpers.wait import wait_until


def begun(flag: str) -> Path:
    """The file that tells that the job has begun which waits for ``flag``."""
    return Path(f"{flag}.begun")


def wait_for(flag: str) -> str:
    """Tell that it has begun, and run until the file of this name is there."""
    begun(flag).touch()
    while not os.path.exists(flag):
        pass
    return flag


def refuse(number: int) -> None:
    """Raise."""
    raise ValueError(f"not {number}")


class Bench:
    """A pool of one, its control, and a job that runs until it is let go."""

    def __init__(self, flag: str, **options: Any) -> None:
        self.flag = flag
        self.pool = poolmgr.Pool(1, name="bench", **options)
        self._collector = Collector(self.pool, interval=0.1)
        self.control = LocalControl(self.pool, self._collector)
        self._collector.start()

    def close(self) -> None:
        """End all; the pool is let go, since it keeps its processes' descriptors for as long as it is there."""
        self.pool.terminate()
        self.pool.join()
        self.control.close()
        self._collector.stop()
        del self.pool, self.control, self._collector

    def state(self, job_id: int) -> JobState | None:
        """The state of a job in the newest picture."""
        job = self.control.snapshot().job(job_id)
        return None if job is None else job.state

    def busy_job(self) -> int:
        """Submit a job that runs until let_go(), and wait until it has begun.

        It is said to run from when it was sent to a worker. One that is not begun is run again if that dies, and is
        cancelled where one that runs is killed.
        """
        job = self.control.submit_call(wait_for, (self.flag,))
        wait_until(lambda: begun(self.flag).exists() and self.state(job.id) is JobState.RUNNING)
        return job.id

    def let_go(self) -> None:
        """Let the busy job end."""
        Path(self.flag).touch()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A pool of one worker under control."""
    bench = Bench(str(tmp_path / "flag"))
    yield bench
    bench.close()


def test_is_a_pool_control(bench: Bench) -> None:
    """It has what screens ask for."""
    control: PoolControl = bench.control
    assert control.snapshot().name == "bench"


def test_submit_runs_a_named_function(bench: Bench) -> None:
    """A function named as module:function runs once, and its result is shown."""
    reply = bench.control.send(Submit("math:factorial", (5,)))
    assert (reply.ok, reply.text) == (True, f"job {reply.job_id} submitted: math:factorial")
    assert reply.job_id is not None
    wait_until(lambda: bench.state(reply.job_id or 0) is JobState.DONE)
    job = bench.control.snapshot().job(reply.job_id)
    assert isinstance(job, JobSnapshot)
    assert job.message == "120"


def test_submit_takes_keywords(bench: Bench) -> None:
    """Keyword arguments reach the function."""
    reply = bench.control.send(Submit("builtins:int", ("ff",), {"base": 16}))
    wait_until(lambda: bench.state(reply.job_id or 0) is JobState.DONE)
    assert "base=16" in (bench.control.snapshot().job(reply.job_id or 0) or JobSnapshot(0, JobState.DONE, "")).args


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("factorial", "write module:function"),
        ("math:", "write module:function"),
        (":factorial", "write module:function"),
        ("math:fac torial", "write module:function"),
        ("no_such_module:f", "'no_such_module' cannot be imported: ModuleNotFoundError"),
        ("math:nothing", "'math' has no function 'nothing'"),
        ("math:pi", "'math:pi' is a float, which cannot be called"),
    ],
)
def test_bad_target_is_one_sentence(bench: Bench, target: str, words: str) -> None:
    """What cannot be imported or called is said in the reply, and nothing is submitted."""
    reply = bench.control.send(Submit(target))
    assert not reply.ok
    assert words in reply.text
    assert "\n" not in reply.text
    assert bench.pool.snapshot().counts.submitted == 0


def test_module_that_exits_does_not_end_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that calls sys.exit() when it is imported is refused like one that raises."""
    (tmp_path / "exits_at_once.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="SystemExit"):
        load_target("exits_at_once:f")


def test_expected_jobs_grow_with_what_the_operator_adds(bench: Bench) -> None:
    """Where somebody said how many jobs come, a submission and a retry each make it one more."""
    bench.control.expect(1)
    job = bench.control.submit_call(refuse, (1,))
    wait_until(lambda: bench.state(job.id) is JobState.FAILED)
    assert bench.control.send(Submit("math:factorial", (5,))).ok
    assert bench.control.send(Retry(job.id)).ok
    # It is expected once it is submitted, and may have ended by then.
    wait_until(lambda: (seen := bench.control.snapshot()).counts.ended == 3 and seen.expected == 3)


def test_resize_says_what_becomes_of_the_workers(bench: Bench) -> None:
    """Growing, shrinking and staying are told apart; a size below 1 is refused."""
    assert bench.control.send(Resize(3)).text == "from 1 to 3 workers"
    wait_until(lambda: len(bench.control.snapshot().workers) == 3)
    assert bench.control.send(Resize(3)).text == "3 workers"
    assert "leave after their jobs" in bench.control.send(Resize(1)).text
    wait_until(lambda: len(bench.control.snapshot().workers) == 1)
    reply = bench.control.send(Resize(0))
    assert not reply.ok
    assert "at least 1" in reply.text


def test_pause_and_resume(bench: Bench) -> None:
    """A held pool starts nothing until it is resumed."""
    assert bench.control.send(Pause()).ok
    wait_until(lambda: bench.control.snapshot().state is PoolState.HELD)
    job = bench.control.submit_call(abs, (-1,))
    assert bench.control.send(Resume()).ok
    assert job.get() == 1


def test_cancel_of_a_queued_job(bench: Bench) -> None:
    """A job that waits is taken out, and the reply says that it had not started."""
    bench.busy_job()
    job = bench.control.submit_call(abs, (-1,))
    reply = bench.control.send(Cancel(job.id))
    assert (reply.ok, reply.text) == (True, f"job {job.id} is cancelled before it started")
    wait_until(lambda: bench.state(job.id) is JobState.CANCELLED)
    again = bench.control.send(Cancel(job.id))
    assert (again.ok, again.text) == (False, f"job {job.id} has ended already")


def test_cancel_of_a_running_job_asks_it_to_stop(bench: Bench) -> None:
    """A job that runs is stopped from within."""
    job_id = bench.busy_job()
    assert "asked to stop" in bench.control.send(Cancel(job_id)).text
    wait_until(lambda: (state := bench.state(job_id)) is not None and state.ended)


def test_kill_takes_the_worker(bench: Bench) -> None:
    """The job ends as killed, its worker is replaced, and a second kill says that there is nothing to kill."""
    job_id = bench.busy_job()
    pid = bench.control.snapshot().workers[0].pid
    assert bench.control.send(Kill(job_id)).text == f"job {job_id} is killed with its worker"
    wait_until(lambda: bench.state(job_id) is JobState.KILLED)
    wait_until(lambda: [worker.pid for worker in bench.control.snapshot().workers] not in ([], [pid]))
    reply = bench.control.send(Kill(job_id))
    assert (reply.ok, reply.text) == (False, f"job {job_id} has ended already: no worker was killed")


def hesitate(stop: Stop, flag: str) -> None:
    """Have this worker wait where it is to stop until there is a file of that name."""

    def wait(*_: object) -> None:
        while not os.path.exists(flag):
            time.sleep(0.001)

    signal.signal(stop.number, wait)
    install(stop)


@pytest.mark.parametrize("request_type", [Cancel, Kill])
def test_job_that_no_worker_has_begun_is_called_back(tmp_path: Path, request_type: type[Cancel] | type[Kill]) -> None:
    """It was sent, and so is said to run; it is cancelled, and its worker left alone."""
    stop = Stop("START", "before", 1, str(tmp_path), signal.SIGUSR1)
    bench = Bench(str(tmp_path / "flag"), initializer=hesitate, initargs=(stop, str(tmp_path / "flag")))
    try:
        put_tokens(stop)
        job = bench.control.submit_call(abs, (-1,))
        wait_until(lambda: stopped_pids(stop))
        reply = bench.control.send(request_type(job.id))
        assert reply.ok
        assert reply.text.startswith(f"job {job.id} is called back from its worker")
        bench.let_go()
        wait_until(lambda: bench.state(job.id) is JobState.CANCELLED)
        assert [bench.pool.apply(os.getpid)] == stopped_pids(stop)
    finally:
        bench.close()


def test_retry_runs_it_again_with_news(bench: Bench) -> None:
    """A failed job is submitted again; one that is done, and one that runs, are not."""
    failed = bench.control.submit_call(refuse, (7,))
    wait_until(lambda: bench.state(failed.id) is JobState.FAILED)
    reply = bench.control.send(Retry(failed.id))
    assert reply.ok
    assert reply.text == f"job {failed.id} is submitted again as job {reply.job_id}"
    wait_until(lambda: bench.state(reply.job_id or 0) is JobState.FAILED)
    done = bench.control.submit_call(abs, (-1,))
    wait_until(lambda: bench.state(done.id) is JobState.DONE)
    assert "is done: only a job that ended badly" in bench.control.send(Retry(done.id)).text
    assert "is still running" in bench.control.send(Retry(bench.busy_job())).text


@pytest.mark.parametrize("request_type", [Cancel, Kill, Retry])
def test_unknown_job_is_one_sentence(bench: Bench, request_type: type[Cancel] | type[Kill] | type[Retry]) -> None:
    """A number that no job has is no error of ours."""
    reply = bench.control.send(request_type(999))
    assert not reply.ok
    assert "no job 999 is known" in reply.text
    assert reply.job_id == 999


def test_drain_does_not_wait_for_jobs(bench: Bench) -> None:
    """Draining returns at once, refuses new jobs, and ends the pool when the last job has ended."""
    bench.busy_job()
    assert "draining" in bench.control.send(Drain()).text
    assert "draining" in bench.control.send(Drain()).text
    assert not bench.control.send(Submit("math:factorial", (5,))).ok
    with pytest.raises(PoolClosed):
        bench.control.submit_call(abs, (-1,))
    assert bench.control.snapshot().counts.running == 1
    bench.let_go()
    wait_until(lambda: bench.control.snapshot().state is PoolState.ENDED)
    assert bench.control.snapshot().counts.done == 1


def test_drain_of_a_held_pool_says_so(bench: Bench) -> None:
    """Who drains a held pool is told why nothing moves."""
    bench.control.send(Pause())
    wait_until(lambda: bench.pool.snapshot().state is PoolState.HELD)
    assert "held: resume" in bench.control.send(Drain()).text


def test_terminate_ends_the_pool(bench: Bench) -> None:
    """Terminating does not block the caller; running jobs are gone."""
    job_id = bench.busy_job()
    assert bench.control.send(Terminate()).ok
    wait_until(lambda: bench.control.snapshot().state is PoolState.ENDED)
    wait_until(lambda: (state := bench.state(job_id)) is not None and state.ended)
    assert not bench.control.send(Resize(2)).ok


def test_close_does_not_wait_for_a_drain(bench: Bench) -> None:
    """A control can be closed while its pool still drains."""
    bench.busy_job()
    bench.control.send(Drain())
    bench.control.close()
    assert not any(thread.name == "poolmgr-drain" for thread in threading.enumerate())
    bench.let_go()


def test_listeners_hear_of_each_job_that_ended(bench: Bench) -> None:
    """A job's callback, good or bad, reaches the listeners, and the picture has it by then."""
    heard, ended = threading.Event(), []

    def listener() -> None:
        ended.append(bench.control.snapshot().counts.ended)
        heard.set()

    leave = bench.control.subscribe(listener)
    bench.control.submit_call(abs, (-1,)).wait()
    assert heard.wait(15)
    bench.control.submit_call(refuse, (1,)).wait()
    wait_until(lambda: 2 in ended)
    leave()


def test_listeners_hear_of_a_worker_that_died(bench: Bench) -> None:
    """A worker that is killed from outside is news."""
    job_id = bench.busy_job()
    heard = threading.Event()
    leave = bench.control.subscribe(heard.set)
    os.kill(bench.control.snapshot().workers[0].pid, 9)
    assert heard.wait(15)
    wait_until(lambda: bench.state(job_id) is JobState.LOST)
    leave()


def test_a_call_is_checked_without_being_made(bench: Bench) -> None:
    """The signature and the size are told; arguments that do not fit are a refusal; no job is submitted."""
    assert bench.control.send(CheckCall("math:factorial", (5,))).text.startswith("factorial(n, /)  pickles to ")
    refused = bench.control.send(CheckCall("math:factorial"))
    assert not refused.ok
    assert "factorial(n, /): missing a required" in refused.text
    assert not bench.control.send(CheckCall("math:nonsense")).ok
    assert bench.control.snapshot().counts.submitted == 0


def test_a_call_is_repeated_under_its_name(bench: Bench) -> None:
    """One form makes many jobs, up to a bound."""
    reply = bench.control.send(Submit("math:factorial", (5,), {}, "five", 3))
    assert reply.text.startswith("3 jobs submitted, ")
    wait_until(lambda: bench.control.snapshot().counts.done == 3)
    assert {job.name for job in bench.control.snapshot().jobs} == {"five"}
    assert not bench.control.send(Submit("math:factorial", (5,), repeat=0)).ok


def options_shown(bench: Bench) -> set[tuple[Any, ...]]:
    """The options of all jobs, as the pool's picture has them."""
    return {(job.limit, job.soft_limit, job.priority, job.retries) for job in bench.control.snapshot().jobs}


def test_a_call_is_made_for_each_line_of_a_file(bench: Bench, tmp_path: Path) -> None:
    """Each line is the first argument of a job, and every job has the options of the form."""
    lines = tmp_path / "numbers.jsonl"
    lines.write_text("3\n4\n\n5\n")
    bench.control.send(Pause())
    reply = bench.control.send(
        Submit("math:pow", (2,), priority=1, timeout=60, soft_timeout=50, retries=1, items=str(lines))
    )
    assert reply.text.startswith("3 jobs submitted, ")
    wait_until(lambda: len(bench.control.snapshot().jobs) == 3)
    assert options_shown(bench) == {(60, 50, 1, 1)}
    bench.control.send(Resume())
    # Not until so many are done: a picture may count a job as done and still show it as one that runs.
    results = ["16.0", "25.0", "9.0"]
    wait_until(lambda: sorted(job.message for job in bench.control.snapshot().jobs) == results)
    # Also once they are done: who edits one submits it with its own options.
    assert options_shown(bench) == {(60, 50, 1, 1)}
    refused = bench.control.send(Submit("math:pow", (2,), repeat=2, items=str(lines)))
    assert "leave times at 1" in refused.text
    assert bench.control.send(Complete("math:fac")).lines == ("math:factorial",)


def test_a_call_waits_for_others(bench: Bench) -> None:
    """A job that is to run after one that is cancelled is cancelled too; one after nobody knows whom is refused."""
    bench.control.send(Pause())
    first = bench.control.send(Submit("math:factorial", (5,))).job_id
    assert first is not None
    second = bench.control.send(Submit("math:factorial", (6,), after=(first,))).job_id
    wait_until(lambda: bench.control.snapshot().job(second or 0) is not None)
    held = bench.control.snapshot().job(second or 0)
    assert held is not None
    assert (held.after, held.message) == ((first,), f"waits for job {first}")
    refused = bench.control.send(Submit("math:factorial", (5,), after=(99,)))
    assert (refused.ok, "no job 99" in refused.text) == (False, True)
    assert bench.control.send(Cancel(first)).ok
    wait_until(lambda: bench.control.snapshot().counts.cancelled == 2)


def test_a_kill_with_grace_lets_the_job_clean_up(bench: Bench) -> None:
    """SIGINT comes first: a job that ends by it is killed before SIGKILL is due."""
    job_id = bench.busy_job()
    assert "SIGINT now, SIGTERM in 300 s" in bench.control.send(Kill(job_id, 600.0)).text
    wait_until(lambda: bench.control.snapshot().counts.killed == 1)


def test_history_shows_what_ran(bench: Bench) -> None:
    """What a worker did is in the history, with the function's name, and the figures are in the picture."""
    for _ in range(5):
        bench.control.submit_call(jobs.double, (4,)).get()
    wait_until(lambda: bench.control.history().over(60).done == 5)
    assert f"{jobs.__name__}.double" in bench.control.history().names
    wait_until(lambda: [function.done for function in bench.control.snapshot().functions] == [5])
