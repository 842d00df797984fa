"""poolmgr.PoolExecutor beside the standard library's: futures, cancelling, lost workers, the end, asyncio."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import itertools
import multiprocessing
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

import poolmgr
import poolmgr.engine.future
from poolmgr.engine import broken
from poolmgr.errors import JobExited, JobKilled, JobStopped, PoolTerminated, RemoteError, WorkerDied, WorkerStartFailed
from tests.engine.test_faults import LONG, started
from tests.helpers import executor_jobs, jobs
from tests.helpers.programs import program
from tests.helpers.wait import wait_until

MakeExecutor = Callable[..., poolmgr.PoolExecutor]


@pytest.fixture
def make_executor(method: str) -> Iterator[MakeExecutor]:
    """Makes executors with the start method of the test; their pools are terminated after it."""
    executors: list[poolmgr.PoolExecutor] = []

    def make(max_workers: int = 2, **options: Any) -> poolmgr.PoolExecutor:
        executor = poolmgr.PoolExecutor(max_workers, multiprocessing.get_context(method), **options)
        executors.append(executor)
        return executor

    yield make
    for executor in executors:
        if executor._pool is not None:
            executor._pool.terminate()
        executor.shutdown()


@pytest.fixture
def executor(make_executor: MakeExecutor) -> poolmgr.PoolExecutor:
    """An executor of two workers."""
    return make_executor()


def go(folder: Path) -> None:
    """Let the jobs of mark_and_wait end."""
    (folder / "go").write_text("")


def works(executor: poolmgr.PoolExecutor) -> bool:
    """Whether a call comes back with its result."""
    return executor.submit(jobs.double, 21).result(LONG) == 42


# -- futures


def test_future_goes_through_its_states(executor: poolmgr.PoolExecutor, tmp_path: Path) -> None:
    """A future is pending, then runs, then is done, and its job is one of the executor's pool."""
    executor.pool.pause()
    future = executor.submit(jobs.mark_and_wait, str(tmp_path), name="x")
    assert isinstance(future, concurrent.futures.Future)
    assert (future.running(), future.done()) == (False, False)
    assert "pending" in repr(future)
    executor.pool.resume()
    started(tmp_path)
    assert (future.running(), future.done()) == (True, False)
    assert "running" in repr(future)
    assert [job.id for job in executor.pool.snapshot().jobs if job.name != "-"] == [future.job_id]
    go(tmp_path)
    assert future.result(LONG) == "x"
    assert (future.running(), future.done(), future.cancelled()) == (False, True, False)
    assert not future.cancel()


def test_error_of_the_job_is_the_error_of_the_future(executor: poolmgr.PoolExecutor) -> None:
    """What a job raises is raised by result(), with the worker's traceback, which begins in the job, as its cause."""
    future = executor.submit(jobs.fail, "so it is")
    with pytest.raises(ValueError, match="so it is") as caught:
        future.result(LONG)
    remote = str(caught.value.__cause__)
    assert "raise ValueError(text)" in remote
    assert "poolmgr/engine" not in remote
    assert future.exception() is caught.value


def test_no_thread_is_made_for_a_job(executor: poolmgr.PoolExecutor, tmp_path: Path) -> None:
    """Hundreds of pending futures need no more threads than one."""
    executor.submit(jobs.mark_and_wait, str(tmp_path))
    before = threading.active_count()
    futures = [executor.submit(jobs.double, i) for i in range(300)]
    assert threading.active_count() == before
    go(tmp_path)
    assert [future.result(LONG) for future in futures] == [2 * i for i in range(300)]


def test_done_callbacks_run_once_also_when_they_raise_or_wait(executor: poolmgr.PoolExecutor) -> None:
    """A callback that raises stops nobody, and one that waits for another future does not wait for itself."""
    seen: list[Any] = []
    # One that is added to a future that is done runs at once, in this thread.
    executor.pool.pause()
    second = executor.submit(jobs.double, 2)
    first = executor.submit(jobs.double, 1)
    first.add_done_callback(lambda future: jobs.fail())
    first.add_done_callback(lambda future: seen.append(future.result()))
    first.add_done_callback(lambda future: seen.append(second.result(LONG)))
    first.add_done_callback(lambda future: seen.append(executor.submit(jobs.double, 3).result(LONG)))
    executor.pool.resume()
    wait_until(lambda: len(seen) == 3)
    assert seen == [2, 4, 6]


def test_settled_future_keeps_no_arguments(executor: poolmgr.PoolExecutor) -> None:
    """A future that is kept does not keep what the call was made with."""

    class Argument(frozenset[int]):
        def __reduce__(self) -> tuple[Any, ...]:
            return frozenset, ((),)

    argument = Argument()
    gone = weakref.ref(argument)
    future = executor.submit(jobs.length, argument)
    del argument
    assert future.result(LONG) == 0
    wait_until(lambda: gc.collect() >= 0 and gone() is None)


def test_jobs_may_have_child_processes(executor: poolmgr.PoolExecutor) -> None:
    """As in the standard library's executor, a job may start a process by multiprocessing."""
    assert executor.submit(executor_jobs.run_in_child_process).result(LONG) == 7


# -- cancelling


def test_queued_future_is_cancelled_and_never_runs(executor: poolmgr.PoolExecutor, tmp_path: Path) -> None:
    """cancel() is True for a queued call, tells callbacks and waiters, and the call has no effect."""
    executor.pool.pause()
    path = tmp_path / "ran"
    told: list[bool] = []
    future = executor.submit(jobs.append, str(path), "x")
    future.add_done_callback(lambda future: told.append(future.cancelled()))
    assert future.cancel()
    assert future.cancel()
    assert (future.cancelled(), told) == (True, [True])
    assert wait([future], LONG).done == {future}
    with pytest.raises(CancelledError):
        future.result()
    executor.pool.resume()
    assert works(executor)
    assert not path.exists()


def test_running_future_is_not_cancelled(executor: poolmgr.PoolExecutor, tmp_path: Path) -> None:
    """cancel() is False once the call runs, and does not disturb it."""
    future = executor.submit(jobs.mark_and_wait, str(tmp_path), "x")
    started(tmp_path)
    assert not future.cancel()
    go(tmp_path)
    assert future.result(LONG) == "x"


@pytest.mark.parametrize("job", [jobs.mark_and_wait, jobs.catch_everything_and_wait])
def test_cancel_running_stops_a_call(make_executor: MakeExecutor, tmp_path: Path, job: Any) -> None:
    """With cancel_running a call that runs is cancelled and stopped, also one that swallows what is raised in it."""
    executor = make_executor(1, cancel_running=True)
    future = executor.submit(job, str(tmp_path))
    started(tmp_path)
    assert future.cancel()
    assert (future.cancelled(), future.running()) == (True, False)
    with pytest.raises(CancelledError):
        future.result(LONG)
    assert wait([future], LONG).done == {future}
    assert works(executor)


@pytest.mark.parametrize("by", ["_withdraw", "_stop"])
def test_cancel_holds_though_the_end_is_heard_of_first(
    make_executor: MakeExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """The pool's thread may come first with the end of the job: cancel() is True, and its callbacks have run then."""
    real = getattr(poolmgr.engine.future, by)

    def slowly(job: Any) -> bool:
        answer: bool = real(job)
        wait_until(lambda: not answer or future._settled or future._left)
        return answer

    executor = make_executor(1, cancel_running=True)
    running: Any = executor.submit(jobs.mark_and_wait, str(tmp_path))
    future = running
    started(tmp_path)
    if by == "_withdraw":
        future = executor.submit(jobs.double, 1)
    told: list[threading.Thread] = []
    future.add_done_callback(lambda _: told.append(threading.current_thread()))
    monkeypatch.setattr(poolmgr.engine.future, by, slowly)
    assert future.cancel()
    assert told == [threading.main_thread()]
    assert wait([future], LONG).done == {future}
    with pytest.raises(CancelledError):
        future.result(LONG)
    go(tmp_path)
    assert running.cancelled() == (by == "_stop")
    assert works(executor)


def test_job_cancelled_at_the_pool_cancels_its_future(executor: poolmgr.PoolExecutor, tmp_path: Path) -> None:
    """An operator's cancel of a queued job is the future's; of a running one it is its error."""
    running = executor.submit(jobs.mark_and_wait, str(tmp_path))
    started(tmp_path)
    executor.pool.pause()
    queued = executor.submit(jobs.double, 1)
    assert executor.pool.cancel(queued.job_id)
    assert executor.pool.cancel(running.job_id)
    assert isinstance(running.exception(LONG), JobStopped)
    assert wait([queued], LONG).done == {queued}
    assert queued.cancelled()


def test_withdraw_leaves_alone_what_runs(executor: poolmgr.PoolExecutor, tmp_path: Path) -> None:
    """The pool's withdraw cancels the queued jobs and names them."""
    running = executor.submit(jobs.mark_and_wait, str(tmp_path), "x")
    started(tmp_path)
    executor.pool.pause()
    queued = [executor.submit(jobs.double, i) for i in range(1200)]
    ids = [future.job_id for future in queued]
    assert executor.pool.withdraw([running.job_id, *ids, 10**9]) == ids
    assert executor.pool.withdraw(ids) == []
    assert all(future.cancelled() for future in wait(queued, LONG).done)
    go(tmp_path)
    assert running.result(LONG) == "x"


# -- map


def test_map_is_the_builtin_map(executor: poolmgr.PoolExecutor) -> None:
    """Results are in order, end with the shortest iterable, and are the same in chunks and with a buffer."""
    for options in ({}, {"chunksize": 3}, {"buffersize": 2}, {"chunksize": 3, "buffersize": 1}, {"buffersize": 99}):
        assert list(executor.map(pow, range(10), itertools.repeat(2, 8), **options)) == [i * i for i in range(8)]
    assert list(executor.map(jobs.double, [])) == []


def test_map_with_buffersize_reads_as_results_are_taken(executor: poolmgr.PoolExecutor) -> None:
    """An endless iterable is read buffersize items ahead of the results that were taken, and no further."""
    numbers = itertools.count()
    results = executor.map(jobs.double, numbers, buffersize=3)
    assert next(numbers) == 3
    assert [next(results), next(results)] == [0, 2]
    assert next(numbers) == 6


def test_map_checks_what_it_is_given(executor: poolmgr.PoolExecutor) -> None:
    """Sizes that make no sense are refused at once, as in the standard library."""
    with pytest.raises(ValueError, match="chunksize"):
        executor.map(jobs.double, [1], chunksize=0)
    with pytest.raises(ValueError, match="buffersize"):
        executor.map(jobs.double, [1], buffersize=0)
    with pytest.raises(TypeError, match="buffersize"):
        executor.map(jobs.double, [1], buffersize="2")  # type: ignore[arg-type]


def test_map_that_is_late_cancels_the_rest(executor: poolmgr.PoolExecutor) -> None:
    """After TimeoutError nothing of the map is left that could run."""
    executor.pool.pause()
    late = executor.map(jobs.double, range(50), timeout=0)
    with pytest.raises(concurrent.futures.TimeoutError):
        next(late)
    wait_until(lambda: executor.pool.snapshot().counts.cancelled == 50)


def test_map_that_is_left_cancels_the_rest(executor: poolmgr.PoolExecutor) -> None:
    """When nobody has the iterator any more, what waits of it never runs."""
    results = executor.map(jobs.double, itertools.count(), buffersize=50)
    assert next(results) == 0
    executor.pool.pause()
    del results
    wait_until(lambda: executor.pool.snapshot().counts.queued == 0)
    executor.pool.resume()
    assert works(executor)


def test_map_whose_iterable_raises_cancels_what_it_submitted(executor: poolmgr.PoolExecutor) -> None:
    """The iterable's error is raised by map(), and no job of it is left."""

    def numbers() -> Iterator[int]:
        yield from range(5)
        raise LookupError("no more")

    executor.pool.pause()
    with pytest.raises(LookupError, match="no more"):
        executor.map(jobs.double, numbers())
    wait_until(lambda: executor.pool.snapshot().counts.cancelled == 5)


# -- what breaks the stock executor


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_lost_worker_costs_one_future(executor: poolmgr.PoolExecutor, number: int) -> None:
    """The error is a BrokenProcessPool and has the facts of WorkerDied; other futures and later ones succeed."""
    lost = executor.submit(jobs.kill_self, number)
    others = [executor.submit(jobs.double, i) for i in range(20)]
    error = lost.exception(LONG)
    assert isinstance(error, BrokenProcessPool)
    assert isinstance(error, WorkerDied)
    assert (error.exitcode, error.job_id) == (-number, lost.job_id)
    assert [future.result(LONG) for future in others] == [2 * i for i in range(20)]
    assert works(executor)


def test_worker_killed_by_pid_is_replaced(executor: poolmgr.PoolExecutor, tmp_path: Path) -> None:
    """Programs that kill the processes of an executor lose what those ran, and go on."""
    lost = executor.submit(jobs.mark_and_wait, str(tmp_path))
    pid = started(tmp_path)[0]
    assert pid in executor._processes
    executor._processes[pid].kill()
    with pytest.raises(BrokenProcessPool, match="SIGKILL"):
        lost.result(LONG)
    assert works(executor)


def test_killed_job_is_a_broken_pool_to_a_stock_user(executor: poolmgr.PoolExecutor, tmp_path: Path) -> None:
    """An operator's kill has the type that a stock user catches, and JobKilled."""
    future = executor.submit(jobs.mark_and_wait, str(tmp_path))
    started(tmp_path)
    assert executor.pool.kill(future.job_id)
    error = future.exception(LONG)
    assert isinstance(error, BrokenProcessPool)
    assert isinstance(error, JobKilled)


def test_failing_initializer_is_told_and_tried_anew(make_executor: MakeExecutor, tmp_path: Path) -> None:
    """Futures fail with a BrokenProcessPool that has the initializer's error; once it works, so does the executor."""
    needed = tmp_path / "needed"
    executor = make_executor(1, initializer=jobs.initializer_that_needs, initargs=(str(needed),))
    error = executor.submit(jobs.double, 1).exception(LONG)
    assert isinstance(error, BrokenProcessPool)
    assert isinstance(error, WorkerStartFailed)
    assert "FileNotFoundError" in str(error)
    needed.write_text("")
    assert works(executor)


def test_values_that_cannot_travel_fail_their_own_future(executor: poolmgr.PoolExecutor) -> None:
    """Arguments and results that cannot be pickled or unpickled cost one future each."""
    assert isinstance(executor.submit(jobs.echo, jobs.UnpicklableResult()).exception(LONG), TypeError)
    assert isinstance(executor.submit(jobs.unpicklable_result).exception(LONG), pickle.PicklingError)
    unreadable = executor.submit(jobs.explosive_result).exception(LONG)
    assert isinstance(unreadable, BrokenProcessPool)
    assert isinstance(unreadable, RemoteError)
    assert isinstance(executor.submit(jobs.echo, jobs.ExplodesWhenUnpickled()).exception(LONG), RuntimeError)
    assert works(executor)


def test_exit_in_a_job_is_as_in_the_standard_library(executor: poolmgr.PoolExecutor) -> None:
    """sys.exit() in a job is SystemExit in the caller, which does not end a program in silence."""
    error = executor.submit(jobs.system_exit, 0).exception(LONG)
    assert isinstance(error, SystemExit)
    assert isinstance(error, JobExited)
    assert error.code == str(error)


@pytest.mark.parametrize(
    "error",
    [
        broken.WorkerLost(1, 2, -9, "f()"),
        broken.WorkerKilled(1, 2, "f()"),
        broken.WorkerNotStarted(1, 3, "no"),
        broken.ExecutorTerminated(1, True),
        broken.ResultUnreadable(1, "its result", "no"),
        broken.JobCalledExit(1, "SystemExit: 3"),
        broken.ResultUnsendable("TypeError('no')", "<f>"),
        broken.PicklingCalledExit("SystemExit(3)", "<f>"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_travel(error: Exception) -> None:
    """Every error of a future pickles with its facts."""
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.args, str(copy), vars(copy)) == (type(error), error.args, str(error), vars(error))


def test_error_of_a_job_is_not_taken_for_the_pool_s(executor: poolmgr.PoolExecutor) -> None:
    """A job that raises one of poolmgr's errors raises just that in the caller."""
    error = executor.submit(executor_jobs.raise_worker_died).exception(LONG)
    assert type(error) is WorkerDied


def test_retry_of_a_failed_job_leaves_its_future_as_it_is(executor: poolmgr.PoolExecutor, tmp_path: Path) -> None:
    """A future is settled once: an operator's retry runs the call again, and the future keeps its error."""
    path = tmp_path / "ran"
    future = executor.submit(jobs.append_then_die, str(path), "x")
    error = future.exception(LONG)
    retried = executor.pool.retry(future.job_id)
    assert isinstance(retried, poolmgr.Job)
    with pytest.raises(WorkerDied):
        retried.get(LONG)
    assert path.read_text() == "x\nx\n"
    assert future.exception() is error
    assert not [line for line in executor.pool.snapshot().log if "callback" in line.text]


# -- the end


def test_nothing_starts_before_the_first_call(executor: poolmgr.PoolExecutor) -> None:
    """An executor that is never used has no processes, and its end needs none."""
    assert executor._processes == {}
    executor.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(jobs.double, 1)
    with pytest.raises(RuntimeError, match="after shutdown"):
        _ = executor.pool


def test_with_block_waits_for_everything(executor: poolmgr.PoolExecutor) -> None:
    """At the end of the block every future is done, and the workers are gone."""
    with executor:
        futures = [executor.submit(jobs.sleep, 0.01) for _ in range(10)]
        processes = list(executor._processes.values())
    assert all(future.done() for future in futures)
    assert executor._processes == {}
    assert len(processes) == 2


def test_shutdown_without_waiting_lets_all_end(executor: poolmgr.PoolExecutor, tmp_path: Path) -> None:
    """shutdown(wait=False) returns while jobs run, refuses new ones, and the pending ones end well."""
    futures = [executor.submit(jobs.mark_and_wait, str(tmp_path), str(i)) for i in range(4)]
    executor.shutdown(wait=False)
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(jobs.double, 1)
    go(tmp_path)
    assert [future.result(LONG) for future in futures] == ["0", "1", "2", "3"]
    executor.shutdown()


def test_shutdown_cancels_what_waits(executor: poolmgr.PoolExecutor, tmp_path: Path) -> None:
    """shutdown(cancel_futures=True) cancels every queued future, and what runs ends well."""
    running = [executor.submit(jobs.mark_and_wait, str(tmp_path), name) for name in "ab"]
    started(tmp_path, 2)
    queued = [executor.submit(jobs.double, i) for i in range(20)]
    executor.shutdown(wait=False, cancel_futures=True)
    assert wait(queued, LONG).not_done == set()
    assert all(future.cancelled() for future in queued)
    go(tmp_path)
    assert [future.result(LONG) for future in running] == ["a", "b"]


def test_shutdown_of_a_held_executor_can_cancel_all(executor: poolmgr.PoolExecutor) -> None:
    """Where no worker takes anything any more, nothing is left that could be waited for."""
    executor.pool.pause()
    futures = [executor.submit(jobs.double, i) for i in range(5)]
    executor.shutdown(cancel_futures=True)
    assert all(future.cancelled() for future in futures)


def test_executor_that_nobody_has_ends_its_work(method: str) -> None:
    """An executor that is collected does what was submitted, and leaves nothing behind."""
    executor = poolmgr.PoolExecutor(2, multiprocessing.get_context(method))
    pool = executor.pool
    results = executor.map(jobs.double, range(10))
    gone = weakref.ref(executor)
    del executor
    wait_until(lambda: gc.collect() >= 0 and gone() is None)
    assert list(results) == [2 * i for i in range(10)]
    assert pool.join(LONG)


def test_terminated_pool_fails_its_futures(executor: poolmgr.PoolExecutor, tmp_path: Path) -> None:
    """After an operator's terminate every future is a BrokenProcessPool, and so is what is submitted then."""
    futures = [executor.submit(jobs.mark_and_wait, str(tmp_path)) for _ in range(4)]
    started(tmp_path)
    executor.pool.terminate()
    for future in futures:
        error = future.exception(LONG)
        assert isinstance(error, BrokenProcessPool)
        assert isinstance(error, PoolTerminated)
    with pytest.raises(BrokenProcessPool, match="new executor"):
        executor.submit(jobs.double, 1)


def test_arguments_are_checked_as_in_the_standard_library(method: str) -> None:
    """What the stock executor refuses is refused with the same type, before anything is started."""
    with pytest.raises(ValueError, match="max_workers"):
        poolmgr.PoolExecutor(0)
    with pytest.raises(ValueError, match="max_tasks_per_child"):
        poolmgr.PoolExecutor(1, max_tasks_per_child=0)
    with pytest.raises(TypeError, match="initializer"):
        poolmgr.PoolExecutor(1, initializer=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="integer"):
        poolmgr.PoolExecutor(1, max_tasks_per_child=1.5)  # type: ignore[arg-type]
    if method == "fork":
        with pytest.raises(ValueError, match="fork"):
            poolmgr.PoolExecutor(1, multiprocessing.get_context(method), max_tasks_per_child=2)


@pytest.mark.parametrize("end", ["", "executor.shutdown(wait=False)", "del executor"])
def test_interpreter_waits_for_what_was_submitted(method: str, end: str) -> None:
    """A program that ends with pending futures does them all first, and their callbacks, and says nothing."""
    source = f"""
        import multiprocessing, sys
        import poolmgr
        from tests.helpers import jobs

        executor = poolmgr.PoolExecutor(2, multiprocessing.get_context({method!r}))
        for _ in range(6):
            executor.submit(jobs.sleep, 0.1).add_done_callback(lambda future: print(future.result(), flush=True))
        {end}
    """
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)], capture_output=True, text=True, timeout=LONG, check=True
    )
    assert (process.stdout, process.stderr) == ("0.1\n" * 6, "")


def test_forked_copy_of_the_program_has_no_say(tmp_path: Path) -> None:
    """In a process that a program forks, neither the end of the executor's copy nor of the threads touches the pool."""
    source = """
        import os, sys, threading
        import poolmgr
        from tests.helpers import jobs

        executor = poolmgr.PoolExecutor(1)
        future = executor.submit(jobs.mark_and_wait, sys.argv[1], "x")
        child = os.fork()
        if child == 0:
            del executor
            threading._shutdown()
            os._exit(3)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        open(sys.argv[1] + "/go", "w").close()
        print(future.result())
        print(executor.submit(jobs.double, 2).result())
    """
    with program(source, str(tmp_path)) as process:
        output, _ = process.communicate(timeout=LONG)
    assert (output, process.returncode) == ("3\nx\n4\n", 0)


# -- others that wait


def test_wait_and_as_completed(executor: poolmgr.PoolExecutor, tmp_path: Path) -> None:
    """The standard library's wait() and as_completed() see futures end one by one."""
    slow: Future[Any] = executor.submit(jobs.mark_and_wait, str(tmp_path), "slow")
    quick: Future[Any] = executor.submit(jobs.double, 4)
    first = wait([slow, quick], LONG, concurrent.futures.FIRST_COMPLETED)
    assert (first.done, first.not_done) == ({quick}, {slow})
    completed = as_completed([slow, quick], LONG)
    assert next(completed) is quick
    go(tmp_path)
    assert next(completed) is slow


async def test_asyncio_runs_calls_in_it(executor: poolmgr.PoolExecutor) -> None:
    """run_in_executor and wrap_future work as with any executor."""
    loop = asyncio.get_running_loop()
    assert await asyncio.wait_for(loop.run_in_executor(executor, jobs.double, 4), LONG) == 8
    assert await asyncio.wait_for(asyncio.wrap_future(executor.submit(jobs.double, 5)), LONG) == 10
    with pytest.raises(BrokenProcessPool):
        await asyncio.wait_for(loop.run_in_executor(executor, jobs.leave, 3), LONG)


async def test_asyncio_cancel_stops_the_call(make_executor: MakeExecutor, tmp_path: Path) -> None:
    """With cancel_running a cancelled task ends the job that it waits for."""
    executor = make_executor(1, cancel_running=True)
    task = asyncio.ensure_future(
        asyncio.get_running_loop().run_in_executor(executor, jobs.mark_and_wait, str(tmp_path))
    )
    await asyncio.to_thread(started, tmp_path)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(works, executor)


def test_calls_may_have_options(make_executor: MakeExecutor, tmp_path: Path) -> None:
    """A view of the executor gives time limits, retries, priorities and names to what is submitted through it."""
    # The initializer has each worker import the jobs before it is ready: else a limit counts that too.
    executor = make_executor(initializer=jobs.pid)
    limited = executor.with_options(timeout=0.5, name="limited")
    future = limited.submit(jobs.sleep_long)
    with pytest.raises(TimeoutError) as caught:
        future.result(LONG)
    assert isinstance(caught.value, poolmgr.JobTimedOut)
    assert limited.submit(jobs.add, 1, y=2).result(LONG) == 3
    stubborn = executor.with_options(retries=2, priority=1)
    assert stubborn.submit(jobs.fail_until, str(tmp_path / "one"), 2, how="die").result(LONG)
    flaky = [f"{tmp_path}/{i}:{1 + i % 2}" for i in range(6)]
    assert list(stubborn.map(jobs.fail_item_until, flaky, chunksize=3)) == [1, 2, 1, 2, 1, 2]
    with pytest.raises(TypeError, match="'retry'"):
        executor.with_options(retry=1)  # type: ignore[call-arg]
    assert {job.name for job in executor.pool.snapshot().jobs} >= {"limited"}


def test_call_that_kills_two_workers_is_set_aside(executor: poolmgr.PoolExecutor) -> None:
    """Its future says so, with the type that users of the stock executor catch."""
    future = executor.with_options(retries=9).submit(jobs.leave, 3)
    with pytest.raises(BrokenProcessPool, match="set aside") as caught:
        future.result(LONG)
    assert isinstance(caught.value, WorkerDied)
    assert caught.value.deaths == 2
    assert executor.submit(jobs.double, 2).result(LONG) == 4
