"""The worker: what runs in each process of the pool.

    protect (lifeline) -> clean signals -> own process group -> own output -> initializer -> READY
    then, for each task:   START=seq . unpickle . call . pickle . BEGAN=0 . send . COMMIT=seq+1
    LEAVE or the end of the socket: return, so that the process ends as any multiprocessing.Process does

Runs: the initializer, and the users' functions with the pickling of what they take and give.  Each is guarded: what it
raises fails its own task and is sent to the owner, whatever it is.
Imports the standard library only: a worker under spawn pays for every import.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.pool import (  # type: ignore[attr-defined]
    ExceptionWithTraceback,
    MaybeEncodingError,
    _helper_reraises_exception,
)
from multiprocessing.reduction import DupFd
from time import monotonic_ns, thread_time_ns
from types import FrameType
from typing import Any

from poolmgr.engine import wire
from poolmgr.runtime.cells import BEGAN, COMMIT, LIMIT, NONE, START, STOP, Cells
from poolmgr.runtime.lifeline import Lifeline
from poolmgr.runtime.output import redirect

#: Signals whose Python handlers a worker must not inherit: the owner's (Textual's, asyncio's) would act on the owner's
#: behalf.  Others stay as the owner set them, as in the stock pool.
RESET = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGTSTP", "SIGCONT", "SIGWINCH", "SIGTTIN", "SIGTTOU")


#: Characters of a traceback that travel beside the exception: its end is what tells most.
LONGEST_TRACEBACK = 100_000


class Fd:
    """A descriptor in the arguments of a process, under fork, spawn and forkserver."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __reduce__(self) -> tuple[Any, ...]:
        return _fd, (DupFd(self.fd),)


def _fd(duplicate: Any) -> Fd:
    return Fd(duplicate.detach())


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker is started with."""

    channel: Fd
    cells: Cells
    lifeline: Lifeline
    initializer: Callable[..., object] | None
    initargs: tuple[Any, ...]
    wrap_exception: bool
    #: Where fds 1 and 2 go; None leaves them as they are.
    output: tuple[Fd, Fd] | None


def main(setup: Setup) -> None:
    """Run tasks until the owner says LEAVE or is gone. The target of the worker's Process."""
    setup.lifeline.protect()
    _clean_signals()
    with contextlib.suppress(PermissionError):
        # A group of its own: a Ctrl-C at the terminal reaches the owner alone, and a kill reaches the job's children.
        os.setpgid(0, 0)
    if setup.output is not None:
        redirect(setup.output[0].fd, setup.output[1].fd)
    worker = Worker(setup.channel.fd, setup.cells, setup.wrap_exception)
    signal.signal(signal.SIGINT, worker.interrupted)
    # A socket without its owner is the end, told in one way or the other; there is nobody to tell of it.
    with contextlib.suppress(ConnectionError):
        if worker.initialize(setup.initializer, setup.initargs):
            worker.serve()


def _clean_signals() -> None:
    with contextlib.suppress(ValueError):
        signal.set_wakeup_fd(-1)
    for name in RESET:
        number = getattr(signal, name)
        # SIGTERM is how a pool ends its workers: one that the owner ignores must not be ignored here.
        if callable(signal.getsignal(number)) or number == signal.SIGTERM:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM, signal.SIGINT])


class Worker:
    """The worker's end of the socket and the task at hand. Runs on the process's main thread."""

    def __init__(self, fd: int, cells: Cells, wrap_exception: bool) -> None:
        self.fd = fd
        self.cells = cells.view
        self.wrap_exception = wrap_exception
        self.pid = os.getpid()
        self.functions: dict[int, Any] = {}
        #: Sequence number of the task whose user code runs now, else NONE: only then may a signal raise.
        self.running = NONE

    def interrupted(self, signum: int, frame: FrameType | None) -> None:
        """On SIGINT: raise inside the user's code, and never between two jobs."""
        if self.running != NONE:
            # Once: a second one while the first is being handled would escape from the handling.
            self.running = NONE
            raise KeyboardInterrupt

    def initialize(self, initializer: Callable[..., object] | None, initargs: tuple[Any, ...]) -> bool:
        """Run the initializer and tell the owner; False if it raised."""
        try:
            if initializer is not None:
                initializer(*initargs)
        except BaseException:  # user code: whatever it raises must reach the owner
            self.send(wire.UNREADY, (traceback.format_exc(),))
            return False
        self.send(wire.READY, ())
        return True

    def serve(self) -> None:
        """Take frames and run their tasks until LEAVE or the end of the socket."""
        while True:
            head = self._read(wire.HEADER.size)
            if head is None:
                return
            kind, envelope_size, payload_size = wire.HEADER.unpack(head)
            envelope, payload = self._read(envelope_size), self._read(payload_size)
            if kind == wire.LEAVE or envelope is None or payload is None:
                return
            base, tasks, functions = marshal.loads(envelope)
            for number, pickled in functions.items():
                self.functions[number] = _Unread(pickled)
            position = 0
            view = memoryview(payload)
            for sequence, task in enumerate(tasks, base):
                size = task[1] if type(task[1]) is int else 0
                if not self.run(sequence, task, view[position : position + size]):
                    break
                position += size
            envelope = payload = view = task = tasks = None  # type: ignore[assignment]

    def run(self, sequence: int, task: tuple[int, Any], pickled: memoryview) -> bool:
        """Run one task and send what came of it. False if the owner took the rest of the batch back."""
        cells = self.cells
        cells[START] = sequence
        if sequence >= cells[LIMIT]:
            return False
        cpu = thread_time_ns()
        cells[BEGAN] = began = monotonic_ns()
        # A task whose unpickling kills the process is blamed, not handed to the next worker: hence after START.
        parts = self._outcome(sequence, task, pickled, began, cpu)
        cells[BEGAN] = 0
        for stream in (sys.stdout, sys.stderr):
            # What a job printed must be on its way before its result is; a job may have closed or replaced either.
            with contextlib.suppress(Exception):
                stream.flush()
        self._write(parts)
        cells[COMMIT] = sequence + 1
        return True

    def _outcome(
        self, sequence: int, task: tuple[int, Any], pickled: memoryview, began: int, cpu: int
    ) -> list[wire.Buffer]:
        function = None
        try:
            function, args, kwds = self._call(task, pickled)
        except BaseException as error:  # user code: __setstate__ and what a module runs when it is imported
            return self._failure(sequence, wire.UNREADABLE, error, began, cpu, wrap=True)
        try:
            self.running = sequence
            value = function(*args, **kwds)
            self.running = NONE
        except BaseException as error:  # user code: the job
            self.running = NONE
            self._leave_if_forked()
            stopped = isinstance(error, KeyboardInterrupt) and self.cells[STOP] == sequence
            how = wire.RAISED if isinstance(error, Exception) else wire.STOPPED if stopped else wire.EXITED
            wrap = self.wrap_exception and function is not _helper_reraises_exception
            return self._failure(sequence, how, error, began, cpu, wrap)
        self._leave_if_forked()
        ended = monotonic_ns()
        if wire.is_plain(value):
            return wire.frame(wire.RESULT, (sequence, True, value, began, ended, thread_time_ns() - cpu))
        return self._pickled(sequence, value, began, ended, cpu)

    def _call(self, task: tuple[int, Any], pickled: memoryview) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
        number, arguments = task
        function = self.functions.get(number)
        if type(function) is _Unread:
            function = self.functions[number] = function.read()
        if type(arguments) is tuple:
            return function, arguments, {}
        sent, args, kwds = wire.loads(pickled)
        return sent if function is None else function, args, kwds

    def _pickled(self, sequence: int, value: Any, began: int, ended: int, cpu: int) -> list[wire.Buffer]:
        try:
            payload = wire.dumps(value)
        except BaseException as error:  # user code: __reduce__ and __getstate__
            try:
                unsendable = MaybeEncodingError(error, value)
            except BaseException as worse:  # user code: __repr__
                unsendable = MaybeEncodingError(
                    error, f"<{type(value).__name__} whose repr raised {type(worse).__name__}>"
                )
            return self._failure(sequence, wire.UNSENDABLE, unsendable, began, cpu, wrap=False)
        kind = f"<{type(value).__name__}>"
        return wire.frame(wire.PICKLED, (sequence, kind, began, ended, thread_time_ns() - cpu), (payload,))

    def _failure(
        self, sequence: int, how: int, error: BaseException, began: int, cpu: int, wrap: bool
    ) -> list[wire.Buffer]:
        ended = monotonic_ns()
        line = summary(error)
        try:
            text = "".join(traceback.format_exception(error))[-LONGEST_TRACEBACK:]
        except BaseException:  # user code: __str__
            text = line
        payload: tuple[wire.Buffer, ...] = ()
        with contextlib.suppress(
            BaseException
        ):  # user code: __reduce__; the owner then makes a RemoteError of the texts
            payload = (wire.dumps(ExceptionWithTraceback(error, error.__traceback__) if wrap else error),)
        error.__traceback__ = None
        return wire.frame(wire.FAILURE, (sequence, how, line, text, began, ended, thread_time_ns() - cpu), payload)

    def _leave_if_forked(self) -> None:
        """A job that called os.fork() returns twice: the copy must not answer for the worker."""
        if os.getpid() != self.pid:
            os._exit(0)

    def send(self, kind: int, envelope: tuple[Any, ...]) -> None:
        """Send a frame without a payload."""
        self._write(wire.frame(kind, envelope))

    def _write(self, parts: list[wire.Buffer]) -> None:
        rest = [memoryview(part).cast("B") for part in parts if len(part)]
        while rest:
            sent = os.writev(self.fd, rest)
            while rest and sent >= len(rest[0]):
                sent -= len(rest.pop(0))
            if sent:
                rest[0] = rest[0][sent:]

    def _read(self, size: int) -> bytes | bytearray | None:
        """Exactly ``size`` bytes, or None at the end of the socket."""
        if size <= 1 << 16:
            data = os.read(self.fd, size) if size else b""
            if len(data) == size:
                return data
        else:
            data = b""
        buffer, filled = bytearray(size), len(data)
        buffer[:filled] = data
        view = memoryview(buffer)
        while filled < size:
            try:
                got = os.readv(self.fd, [view[filled:]])
            except ConnectionError:
                return None
            if not got:
                return None
            filled += got
        return buffer


class _Unread:
    """A function as it was sent: unpickled by the first task that calls it, so that this task is blamed for it."""

    __slots__ = ("pickled",)

    def __init__(self, pickled: bytes) -> None:
        self.pickled = pickled

    def read(self) -> Any:
        return wire.loads(self.pickled)


def summary(error: BaseException) -> str:
    """``KeyError: 'etag'`` in one line, whatever the error's own ``__str__`` does."""
    try:
        text = " ".join(str(error).split())
    except BaseException as worse:  # user code: __str__
        text = f"its __str__ raised {type(worse).__name__}"
    name = type(error).__qualname__
    return f"{name}: {text[:500]}" if text else name
