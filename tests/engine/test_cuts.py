"""The main thread is interrupted at each moment of submitting a job and waiting for it, one after the other.

Whatever comes, by an exception or by a handler that runs: the job ends once or was never submitted, later jobs are
answered, no worker is lost, and the pool ends.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import poolmgr
from poolmgr.engine import callers, leader, rest
from poolmgr.engine.job import Job
from poolmgr.errors import PoolClosed
from tests.engine.conftest import MakePool
from tests.helpers import jobs
from tests.helpers.cuts import cut, watching
from tests.helpers.wait import wait_until

LONG = 20
#: More moments than there are.
MANY = 3000
#: Runs that came to their end before their moment, until it is sure that there are no more: not all are equally long.
UNCUT = 20
#: Walks at the most: on a busy machine a caller may come too late to lead.
WALKS = 5
#: One in so many moments is tried where each needs a pool of its own.
STEP = 3

only_fork = pytest.mark.parametrize("method", ["fork"])
sizes = pytest.mark.parametrize("size", [1, 2])


class Raises:
    """Raises, as a signal handler does."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def __call__(self) -> None:
        raise self.error("from a handler")


def quiet(pool: poolmgr.Pool) -> None:
    """Until nobody does anything, so that the next job goes the short way."""
    dispatcher = pool._dispatcher
    handles = dispatcher.crew.handles
    wait_until(lambda: dispatcher.mailbox.nap != 0 and all(handle.empty for handle in handles.values()))


@pytest.fixture(autouse=True)
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The engine's steps are watched; workers wait for a caller that is slow for it, and so does the dispatcher."""
    monkeypatch.setattr(rest, "UNTAKEN", 20)
    monkeypatch.setattr(callers, "SOON", 20)
    with watching():
        yield


def warm(make_pool: MakePool, size: int, folder: Path) -> poolmgr.Pool:
    """A pool whose workers all know the functions."""
    pool = make_pool(size)
    path = str(folder / "warm")
    for function, args in ((jobs.append, (path, "x")), (jobs.double, (1,)), (jobs.append_late, (path, "x"))):
        wait_until(lambda f=function, a=args: _known(pool, f, a))  # type: ignore[misc]
    return pool


def _known(pool: poolmgr.Pool, function: Callable[..., Any], args: tuple[Any, ...]) -> bool:
    for job in [pool.apply_async(function, args) for _ in range(8)]:
        job.get(LONG)
    return all(handle.encoder.number_sent(function) for handle in pool._dispatcher.crew.handles.values())


def check_works(pool: poolmgr.Pool, size: int) -> None:
    """It answers, one job at a time and many, with all its workers."""
    for i in range(3):
        assert pool.apply_async(jobs.double, (i,)).get(LONG) == 2 * i
    assert len(pool.snapshot().workers) == size


def check_end(pool: poolmgr.Pool, path: Path, certain: set[str], possible: set[str]) -> None:
    """The pool ends; what was accepted has run once, what was not, once at the most."""
    pids = {worker.pid for worker in pool.snapshot().workers}
    assert pids == pool.first_pids  # type: ignore[attr-defined]
    pool.close()
    assert pool.join(LONG)
    ran = Counter(path.read_text().split())
    assert not [name for name, times in ran.items() if times > 1], "a job ran twice"
    assert certain <= set(ran) <= certain | possible


FUNCTIONS = {"leader looks": jobs.append, "leader sleeps": jobs.append_late}
ERRORS = [KeyboardInterrupt, TimeoutError, ValueError]


@only_fork
@sizes
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("way", FUNCTIONS)
def test_exception_at_any_moment_of_submitting_and_waiting(
    make_pool: MakePool, tmp_path: Path, size: int, error: type[BaseException], way: str
) -> None:
    """An exception that a signal handler raises leaves a whole pool, at whatever moment it comes."""
    pool, path = warm(make_pool, size, tmp_path), tmp_path / "ran"
    pool.first_pids = {worker.pid for worker in pool.snapshot().workers}  # type: ignore[attr-defined]
    certain: set[str] = set()
    possible: set[str] = set()
    wanted = {"submit", "send", "_hand", "get", "wait", "lead", "_sleep" if way == "leader sleeps" else "_take"}
    for walk in range(WALKS):
        uncut = 0
        for at in range(1, MANY):
            quiet(pool)
            job, name = None, f"{walk}.{at}"
            possible.add(name)
            try:
                with cut(at, Raises(error)) as done:
                    job = pool.apply_async(FUNCTIONS[way], (str(path), name))
                    job.get()
            except error:
                pass
            wanted.discard(done.where)
            uncut += not done.where
            if job is not None:
                job.get(LONG)
                certain.add(name)
            check_works(pool, size)
            if uncut == UNCUT:
                break
        if not wanted:
            break
    assert not wanted, "not all ways were walked"
    check_end(pool, path, certain, possible)


@only_fork
@sizes
@pytest.mark.parametrize("way", FUNCTIONS)
def test_handler_that_uses_the_pool_at_any_moment(make_pool: MakePool, tmp_path: Path, size: int, way: str) -> None:
    """A signal handler may run a job in the same pool, and wait for it, at any moment of submitting and waiting."""
    pool, path = warm(make_pool, size, tmp_path), tmp_path / "ran"
    pool.first_pids = {worker.pid for worker in pool.snapshot().workers}  # type: ignore[attr-defined]
    names = set()
    for at in range(1, MANY):
        quiet(pool)
        inner: list[int] = []

        def run(inner: list[int] = inner) -> None:
            inner.append(pool.apply_async(jobs.double, (7,)).get(LONG))

        with cut(at, run) as done:
            pool.apply_async(FUNCTIONS[way], (str(path), str(at))).get()
        names.add(str(at))
        check_works(pool, size)
        if not done.where:
            break
        assert inner == [14]
    check_end(pool, path, names, names)


@only_fork
@sizes
def test_handler_that_waits_for_the_same_job(make_pool: MakePool, tmp_path: Path, size: int) -> None:
    """A signal handler may wait for the very job for which the code below it waits."""
    pool, path = warm(make_pool, size, tmp_path), tmp_path / "ran"
    for at in range(1, MANY):
        quiet(pool)
        job = pool.apply_async(jobs.append_late, (str(path), str(at)))

        def ask(job: Job = job, at: int = at) -> None:
            if at % 2:
                job.get(LONG)
            else:
                wait_until(job.ready)

        with cut(at, ask) as done:
            job.get()
        if not done.where:
            break
    check_works(pool, size)


@only_fork
@sizes
@pytest.mark.parametrize("terminate", [False, True])
def test_handler_that_ends_the_pool(make_pool: MakePool, tmp_path: Path, size: int, terminate: bool) -> None:
    """A signal handler may close or terminate the pool, and wait for its end, at any moment."""
    path = str(tmp_path / "ran")
    for at in range(1, MANY, STEP):
        pool = warm(make_pool, size, tmp_path)
        quiet(pool)
        ended: list[bool] = []

        def end(pool: poolmgr.Pool = pool, ended: list[bool] = ended) -> None:
            (pool.terminate if terminate else pool.close)()
            ended.append(pool.join(LONG))

        job = None
        with cut(at, end) as done:
            try:
                job = pool.apply_async(jobs.append_late, (path, str(at)))
                job.get()
            except (PoolClosed, poolmgr.PoolTerminated):
                assert job is None or terminate or done.where
        if not done.where:
            break
        assert ended == [True]


@only_fork
def test_second_interrupt_while_the_first_is_handled(
    make_pool: MakePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt just when a leader makes way, because of another one, changes nothing."""
    pool, path = warm(make_pool, 1, tmp_path), tmp_path / "ran"
    pool.first_pids = {worker.pid for worker in pool.snapshot().workers}  # type: ignore[attr-defined]

    def ring_and_raise(fd: int, value: int) -> None:
        os.eventfd_write(fd, value)
        raise KeyboardInterrupt

    certain, possible = set(), set()
    for at in range(1, MANY):
        quiet(pool)
        job = None
        possible.add(str(at))
        with monkeypatch.context() as patch:
            patch.setattr(leader, "os", SimpleNamespace(read=os.read, eventfd_write=ring_and_raise))
            try:
                with cut(at, Raises(KeyboardInterrupt)) as done:
                    job = pool.apply_async(jobs.append_late, (str(path), str(at)))
                    job.get()
            except KeyboardInterrupt:
                pass
        if job is not None:
            assert job.get(LONG) == str(at)
            certain.add(str(at))
        assert pool._dispatcher.mailbox.inside == 0
        if not done.where:
            break
    check_end(pool, path, certain, possible)


@only_fork
def test_socket_that_takes_nothing_now(make_pool: MakePool, tmp_path: Path) -> None:
    """What a caller cannot write to a worker the dispatcher sends, once."""
    pool, path = warm(make_pool, 1, tmp_path), tmp_path / "ran"
    (handle,), mailbox = pool._dispatcher.crew.handles.values(), pool._dispatcher.mailbox
    channel, bell, other = handle.channel.write, mailbox.bell, os.eventfd(0, os.EFD_NONBLOCK)
    full = socket.socketpair()
    full[0].setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            full[0].send(bytes(1 << 16))

    def sleeps() -> bool:
        """The dispatcher has lain down and will not get up by itself: awake it would take the job from us."""
        nap = mailbox.nap
        awaits = pool._dispatcher.returns.due
        return nap != 0 and awaits is None and handle.empty and mailbox.nap == nap

    for i in range(5):
        wait_until(sleeps)
        # The dispatcher sleeps on until all is as it was.
        handle.channel.write, mailbox.bell = full[0].send, other
        job = pool.apply_async(jobs.append, (str(path), str(i)))
        handle.channel.write, mailbox.bell = channel, bell
        assert os.eventfd_read(other) == 1
        mailbox.ring()
        assert job.get(LONG) == str(i)
    assert path.read_text().split() == [str(i) for i in range(5)]
    os.close(other)
    for end in full:
        end.close()
