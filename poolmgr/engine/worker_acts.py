"""What an operator may do to one worker, whatever it runs. Every function runs on the dispatcher's thread.

A worker is named by its slot and by the number of its process there, so that no act meets the one that has taken its
place.  Signals go through the worker's pidfd; what has only a process id to go by is done while the process, dead or
alive, still has it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Collection

from poolmgr.engine.dispatcher import Dispatcher
from poolmgr.engine.handle import Handle
from poolmgr.errors import NoStack, UnknownWorker
from poolmgr.runtime.cells import STACKS
from poolmgr.runtime.procfs import reaction, threads
from poolmgr.runtime.stacks import Tap
from poolmgr.runtime.tree import descendants

#: Rounds over a process's threads until no new one is found: a thread that is started meanwhile may have missed it.
ROUNDS = 3


def find(dispatcher: Dispatcher, slot: int, generation: int | None) -> Handle:
    """The worker of this slot, if its process is the one that is meant.

    Raises:
        UnknownWorker: There is none, or another one.
    """
    handle = dispatcher.crew.handles.get(slot)
    if handle is None:
        raise UnknownWorker(slot, replaced=False)
    if not handle.alive or (generation is not None and generation != handle.generation):
        raise UnknownWorker(slot, replaced=True)
    return handle


def suspend(dispatcher: Dispatcher, slot: int, generation: int | None) -> int:
    """Stop the worker and what its jobs have started; it is fed nothing. Returns its process id.

    Raises:
        ValueError: It is starting: a pool that closes could not tell it to leave.
    """
    with dispatcher.feeding.lock:
        handle = find(dispatcher, slot, generation)
        if not handle.ready:
            raise ValueError(f"{handle.name} is still starting: suspend it once it has")
        handle.suspend()
        if handle.limit is None and dispatcher.returns.waiting(handle):
            # What it has not begun need not wait for it.
            dispatcher.returns.limit(handle, time.monotonic())
    return _tell(dispatcher, handle, "suspended")


def go_on(dispatcher: Dispatcher, slot: int, generation: int | None) -> int:
    """Let a stopped worker go on, whoever has stopped it. Returns its process id."""
    with dispatcher.feeding.lock:
        handle = find(dispatcher, slot, generation)
        handle.go_on()
    return _tell(dispatcher, handle, "goes on")


def recycle(dispatcher: Dispatcher, slot: int, generation: int | None) -> int:
    """Have the worker leave after its job, and another one take its place. Returns its process id."""
    with dispatcher.feeding.lock:
        handle = find(dispatcher, slot, generation)
        handle.recycled = True
        if handle.limit is None and dispatcher.returns.waiting(handle):
            dispatcher.returns.limit(handle, time.monotonic())
    return _tell(dispatcher, handle, "is to leave after its job, and to be replaced")


def renice(dispatcher: Dispatcher, slot: int, generation: int | None, value: int) -> int:
    """Set the nice value of all threads of the worker, and of what its jobs have started. Returns its process id.

    Raises:
        OSError: The system does not allow it.
    """
    handle = find(dispatcher, slot, generation)
    # For a single process the kernel takes the number of a thread, and changes that one alone.
    if _leads_group(handle):
        os.setpriority(os.PRIO_PGRP, handle.pid, value)
    else:
        os.setpriority(os.PRIO_PROCESS, handle.pid, value)
    return _tell(dispatcher, handle, f"has nice {value} now")


def set_affinity(dispatcher: Dispatcher, slot: int, generation: int | None, cpus: Collection[int]) -> int:
    """Bind all threads of the worker, and of what its jobs have started, to some CPUs. Returns its process id.

    Raises:
        OSError: There are no such CPUs, or the system does not allow it.
    """
    handle = find(dispatcher, slot, generation)
    os.sched_setaffinity(handle.pid, cpus)
    done: set[int] = set()
    for _ in range(ROUNDS):
        found = {thread for pid in (handle.pid, *descendants(handle.pid)) for thread in threads(pid)}
        if found <= done:
            break
        for thread in found - done:
            # Other threads than the worker's own come and go.
            with contextlib.suppress(OSError):
                os.sched_setaffinity(thread, cpus)
        done |= found
    return _tell(dispatcher, handle, f"runs on CPUs {', '.join(map(str, sorted(cpus)))} now")


def send_signal(dispatcher: Dispatcher, slot: int, generation: int | None, number: int) -> tuple[int, str]:
    """Send a signal to the worker's process alone. Returns its process id, and what the process makes of it."""
    handle = find(dispatcher, slot, generation)
    makes = reaction(handle.pid, number)
    handle.signal(number)
    return _tell(dispatcher, handle, f"got {signal.Signals(number).name}"), makes


def tap(dispatcher: Dispatcher, slot: int, generation: int | None) -> tuple[Handle, Tap]:
    """What takes the stacks of a worker, for another thread.

    Raises:
        NoStack: The worker has none to tell.
    """
    handle = find(dispatcher, slot, generation)
    fd = int(handle.cells.view[STACKS])
    if fd < 0:
        raise NoStack(f"{handle.name} is starting, or the system has no way to tell stacks")
    try:
        pidfd = os.pidfd_open(handle.pid)
    except (AttributeError, OSError) as error:
        raise NoStack(f"{handle.name} cannot be reached: {error}") from error
    return handle, Tap(handle.pid, pidfd, fd)


def _tell(dispatcher: Dispatcher, handle: Handle, what: str) -> int:
    dispatcher.ledger.log(f"{handle.name} (pid {handle.pid}) {what}", slot=handle.slot, pid=handle.pid)
    dispatcher.news()
    return handle.pid


def _leads_group(handle: Handle) -> bool:
    try:
        return os.getpgid(handle.pid) == handle.pid
    except OSError:
        return False
