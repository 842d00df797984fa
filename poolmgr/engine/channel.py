"""The owner's end of a worker's socket: frames in and out, without ever blocking.

Thread: the dispatcher alone.  A worker that does not read (stopped, dying) or stops in the middle of a frame costs
nothing but the memory of what waits for it.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from poolmgr.engine.wire import HEADER, Buffer

#: Bytes asked for in one read.  Larger saves system calls on floods, smaller saves a buffer for each worker.
CHUNK = 1 << 18
#: Bytes taken from one worker before the others get their turn.
TURN = 1 << 24
#: Pieces in one writev: IOV_MAX is 1024 on Linux.
PIECES = 512


class Frame(NamedTuple):
    """One frame as it came: the envelope still marshalled, the payload whole."""

    kind: int
    envelope: bytes
    payload: Buffer


class Channel:
    """One non-blocking socket and what is half sent and half received on it."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        #: False once the other end is gone.
        self.open = True
        #: Bytes that have come in, and gone out.
        self.received = self.written = 0
        self._outgoing: deque[memoryview] = deque()
        self._buffer = bytearray()
        # A payload that is larger than what was read goes straight into its own memory.
        self._large: bytearray | None = None
        self._filled = 0
        self._head: tuple[int, bytes] = (0, b"")

    @property
    def sending(self) -> bool:
        """True while something waits for the worker to read."""
        return bool(self._outgoing)

    @property
    def unsent(self) -> int:
        """Bytes that wait for the worker to read."""
        return sum(map(len, self._outgoing))

    def send(self, parts: list[Buffer]) -> None:
        """Send ``parts`` as far as the worker takes them now; :meth:`flush` sends the rest."""
        if len(parts) == 1 and not self._outgoing:
            # A batch of plain arguments: one write, and nearly always all of it.
            data = parts[0]
            try:
                sent = os.write(self.fd, data)
            except BlockingIOError:
                sent = 0
            except ConnectionError:
                self.open = False
                return
            self.written += sent
            if sent == len(data):
                return
            parts = [memoryview(data)[sent:]]
        self._outgoing.extend(memoryview(part).cast("B") for part in parts if len(part))
        self.flush()

    def flush(self) -> None:
        """Send more of what waits.  What a dead worker did not read is dropped."""
        outgoing = self._outgoing
        while outgoing:
            try:
                sent = os.writev(self.fd, [part for part, _ in zip(outgoing, range(PIECES), strict=False)])
            except BlockingIOError:
                return
            except (BrokenPipeError, ConnectionError):
                self.open = False
                outgoing.clear()
                return
            self.written += sent
            while sent and sent >= len(outgoing[0]):
                sent -= len(outgoing.popleft())
            if sent:
                outgoing[0] = outgoing[0][sent:]

    def receive(self) -> Iterator[Frame]:
        """Yield the frames that are complete, reading what is there now.  ``open`` is False after the end."""
        taken = 0
        while taken < TURN:
            size = self._read()
            if not size:
                return
            taken += size
            yield from self._frames()

    def _read(self) -> int:
        try:
            if self._large is not None:
                size = os.readv(self.fd, [memoryview(self._large)[self._filled :]])
                self._filled += size
            else:
                data = os.read(self.fd, CHUNK)
                size = len(data)
                self._buffer += data
        except BlockingIOError:
            return 0
        except ConnectionError:
            size = 0
        if not size:
            self.open = False
        self.received += size
        return size

    def _frames(self) -> Iterator[Frame]:
        if self._large is not None:
            if self._filled < len(self._large):
                return
            payload, self._large = self._large, None
            yield Frame(*self._head, payload)
        buffer, position = self._buffer, 0
        while len(buffer) - position >= HEADER.size:
            kind, envelope_size, payload_size = HEADER.unpack_from(buffer, position)
            begin = position + HEADER.size
            if len(buffer) - begin < envelope_size:
                break
            envelope = bytes(buffer[begin : begin + envelope_size])
            begin += envelope_size
            if len(buffer) - begin < payload_size:
                if payload_size > CHUNK:
                    self._start_large(kind, envelope, payload_size, begin)
                    return
                break
            position = begin + payload_size
            yield Frame(kind, envelope, buffer[begin:position])
        del buffer[:position]

    def _start_large(self, kind: int, envelope: bytes, size: int, begin: int) -> None:
        buffer = self._buffer
        self._head = (kind, envelope)
        self._large = bytearray(size)
        self._filled = len(buffer) - begin
        self._large[: self._filled] = buffer[begin:]
        buffer.clear()
