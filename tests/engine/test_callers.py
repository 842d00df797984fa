"""Jobs that callers send to idle workers themselves, past the dispatcher, and that nobody waits for in ``get()``."""

from __future__ import annotations

import os
import signal

import pytest

import poolmgr
from tests.engine.conftest import MakePool
from tests.helpers.wait import wait_until

only_fork = pytest.mark.parametrize("method", ["fork"])


def may_send(pool: poolmgr.Pool) -> bool:
    """Whether the next job is sent by its caller."""
    dispatcher = pool._dispatcher
    return dispatcher.mailbox.nap != 0 and dispatcher.feeding.callers_may and bool(dispatcher.feeding.idle)


def warm(make_pool: MakePool) -> poolmgr.Pool:
    """A pool of two whose workers both know the function."""
    pool = make_pool()
    handles = pool._dispatcher.crew.handles.values()

    def known() -> bool:
        for job in [pool.apply_async(os.getpid) for _ in range(8)]:
            job.get()
        return all(handle.encoder.number_sent(os.getpid) for handle in handles)

    wait_until(known)
    return pool


@only_fork
def test_job_sent_to_a_stopped_worker_goes_to_another(make_pool: MakePool) -> None:
    """Whoever only asks ``ready()`` need not wait until the worker goes on."""
    pool = warm(make_pool)
    pid = pool.apply(os.getpid)
    (other,) = {worker.pid for worker in pool.snapshot().workers} - {pid}
    wait_until(lambda: may_send(pool))
    # The worker that was used last is the next one too.
    assert pool._dispatcher.feeding.idle[-1].pid == pid
    os.kill(pid, signal.SIGSTOP)
    try:
        job = pool.apply_async(os.getpid)
        wait_until(job.ready)
        assert job.get() == other
    finally:
        os.kill(pid, signal.SIGCONT)


@only_fork
def test_idle_pool_does_not_wake(make_pool: MakePool) -> None:
    """Once nobody sends anything, the dispatcher sleeps until it is called; the next job is done all the same."""
    pool = warm(make_pool)
    dispatcher = pool._dispatcher
    wait_until(lambda: dispatcher.mailbox.nap and dispatcher._timeout() is None)
    assert not dispatcher.feeding.callers_may
    assert pool.apply_async(os.getpid).get() in {worker.pid for worker in pool.snapshot().workers}
    wait_until(lambda: may_send(pool))
