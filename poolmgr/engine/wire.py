"""The wire: the frames that owner and worker exchange over one socket pair, and nothing else.

    frame      header | envelope | payload
    header     kind (1 byte), size of the envelope (4 bytes), size of the payload (8 bytes)
    envelope   marshal of a tuple of plain values, its shape below
    payload    pickles one after the other, their sizes in the envelope; outside of it, since marshal stops at 2 GiB

    to the worker     TASKS    (base, tasks, functions)      task number i of the list has sequence number base + i
                                 task      (function id, arguments) with plain arguments, or
                                           (function id or 0, size of a pickle of (function or None, args, kwds))
                                 functions {function id: pickle}, those that this worker has not been sent before
                      LEAVE    ()                            finish: nothing more will come
    to the owner      READY    ()                            the initializer has run
                      UNREADY  (text)                        the initializer raised; the worker leaves
                      RESULT   (seq, ok, value, began, ended, cpu)                plain value, no payload
                      PICKLED  (seq, summary, began, ended, cpu)                  payload: the value
                      FAILURE  (seq, how, summary, traceback, began, ended, cpu)  payload: the exception, may be empty

``began`` and ``ended`` are CLOCK_MONOTONIC in ns, the same clock on both sides; ``cpu`` is the job's CPU time in ns.
"""

from __future__ import annotations

import marshal
import struct
from collections.abc import Sequence
from multiprocessing.reduction import ForkingPickler
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

TASKS, LEAVE = 1, 2
READY, UNREADY, RESULT, PICKLED, FAILURE = 16, 17, 18, 19, 20

#: How a FAILURE came about: the job raised; it was stopped on request; it raised what ends programs; its result could
#: not be pickled; its call could not be unpickled.
RAISED, STOPPED, EXITED, UNSENDABLE, UNREADABLE = range(5)

HEADER = struct.Struct("<BIQ")

#: Exact types that travel in the envelope.  Exact: marshal turns a subclass, or a bytearray, into something else.
PLAIN = frozenset((int, str, float, bytes, bool, type(None)))
#: Longest text or bytes in an envelope; longer ones go into the payload, which is not copied again.
PLAIN_LIMIT = 1 << 15

Buffer = bytes | bytearray | memoryview


def frame(kind: int, envelope: tuple[Any, ...], payload: Sequence[Buffer] = ()) -> list[Buffer]:
    """The parts of one frame, in order, to be written one after the other."""
    body = marshal.dumps(envelope)
    size = sum(map(len, payload))
    return [HEADER.pack(kind, len(body), size) + body, *payload]


def is_plain(value: Any) -> bool:
    """True if ``value`` may travel in an envelope."""
    kind = type(value)
    return kind in PLAIN and ((kind is not str and kind is not bytes) or len(value) <= PLAIN_LIMIT)


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
