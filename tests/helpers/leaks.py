"""The leak plugin: a process, thread or descriptor that a test leaves behind fails that test.

Thread: pytest's own, before and after each test.

A process counts if it descends from this one, or carries the test's mark in its environment, as every program has
that the test started and whatever that started in turn: so an orphan counts too, though nobody is its parent.

What Python keeps for the life of a process is no leak: the resource tracker, the fork server, their descriptors, and
the lifeline.  They are started before the first test, or known by name.  So are the connections of a Manager's proxies.
"""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import forkserver, resource_tracker
from multiprocessing.managers import BaseProxy
from pathlib import Path

import psutil
import pytest

from poolmgr.runtime.lifeline import guard

#: Seconds that ends may take which a test has begun and need not wait for.  Only a leak waits so long.
SETTLE = 5.0
#: How often it is looked whether they have.
STEP = 0.02
#: The variable that marks a test's programs.
MARK = "POOLMGR_LEAK_MARK"

_numbers = itertools.count(1)


@dataclass(slots=True)
class Census:
    """What there is at one moment."""

    #: Process id and start time, which together name a process for good, and how it is shown.
    processes: dict[tuple[int, float], str] = field(default_factory=dict)
    threads: dict[int, str] = field(default_factory=dict)
    #: Number of the descriptor and what it refers to.
    descriptors: set[tuple[int, str]] = field(default_factory=set)

    def since(self, before: Census) -> list[str]:
        """What is here and was not before, in words."""
        found = [f"process {text}" for key, text in self.processes.items() if key not in before.processes]
        found += [f"thread {name}" for key, name in self.threads.items() if key not in before.threads]
        found += [f"descriptor {fd} -> {target}" for fd, target in sorted(self.descriptors - before.descriptors)]
        return found


def take_census(mark: str) -> Census:
    """Count this process's descendants, the processes that carry ``mark``, and our threads and descriptors."""
    # Reaps children that have ended and that nobody asked about again.
    multiprocessing.active_children()
    threads = {id(thread): thread.name for thread in threading.enumerate()}
    return Census(_processes(mark), threads, _descriptors())


@pytest.fixture(scope="session", autouse=True)
def _lasting_helpers() -> None:
    """Start what lasts as long as the process, so that no test is blamed for it."""
    resource_tracker.ensure_running()
    guard()


@pytest.fixture(autouse=True)
def no_leaks(_lasting_helpers: None) -> Iterator[None]:
    """Fail the test if something that it started is still there after its fixtures are torn down."""
    mark = f"{os.getpid()}.{next(_numbers)}"
    before = take_census(mark)
    outer = os.environ.get(MARK)
    os.environ[MARK] = mark
    try:
        yield
    finally:
        if outer is None:
            del os.environ[MARK]
        else:
            os.environ[MARK] = outer
    leaks = _settle(before, mark)
    if leaks:
        _end_leaked(before, mark)
        pytest.fail("left behind:\n  " + "\n  ".join(leaks), pytrace=False)


def _settle(before: Census, mark: str) -> list[str]:
    deadline = time.monotonic() + SETTLE
    while take_census(mark).since(before):
        # A pool in a reference cycle, as an exception's traceback makes one, is no leak.
        gc.collect()
        census = take_census(mark)
        proxies = set(_proxy_descriptors())
        census.descriptors = {(fd, target) for fd, target in census.descriptors if fd not in proxies}
        leaks = census.since(before)
        if not leaks:
            break
        if time.monotonic() > deadline:
            return leaks
        time.sleep(STEP)
    return []


def _processes(mark: str) -> dict[tuple[int, float], str]:
    """Descendants, and processes that carry the mark, without Python's own helpers."""
    helpers = {_tracker_pid(), getattr(forkserver._forkserver, "_forkserver_pid", None)}
    found = {}
    for process in [*psutil.Process().children(recursive=True), *_marked(mark)]:
        try:
            if process.pid not in helpers:
                found[process.pid, process.create_time()] = f"{process.pid} ({process.status()}): {_command(process)}"
        except psutil.NoSuchProcess:
            continue
    return found


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())[:160] or process.name()
    except psutil.ZombieProcess:
        # Its memory is gone, and with it what it was called with.
        return process.name()


def _marked(mark: str) -> list[psutil.Process]:
    sought = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if sought in (folder / "environ").read_bytes().split(b"\0"):
                found.append(psutil.Process(int(folder.name)))
        except (OSError, psutil.NoSuchProcess):
            # Gone meanwhile, or somebody else's.
            continue
    return found


def _descriptors() -> set[tuple[int, str]]:
    lasting = {
        getattr(resource_tracker._resource_tracker, "_fd", None),
        getattr(forkserver._forkserver, "_forkserver_alive_fd", None),
    }
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            # The descriptor that listed the folder.
            continue
        if int(name) not in lasting:
            found.add((int(name), target))
    return found


def _proxy_descriptors() -> Iterator[int]:
    """The connections that proxies of Managers keep in this thread: they close with the last proxy.

    A class of tests may own the Manager, and unittest keeps a test with its proxies beyond its end.
    """
    for proxy in gc.get_objects():
        # Not isinstance(): it would ask a proxy of something else for its __class__.
        if issubclass(type(proxy), BaseProxy):
            connection = getattr(proxy._tls, "connection", None)
            if connection is not None and not connection.closed:
                yield connection.fileno()


def _tracker_pid() -> int | None:
    return getattr(resource_tracker._resource_tracker, "_pid", None)


def _end_leaked(before: Census, mark: str) -> None:
    """End the processes that were left behind: the next test is to have the machine to itself."""
    for pid, started in _processes(mark).keys() - before.processes.keys():
        try:
            process = psutil.Process(pid)
            if process.create_time() == started:
                process.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
