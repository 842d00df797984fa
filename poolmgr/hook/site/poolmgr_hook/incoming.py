"""Results, taken from their pipe at less than what ``Connection.recv`` costs: this pays for what the hook notes.

    in_blocks      of a stock Pool: all that is there at once        thread: its result handler, and nobody else
    at_a_glance    of an executor, which waits for each              thread: its manager, and nobody else

``recv`` goes through six calls of Python's, and asks the kernel twice for each message; each time any other thread of
the program may take the interpreter and keep it.  What comes, in which order, and what is raised are as with ``recv``,
but that a pipe which ends right behind the length of a message raises OSError, as further on in it, and not EOFError.
"""

from __future__ import annotations

import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

#: Bytes: a pipe's room, so that a block is all that is in it.
_BLOCK = 65536
#: The length before a message; -1 for one that is longer than 2 GB, whose length comes behind.
_SIZE, _LONG_SIZE = struct.Struct("!i"), struct.Struct("!Q")
_HEAD = _SIZE.size


def in_blocks(get: Callable[[], Any]) -> Callable[[], Any]:
    """What to call in place of ``get``: itself, unless it is ``recv`` of a stock connection."""
    connection = _module()
    return _messages(get.__self__, connection).__next__ if _is_stock(get, connection) else get  # type: ignore[attr-defined]


def at_a_glance(reader: Any) -> None:
    """Have ``recv`` of this one object, if it is a stock connection, take a short message in two steps."""
    connection = _module()
    if not _is_stock(reader.recv, connection):
        return
    # Not the object itself: it would be in a circle, and its descriptor open until the collector comes by.
    fd, read, loads = reader.fileno(), os.read, connection._ForkingPickler.loads

    def recv() -> Any:
        head = read(fd, _HEAD)
        if len(head) < _HEAD:
            raise OSError("got end of file during message") if head else EOFError
        (size,) = _SIZE.unpack(head)
        message = read(fd, size) if 0 < size <= _BLOCK else b""
        return loads(message if len(message) == size else _long(fd, head + message, 0, size))

    reader.recv = recv


def _module() -> Any:
    from multiprocessing import connection

    return connection


def _is_stock(get: Any, connection: Any) -> bool:
    """Whether ``get`` is the standard library's ``recv`` of its own kind of connection, which nobody has replaced."""
    reader: Any = getattr(get, "__self__", None)
    if type(reader) is not connection.Connection:
        return False
    recv: Any = connection.Connection.recv
    return getattr(get, "__func__", None) is recv and getattr(recv, "__module__", "") == connection.__name__


def _messages(reader: Any, connection: Any) -> Iterator[Any]:
    """What ``reader`` gets, message by message.

    Raises:
        EOFError: Nothing more can come.
        OSError: The connection was closed, or ended in the middle of a message.
    """
    import threading

    handler: Any = threading.current_thread()
    block, at = b"", 0
    message: Any = None
    while True:
        start = at + _HEAD
        if start <= len(block):
            (size,) = _SIZE.unpack_from(block, at)
            end = start + size
            if size == -1 or (size > _BLOCK and end > len(block)):
                message = _long(reader.fileno(), block, at, size)
                block, at = b"", 0
            elif end <= len(block):
                message, at = block[start:end], end
                if getattr(handler, "_state", None) == "TERMINATE" and reader.poll():
                    # It goes on to take a few messages so that whoever writes has room, and this is what makes it.
                    block, at = block[at:] + os.read(reader.fileno(), _BLOCK), 0
        if message is None:
            more = os.read(reader.fileno(), _BLOCK)
            if not more:
                raise OSError("got end of file during message") if at < len(block) else EOFError
            block, at = block[at:] + more, 0
            continue
        result = connection._ForkingPickler.loads(message)
        message = None
        yield result
        # Not kept while the next one is waited for.
        result = None


def _long(fd: int, block: bytes, at: int, size: int) -> bytearray:
    """A message of which the block has only the beginning.  Its rest is read, and not a byte of what is behind it."""
    at += _HEAD
    if size == -1:
        wide = bytearray(block[at : at + _LONG_SIZE.size])
        at += len(wide)
        have = len(wide)
        wide.extend(bytes(_LONG_SIZE.size - have))
        _fill(fd, wide, have)
        (size,) = _LONG_SIZE.unpack(wide)
    message = bytearray(size)
    have = len(block) - at
    message[:have] = block[at:]
    _fill(fd, message, have)
    return message


def _fill(fd: int, buffer: bytearray, have: int) -> None:
    with memoryview(buffer) as view:
        while have < len(buffer):
            got = os.readv(fd, [view[have:]])
            if not got:
                raise OSError("got end of file during message")
            have += got
