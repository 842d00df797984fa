"""The two ends of all that lies between the owner and one worker, and how a worker is made with its own.

Thread: whoever starts the worker.

    owner's     socket, the leader's bell, output: closed in every forked child, the worker too
    worker's    the same from the other side, and a copy of the dispatcher's bell: closed in every forked child but the
                worker, and here as soon as it has started
    cells       memory of both: inherited under fork, passed as a descriptor otherwise
"""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Callable
from functools import partial
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple
from weakref import ref

from poolmgr.engine.channel import Channel, pair
from poolmgr.engine.cloud import Carried, Sender
from poolmgr.engine.worker import Fd, Setup, bootstrap_forked, main
from poolmgr.runtime.cells import Cells
from poolmgr.runtime.inherit import disown, lend, own, own_socket
from poolmgr.runtime.lifeline import guard
from poolmgr.runtime.output import OutputPipe


class Spec(NamedTuple):
    """How the workers of a pool are made."""

    context: Any
    make_process: Callable[..., Any]
    initializer: Callable[..., object] | None
    initargs: tuple[Any, ...]
    wrap_exception: bool
    capture_output: bool

    @property
    def forks(self) -> bool:
        """Whether workers inherit this process's memory."""
        return bool(self.context.get_start_method() == "fork")


class Ends:
    """What a worker needs to be started, and what the owner keeps of it."""

    def __init__(self, spec: Spec, bell: int, sender: Sender) -> None:
        """Make them; what cannot be made whole leaves nothing open.

        Args:
            spec: How workers are made.
            bell: What wakes the dispatcher.
            sender: Pickles the initializer, where the worker does not inherit it.

        Raises:
            OSError: There are no more descriptors, or there is no more memory.
        """
        with contextlib.ExitStack() as undo:

            def open_here(fd: int) -> int:
                undo.callback(disown, own(fd))
                return fd

            self.cells = Cells(inherit=spec.forks)
            undo.callback(self.cells.close)
            ours, others = pair()
            undo.callback(disown, own_socket(ours).fileno())
            theirs = open_here(others.detach())
            self.channel = Channel(ours)
            #: Wakes a caller that waits for this worker in ``get()``.
            self.leader_bell = open_here(os.eventfd(0, os.EFD_CLOEXEC))
            self.leader_poll = select.poll()
            self.leader_poll.register(self.leader_bell, select.POLLIN)
            # Duplicates: a forked child closes what is its owner's.
            bells = open_here(os.dup(bell)), open_here(os.dup(self.leader_bell))
            self.output = (OutputPipe("out"), OutputPipe("err")) if spec.capture_output else ()
            for pipe in self.output:
                open_here(pipe.fd)
                open_here(pipe.worker_fd)
            #: The worker's, while they are here.
            self._theirs = [theirs, *bells, *(pipe.worker_fd for pipe in self.output)]
            self._setup = Setup(
                channel=Fd(theirs),
                bell=Fd(bells[0]),
                leader_bell=Fd(bells[1]),
                cells=self.cells,
                lifeline=guard(),
                initializer=Carried((spec.initializer, spec.initargs), sender),
                wrap_exception=spec.wrap_exception,
                output=(Fd(self.output[0].worker_fd), Fd(self.output[1].worker_fd)) if self.output else None,
            )
            undo.pop_all()

    def process(self, spec: Spec) -> BaseProcess:
        """The process that is to be started between :meth:`lend` and :meth:`part`."""
        process: BaseProcess = spec.make_process(spec.context, target=main, args=(self._setup,))
        process.name = process.name.replace("Process", "PoolWorker")
        process.daemon = True
        if spec.forks:
            # Nothing is pickled, so it may be set on this one.  By a weak reference: no cycle is to keep the process.
            process._bootstrap = partial(bootstrap_forked, ref(process))  # type: ignore[attr-defined]
        return process

    def lend(self) -> None:
        """The next child that is forked is the worker: it keeps its ends."""
        for fd in self._theirs:
            lend(fd)

    def part(self) -> None:
        """Close the worker's ends here: it has its own now, or never will."""
        while self._theirs:
            disown(self._theirs.pop())
        self.cells.close_fd()
