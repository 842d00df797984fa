"""What users' code and the world do to a pool: each costs one job at the most, is told, and the pool goes on."""

from __future__ import annotations

import contextlib
import errno
import itertools
import multiprocessing
import multiprocessing.util
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing.pool import MaybeEncodingError  # type: ignore[attr-defined]
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil
import pytest

import poolmgr
from poolmgr.engine.job import Job
from poolmgr.errors import (
    JobCancelled,
    JobExited,
    JobKilled,
    JobStopped,
    PoolClosed,
    PoolTerminated,
    RemoteError,
    WorkerDied,
    WorkerStartFailed,
)
from poolmgr.model.states import JobState
from tests.engine.conftest import MakePool
from tests.helpers import jobs
from tests.helpers.wait import wait_until

LONG = 20


def works(pool: poolmgr.Pool) -> bool:
    """The pool still does all that is asked of it."""
    return pool.map_async(jobs.double, range(50), 3).get(LONG) == [2 * x for x in range(50)]


def started(folder: Path, count: int = 1) -> list[int]:
    """Wait for ``count`` jobs of mark_and_wait to have begun and give their pids."""

    def pids() -> list[int]:
        found = [path.read_text() for path in folder.iterdir() if path.name != "go" and path.suffix != ".tmp"]
        return [int(text) for text in found if text] if len(found) >= count else []

    return wait_until(pids, what=f"{count} jobs to begin")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT])
def test_job_that_dies_by_a_signal_fails_alone_with_its_name(pool: poolmgr.Pool, number: signal.Signals) -> None:
    """The one job fails with WorkerDied that names the signal; the others and the pool go on."""
    others = [pool.apply_async(jobs.double, (i,)) for i in range(20)]
    victim = pool.apply_async(jobs.kill_self, (number,))
    with pytest.raises(WorkerDied) as caught:
        victim.get(LONG)
    assert caught.value.exitcode == -number
    assert number.name in str(caught.value)
    assert "kill_self" in caught.value.call
    assert [job.get(LONG) for job in others] == [2 * i for i in range(20)]
    assert victim.state is JobState.LOST
    assert works(pool)


@pytest.mark.parametrize("code", [0, 3])
def test_job_that_exits_its_process_fails_alone(pool: poolmgr.Pool, code: int) -> None:
    """os._exit in a job, with any code, is a lost job that names the code."""
    with pytest.raises(WorkerDied, match=f"exited with code {code}"):
        pool.apply_async(jobs.leave, (code,)).get(LONG)
    assert works(pool)


def test_segfault_fails_alone(pool: poolmgr.Pool) -> None:
    """A crash in C costs its own job."""
    with pytest.raises(WorkerDied, match="SIGSEGV"):
        pool.apply_async(jobs.segfault).get(LONG)
    assert works(pool)


def test_map_whose_worker_dies_ends_with_the_error(pool: poolmgr.Pool) -> None:
    """A map with a deadly item raises WorkerDied instead of waiting for ever."""
    job = pool.map_async(jobs.leave, [5], 1)
    with pytest.raises(WorkerDied):
        job.get(LONG)
    stream = pool.imap(jobs.leave, [5, 6])
    for _ in range(2):
        with pytest.raises(WorkerDied):
            next(stream)
    with pytest.raises(StopIteration):
        next(stream)
    assert works(pool)


def test_item_of_a_chunk_that_kills_its_worker_fails_alone(pool: poolmgr.Pool) -> None:
    """Of an imap with a chunksize every item but the deadly one has its result, in its place."""
    stream = pool.imap(jobs.leave_at_zero, [3, 2, 1, 0, 5, 6], 3)
    assert [next(stream) for _ in range(3)] == [3, 2, 1]
    with pytest.raises(WorkerDied):
        next(stream)
    assert list(stream) == [5, 6]
    assert works(pool)


@pytest.mark.parametrize("how", [jobs.system_exit, jobs.interrupt])
def test_job_that_wants_to_end_the_program_ends_itself(pool: poolmgr.Pool, how: Any) -> None:
    """SystemExit and KeyboardInterrupt in a job fail the job, and are not raised as such in the caller."""
    args = (3,) if how is jobs.system_exit else ()
    with pytest.raises(JobExited):
        pool.apply_async(how, args).get(LONG)
    assert works(pool)


def test_worker_killed_from_outside_costs_the_job_it_ran(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """SIGKILL and SIGTERM to a worker from outside lose its job, named with the signal; the worker is replaced."""
    for number in (signal.SIGKILL, signal.SIGTERM):
        folder = tmp_path / number.name
        folder.mkdir()
        job = pool.apply_async(jobs.mark_and_wait, (str(folder),))
        other = pool.apply_async(jobs.sleep, (0.01,))
        (pid,) = started(folder)
        os.kill(pid, number)
        with pytest.raises(WorkerDied, match=number.name):
            job.get(LONG)
        assert other.get(LONG) == 0.01
        wait_until(lambda: len(pool.snapshot().workers) == 2)
        assert pid not in {worker.pid for worker in pool.snapshot().workers}
    assert works(pool)


def test_idle_workers_killed_again_and_again_are_replaced(pool: poolmgr.Pool) -> None:
    """Workers that are killed while idle cost no job and come back."""
    for _ in range(3):
        assert works(pool)
        for worker in pool.snapshot().workers:
            os.kill(worker.pid, signal.SIGKILL)
    assert works(pool)
    assert pool.snapshot().counts.lost == 0


def test_starting_workers_killed_are_replaced(make_pool: MakePool) -> None:
    """Workers that are killed before they are ready cost no job."""
    pool = make_pool(3)
    for worker in pool.snapshot().workers:
        os.kill(worker.pid, signal.SIGKILL)
    assert works(pool)


def test_bad_arguments_fail_their_own_job(pool: poolmgr.Pool) -> None:
    """Arguments that cannot be pickled, or not unpickled, fail their job with the cause."""
    with pytest.raises(TypeError, match="cannot be pickled"):
        pool.apply_async(jobs.echo, (jobs.UnpicklableResult(),)).get(LONG)
    with pytest.raises(RuntimeError, match="exploded"):
        pool.apply_async(jobs.echo, (jobs.ExplodesWhenUnpickled(),)).get(LONG)
    with pytest.raises(WorkerDied, match="code 9"):
        pool.apply_async(jobs.echo, (jobs.ExitsWorkerWhenUnpickled(),)).get(LONG)
    with pytest.raises(TypeError, match="lock"):
        pool.apply_async(jobs.echo, (threading.Lock(),)).get(LONG)
    assert works(pool)


def test_arguments_that_exit_when_pickled_fail_their_own_job(pool: poolmgr.Pool) -> None:
    """SystemExit out of a __reduce__ in the owner ends neither the dispatcher nor the program."""
    with pytest.raises(JobExited):
        pool.apply_async(jobs.echo, (jobs.ExitsProgramWhenPickled(),)).get(LONG)
    assert works(pool)


def test_bad_results_fail_their_own_job(pool: poolmgr.Pool) -> None:
    """Results that cannot be pickled or unpickled fail their job with the cause."""
    with pytest.raises(MaybeEncodingError, match="cannot be pickled"):
        pool.apply_async(jobs.unpicklable_result).get(LONG)
    with pytest.raises(MaybeEncodingError):
        pool.apply_async(jobs.unpicklable_and_unprintable).get(LONG)
    job = pool.apply_async(jobs.explosive_result)
    with pytest.raises(RemoteError, match="exploded"):
        job.get(LONG)
    wait_until(lambda: job.state is JobState.FAILED)
    assert works(pool)
    assert pool.snapshot().counts.failed == 3


def test_bad_exceptions_still_tell_what_happened(pool: poolmgr.Pool) -> None:
    """Exceptions that cannot be pickled, rebuilt or shown become RemoteErrors with their traceback."""
    with pytest.raises(RemoteError, match="raise_two_argument_error"):
        pool.apply_async(jobs.raise_two_argument_error).get(LONG)
    with pytest.raises(RemoteError, match="but it has a text"):
        pool.apply_async(jobs.raise_unpicklable_error).get(LONG)
    with pytest.raises(jobs.UnprintableError):
        pool.apply_async(jobs.raise_unprintable_error).get(LONG)
    assert works(pool)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_raising_callbacks_are_told_and_harmless(pool: poolmgr.Pool) -> None:
    """A callback that raises, SystemExit included, is logged; its job still has its result."""

    def bad(_: object) -> None:
        raise RuntimeError("callback says no")

    def worse(_: object) -> None:
        raise SystemExit(1)

    assert pool.apply_async(jobs.double, (2,), callback=bad).get(LONG) == 4
    assert pool.map_async(jobs.double, [1, 2], callback=worse).get(LONG) == [2, 4]
    with pytest.raises(ValueError, match="no"):
        pool.apply_async(jobs.fail, error_callback=bad).get(LONG)
    wait_until(lambda: any("callback says no" in line.text for line in pool.snapshot().log))
    assert works(pool)


def test_callbacks_may_submit_wait_and_terminate(make_pool: MakePool) -> None:
    """A callback may submit jobs, wait for them, and end the pool."""
    pool = make_pool()
    got: list[Any] = []
    done = threading.Event()

    def nested(value: int) -> None:
        got.append(pool.apply(jobs.double, (value,)))
        got.append(pool.map(jobs.double, [1, 2]))
        got.append(list(pool.imap(jobs.double, [5])))
        pool.terminate()
        done.set()

    pool.apply_async(jobs.double, (4,), callback=nested)
    assert done.wait(LONG)
    assert got == [16, [2, 4], [10]]
    assert pool.join(LONG)


def test_terminate_from_an_error_callback_ends_the_pool(pool: poolmgr.Pool) -> None:
    """terminate() inside an error_callback neither deadlocks nor leaves jobs waiting."""
    waiting = pool.map_async(jobs.sleep, [60] * 4, 1)
    pool.apply_async(jobs.fail, error_callback=lambda _: pool.terminate())
    pool.kill(waiting.id)
    with pytest.raises((PoolTerminated, JobStopped, JobCancelled)):
        waiting.get(LONG)
    wait_until(lambda: pool._state == "TERMINATE")
    assert pool.join(LONG)


def test_failing_initializer_is_reported_and_does_not_storm(make_pool: MakePool, tmp_path: Path) -> None:
    """After a few tries the waiting jobs fail with the initializer's traceback."""
    for initializer, text in (
        (jobs.failing_initializer, "the initializer says no"),
        (jobs.exiting_initializer, "code 7"),
    ):
        path = tmp_path / initializer.__name__
        pool = make_pool(initializer=initializer, initargs=(str(path),))
        with pytest.raises(WorkerStartFailed, match=text):
            pool.apply_async(jobs.double, (1,)).get(LONG)
        assert len(path.read_text().splitlines()) <= 10
        pool.close()
        assert pool.join(LONG)


def test_initializer_that_recovers_heals_the_pool(make_pool: MakePool, tmp_path: Path) -> None:
    """Once the initializer works again, so does the pool."""
    path = tmp_path / "there"
    pool = make_pool(initializer=jobs.initializer_that_needs, initargs=(str(path),))
    with pytest.raises(WorkerStartFailed, match="FileNotFoundError"):
        pool.apply_async(jobs.double, (1,)).get(LONG)
    path.write_text("")
    assert works(pool)


def endless() -> Iterator[int]:
    return itertools.count()


def test_endless_iterable_is_read_ahead_a_bounded_number(pool: poolmgr.Pool) -> None:
    """imap over an endless iterable gives results, and reads no more than its buffer ahead."""
    read = 0

    def counting() -> Iterator[int]:
        nonlocal read
        for i in itertools.count():
            read = i
            yield i

    stream = pool.imap(jobs.double, counting(), buffersize=10)
    assert [next(stream) for _ in range(100)] == [2 * i for i in range(100)]
    assert read <= 111
    unordered = pool.imap_unordered(jobs.double, counting())
    assert next(unordered) is not None
    assert read <= 1100
    assert works(pool)


def test_failing_iterables_fail_their_own_job(pool: poolmgr.Pool) -> None:
    """An iterable that raises, also BaseException, ends its own imap after the results before it."""

    def bad(error: BaseException) -> Iterator[int]:
        yield 1
        raise error

    for error, seen in ((ValueError("iterable"), ValueError), (SystemExit(2), JobExited)):
        stream = pool.imap(jobs.double, bad(error))
        assert next(stream) == 2
        with pytest.raises(seen):
            next(stream)
        with pytest.raises(StopIteration):
            next(stream)
    assert works(pool)


def test_iterable_that_blocks_stops_nothing_else(pool: poolmgr.Pool) -> None:
    """While one iterable waits for its next item, other jobs run, and terminate() does not wait for it."""
    gate = threading.Event()

    def blocked() -> Iterator[int]:
        yield 1
        gate.wait(LONG)

    stream = pool.imap(jobs.double, blocked())
    assert next(stream) == 2
    assert works(pool)
    pool.terminate()
    assert pool.join(LONG)
    gate.set()
    with pytest.raises(PoolTerminated):
        next(stream)


def test_sized_iterable_that_lies_about_its_length_ends(pool: poolmgr.Pool) -> None:
    """A map over something that has fewer items than its len() gives those there are."""

    class Liar:
        def __len__(self) -> int:
            return 10

        def __iter__(self) -> Iterator[int]:
            return iter([1, 2, 3])

    assert pool.map_async(jobs.double, Liar(), 1).get(LONG) == [2, 4, 6]
    assert works(pool)


def test_stopped_worker_stops_nothing_else(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """With one worker under SIGSTOP the other goes on, a kill of the frozen job works, and so does terminate()."""
    job = pool.apply_async(jobs.mark_and_wait, (str(tmp_path),))
    (pid,) = started(tmp_path)
    os.kill(pid, signal.SIGSTOP)
    assert works(pool)
    assert pool.kill(job.id)
    with pytest.raises(JobKilled):
        job.get(LONG)
    for worker in pool.snapshot().workers:
        os.kill(worker.pid, signal.SIGSTOP)
    pool.apply_async(jobs.length, (bytes(10_000_000),))
    pool.terminate()
    assert pool.join(LONG)


def test_sigterm_proof_job_does_not_stop_terminate(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """terminate() ends a worker that ignores SIGTERM."""
    job = pool.apply_async(jobs.ignore_sigterm_and_wait, (str(tmp_path),))
    started(tmp_path)
    pool.terminate()
    assert pool.join(LONG)
    with pytest.raises(PoolTerminated, match="while it ran"):
        job.get(0)


def test_job_that_holds_the_interpreter_does_not_stop_terminate(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """terminate() ends a worker whose job computes in C and never lets go."""
    pool.apply_async(jobs.mark_and_spin_in_c, (str(tmp_path),))
    wait_until(lambda: list(tmp_path.iterdir()))
    pool.terminate()
    assert pool.join(LONG)


def test_job_that_forks_answers_once(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """A job that forks and returns from both sides has one result: the parent's."""
    assert pool.apply_async(jobs.fork_and_return, (str(tmp_path),)).get(LONG) == 1
    assert (tmp_path / "forked").exists()
    assert works(pool)


def test_job_that_closes_descriptors_harms_itself_at_most(pool: poolmgr.Pool) -> None:
    """Closing fd 1, or every descriptor it can find, costs a job at the most."""
    assert pool.apply_async(jobs.close_stdout).get(LONG) is None
    # Its result is safe in shared memory; the worker can tell nobody any more, and is replaced.
    assert pool.apply_async(jobs.close_all_fds).get(LONG) is None
    assert works(pool)


def test_large_payloads_in_both_directions(pool: poolmgr.Pool) -> None:
    """Payloads far beyond any buffer arrive whole, also many at once."""
    size = 20_000_000
    assert pool.apply_async(jobs.length, (bytes(size),)).get(LONG) == size
    assert len(pool.apply_async(jobs.big, (size,)).get(LONG)) == size
    assert list(map(len, pool.map_async(jobs.echo, [bytes(300_000)] * 20, 1).get(LONG))) == [300_000] * 20


def test_worker_that_dies_while_it_sends_loses_its_job_alone(pool: poolmgr.Pool) -> None:
    """A worker killed in the middle of a large result, with the owner not reading, loses that job."""

    def at_work(job: Job) -> list[int]:
        return [worker.pid for worker in pool.snapshot().workers if worker.job_id == job.id]

    def killed_at_work() -> Job | None:
        job = pool.apply_async(jobs.big, (200_000_000,))
        wait_until(lambda: at_work(job) or job.ready())
        pids = at_work(job)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return job if pids else None

    # On a loaded machine one may be over before its worker is seen at work: then there is another one.
    job = wait_until(killed_at_work)
    assert job is not None
    try:
        assert len(job.get(LONG)) == 200_000_000
    except WorkerDied:
        pass  # Which of the two depends on the moment; a hang or half a result is what must not be.
    assert works(pool)


def test_submission_from_many_threads(pool: poolmgr.Pool) -> None:
    """Jobs submitted by many threads at once all end, each with its own result."""
    results: dict[int, list[int]] = {}

    def submit(thread: int) -> None:
        waiting = [pool.apply_async(jobs.add, (thread * 1000, i)) for i in range(100)]
        results[thread] = [job.get(LONG) for job in waiting]

    threads = [threading.Thread(target=submit, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {i: [i * 1000 + j for j in range(100)] for i in range(8)}


def test_pool_made_in_a_thread_that_ends_lives_on(method: str) -> None:
    """Workers do not die with the thread that made their pool."""
    made: list[poolmgr.Pool] = []
    context = multiprocessing.get_context(method)
    thread = threading.Thread(target=lambda: made.append(poolmgr.Pool(2, context=context)))
    thread.start()
    thread.join()
    with made[0] as pool:
        before = {worker.pid for worker in pool.snapshot().workers}
        assert works(pool)
        assert {worker.pid for worker in pool.snapshot().workers} == before
    assert pool.join(LONG)


def test_owner_that_forks_keeps_its_pool(pool: poolmgr.Pool) -> None:
    """A child forked from the owner leaves without touching the pool."""
    before = {worker.pid for worker in pool.snapshot().workers}
    child = os.fork()
    if child == 0:
        # What multiprocessing does when a program leaves by its end: it ends the processes that it takes for its own.
        multiprocessing.util._exit_function()  # type: ignore[attr-defined]
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert works(pool)
    assert {worker.pid for worker in pool.snapshot().workers} == before


def test_unpickling_that_exits_is_a_failed_job(pool: poolmgr.Pool) -> None:
    """SystemExit out of the unpickling of arguments in a worker is told as such, and raised as nothing of the kind."""
    with pytest.raises(JobExited):
        pool.apply_async(jobs.echo, (jobs.ExitsProgramWhenUnpickled(),)).get(LONG)
    assert works(pool)


def test_held_pool_whose_jobs_are_cancelled_ends(pool: poolmgr.Pool) -> None:
    """Jobs that were cancelled in a held pool do not keep it from ending."""
    pool.pause()
    job = pool.apply_async(jobs.double, (1,))
    assert job.cancel()
    pool.close()
    assert pool.join(LONG)


def test_random_kills_lose_at_most_one_job_a_death(make_pool: MakePool, tmp_path: Path) -> None:
    """Under kills at random moments every job ends once, none runs twice, and each death costs one at the most."""
    pool = make_pool(3)
    path = tmp_path / "ran"
    waiting: list[Job] = []
    deaths = 0
    # On a loaded machine a round may be over before a worker is seen at work: then there is another one.
    while deaths < 12:
        numbers = range(len(waiting), len(waiting) + 120)
        waiting += [pool.apply_async(jobs.append, (str(path), str(i))) for i in numbers]
        workers = [worker for worker in pool.snapshot().workers if worker.state == "running"]
        if workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(workers[deaths % len(workers)].pid, signal.SIGKILL)
            deaths += 1
        waiting[-60].wait(LONG)
    lost = 0
    for i, job in enumerate(waiting):
        try:
            assert job.get(LONG) == str(i)
        except WorkerDied:
            lost += 1
    ran = path.read_text().splitlines()
    assert len(ran) == len(set(ran)), "a job ran twice"
    assert lost <= deaths
    assert len(ran) >= len(waiting) - lost


def test_jobs_submitted_while_the_pool_ends_end_too(make_pool: MakePool) -> None:
    """Whatever was accepted ends, with its callback, however the submission and terminate() fall."""
    pool = make_pool()
    accepted: list[Any] = []
    called: list[BaseException] = []

    def submit() -> None:
        with contextlib.suppress(PoolClosed):
            while True:
                accepted.append(pool.apply_async(jobs.sleep, (60,), error_callback=called.append))
                accepted.append(pool.map_async(jobs.sleep, [60, 60], 1))
                accepted.append(pool.imap(jobs.sleep, iter([60])))

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(accepted) > 50)
    pool.terminate()
    for thread in threads:
        thread.join(LONG)
    assert pool.join(LONG)
    for job in accepted:
        with pytest.raises(PoolTerminated):
            job.next(LONG) if hasattr(job, "next") else job.get(LONG)
    wait_until(lambda: len(called) == sum(isinstance(job, poolmgr.Job) for job in accepted))


def test_pool_that_cannot_be_opened_ends_those_that_were_started(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers that a SIGTERM does not reach are ended all the same when the system has no room for the last one."""
    start = BaseProcess.start
    begun: list[BaseProcess] = []

    def start_two(process: BaseProcess) -> None:
        if len(begun) == 2:
            wait_until(lambda: len(list(tmp_path.iterdir())) == 2, what="the first two ignore SIGTERM")
            raise OSError(errno.EAGAIN, "no room")
        start(process)
        begun.append(process)

    monkeypatch.setattr(BaseProcess, "start", start_two)
    with pytest.raises(OSError, match="no room"):
        poolmgr.Pool(3, jobs.ignore_sigterm, (str(tmp_path),), context=multiprocessing.get_context(method))
    assert len(begun) == 2
    assert not any(psutil.pid_exists(int(path.name)) for path in tmp_path.iterdir())
