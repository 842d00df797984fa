"""Takes committed results out of workers' rings and books them, many at a time.

Thread: the dispatcher.  A caller that takes the result of its own job out of a ring does so in ``leader.py``.
"""

from __future__ import annotations

import marshal
from typing import Any

from poolmgr.engine import wire
from poolmgr.engine.accounts import Accounts
from poolmgr.engine.backlog import Batch, Segment, count, task_at
from poolmgr.engine.handle import Handle
from poolmgr.engine.parts import Buffer
from poolmgr.engine.stream import StreamJob
from poolmgr.model.brief import function_name
from poolmgr.runtime.cells import AREA, BUSY, COMMIT, DRAINED, MASK, SLOTS, TAIL, Cells

_CONSTANTS = {wire.NOTHING: None, wire.TRUE: True, wire.FALSE: False}


class Durations:
    """How long tasks of each function take, as a running mean; it decides how many travel at once."""

    #: Weight of the newest measurement.
    WEIGHT = 0.3

    def __init__(self) -> None:
        #: Mean ns a task, by function.
        self.mean: dict[Any, float] = {}

    def of(self, func: Any) -> float | None:
        """Mean ns a task of ``func``, None if nobody knows."""
        return self.mean.get(_key(func))

    def learn(self, func: Any, each: float) -> None:
        """Tasks of ``func`` have just taken ``each`` ns."""
        key = _key(func)
        known = self.mean.get(key)
        # At least a nanosecond: a mean of 0 would let everything travel at once.
        self.mean[key] = max(1.0, each if known is None else known + self.WEIGHT * (each - known))


def _key(func: Any) -> Any:
    """What a function is known by: a bound method, say, by its name, since it would keep its object alive."""
    return func if wire.by_reference(func) else function_name(func)


class Drain:
    """Books what workers have committed."""

    def __init__(self, accounts: Accounts, durations: Durations) -> None:
        self._accounts = accounts
        self._durations = durations

    def collect(self, handle: Handle) -> int:
        """Book all that the worker has committed. Returns how many tasks that were. Under ``handle.lock``."""
        view = handle.cells.view
        begin, end = handle.drained, int(view[COMMIT])
        if begin >= end:
            return 0
        taken = end - begin
        if handle.output:
            # What the tasks printed was written before they were committed.
            handle.read_output(self._accounts.ledger)
        tape = self._accounts.tape
        while begin < end:
            batch = handle.inflight[0]
            size = min(count(batch) - handle.offset, end - begin, SLOTS - (begin & MASK))
            self._book(handle, batch, begin, size)
            if tape.on:
                # Last: a large result has come by now, and its size is known.  The slots are still the owner's.
                tape.ran(handle, batch, handle.offset, begin & MASK, size)
            begin += size
            handle.drained = begin
            handle.offset += size
            if handle.offset == count(batch):
                handle.inflight.popleft()
                handle.offset = 0
        view[DRAINED] = end
        self._learn(handle, batch, taken)
        return taken

    def _learn(self, handle: Handle, batch: Batch, taken: int) -> None:
        busy = handle.cells.view[BUSY]
        handle.unlearnt += taken
        # The worker tells how long it was busy now and then, not after each task.
        if busy != handle.busy:
            func = batch.job.func if isinstance(batch, Segment) else batch[0].func
            self._durations.learn(func, (busy - handle.busy) / handle.unlearnt)
            handle.busy, handle.unlearnt = busy, 0

    def _book(self, handle: Handle, batch: Batch, begin: int, size: int) -> None:
        slot = begin & MASK
        cells = handle.cells
        kinds = bytes(cells.kind[slot : slot + size])
        if kinds.count(wire.INT) == size:
            values: list[Any] | None = cells.value[slot : slot + size].tolist()
        else:
            values = self._plain(cells, kinds, slot)
        offset = handle.offset
        if values is None:
            for i in range(size):
                self._book_one(handle, batch, offset + i, kinds[i], begin + i)
            return
        handle.done += size
        if isinstance(batch, Segment):
            if isinstance(batch.job, StreamJob):
                batch.job._set_many(batch.start + offset, values)
                self._accounts.tasks_done(batch.job, size)
            else:
                for i, value in enumerate(values):
                    self._accounts.succeeded(task_at(batch, offset + i), value, handle, slot + i)
            return
        jobs = batch if size == len(batch) else batch[offset : offset + size]
        self._accounts.values(jobs, values, handle, slot)

    def _plain(self, cells: Cells, kinds: bytes, slot: int) -> list[Any] | None:
        """The values, if all of them are plain and in the ring; None otherwise."""
        if max(kinds) > wire.PLAIN:
            return None
        values: list[Any] = []
        for i, kind in enumerate(kinds, slot):
            if kind == wire.INT:
                values.append(cells.value[i])
            elif kind == wire.REAL:
                values.append(cells.real[i])
            elif kind == wire.PLAIN:
                values.append(marshal.loads(self._payload(cells, i)))
            else:
                values.append(_CONSTANTS[kind])
        return values

    def _payload(self, cells: Cells, slot: int) -> bytes:
        """Copy a payload out of the area, and give its room back."""
        word = cells.value[slot]
        head, size = word >> 20, word & 0xFFFFF
        begin = head % AREA
        data = bytes(cells.area[begin : begin + size])
        cells.view[TAIL] = head + size
        return data

    def _book_one(self, handle: Handle, batch: Batch, i: int, kind: int, sequence: int) -> None:
        task = task_at(batch, i)
        cells, slot = handle.cells, sequence & MASK
        parts: list[Buffer] = []
        if kind & wire.LARGE_BIT:
            try:
                parts = handle.channel.take_large(sequence)
            except (MemoryError, EOFError) as error:
                if isinstance(error, EOFError):
                    # What else it sends would be taken for what it is not.
                    handle.kill()
                handle.failed += 1
                self._accounts.failed(task, error, handle)
                return
            kind &= ~wire.LARGE_BIT
        elif kind >= wire.PLAIN:
            parts = [self._payload(cells, slot)]
        if kind == wire.FAILED:
            handle.failed += 1
            self._accounts.raised(task, *marshal.loads(parts[0]), handle=handle, slot=slot)
            return
        handle.done += 1
        if kind == wire.PICKLED:
            self._accounts.pickled(task, parts, handle, slot)
            return
        if kind == wire.INT:
            value: Any = cells.value[slot]
        elif kind == wire.REAL:
            value = cells.real[slot]
        elif kind == wire.PLAIN:
            value = marshal.loads(parts[0])
        else:
            value = _CONSTANTS[kind]
        self._accounts.succeeded(task, value, handle, slot)
