"""The tape: what workers did, as spans of many tasks, for who records a pool's history (``monitor/record.py``).

Off until somebody asks for it, so that a pool that nobody watches pays nothing.  On, it costs a few microseconds for
each batch that is booked, however many tasks were in it: durations are looked at one by one only where they are few.

Thread: spans are added by whoever books, the dispatcher or a caller (``leader.py``); they are taken by the one reader.
No lock: a deque's ends are safe under the interpreter's.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from operator import sub
from typing import TYPE_CHECKING, Any, NamedTuple

from poolmgr.engine import wire
from poolmgr.engine.backlog import Backlog, Batch, Segment, Source
from poolmgr.engine.handle import Handle
from poolmgr.engine.job import Job
from poolmgr.model.brief import function_name
from poolmgr.model.states import JobState
from poolmgr.runtime.cells import BEGAN, SERIAL

if TYPE_CHECKING:
    from poolmgr.engine.feeding import Feeding

#: Spans that wait for the reader, who comes four times a second, while a worker makes about a thousand.  More would
#: only fill the memory of a program whose reader does not come to its turn.
KEPT = 1 << 16
#: Tasks of a batch whose durations are all looked at, and of how many they are in a longer one.
ALL, SOME = 16, 8
#: Entries of the backlog that are counted by function; more are not counted at all, since that takes too long.
COUNTED = 1000

#: The kinds of results that are in the ring themselves.
_IN_RING = bytes(range(1, wire.PLAIN))
_FAILED = (wire.FAILED, wire.FAILED | wire.LARGE_BIT)


class Ran(NamedTuple):
    """Tasks of one function that one worker ran one after the other. Times are CLOCK_MONOTONIC in ns."""

    slot: int
    begin: int
    end: int
    #: ns that they ran: less than all the time between if others ran in it too.
    busy: int
    done: int
    failed: int
    #: ns that pickling and unpickling took in the worker since the last span, and in the owner for this worker.
    serialise: int
    encode: int
    bytes_in: int
    bytes_out: int
    #: The function, or the name of one that would keep other things alive.
    func: Any
    #: How long each of them took, or some of them in equal parts for all.
    durations: list[int]


class Happened(NamedTuple):
    """Something rare."""

    slot: int
    #: ``ready`` or ``died``, a worker; or how a task ended with its worker: ``lost``, ``killed``, or, by a limit,
    #: ``failed``.
    what: str
    #: When the worker was started, or the task began; and when it happened.
    begin: int
    end: int
    #: The function of the task, or None.
    func: Any = None
    #: Whether the worker took the place of another.
    replaced: bool = False


class Now(NamedTuple):
    """What goes on at one moment."""

    #: Whether tasks wait that may be started.
    queued: bool
    #: How many tasks of each function wait, None if there are too many to count.
    waiting: Mapping[str, int] | None
    #: Slot, begin in ns and function of the tasks that run.
    running: list[tuple[int, int, Any]]
    #: Slot and begin in ns of the workers that are being started.
    starting: list[tuple[int, int]]


class _Told:
    """What was told of a worker's counters; each span has what is new in them."""

    __slots__ = ("encode", "generation", "received", "serialise", "written")

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.encode = self.received = self.serialise = self.written = 0


class Tape:
    """Spans, newest last."""

    def __init__(self) -> None:
        self.on = False
        #: Ran and Happened.
        self.spans: deque[Ran | Happened] = deque(maxlen=KEPT)
        self._told: dict[int, _Told] = {}
        #: Where in a long batch the next look at durations begins, so that no rhythm of the tasks hides any.
        self._turn = 0

    # -- writing

    def ran(self, handle: Handle, batch: Batch, offset: int, slot: int, size: int) -> None:
        """Tasks of one batch were booked, and their times are still in the ring.

        Args:
            handle: The worker.
            batch: What they belong to.
            offset: Which of them is the first.
            slot: Its place in the ring.
            size: How many they are.
        """
        cells = handle.cells
        kinds = bytes(cells.kind[slot : slot + size])
        bytes_out = 8 * size
        failed = 0
        if kinds.translate(None, _IN_RING):
            failed = kinds.count(_FAILED[0]) + kinds.count(_FAILED[1])
            words = cells.value[slot : slot + size].tolist()
            bytes_out += sum([word & 0xFFFFF for word, kind in zip(words, kinds, strict=True) if _in_area(kind)])
        new = self._new(handle)
        funcs = None if isinstance(batch, Segment) else [job.func for job in batch[offset : offset + size]]
        if funcs is not None and not _all_same(funcs):
            self._mixed(handle, funcs, slot, kinds, new, bytes_out)
            return
        func = batch.job.call[0] if funcs is None else funcs[0]  # type: ignore[union-attr]
        begin, end = cells.began[slot], cells.ended[slot + size - 1]
        durations = self._durations(cells, slot, size, end - begin)
        self.spans.append(
            Ran(handle.slot, begin, end, end - begin, size - failed, failed, new[0], new[1], new[2], bytes_out + new[3],
                _key(func), durations)
        )  # fmt: skip

    def _durations(self, cells: Any, slot: int, size: int, whole: int) -> list[int]:
        if size == 1:
            return [whole]
        if size > ALL:
            stride = size // SOME
            self._turn += 1
            first = slot + self._turn % stride
            ends, begins = cells.ended[first : slot + size : stride], cells.began[first : slot + size : stride]
            some = list(map(sub, ends.tolist(), begins.tolist()))
            # One that took half of the time must not be missed.
            if 2 * sum(some) * size >= whole * len(some):
                return some
        return list(map(sub, cells.ended[slot : slot + size].tolist(), cells.began[slot : slot + size].tolist()))

    def _mixed(
        self, handle: Handle, funcs: list[Any], slot: int, kinds: bytes, new: tuple[int, int, int, int], bytes_out: int
    ) -> None:
        """Jobs of several functions in one batch: a span for each function, over the time of all."""
        size, cells = len(funcs), handle.cells
        durations = map(sub, cells.ended[slot : slot + size].tolist(), cells.began[slot : slot + size].tolist())
        found: dict[Any, tuple[list[int], list[int]]] = {}
        for func, kind, duration in zip(map(_key, funcs), kinds, durations, strict=True):
            times, failed = found.setdefault(func, ([], []))
            times.append(duration)
            if kind in _FAILED:
                failed.append(1)
        begin, end = cells.began[slot], cells.ended[slot + size - 1]
        for func, (times, failed) in found.items():
            part = [amount * len(times) // size for amount in (*new, bytes_out)]
            self.spans.append(
                Ran(handle.slot, begin, end, sum(times), len(times) - len(failed), len(failed), part[0], part[1],
                    part[2], part[3] + part[4], func, times)
            )  # fmt: skip

    def _new(self, handle: Handle) -> tuple[int, int, int, int]:
        """What is new of the worker: ns of pickling in it and for it, bytes sent to it, and from it over the socket."""
        told = self._told.get(handle.slot)
        if told is None or told.generation != handle.generation:
            told = self._told[handle.slot] = _Told(handle.generation)
        serialise, encode = handle.cells.view[SERIAL], handle.encoding
        written, received = handle.channel.written, handle.channel.received
        new = serialise - told.serialise, encode - told.encode, written - told.written, received - told.received
        told.serialise, told.encode, told.written, told.received = serialise, encode, written, received
        return new

    def ready(self, handle: Handle) -> None:
        """The worker is ready for its first task."""
        if self.on:
            begin, now = _began(handle.started), time.monotonic_ns()
            self.spans.append(Happened(handle.slot, "ready", begin, now, replaced=handle.replaces))

    def died(self, handle: Handle) -> None:
        """The worker has died, and nobody had asked it to."""
        if self.on:
            self.spans.append(Happened(handle.slot, "died", _began(handle.started), time.monotonic_ns(), None))

    def lost(self, handle: Handle, func: Any, state: JobState) -> None:
        """The worker has died with a task that it had begun: LOST, or KILLED or FAILED if it was shot for that."""
        if self.on:
            now = time.monotonic_ns()
            begin = handle.cells.view[BEGAN] or now
            self.spans.append(Happened(handle.slot, str(state), begin, now, _key(func)))


class Reader:
    """The one reader of a pool's tape, which is on from now on."""

    def __init__(self, tape: Tape, handles: dict[int, Handle], feeding: Feeding) -> None:
        self._tape = tape
        self._handles = handles
        self._feeding = feeding
        tape.on = True

    def take(self) -> list[Ran | Happened]:
        """All spans since the last call."""
        spans = self._tape.spans
        return [spans.popleft() for _ in range(len(spans))]

    def look(self) -> Now:
        """What the workers do now, and what waits."""
        running: list[tuple[int, int, Any]] = []
        starting: list[tuple[int, int]] = []
        for handle in list(self._handles.values()):
            if not handle.ready:
                starting.append((handle.slot, _began(handle.started)))
                continue
            task = handle.current()
            try:
                began = int(handle.cells.view[BEGAN])
            except ValueError:
                # It is gone.
                continue
            if task is not None and began:
                running.append((handle.slot, began, _key(task.job.call[0])))
        backlog = self._feeding.backlog
        return Now(bool(backlog) and not self._feeding.held, _waiting(backlog), running, starting)


def _waiting(backlog: Backlog) -> dict[str, int] | None:
    entries = backlog.entries(COUNTED + 1)
    if len(entries) > COUNTED:
        return None
    found: dict[str, int] = {}
    for entry in entries:
        job = entry if isinstance(entry, Job) else entry.job
        if job._ended is not None:
            continue
        name = function_name(job.call[0])
        found[name] = found.get(name, 0) + (len(entry.items) if isinstance(entry, Segment | Source) else 1)
    return found


def _in_area(kind: int) -> bool:
    return kind >= wire.PLAIN and not kind & wire.LARGE_BIT


def _all_same(funcs: list[Any]) -> bool:
    first = funcs[0]
    if len(funcs) == 1:
        return True
    if wire.by_reference(first):
        return funcs.count(first) == len(funcs)
    # By identity: to compare what can be called may run code of a user.
    return all([func is first for func in funcs])  # noqa: C419  (a list is faster here)


def _key(func: Any) -> Any:
    return func if wire.by_reference(func) else function_name(func)


def _began(epoch: float) -> int:
    """A moment of the wall clock on the workers' clock."""
    return time.monotonic_ns() - int((time.time() - epoch) * 1e9)
