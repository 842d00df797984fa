"""The wire: how tasks reach a worker and how results come back.

A frame goes over the worker's socket pair:

    frame      header | envelope | payload
    header     kind (1 byte), size of the envelope (4 bytes), size of the payload (8 bytes)
    envelope   marshal of a tuple of plain values, its shape below
    payload    pickles one after the other, their sizes in the envelope; outside of it, since marshal stops at 2 GiB;
               or parts: one pickle, then the buffers that were left out of it, each to be received into its own memory

    to the worker     TASKS    (base, numbers, calls, functions)     task i has sequence number base + i
                                 numbers   the function's number, or a list of numbers, one a task
                                 calls     for each task: a tuple of plain arguments, or the size of a pickle of
                                           (function or None, args, kwds)
                                 functions {number: pickle}, those that this worker has not been sent before
                      ITEMS    (base, number, items, functions)      task i is function(items[i]), all items plain
                      TASK     (sequence, number, functions, sizes)  one large task; payload: parts of these sizes, a
                                                                     pickle of (function or None, args, kwds) first
                      LEAVE    ()                                    finish: nothing more will come
    to the owner      READY    ()                                    the initializer has run
                      UNREADY  (text)                                the initializer raised; the worker leaves
                      LARGE    (sequence, sizes)                     a result too large for the ring; payload: parts of
                                                                     these sizes, what the ring would hold first

A small result goes into the ring (see ``runtime/cells.py``), its kind beside it:

    INT, REAL, NOTHING, TRUE, FALSE    the value itself
    PLAIN                              marshal of a str or bytes, in the payload area
    PICKLED                            a pickle of the value, and its buffers if it is LARGE
    FAILED                             marshal of (how, one line, traceback, pickle of the exception or b"")
    with LARGE_BIT                     the same, but it went over the socket as LARGE
"""

from __future__ import annotations

import copyreg
import marshal
import pickle
import struct
from collections import ChainMap
from collections.abc import Iterable, Sequence
from multiprocessing.reduction import ForkingPickler
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, NamedTuple

from poolmgr.engine.parts import Arrival, Buffer

TASKS, ITEMS, LEAVE, TASK = 1, 2, 3, 4
READY, UNREADY, LARGE = 16, 17, 18

INT, REAL, NOTHING, TRUE, FALSE, PLAIN, PICKLED, FAILED = range(1, 9)
LARGE_BIT = 16

#: How a task FAILED: the job raised; it was stopped on request; it raised what ends programs; its result could not be
#: pickled; its call could not be unpickled.
RAISED, STOPPED, EXITED, UNSENDABLE, UNREADABLE = range(5)

HEADER = struct.Struct("<BIQ")

#: Exact types that travel in an envelope.  Exact: marshal turns a subclass, or a bytearray, into something else.
PLAIN_TYPES = frozenset((int, str, float, bytes, bool, type(None)))
#: Those of them that have no length.
_SMALL_TYPES = frozenset((int, float, bool, type(None)))
#: Longest text or bytes in an envelope; longer ones go into the payload, which is not copied again.
PLAIN_LIMIT = 1 << 15
#: Bytes of a buffer from which it travels beside its pickle and not in it.  Below, the memory of its own that it is
#: received into costs as much as the copies that it saves (benchmarks/parts.py).
APART = 1 << 16


class Pickled(NamedTuple):
    """A pickle in pieces, and the buffers that were left out of it: nothing that is large was copied.

    Until they are released, the objects that they belong to cannot be resized, and whoever changes them changes these.
    """

    pieces: list[Buffer]
    buffers: list[memoryview]

    @property
    def size(self) -> int:
        """Bytes of the pickle itself."""
        return sum(map(len, self.pieces))


def frame(kind: int, envelope: tuple[Any, ...], payload: Sequence[Buffer] = ()) -> list[Buffer]:
    """The parts of one frame, in order, to be written one after the other."""
    body = marshal.dumps(envelope)
    size = sum(map(len, payload)) if payload else 0
    return [HEADER.pack(kind, len(body), size) + body, *payload]


def frame_of_parts(
    kind: int, fields: tuple[Any, ...], pieces: Sequence[Buffer], buffers: Sequence[Buffer]
) -> list[Buffer]:
    """As :func:`frame`, the payload being parts: ``pieces`` together are the first, each of ``buffers`` is one."""
    sizes = [sum(map(len, pieces)), *map(len, buffers)]
    return frame(kind, (*fields, sizes), [*pieces, *buffers])


def all_plain(values: Iterable[Any]) -> bool:
    """True if each of ``values`` may travel in an envelope."""
    values = values if isinstance(values, (tuple, list)) else list(values)
    kinds = set(map(type, values))
    if kinds <= _SMALL_TYPES:
        return True
    if not kinds <= PLAIN_TYPES:
        return False
    return max(len(value) for value in values if type(value) not in _SMALL_TYPES) <= PLAIN_LIMIT


def dumps(value: Any) -> memoryview:
    """Pickle as ``multiprocessing`` does, connections and all."""
    return ForkingPickler.dumps(value)


class _Pieces:
    """What a pickler writes, as it comes: it does not copy large bytes and strings, and neither do we."""

    __slots__ = ("pieces",)

    def __init__(self) -> None:
        self.pieces: list[Buffer] = []

    def write(self, piece: Buffer) -> None:
        # A view of what can be resized: it must stay as large as the pickle says.
        self.pieces.append(piece if type(piece) is bytes else memoryview(piece))


class _Pickler(pickle.Pickler):
    """Pickles as ``multiprocessing`` does, connections and all, whatever is registered when."""

    dispatch_table = ChainMap(  # noqa: RUF012  (pickle reads it, nobody changes it)
        ForkingPickler._extra_reducers,  # type: ignore[attr-defined]
        copyreg.dispatch_table,  # type: ignore[arg-type]
    )


def dumps_apart(value: Any) -> Pickled:
    """Pickle, and leave large buffers (pickle protocol 5) out."""
    writer = _Pieces()
    buffers: list[memoryview] = []

    def stays(buffer: pickle.PickleBuffer) -> bool:
        view = buffer.raw()
        if view.nbytes < APART:
            return True
        buffers.append(view)
        return False

    _Pickler(writer, 5, buffer_callback=stays).dump(value)
    return Pickled(writer.pieces, buffers)


def loads(pickled: Buffer, buffers: Sequence[Buffer] = ()) -> Any:
    """The value of a pickle and the buffers that were left out of it. Runs whatever code the pickle names."""
    return pickle.loads(pickled, buffers=buffers)


def loads_arrival(arrival: Arrival) -> Any:
    """The value of a pickle that has come in parts; they are let go, to live as long as what was made of them.

    Raises:
        MemoryError: There was no room for them.
    """
    pickled, *buffers = arrival.take()
    return loads(pickled, buffers)


def by_reference(func: Any) -> bool:
    """True for a function that is pickled by its name alone, so that it may be sent once and then called by number."""
    kind = type(func)
    if kind is FunctionType or kind is type:
        return True
    return kind is BuiltinFunctionType and (func.__self__ is None or isinstance(func.__self__, ModuleType))
