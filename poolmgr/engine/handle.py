"""The owner's view of one worker process: its socket, its cells, its output and the task it holds.

Thread: made by whoever starts the worker (the constructor's caller for the first ones, then the dispatcher); after
that the dispatcher is its only user.  Snapshots read single attributes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import Any

from poolmgr.engine import wire
from poolmgr.engine.channel import Channel
from poolmgr.engine.job import Task
from poolmgr.engine.worker import Fd, Setup, main
from poolmgr.runtime.cells import NONE, START, STOP, Cells
from poolmgr.runtime.inherit import disown, own
from poolmgr.runtime.lifeline import guard
from poolmgr.runtime.output import OutputPipe
from poolmgr.runtime.stderr import startable_stderr
from poolmgr.runtime.tree import descendants, kill_group

#: Seconds to wait for the exit code of a worker whose end the kernel has told us of.  The fork server reports it a
#: moment later; if it is dead itself, nobody ever will.
REAP = 1.0


@dataclass(frozen=True, slots=True)
class Spec:
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


class Handle:
    """One worker."""

    def __init__(self, slot: int, generation: int, spec: Spec) -> None:
        self.slot = slot
        self.generation = generation
        self.ready = False
        self.leaving = False
        #: The task that the worker holds, and its number.
        self.task: Task | None = None
        self.sequence = NONE
        #: Tasks that it was given, and how they ended.
        self.taken = self.done = self.failed = 0
        self.started = time.time()
        #: When it took up what it does now.
        self.since = self.started
        #: The job for whose sake it is being killed.
        self.killed_for: int | None = None
        self.pid = 0
        self._pidfd = NONE
        self._known: set[int] = set()
        self._make(spec)

    def _make(self, spec: Spec) -> None:
        self.cells = Cells(inherit=spec.forks)
        ours, theirs = socket.socketpair()
        self.output = (OutputPipe("out"), OutputPipe("err")) if spec.capture_output else ()
        self.channel = Channel(own(ours.detach()))
        for pipe in self.output:
            own(pipe.fd)
        self._theirs: socket.socket | None = theirs
        setup = Setup(
            channel=Fd(theirs.fileno()),
            cells=self.cells,
            lifeline=guard(),
            initializer=spec.initializer,
            initargs=spec.initargs,
            wrap_exception=spec.wrap_exception,
            output=(Fd(self.output[0].worker_fd), Fd(self.output[1].worker_fd)) if self.output else None,
        )
        self.process: BaseProcess = spec.make_process(spec.context, target=main, args=(setup,))
        self.process.name = self.process.name.replace("Process", "PoolWorker")
        self.process.daemon = True

    def start(self) -> None:
        """Start the process; what cannot be started leaves nothing open."""
        try:
            with startable_stderr():
                self.process.start()
        except BaseException:
            self.close()
            raise
        finally:
            self._close_worker_ends()

    def _close_worker_ends(self) -> None:
        if self._theirs is None:
            return
        self._theirs.close()
        self._theirs = None
        self.cells.close_fd()
        for pipe in self.output:
            pipe.close_worker_end()

    def watch(self) -> int:
        """A descriptor that becomes readable when the process ends.

        A pidfd says so whatever the job has forked; the sentinel is a pipe, which a job's own children keep open.
        """
        self.pid = self.process.pid or 0
        try:
            self._pidfd = own(os.pidfd_open(self.pid))
        except (AttributeError, OSError):
            return self.process.sentinel
        return self._pidfd

    def fds(self) -> list[int]:
        """What a selector may watch of it."""
        end = self._pidfd if self._pidfd != NONE else self.process.sentinel
        return [end, self.channel.fd, *(pipe.fd for pipe in self.output)]

    @property
    def name(self) -> str:
        """``w1`` for slot 0, as the screens call it."""
        return f"w{self.slot + 1}"

    # -- tasks

    def feed(self, task: Task, functions: Callable[[Any], tuple[int, bytes]]) -> None:
        """Send one task.

        Args:
            task: The task.
            functions: Gives the number and the pickle of a function that is sent by reference.

        Raises:
            Exception: Whatever the pickling of the arguments raises; nothing was sent then.
        """
        number = 0
        func: Any = task.func
        new: dict[int, bytes] = {}
        payload: tuple[wire.Buffer, ...] = ()
        arguments: tuple[Any, ...] | int
        if wire.by_reference(func):
            number, pickled = functions(func)
            if number not in self._known:
                new = {number: pickled}
            func = None
        if func is None and not task.kwds and type(task.args) is tuple and all(map(wire.is_plain, task.args)):
            arguments = task.args
        else:
            data = wire.dumps((func, task.args, task.kwds))
            arguments, payload = len(data), (data,)
        self.sequence += 1
        parts = wire.frame(wire.TASKS, (self.sequence, [(number, arguments)], new), payload)
        self._known.update(new)
        self.task = task
        self.taken += 1
        self.since = time.time()
        self.channel.send(parts)

    def leave(self) -> None:
        """Tell the worker that nothing more will come."""
        self.leaving = True
        self.since = time.time()
        self.channel.send(wire.frame(wire.LEAVE, ()))

    def give_up_task(self) -> Task | None:
        """Take the task away from the handle: it has ended, or the worker has."""
        task, self.task = self.task, None
        self.since = time.time()
        return task

    @property
    def began(self) -> bool:
        """Whether the worker took up the task that it was sent last."""
        return bool(self.cells.view[START] >= self.sequence)

    # -- signals

    def signal(self, number: int) -> None:
        """Send a signal to the worker, and never to a process that has got its pid since."""
        with contextlib.suppress(OSError):
            if self._pidfd != NONE:
                signal.pidfd_send_signal(self._pidfd, number)
            elif self.pid and self.process.is_alive():
                os.kill(self.pid, number)

    def stop_softly(self) -> None:
        """Have KeyboardInterrupt raised inside the task that runs."""
        self.cells.view[STOP] = self.sequence
        self.signal(signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL to the worker and to all that its jobs have started."""
        below = descendants(self.pid) if self.pid else []
        self.signal(signal.SIGKILL)
        for pid in below:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    # -- the end

    def reap(self, sweep: bool) -> int | None:
        """Collect the process that has ended.

        Args:
            sweep: Whether to kill what its jobs left behind.

        Returns:
            Its exit code, None if somebody else collected it.
        """
        if sweep and self.pid:
            # While it is a zombie its number, and so its group's, cannot be anybody else's.
            kill_group(self.pid)
        self.process.join(REAP)
        return self.process.exitcode

    def close(self) -> None:
        """Close all that belongs to it. Its process has ended, or never started."""
        self._close_worker_ends()
        disown(self.channel.fd)
        for pipe in self.output:
            disown(pipe.fd)
        if self._pidfd != NONE:
            disown(self._pidfd)
            self._pidfd = NONE
        self.cells.close()
        # A process object holds descriptors of its own, and a traceback that a user keeps may hold this handle.
        del self.process


class Functions:
    """Numbers for functions that are pickled by reference, so that each is pickled once. The dispatcher's."""

    def __init__(self) -> None:
        self._numbers: dict[Any, tuple[int, bytes]] = {}

    def __call__(self, func: Any) -> tuple[int, bytes]:
        """The number and the pickle of ``func``; raises what pickling it raises."""
        known = self._numbers.get(func)
        if known is None:
            known = self._numbers[func] = (len(self._numbers) + 1, bytes(wire.dumps(func)))
        return known


def cpu_count() -> int:
    """Cores that this process may use, as the stock pool counts them from Python 3.13 on."""
    counted = getattr(os, "processcpu_count", None)
    return int((counted() if counted is not None else len(os.sched_getaffinity(0))) or 1)
