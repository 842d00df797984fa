"""The crew: the workers of a pool by slot. Starts them, watches them, lets them go.

Thread: the constructor's caller for the first workers, then the dispatcher alone.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing import process
from typing import Any

from poolmgr.engine.courier import Couriers, Trip
from poolmgr.engine.encode import Functions
from poolmgr.engine.ends import Spec
from poolmgr.engine.handle import Handle
from poolmgr.engine.job import Job
from poolmgr.engine.ledger import Ledger
from poolmgr.engine.mailbox import Mailbox
from poolmgr.engine.parts import Landing
from poolmgr.runtime.signals import held_back
from poolmgr.runtime.stderr import startable_stderr

#: What a worker runs.
WORKER = "poolmgr.engine.worker"
#: The processes of all pools of this process.
_workers: weakref.WeakSet[Any] = weakref.WeakSet()


def _forget_in_child() -> None:
    """A child that the owner forks by hand would end our workers when it leaves: it takes them for its own."""
    process._children.difference_update(_workers)  # type: ignore[attr-defined]


os.register_at_fork(after_in_child=_forget_in_child)


class Crew:
    """Workers, and the selector that tells of them."""

    def __init__(
        self,
        spec: Spec,
        mailbox: Mailbox,
        functions: Functions,
        ledger: Ledger,
        selector: selectors.BaseSelector,
        tell: Callable[[Callable[[], object]], None],
        later: Callable[[float, Callable[[], None]], None],
        *,
        exited: Callable[[Handle], None],
        spoke: Callable[[Handle], None],
        printed: Callable[[Handle], None],
    ) -> None:
        """Make an empty crew.

        Args:
            spec: How workers are made.
            mailbox: What workers ring when results are there.
            functions: Numbers of functions.
            ledger: Told when one starts.
            selector: Watches them; its keys' data are called with the mask.
            tell: Has a step run on the dispatcher's thread.
            later: The same, after so many seconds.
            exited: Called when a worker's process has ended.
            spoke: Called when frames may be there.
            printed: Called when output may be there.
        """
        self._spec = spec
        self._mailbox = mailbox
        self._functions = functions
        self._ledger = ledger
        self._selector = selector
        #: They carry what is large from and to workers.
        self.couriers = Couriers(tell)
        #: What comes from workers and is large comes in here.
        self.landing = Landing(later)
        self._exited, self._spoke, self._printed = exited, spoke, printed
        self._generations: dict[int, int] = {}
        self.handles: dict[int, Handle] = {}
        #: The processes, as the stock pool keeps them in ``_pool``.
        self.processes: list[Any] = []

    def start_first(self, size: int) -> None:
        """Start workers in slots 0 to ``size`` - 1.

        Raises:
            OSError: A process could not be started; :meth:`abandon` ends those that could.
        """
        if self._spec.context.get_start_method() == "forkserver":
            from poolmgr.runtime.forkserver import preload

            preload(WORKER)
        waiting: deque[Handle] = deque()
        try:
            # All are made before the first is forked: each page that is written between two forks is copied once more.
            for slot in range(size):
                waiting.append(self._make(slot))
            with self._startable():
                while waiting:
                    self._start(waiting.popleft())
        finally:
            for handle in waiting:
                handle.close()
        for handle in self.handles.values():
            self._watch(handle)

    def abandon(self) -> None:
        """End the workers of a pool that could not be opened."""
        for handle in self.handles.values():
            if handle.process.exitcode is None:
                handle.process.terminate()
                # SIGTERM is not enough: Python forgets a signal that comes to a process while it is being forked.
                handle.kill()
        for handle in self.handles.values():
            handle.process.join()
            handle.close()
        self.handles.clear()
        self.processes.clear()

    def start(self, slot: int, replaces: bool) -> None:
        """Start a worker in a free slot.

        Args:
            slot: The slot.
            replaces: Whether it takes the place of one that has left, or leaves.

        Raises:
            OSError: The system starts no more processes.
            Exception: What pickling the initializer's arguments raises.
        """
        handle = self._make(slot)
        handle.replaces = replaces
        with self._startable():
            self._start(handle)
        self._watch(handle)

    def _make(self, slot: int) -> Handle:
        generation = self._generations[slot] = self._generations.get(slot, 0) + 1
        handle = Handle(slot, generation, self._spec, self._mailbox, self._functions)
        handle.channel.room = self.landing.room
        return handle

    @contextlib.contextmanager
    def _startable(self) -> Iterator[None]:
        with startable_stderr(), held_back(self._spec.context.get_start_method()):
            yield

    def _start(self, handle: Handle) -> None:
        handle.start()
        self.handles[handle.slot] = handle
        _workers.add(handle.process)
        self.processes.append(handle.process)

    def _watch(self, handle: Handle) -> None:
        register = self._selector.register
        register(handle.watch(), selectors.EVENT_READ, lambda _: self._exited(handle))
        self.watch_socket(handle)
        for pipe in handle.output:
            register(pipe.fd, selectors.EVENT_READ, lambda _: self._printed(handle))
        self._ledger.log(f"{handle.name} started as pid {handle.pid}", slot=handle.slot, pid=handle.pid)

    def _socket(self, handle: Handle, mask: int) -> None:
        if handle.dead:
            # A courier has come back from a worker that is gone.
            return
        if mask & selectors.EVENT_WRITE:
            handle.channel.flush()
        if mask & selectors.EVENT_READ:
            self._spoke(handle)
            with handle.lock:
                handle.channel.hand_over_in(lambda trip: self._carry(handle, trip, selectors.EVENT_READ))
        self.watch_socket(handle)

    def _carry(self, handle: Handle, trip: Trip, mask: int) -> bool:
        return self.couriers.carry(trip, lambda: self._socket(handle, mask))

    def has_sent(self, job: Any) -> bool:
        """Whether a worker was sent the job; for a map, whether one was sent its first task. From any thread."""
        if not isinstance(job, Job):
            return job.started is not None
        return any(handle.holds(job) for handle in list(self.handles.values()))

    def watch_socket(self, handle: Handle) -> None:
        """Have what waits for the worker sent, by a courier if it is much, and the selector look for what is due."""
        channel = handle.channel
        channel.hand_over_out(lambda trip: self._carry(handle, trip, selectors.EVENT_WRITE))
        wanted = channel.wanted if channel.open else 0
        key = self._selector.get_map().get(channel.fd)
        if key is None:
            if wanted:
                self._selector.register(channel.fd, wanted, lambda mask: self._socket(handle, mask))
        elif not wanted:
            self._selector.unregister(channel.fd)
        elif key.events != wanted:
            self._selector.modify(channel.fd, wanted, key.data)

    def forget(self, fd: int) -> None:
        """Watch a descriptor no more."""
        with contextlib.suppress(KeyError):
            self._selector.unregister(fd)

    def remove(self, handle: Handle) -> None:
        """A worker has gone: watch it no more."""
        for fd in handle.fds():
            self.forget(fd)
        del self.handles[handle.slot]
        # The stock pool keeps those of a pool that has ended, and with them a descriptor each.
        self.processes.remove(handle.process)

    def idle(self) -> frozenset[int]:
        """The slots of those that have nothing to do."""
        handles = list(self.handles.values())
        return frozenset(handle.slot for handle in handles if handle.ready and handle.empty and handle.limit is None)

    def kill(self) -> None:
        """SIGKILL to all of them."""
        for handle in list(self.handles.values()):
            handle.kill()
