"""From tasks to frames.

Runs users' code, the pickling of arguments, on the thread that feeds; it is guarded there.
"""

from __future__ import annotations

from itertools import chain
from time import monotonic_ns
from typing import Any

from poolmgr.engine import wire
from poolmgr.engine.backlog import Batch, Segment, count
from poolmgr.engine.cloud import REFUSALS, Sender
from poolmgr.engine.job import Job
from poolmgr.engine.parts import Buffer

#: Pickled arguments of more bytes travel alone, as do those with buffers apart: a batch must not be held up by them.
LARGE = 1 << 16


class Functions:
    """Numbers for functions that are pickled by reference, so that each is pickled once for all workers."""

    def __init__(self, sender: Sender) -> None:
        #: Pickles for the workers of the pool.
        self.sender = sender
        self._numbers: dict[Any, tuple[int, bytes]] = {}

    def number_known(self, func: Any) -> int:
        """The number of ``func``, 0 if it has none yet."""
        known = self._numbers.get(func) if wire.by_reference(func) else None
        return 0 if known is None else known[0]

    def number(self, func: Any) -> tuple[int, bytes]:
        """The number and the pickle of ``func``; 0 if it must go by value, with each call and as it is then."""
        known = self._numbers.get(func)
        if known is None:
            try:
                pickled = bytes(wire.dumps(func))
            except REFUSALS:
                return 0, b""
            if self.sender.lacks(func, pickled):
                return 0, b""
            known = self._numbers[func] = (len(self._numbers) + 1, pickled)
        return known


class Encoder:
    """Makes the frames for one worker, and knows which functions it has been sent."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._sent: set[int] = set()
        #: ns that pickling has taken; what travels without a pickle costs next to nothing.
        self.spent = 0

    def number_sent(self, func: Any) -> int:
        """The number of ``func`` if the worker was sent it, and so needs no pickle of it; else 0."""
        number = self._functions.number_known(func)
        return number if number in self._sent else 0

    def encode(self, batch: Batch, sequence: int) -> tuple[list[Buffer], int]:
        """The frame for as many tasks of ``batch`` as may travel together, and how many those are, at least one.

        Raises:
            BaseException: What the pickling of the first task raises.
        """
        new: dict[int, bytes] = {}
        if isinstance(batch, Segment):
            plain = wire.ITEMS if wire.by_reference(batch.func) and wire.all_plain(batch.items) else None
            func, calls = batch.func, batch.items
        else:
            plain = wire.TASKS if self._alike(batch) else None
            func, calls = batch[0].func, [job.args for job in batch]
        number = 0 if plain is None else self._number(func, new)
        if plain is not None and number:
            parts, size = wire.frame(plain, (sequence, number, calls, new)), len(calls)
        else:
            begun = monotonic_ns()
            parts, size = self._pickled(batch, sequence, new)
            self.spent += monotonic_ns() - begun
        self._sent.update(new)
        return parts, size

    def _alike(self, jobs: list[Job]) -> bool:
        """Whether they all call one function by reference with plain arguments. Fast: most batches are like that."""
        func = jobs[0].func
        return (
            wire.by_reference(func)
            and [job.func for job in jobs].count(func) == len(jobs)
            and not any([job.kwds for job in jobs])  # noqa: C419  (a list is twice as fast here)
            and wire.all_plain(chain.from_iterable([job.args for job in jobs]))
        )

    def _pickled(self, batch: Batch, sequence: int, new: dict[int, bytes]) -> tuple[list[Buffer], int]:
        numbers: list[int] = []
        calls: list[Any] = []
        payload: list[Buffer] = []
        total = 0
        for i in range(count(batch)):
            try:
                number, call = self._call(*_parts(batch, i), new)
            except BaseException:  # user code: __reduce__ and __getstate__ of an argument
                if not calls:
                    raise
                # It has its turn, and its error, at the head of the next batch.
                break
            if isinstance(call, wire.Pickled):
                size = call.size
                if calls and (call.buffers or total + size > LARGE):
                    break
                if call.buffers or size > LARGE:
                    return wire.frame_of_parts(wire.TASK, (sequence, number, new), *call), 1
                payload += call.pieces
                total += size
            numbers.append(number)
            calls.append(size if isinstance(call, wire.Pickled) else call)
        one = numbers[0] if numbers.count(numbers[0]) == len(numbers) else numbers
        return wire.frame(wire.TASKS, (sequence, one, calls, new), payload), len(calls)

    def _call(
        self, func: Any, args: tuple[Any, ...], kwds: dict[str, Any] | None, new: dict[int, bytes]
    ) -> tuple[int, tuple[Any, ...] | wire.Pickled]:
        number = self._number(func, new) if wire.by_reference(func) else 0
        if number:
            func = None
            if not kwds and wire.all_plain(args):
                return number, args
        return number, self._functions.sender.dumps(wire.dumps_apart, (func, args, kwds or {}))

    def _number(self, func: Any, new: dict[int, bytes]) -> int:
        number, pickled = self._functions.number(func)
        if number and number not in self._sent:
            new[number] = pickled
        return number


def _parts(batch: Batch, i: int) -> tuple[Any, tuple[Any, ...], dict[str, Any] | None]:
    if isinstance(batch, Segment):
        return batch.func, (batch.items[i],), None
    job = batch[i]
    return job.func, job.args, job.kwds
