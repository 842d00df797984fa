"""Live stacks of real workers: whatever the job does, they come, and the job knows nothing of it."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import poolmgr
from poolmgr.errors import NoStack, UnknownWorker
from poolmgr.hook.site.poolmgr_hook import stacks as guest
from poolmgr.model.stacks import parse, told
from poolmgr.runtime import stacks
from poolmgr.runtime.cells import STACKS
from poolmgr.runtime.procfs import masks, stopped
from tests.engine.conftest import MakePool
from tests.engine.test_faults import LONG, started, works
from tests.engine.test_pool import go
from tests.helpers import jobs
from tests.helpers.wait import wait_until


def job_frames(text: str) -> list[str]:
    """The functions of the job that runs, the innermost first."""
    return [frame.function for frame in parse(text)[0].job]


def one(make_pool: MakePool) -> poolmgr.Pool:
    """A pool of one worker that has started."""
    pool = make_pool(1)
    assert works(pool)
    return pool


def test_stack_of_a_job_that_waits(make_pool: MakePool, tmp_path: Path) -> None:
    """The frames of the job are there, and it ends as if nobody had looked."""
    pool = one(make_pool)
    job = pool.apply_async(jobs.mark_and_wait, (str(tmp_path), "a"))
    started(tmp_path)
    for _ in range(3):
        assert job_frames(pool.stack(0))[-1] == "mark_and_wait"
    go(tmp_path)
    assert job.get(LONG) == "a"
    assert works(pool)


def test_stack_of_a_job_that_holds_the_interpreter(make_pool: MakePool, tmp_path: Path) -> None:
    """A job that computes in C and never comes back to Python tells its stack too."""
    pool = one(make_pool)
    job = pool.apply_async(jobs.mark_and_spin_in_c, (str(tmp_path),))
    wait_until(lambda: list(tmp_path.iterdir()))
    wait_until(lambda: job_frames(pool.stack(0)) == ["mark_and_spin_in_c"])
    assert pool.kill(job.id)


def test_stack_of_an_idle_worker_has_no_job(make_pool: MakePool) -> None:
    """What only waits for work is no frame of a job."""
    pool = one(make_pool)
    wait_until(lambda: job_frames(pool.stack(0)) == [])


def test_what_stands_beside_a_thread_in_c_is_not_read(make_pool: MakePool, tmp_path: Path) -> None:
    """While the main thread is in C, another one may be moving: it is said that it is not told."""
    pool = one(make_pool)
    job = pool.apply_async(jobs.spin_in_c_beside_a_thread, (str(tmp_path),))
    wait_until(lambda: list(tmp_path.iterdir()))
    (found,) = wait_until(lambda: [each for each in [parse(pool.stack(0))] if each[-1].note])
    assert [[frame.function for frame in each.job] for each in found] == [["spin_in_c_beside_a_thread"], []]
    assert "other threads" in told(found, lambda file, line: "")[-1].text
    assert pool.kill(job.id)


def test_thread_that_sleeps_is_told_without_being_asked(make_pool: MakePool, tmp_path: Path) -> None:
    """Where nobody answers between two instructions, what sleeps can be told, and nothing is sent that would kill."""
    pool = one(make_pool)
    job = pool.apply_async(jobs.take_the_question_away, (str(tmp_path),))
    wait_until(lambda: list(tmp_path.iterdir()))
    assert job_frames(pool.stack(0))[-1] == "take_the_question_away"
    assert pool.kill(job.id)


def test_thread_that_wakes_now_and_then_is_not_told_unasked(
    make_pool: MakePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be running Python at the moment when it would be told from outside."""
    pool = one(make_pool)
    job = pool.apply_async(jobs.take_the_question_away_and_look, (str(tmp_path),))
    started(tmp_path)
    monkeypatch.setattr(stacks, "DEADLINE", 0.3)
    with pytest.raises(NoStack, match="has not told its stack"):
        pool.stack(0)
    go(tmp_path)
    assert job.get(LONG) == ""


@pytest.mark.parametrize("job", [jobs.run_generators, jobs.start_threads, jobs.go_in_and_out_of_c])
def test_many_stacks_do_a_job_no_harm(make_pool: MakePool, tmp_path: Path, job: Callable[[str], int]) -> None:
    """A job whose frames move all the time, or whose threads come and go, lives, and each stack is whole."""
    pool = one(make_pool)
    result = pool.apply_async(job, (str(tmp_path),))
    started(tmp_path)
    found = [parse(pool.stack(0)) for _ in range(200)]
    go(tmp_path)
    assert result.get(LONG) > 0
    assert all(threads[0].is_worker for threads in found)
    assert any(threads[0].job[-1].function == job.__name__ for threads in found)


def test_worker_is_kept_from_going_on_while_the_second_signal_comes(make_pool: MakePool, tmp_path: Path) -> None:
    """One that comes back from C just then stays in its answer until the memory is free again."""
    pool = one(make_pool)
    pid = pool.apply(jobs.stay_long_in_stacks)
    job = pool.apply_async(jobs.run_generators, (str(tmp_path),))
    started(tmp_path)
    fd = int(pool._dispatcher.crew.handles[0].cells.view[STACKS])
    memory = os.open(f"/proc/{pid}/fd/{fd}", os.O_RDWR)
    try:
        fcntl.flock(memory, fcntl.LOCK_EX)
        os.kill(pid, guest.ASK)
        wait_until(lambda: os.pread(memory, 1 << 16, 0).endswith(guest.END))
        os.kill(pid, guest.ASK)
        wait_until(lambda: b" in _stay\n" in os.pread(memory, 1 << 16, 0))
        fcntl.flock(memory, fcntl.LOCK_UN)
    finally:
        os.close(memory)
    go(tmp_path)
    assert job.get(LONG) > 0


def test_all_threads_of_a_job_are_told(make_pool: MakePool, tmp_path: Path) -> None:
    """The thread that runs the job comes first, then those that it has started."""
    pool = one(make_pool)
    job = pool.apply_async(jobs.wait_beside_a_thread, (str(tmp_path),))
    started(tmp_path)
    found = parse(pool.stack(0))
    assert len(found) == 2
    assert found[0].job[-1].function == "wait_beside_a_thread"
    assert "mark_and_wait" in [frame.function for frame in found[1].job]
    go(tmp_path)
    job.get(LONG)


def test_many_stacks_are_a_profile_and_fill_no_memory(
    make_pool: MakePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory that a worker writes into is emptied, and no stack is cut by that."""
    monkeypatch.setattr(stacks, "LARGEST", 2000)
    pool = one(make_pool)
    job = pool.apply_async(jobs.mark_and_wait, (str(tmp_path), "a"))
    [pid] = started(tmp_path)
    found = pool.stacks(0, 30, 0.0)
    assert {job_frames(text)[-1] for text in found} == {"mark_and_wait"}
    fd = int(pool._dispatcher.crew.handles[0].cells.view[STACKS])
    assert os.stat(f"/proc/{pid}/fd/{fd}").st_size <= 2000 + 2 * max(map(len, found))
    go(tmp_path)
    assert job.get(LONG) == "a"


def test_several_may_look_at_once(make_pool: MakePool, tmp_path: Path) -> None:
    """Each gets a stack that is whole, and no other one's."""
    pool = one(make_pool)
    job = pool.apply_async(jobs.mark_and_wait, (str(tmp_path), "a"))
    started(tmp_path)
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.extend(pool.stacks(0, 5, 0.0))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20
    assert {(len(parse(text)), job_frames(text)[-1]) for text in found} == {(1, "mark_and_wait")}
    go(tmp_path)
    assert job.get(LONG) == "a"


def test_worker_that_is_being_stopped_says_so(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop that is on its way, or comes just after the look, is told as one that stands still, and at once."""
    pool = one(make_pool)
    pid = pool.pid_of(0)
    with monkeypatch.context() as patch:
        patch.setattr(stacks, "masks", lambda *of: masks(*of) | {"ShdPnd": 1 << signal.SIGSTOP - 1})
        patch.setattr(stacks.Tap, "_send", lambda *_: pytest.fail("it was asked all the same"))
        with pytest.raises(NoStack, match="stands still"):
            pool.stack(0)
    pool.suspend(0)
    wait_until(lambda: stopped(pid))
    looks = iter([False])
    monkeypatch.setattr(stacks, "stopped", lambda pid: next(looks, stopped(pid)))
    monkeypatch.setattr(stacks, "DEADLINE", 1e6)
    with pytest.raises(NoStack, match="stands still"):
        pool.stack(0)
    pool.unsuspend(0)
    assert works(pool)


def test_worker_that_cannot_tell_is_left_alone(make_pool: MakePool) -> None:
    """One that stands still, one whose job has closed the memory or taken the handler away: a reason, and no harm."""
    pool = one(make_pool)
    pool.suspend(0)
    with pytest.raises(NoStack, match="stands still"):
        pool.stack(0)
    pool.unsuspend(0)
    assert works(pool)
    with pytest.raises(UnknownWorker):
        pool.stack(0, 2)
    for job, reason in ((jobs.close_stacks, "closed what it would write"), (jobs.unregister_stacks, "taken away")):
        pool = one(make_pool)
        pid = pool.apply(job)
        with pytest.raises(NoStack, match=reason):
            pool.stack(0)
        assert pool.apply(jobs.pid) == pid
