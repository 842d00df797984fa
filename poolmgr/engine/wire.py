"""The wire: how tasks reach a worker and how results come back.

A frame goes over the worker's socket pair:

    frame      header | envelope | payload
    header     kind (1 byte), size of the envelope (4 bytes), size of the payload (8 bytes)
    envelope   marshal of a tuple of plain values, its shape below
    payload    pickles one after the other, their sizes in the envelope; outside of it, since marshal stops at 2 GiB

    to the worker     TASKS    (base, numbers, calls, functions)     task i has sequence number base + i
                                 numbers   the function's number, or a list of numbers, one a task
                                 calls     for each task: a tuple of plain arguments, or the size of a pickle of
                                           (function or None, args, kwds)
                                 functions {number: pickle}, those that this worker has not been sent before
                      ITEMS    (base, number, items, functions)      task i is function(items[i]), all items plain
                      LEAVE    ()                                    finish: nothing more will come
    to the owner      READY    ()                                    the initializer has run
                      UNREADY  (text)                                the initializer raised; the worker leaves
                      LARGE    (sequence)                            payload: a result too large for the ring

A small result goes into the ring (see ``runtime/cells.py``), its kind beside it:

    INT, REAL, NOTHING, TRUE, FALSE    the value itself
    PLAIN                              marshal of a str or bytes, in the payload area
    PICKLED                            a pickle of the value
    FAILED                             marshal of (how, one line, traceback, pickle of the exception or b"")
    with LARGE_BIT                     the same, but it went over the socket as LARGE
"""

from __future__ import annotations

import marshal
import struct
from collections.abc import Iterable, Sequence
from multiprocessing.reduction import ForkingPickler
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

TASKS, ITEMS, LEAVE = 1, 2, 3
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

Buffer = bytes | bytearray | memoryview


def frame(kind: int, envelope: tuple[Any, ...], payload: Sequence[Buffer] = ()) -> list[Buffer]:
    """The parts of one frame, in order, to be written one after the other."""
    body = marshal.dumps(envelope)
    size = sum(map(len, payload)) if payload else 0
    return [HEADER.pack(kind, len(body), size) + body, *payload]


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


def loads(pickled: Buffer) -> Any:
    """The value of a pickle. Runs whatever code the pickle names."""
    return ForkingPickler.loads(pickled)


def by_reference(func: Any) -> bool:
    """True for a function that is pickled by its name alone, so that it may be sent once and then called by number."""
    kind = type(func)
    if kind is FunctionType or kind is type:
        return True
    return kind is BuiltinFunctionType and (func.__self__ is None or isinstance(func.__self__, ModuleType))
