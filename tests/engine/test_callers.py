"""Jobs that callers send to idle workers themselves, past the dispatcher, and that nobody leads."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import poolmgr
from poolmgr.engine import inline, rest
from poolmgr.engine.channel import DIRECTLY, pair
from tests.engine.conftest import MakePool
from tests.helpers import jobs
from tests.helpers.wait import wait_until

LONG = 20

only_fork = pytest.mark.parametrize("method", ["fork"])


def may_send(pool: poolmgr.Pool) -> bool:
    """Whether the next job is sent by its caller, and the dispatcher has nothing else to look at soon."""
    dispatcher = pool._dispatcher
    naps = dispatcher.mailbox.nap != 0 and dispatcher.returns.due is None
    return naps and dispatcher.feeding.callers_may and bool(dispatcher.feeding.idle)


def warm(pool: poolmgr.Pool, function: Callable[..., Any], *args: Any) -> poolmgr.Pool:
    """The pool, once all of its workers know the function."""
    handles = pool._dispatcher.crew.handles.values()

    def known() -> bool:
        for job in [pool.apply_async(function, args) for _ in range(8)]:
            job.get(LONG)
        return all(handle.encoder.number_sent(function) for handle in handles)

    wait_until(known)
    return pool


def next_worker(pool: poolmgr.Pool) -> int:
    """The process that the next job will be sent to by its caller: the one that was used last."""
    wait_until(lambda: may_send(pool))
    return pool._dispatcher.feeding.idle[-1].pid


@only_fork
def test_get_of_a_job_that_a_stopped_worker_was_sent(make_pool: MakePool) -> None:
    """Another worker does it, also where there is no leader since output is captured."""
    pool = warm(make_pool(capture_output=True), os.getpid)
    pid = next_worker(pool)
    os.kill(pid, signal.SIGSTOP)
    try:
        assert pool.apply_async(os.getpid).get(LONG) != pid
    finally:
        os.kill(pid, signal.SIGCONT)


@only_fork
def test_job_of_a_stopped_worker_that_nobody_asks_after(make_pool: MakePool, tmp_path: Path) -> None:
    """It is done all the same."""
    path = tmp_path / "ran"
    pool = warm(make_pool(), jobs.append, str(tmp_path / "warm"), "x")
    pid = next_worker(pool)
    os.kill(pid, signal.SIGSTOP)
    try:
        pool.apply_async(jobs.append, (str(path), "once"))
        wait_until(path.exists)
    finally:
        os.kill(pid, signal.SIGCONT)
    pool.close()
    assert pool.join(LONG)
    assert path.read_text() == "once\n"


@only_fork
def test_result_whose_worker_stops_before_it_tells(
    make_pool: MakePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is booked, though nobody asks, and the dispatcher has looked while the job ran."""
    tell, go, stop = rest.Rest.tell, tmp_path / "go", tmp_path / "stop"

    def stop_first(self: rest.Rest, committed: int) -> None:
        if stop.exists():
            os.kill(os.getpid(), signal.SIGSTOP)
        tell(self, committed)

    monkeypatch.setattr(rest.Rest, "tell", stop_first)
    go.touch()
    pool = warm(make_pool(1), jobs.mark_and_wait, str(tmp_path))
    go.unlink()
    pid, mailbox = next_worker(pool), pool._dispatcher.mailbox
    job = pool.apply_async(jobs.mark_and_wait, (str(tmp_path), "begun"))
    wait_until((tmp_path / "begun").exists)
    nap = mailbox.nap
    wait_until(lambda: mailbox.nap > nap)
    stop.touch()
    go.touch()
    try:
        # Not ready(): that would ring.
        wait_until(lambda: job._settled)
    finally:
        os.kill(pid, signal.SIGCONT)


@only_fork
def test_idle_pool_does_not_wake(make_pool: MakePool) -> None:
    """Once nobody sends anything, the dispatcher sleeps until it is called; the next job is done all the same."""
    pool = warm(make_pool(), os.getpid)
    dispatcher = pool._dispatcher
    wait_until(lambda: dispatcher.mailbox.nap and dispatcher._timeout() is None)
    assert not dispatcher.feeding.callers_may
    assert pool.apply_async(os.getpid).get() in {worker.pid for worker in pool.snapshot().workers}
    wait_until(lambda: may_send(pool))


@only_fork
@pytest.mark.parametrize("size", [10, 8_000, 10_000, 32_000])
def test_bytes_and_text_go_from_hand_to_hand(make_pool: MakePool, size: int) -> None:
    """A caller sends them itself, and comes for them itself: the dispatcher sleeps on."""
    pool = warm(make_pool(), jobs.echo, b"")
    for value in (b"\xff" * size, "x" * size):

        def goes_past_the_dispatcher(value: bytes | str = value) -> bool:
            wait_until(lambda: may_send(pool))
            nap = pool._dispatcher.mailbox.nap
            assert pool.apply_async(jobs.echo, (value,)).get(LONG) == value
            return pool._dispatcher.mailbox.nap == nap

        # It may have a reason of its own to wake just then.
        wait_until(goes_past_the_dispatcher)


@only_fork
@pytest.mark.parametrize("value", [b"\0", b"\xff", "x", "\xff", "\u20ac", "\U0001f40d"])
def test_values_around_every_limit_come_back(make_pool: MakePool, value: bytes | str) -> None:
    """What is just too large for one way goes another."""
    pool = warm(make_pool(), jobs.echo, value)
    for limit in (8_192, 10_922, 16_384, 32_768, 65_536):
        for size in range(limit - 40, limit + 8):
            assert pool.apply_async(jobs.echo, (value * size,)).get(LONG) == value * size


def test_largest_frame_of_a_caller_is_taken_whole_or_not_at_all() -> None:
    """However little room there is: a caller does not come back for the rest."""
    one, other = pair()
    with one, other:
        frame = bytes(inline.LARGEST)
        for step in range(60):
            with contextlib.suppress(BlockingIOError):
                while True:
                    assert one.send(frame, DIRECTLY) == len(frame)
            other.recv(997 * (step + 1))
