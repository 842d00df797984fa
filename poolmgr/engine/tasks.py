"""What a worker does with a batch: it runs each task and commits its result before it takes up the next.

    for each task    START=seq . past LIMIT? then leave the batch . call . fill the slot . COMMIT=seq+1
    at its end       ACK=batches left . wake the owner; within a batch it is woken about once a millisecond, so that
                     no result waits behind a slow task

Runs: the users' functions, and the pickling of what they take and give.  Each is guarded: what it raises fails its own
task and is sent to the owner, whatever it is.
Writes the cells and columns that ``runtime/cells.py`` gives to the worker, and no other.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import traceback
from collections.abc import Iterable, Sequence
from itertools import repeat
from multiprocessing.pool import (  # type: ignore[attr-defined]
    ExceptionWithTraceback,
    MaybeEncodingError,
)
from time import monotonic_ns, thread_time_ns
from types import FrameType
from typing import Any

from poolmgr.engine import cloud, unheard, wire
from poolmgr.engine.parts import Arrival, Buffer, Load
from poolmgr.engine.rest import Rest
from poolmgr.errors import SoftTimeout, summary
from poolmgr.runtime.cells import (
    ACK,
    AREA,
    BEGAN,
    BUSY,
    COMMIT,
    LIMIT,
    MASK,
    NONE,
    SERIAL,
    SOFT,
    SOFT_NS,
    START,
    STOP,
    TAIL,
    TOLD,
    Cells,
)  # fmt: skip
from poolmgr.runtime.output import Printed

#: Nanoseconds in a batch after which the owner is woken.  Less costs a system call more often, more lets results wait.
WAKE_EVERY = 1_000_000
#: Tasks of so many ns and more have their CPU time read one by one: the clock costs 570 ns.
CPU_EACH = 50_000
#: Largest result that goes into the payload area; a larger one goes over the socket.
AREA_LIMIT = 1 << 15
#: Most bytes of a text, or of bytes, that is given as it is.
_AS_IS = AREA_LIMIT - 16
#: Characters of a traceback that travel beside the exception: its end is what tells most.
LONGEST_TRACEBACK = 100_000


class Batches(Rest):
    """The worker's end of everything. Runs on the process's main thread."""

    def __init__(
        self, fd: int, bells: tuple[int, int], cells: Cells, wrap_exception: bool, printed: Printed | None
    ) -> None:
        super().__init__(fd, bells, cells)
        #: Sequence number of the task whose user code runs now, else NONE: only then may a signal raise.
        self.running = NONE
        self._ring = cells
        self._wrap_exception = wrap_exception
        self._printed = printed
        self._functions: dict[int, Any] = {}
        #: Bytes ever written into the payload area.
        self._head = 0
        self._busy = 0
        #: ns in making and reading pickles.
        self._serial = 0
        self._cpu = thread_time_ns()
        self._is_copy = False
        #: The last request to stop that was seen.
        self._asked = NONE
        #: The task in which KeyboardInterrupt was raised and has not come out yet.
        self._raised = NONE
        #: When the batch at hand began.
        self._began = 0
        #: The last task that came by value: so may its result go.
        self._by_value = NONE

    # -- signals and forks

    def interrupted(self, signum: int, frame: FrameType | None) -> None:
        """On SIGINT: raise inside the user's code, and never between two jobs."""
        running, asked = self.running, self.cells[STOP]
        if running == NONE:
            return
        if unheard.within(frame):
            unheard.again()
            return
        # The owner's request is for one task: another that runs by now is not meant.
        new, self._asked = asked != self._asked, asked
        if not new or asked != running:
            self._tell_soft_limit(running)
            if new or self.cells[SOFT] == running:
                return
        # Once: a second one while the first is being handled would escape from the handling.
        self.running, self._raised = NONE, running
        raise KeyboardInterrupt

    def _tell_soft_limit(self, running: int) -> None:
        """Raise SoftTimeout inside the task that has reached its soft limit, once: it may go on."""
        cells = self.cells
        if cells[SOFT] == running != cells[TOLD]:
            cells[TOLD] = running
            raise SoftTimeout(cells[SOFT_NS] / 1e9)

    def unheard(self, kind: type[BaseException]) -> bool:
        """What a signal raised in the running task was dropped on its way: whether it is to be raised again."""
        cells, running = self.cells, self.cells[START]
        if cells[COMMIT] != running:
            return False
        if issubclass(kind, SoftTimeout):
            heard = cells[TOLD] != running or self.running != running
            cells[TOLD] = NONE
            return not heard
        if self._raised != running:
            return False
        self.running, self._raised = running, NONE
        if cells[STOP] == running:
            self._asked = NONE
        return True

    def forked(self) -> None:
        """In the child that a job has forked: it must not answer for the worker."""
        self._is_copy = True

    # -- the socket and the bells

    def send(self, parts: list[Buffer]) -> None:
        """Write a whole frame, or end the process: what comes after half a frame would be taken for its other half."""
        load = Load(parts)
        try:
            while load.left:
                load.moved(os.writev(self.fd, load.next()))
        except ConnectionError:
            # The owner is gone, or has done with us.
            raise
        except BaseException:  # user code: a signal handler of a job's, with its alarm still set
            traceback.print_exc()
            os._exit(1)

    # -- a batch

    def learn(self, functions: dict[int, bytes]) -> None:
        """Keep functions that are sent for the first time, still pickled."""
        for number, pickled in functions.items():
            self._functions[number] = _Unread(pickled)

    def run(self, base: int, numbers: int | list[int], calls: Iterable[Any], payload: Buffer) -> None:
        """Run tasks ``base``, ``base`` + 1, ... until they end or LIMIT is reached.

        Args:
            base: The number of the first.
            numbers: The number of the function, or one for each task.
            calls: For each task its arguments, or the size of a pickle in ``payload``, or the parts of a large one.
            payload: Pickles, one after the other.
        """
        cells = self.cells
        # What was committed before has been told, or taken.
        self._woken = self._began = monotonic_ns()
        pairs = zip(repeat(numbers) if isinstance(numbers, int) else numbers, calls, strict=False)
        last = self._run(base, pairs, memoryview(payload))
        now = monotonic_ns()
        cells[BEGAN] = 0
        cpu = thread_time_ns()
        if last >= base:
            # Tasks too short to be measured one by one: their CPU time stands at the last of them.
            self._ring.cpu[last & MASK] += cpu - self._cpu
        self._cpu = cpu
        self._busy += now - self._began
        cells[BUSY] = self._busy
        self._acknowledged += 1
        cells[ACK] = self._acknowledged
        self.tell(last + 1)

    def _run(self, base: int, pairs: Iterable[tuple[int, Any]], payload: memoryview) -> int:
        """The loop; returns the last task that was run, or one before ``base``."""
        cells, ring, printed, functions = self.cells, self._ring, self._printed, self._functions
        begins, ends, cpus, kinds, values = ring.began, ring.ended, ring.cpu, ring.kind, ring.value
        now = began = self._began
        position, sequence = 0, base - 1
        for number, call in pairs:
            if now - self._woken > WAKE_EVERY:
                cells[BUSY] = self._busy + now - self._began
                self.wake()
            sequence += 1
            cells[START] = sequence
            if sequence >= cells[LIMIT]:
                return sequence - 1
            cells[BEGAN] = began
            slot = sequence & MASK
            try:
                if type(call) is tuple:
                    function = functions[number]
                    if type(function) is _Unread:
                        function = self._read(number)
                    self.running = sequence
                    value = function(*call)
                elif type(call) is int:
                    position += call
                    value = self._call(sequence, number, payload[position - call : position])
                else:
                    value = self._call(sequence, number, call)
                self.running = NONE
                if self._is_copy:
                    os._exit(0)
                if type(value) is int and value.bit_length() < 64:
                    values[slot] = value
                    kinds[slot] = wire.INT
                else:
                    self._store_value(sequence, value)
            except BaseException as error:  # user code: the job, and the unpickling of what it is called with
                self.running = NONE
                self._failed(sequence, error)
            value = None
            if printed is not None:
                printed.flush()
            now = monotonic_ns()
            begins[slot], ends[slot], cpus[slot] = began, now, 0
            if now - began >= CPU_EACH:
                cpu = thread_time_ns()
                cpus[slot], self._cpu = cpu - self._cpu, cpu
            cells[COMMIT] = sequence + 1
            began = now
        return sequence

    # -- one task

    def _read(self, number: int) -> Any:
        function = self._functions[number] = wire.loads(self._functions[number].pickled)
        return function

    def _call(self, sequence: int, number: int, pickled: memoryview | Arrival) -> Any:
        begun = monotonic_ns()
        try:
            function = self._functions.get(number)
            if type(function) is _Unread:
                function = self._read(number)
            arrivals = cloud.arrivals
            sent, args, kwds = wire.loads_arrival(pickled) if isinstance(pickled, Arrival) else wire.loads(pickled)
            if cloud.arrivals != arrivals:
                self._by_value = sequence
        except BaseException as error:  # user code: __setstate__ and what a module runs when it is imported
            raise _Unreadable from error
        self._serialised(begun)
        self.running = sequence
        return (sent if function is None else function)(*args, **kwds)

    def _serialised(self, begun: int) -> None:
        self._serial += monotonic_ns() - begun
        self.cells[SERIAL] = self._serial

    def _failed(self, sequence: int, error: BaseException) -> None:
        if self._is_copy:
            os._exit(0)
        self._raised = NONE
        how = wire.RAISED
        if isinstance(error, _Unreadable) and error.__cause__ is not None:
            how, error = wire.UNREADABLE, error.__cause__
            cloud.advise(error)
        if not isinstance(error, Exception):
            stopped = isinstance(error, KeyboardInterrupt) and self.cells[STOP] == sequence
            how = wire.STOPPED if stopped else wire.EXITED
        self._store_failure(sequence, how, error, self._wrap_exception)

    def _store_value(self, sequence: int, value: Any) -> None:
        kind, slot = type(value), sequence & MASK
        if value is None:
            self._ring.kind[slot] = wire.NOTHING
            return
        if kind is float:
            self._ring.real[slot] = value
            self._ring.kind[slot] = wire.REAL
            return
        if kind is bool:
            self._ring.kind[slot] = wire.TRUE if value else wire.FALSE
            return
        if kind is bytes or kind is str:
            widest = 1 if kind is bytes or value.isascii() else 4
            if len(value) * widest <= _AS_IS:
                self._store(sequence, wire.PLAIN, marshal.dumps(value))
                return
        begun = monotonic_ns()
        try:
            pickled = cloud.dumps_result(wire.dumps_apart, value, sequence == self._by_value)
            self._serialised(begun)
        except BaseException as error:  # user code: __reduce__ and __getstate__
            try:
                unsendable = MaybeEncodingError(error, value)
            except BaseException as worse:  # user code: __repr__
                shown = f"<{kind.__name__} whose repr raised {type(worse).__name__}>"
                unsendable = MaybeEncodingError(error, shown)
            self._store_failure(sequence, wire.UNSENDABLE, cloud.with_notes(unsendable, error), wrap=False)
            return
        if pickled.buffers or pickled.size > AREA_LIMIT:
            self._send_large(sequence, wire.PICKLED, *pickled)
        else:
            self._store(sequence, wire.PICKLED, b"".join(pickled.pieces))

    def _store_failure(self, sequence: int, how: int, error: BaseException, wrap: bool) -> None:
        line = summary(error)
        # It begins where the user's code does.
        while error.__traceback__ is not None and error.__traceback__.tb_frame.f_code.co_filename == __file__:
            error.__traceback__ = error.__traceback__.tb_next
        try:
            text = "".join(traceback.format_exception(error))[-LONGEST_TRACEBACK:]
        except BaseException:  # user code: __str__
            text = line
        pickled = b""
        with contextlib.suppress(BaseException):  # user code: __reduce__; the owner makes a RemoteError of the texts
            sent = ExceptionWithTraceback(error, error.__traceback__) if wrap else error
            pickled = bytes(cloud.dumps_result(wire.dumps, sent, sequence == self._by_value))
        error.__traceback__ = None
        self._store(sequence, wire.FAILED, marshal.dumps((how, line, text, pickled)))

    def _store(self, sequence: int, kind: int, data: Buffer) -> None:
        """Put bytes into the payload area, or on the socket if there is no room for them."""
        size, slot, ring = len(data), sequence & MASK, self._ring
        head = self._head
        if head % AREA + size > AREA:
            # It does not fit before the end of the area: begin again at its start.
            head += AREA - head % AREA
        if size <= AREA_LIMIT and head + size - self.cells[TAIL] <= AREA:
            begin = head % AREA
            ring.area[begin : begin + size] = data
            ring.value[slot] = head << 20 | size
            self._head = head + size
            ring.kind[slot] = kind
            return
        self._send_large(sequence, kind, (data,), ())

    def _send_large(self, sequence: int, kind: int, pieces: Sequence[Buffer], buffers: Sequence[Buffer]) -> None:
        # The owner reads the socket whenever something comes; it must be awake for that.
        self.send(wire.frame_of_parts(wire.LARGE, (sequence,), pieces, buffers))
        self._ring.kind[sequence & MASK] = kind | wire.LARGE_BIT


class _Unread:
    """A function as it was sent: unpickled by the first task that calls it, so that this task is blamed for it."""

    __slots__ = ("pickled",)

    def __init__(self, pickled: bytes) -> None:
        self.pickled = pickled


class _Unreadable(Exception):
    """What a task was sent could not be unpickled; the cause says why."""
