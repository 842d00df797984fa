"""The Manager for users: as the stock one, but it ends with its owner."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import signal
from multiprocessing import forkserver

import psutil
import pytest

import poolmgr
from tests.helpers.programs import line, program
from tests.helpers.wait import wait_until

METHODS = ["fork", "spawn", "forkserver"]

OWNER = """
    import multiprocessing, sys
    import poolmgr
    manager = poolmgr.Manager(multiprocessing.get_context(sys.argv[1]))
    shared = manager.dict(a=1)
    print(manager._process.pid, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(scope="module", autouse=True)
def _fork_server() -> None:
    """The fork server lasts as long as the process; have it before the first test is watched."""
    forkserver.ensure_running()


@pytest.mark.parametrize("method", METHODS)
def test_works_as_the_stock_one(method: str) -> None:
    """Its proxies are the stock ones, and it ends with its shutdown."""
    with poolmgr.Manager(multiprocessing.get_context(method)) as manager:
        shared = manager.dict(a=1)
        shared.update(b=2)
        assert dict(shared) == {"a": 1, "b": 2}


@pytest.mark.parametrize("method", METHODS)
def test_ends_with_a_killed_owner(method: str) -> None:
    """SIGKILL to the owner ends the Manager's process too."""
    with program(OWNER, method) as owner:
        manager = psutil.Process(int(line(owner)))
        assert manager.is_running()
        owner.kill()
        owner.wait()
        wait_until(lambda: not manager.is_running() or manager.status() == psutil.STATUS_ZOMBIE, 2.0)


def test_ignores_an_interrupt_and_forgets_the_owners_handlers() -> None:
    """Ctrl-C does not end it; SIGTERM does, though the owner's own handler would not."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        manager = poolmgr.Manager(multiprocessing.get_context("fork"))
    finally:
        signal.signal(signal.SIGTERM, before)
    process = psutil.Process(manager._process.pid)  # type: ignore[attr-defined]
    process.send_signal(signal.SIGINT)
    assert manager.list([1])[0] == 1
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    manager.shutdown()


@pytest.mark.parametrize("method", METHODS)
def test_starts_where_stderr_has_no_descriptor(method: str) -> None:
    """A screen that has taken sys.stderr away does not stop it from starting."""

    class Taken(io.StringIO):
        def fileno(self) -> int:
            return -1

    with (
        contextlib.redirect_stderr(Taken()),
        poolmgr.Manager(multiprocessing.get_context(method)) as manager,
    ):
        assert manager.list([os.getpid()])[0] == os.getpid()
