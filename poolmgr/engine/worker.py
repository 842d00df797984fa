"""The worker process: how it is set up, and how frames reach it. What it does with a batch is in ``tasks.py``.

    protect (lifeline) -> clean signals -> own process group -> own output -> initializer -> READY
    then, for each frame of tasks: run the batch, ACK, wake the owner
    LEAVE or the end of the socket: return, so that the process ends as any multiprocessing.Process does

Imports the standard library only: a worker under spawn pays for every import.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing.reduction import DupFd
from typing import Any, NamedTuple, TextIO, cast

from poolmgr.engine import unheard, wire
from poolmgr.engine.cloud import Carried
from poolmgr.engine.parts import Load, Spares
from poolmgr.engine.tasks import Batches
from poolmgr.runtime import progress, stacks
from poolmgr.runtime.cells import STACKS, START, Cells
from poolmgr.runtime.lifeline import Lifeline
from poolmgr.runtime.output import redirect
from poolmgr.runtime.signals import take_again

#: Signals whose Python handlers a worker must not inherit: the owner's (Textual's, asyncio's) would act on the owner's
#: behalf.  Others stay as the owner set them, as in the stock pool.
RESET = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGTSTP", "SIGCONT", "SIGWINCH", "SIGTTIN", "SIGTTOU")


class Fd:
    """A descriptor in the arguments of a process, under fork, spawn and forkserver."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __reduce__(self) -> tuple[Any, ...]:
        return _fd, (DupFd(self.fd),)


def _fd(duplicate: Any) -> Fd:
    return Fd(duplicate.detach())


class Setup(NamedTuple):
    """What a worker is started with."""

    channel: Fd
    #: Event descriptors: they wake the dispatcher, and a caller who waits in ``get()``.
    bell: Fd
    leader_bell: Fd
    cells: Cells
    lifeline: Lifeline
    #: The initializer, None if there is none, and its arguments.
    initializer: Carried
    wrap_exception: bool
    #: Where fds 1 and 2 go; None leaves them as they are.
    output: tuple[Fd, Fd] | None


class _Nothing:
    """What a forked worker closes in place of the stdin that it came with; the process then opens its own."""

    @staticmethod
    def close() -> None:
        """Close nothing."""


def bootstrap_forked(reference: Callable[[], Any], parent_sentinel: int | None = None) -> Any:
    """What runs first in a forked worker, in place of the process's own, which this goes on with.

    That closes stdin, and waits for ever if a thread of the owner was reading it: its lock came along, the thread did
    not.  The worker would hang before it is on the lifeline, and outlive its owner.
    """
    sys.stdin = cast(TextIO, _Nothing)
    process = reference()
    return type(process)._bootstrap(process, parent_sentinel=parent_sentinel)


def main(setup: Setup) -> None:
    """Run tasks until the owner says LEAVE or is gone. The target of the worker's Process."""
    setup.lifeline.protect()
    _clean_signals()
    with contextlib.suppress(PermissionError):
        # A group of its own: a Ctrl-C at the terminal reaches the owner alone, and a kill reaches the job's children.
        os.setpgid(0, 0)
    setup.cells.view[STACKS] = stacks.offer()
    progress.show_on(setup.cells)
    printed = None
    if setup.output is not None:
        from poolmgr.runtime import hooks

        printed = redirect(setup.output[0].fd, setup.output[1].fd, lambda: setup.cells.view[START])
        hooks.install()
    bells = setup.bell.fd, setup.leader_bell.fd
    batches = Batches(setup.channel.fd, bells, setup.cells, setup.wrap_exception, printed)
    os.register_at_fork(after_in_child=batches.forked)
    signal.signal(signal.SIGINT, batches.interrupted)
    unheard.listen(batches)
    # The owner blocked them while it forked: one that came before now would have met the owner's handler.
    take_again()
    # A socket without its owner is the end, told in one way or the other; there is nobody to tell of it.
    with contextlib.suppress(ConnectionError):
        if _initialize(batches, *setup.initializer.value):
            _serve(batches)


def _clean_signals() -> None:
    with contextlib.suppress(ValueError):
        signal.set_wakeup_fd(-1)
    for name in RESET:
        number = getattr(signal, name)
        # SIGTERM is how a pool ends its workers: one that the owner ignores must not be ignored here.
        if callable(signal.getsignal(number)) or number == signal.SIGTERM:
            signal.signal(number, signal.SIG_DFL)


def _initialize(batches: Batches, initializer: Callable[..., object] | None, initargs: tuple[Any, ...]) -> bool:
    """Run the initializer and tell the owner; False if it raised."""
    try:
        if initializer is not None:
            initializer(*initargs)
    except BaseException:  # user code: whatever it raises must reach the owner
        batches.send(wire.frame(wire.UNREADY, (traceback.format_exc(),)))
        return False
    batches.send(wire.frame(wire.READY, ()))
    return True


def _serve(batches: Batches) -> None:
    inbox, spares = Inbox(batches.fd), Spares()
    while True:
        batches.spin()
        if spares and not inbox.comes(spares.left()):
            spares.let_go()
        head = inbox.take(wire.HEADER.size)
        if head is None:
            return
        kind, envelope_size, payload_size = wire.HEADER.unpack(head)
        envelope = inbox.take(envelope_size)
        if kind == wire.LEAVE or envelope is None:
            return
        if kind == wire.TASK:
            sequence, number, functions, sizes = marshal.loads(envelope)
            arrival = spares.arrival(sizes)
            if not inbox.fill(arrival.load):
                return
            batches.learn(functions)
            batches.run(sequence, number, [arrival], b"")
            del arrival
            continue
        payload = inbox.take(payload_size)
        if payload is None:
            return
        base, numbers, calls, functions = marshal.loads(envelope)
        batches.learn(functions)
        if kind == wire.ITEMS:
            # zip makes the tuple of one argument out of each item as it is needed.
            batches.run(base, numbers, zip(calls, strict=False), b"")
        else:
            batches.run(base, numbers, calls, payload)
        del head, envelope, payload, calls


class Inbox:
    """Reads exactly so many bytes at a time, with as few system calls as it can."""

    #: Bytes asked for when less is needed: a batch with its header comes in one read.
    AHEAD = 1 << 16

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._rest = b""
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)

    def take(self, size: int) -> bytes | bytearray | None:
        """The next ``size`` bytes, or None at the end of the socket."""
        rest = self._rest
        if len(rest) >= size:
            self._rest = rest[size:]
            return rest[:size]
        if size > self.AHEAD:
            large = bytearray(size)
            return large if self.fill(Load([large])) else None
        while len(rest) < size:
            more = self._read()
            if not more:
                return None
            rest += more
        self._rest = rest[size:]
        return rest[:size]

    def _read(self) -> bytes:
        try:
            return os.read(self._fd, self.AHEAD)
        except ConnectionError:
            return b""

    def comes(self, seconds: float) -> bool:
        """Whether anything comes within so many seconds, or the end of the socket; False if they are over already."""
        return seconds > 0 and bool(self._rest or self._poll.poll(seconds * 1000))

    def fill(self, load: Load) -> bool:
        """Fill all of ``load``; False at the end of the socket."""
        self._rest = self._rest[load.fill(memoryview(self._rest)) :]
        while load.left:
            try:
                got = os.readv(self._fd, load.next())
            except ConnectionError:
                return False
            if not got:
                return False
            load.moved(got)
        return True
