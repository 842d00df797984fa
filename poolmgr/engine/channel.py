"""The owner's end of a worker's socket: frames in and out, without ever blocking.

Thread: for what goes out, whoever holds the feed lock, the dispatcher, and a caller as ``inline.py`` has it; for what
comes in, whoever holds the handle's ``lock``.  What is large is handed over to a courier as a whole, and nobody else
sends, or receives, until its trip is over:

    out    send . send . hand_over_out ->  courier: the rest of it       in   receive: head of LARGE . hand_over_in ->
           later frames wait here          ...                                the selector does not look for more
           flush: trip over, go on     <-  tells the dispatcher               receive: trip over, the frame is whole

A worker that does not read (stopped, dying) or stops in the middle of a frame costs nothing but the memory of what
waits for it, and a courier that waits.
"""

from __future__ import annotations

import contextlib
import marshal
import selectors
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from poolmgr.engine.courier import Move, Trip, receive_some, send_some
from poolmgr.engine.parts import Arrival, Buffer, Load
from poolmgr.engine.wire import HEADER, LARGE
from poolmgr.runtime.inherit import disown

#: Bytes asked for in one read.  Larger saves system calls on floods, smaller saves a buffer for each worker.
CHUNK = 1 << 18
#: Bytes taken from one worker before the others get their turn.
TURN = 1 << 24
#: Bytes left to move from which a courier moves them.  A thread takes as long to be woken as the dispatcher to move
#: about this much; more would keep it from the other workers.
CARRIED = 1 << 20
#: Bytes that the kernel keeps for who is to read them, at the most: with 0.2 MB, its default, the two sides wait for
#: one another more often, and 100 MB took a fifth longer.
KEPT = 1 << 20

#: Seconds that a courier may take for what the kernel has of a result.  A millisecond is the rule; for a worker that
#: has said it sent something and did not, the dispatcher waits this long.
LATE = 5.0

#: Flags for whoever must not wait.
DIRECTLY = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL


def pair() -> tuple[socket.socket, socket.socket]:
    """A socket pair with room for what is on its way."""
    both = socket.socketpair()
    for one in both:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KEPT)
    return both


class Frame(NamedTuple):
    """One frame as it came."""

    kind: int
    fields: tuple[Any, ...]
    #: The parts of a LARGE one, none for the others.
    arrival: Arrival


class Channel:
    """One socket and what is half sent and half received on it."""

    def __init__(self, one: socket.socket) -> None:
        """Make it of a socket that forked children close; it closes it here."""
        # It blocks, for couriers; everybody else asks for each call not to.
        self._socket = one
        self.fd = one.fileno()
        #: The socket's own method, for a caller who sends a small frame while nothing else is on its way: one call.
        self.write: Callable[[Buffer, int], int] = one.send
        #: False once the other end is gone.
        self.open = True
        #: Bytes that have come in.
        self.received = 0
        self._written = 0
        self._outgoing = Load()
        #: What a courier has.
        self._carried_out: Trip | None = None
        self._carried_in: Trip | None = None
        self._buffer = bytearray()
        #: The LARGE frame whose parts come in, and the parts of those that are whole, by the number of their task.
        self._coming: Frame | None = None
        self._large: dict[int, Arrival] = {}
        #: Gives memory for what comes in; new memory if None.
        self.room: Callable[[int], Buffer] | None = None

    # -- out

    @property
    def sending(self) -> bool:
        """True while something waits for the worker to read."""
        return self._outgoing.left > 0 or self._carried_out is not None

    @property
    def written(self) -> int:
        """Bytes that have gone out."""
        trip = self._carried_out
        return self._written + (0 if trip is None else trip.moved)

    @property
    def unsent(self) -> int:
        """Bytes that wait for the worker to read."""
        trip = self._carried_out
        return self._outgoing.left + (0 if trip is None else trip.load.left)

    def send(self, parts: Sequence[Buffer]) -> None:
        """Send ``parts`` as far as the worker takes them now; :meth:`flush` sends the rest."""
        if len(parts) == 1 and not self.sending:
            # A batch of plain arguments: one call, and nearly always all of it.
            data = parts[0]
            try:
                sent = self._socket.send(data, DIRECTLY)
            except BlockingIOError:
                sent = 0
            except ConnectionError:
                # The end of the process tells the dispatcher.
                return
            self._written += sent
            if sent == len(data):
                return
            parts = [memoryview(data)[sent:]]
        self._outgoing.add(parts)
        self.flush()

    def flush(self) -> None:
        """Send more of what waits.  What a dead worker did not read is dropped."""
        trip = self._carried_out
        if trip is not None:
            if not trip.over:
                return
            self._carried_out = None
            self._written += trip.moved
            if trip.load.left:
                self._outgoing = Load()
        outgoing = self._outgoing
        while outgoing.left:
            try:
                sent = self._socket.sendmsg(outgoing.next(), (), DIRECTLY)
            except BlockingIOError:
                return
            except ConnectionError:
                self._outgoing = Load()
                return
            self._written += sent
            outgoing.moved(sent)

    def hand_over_out(self, carry: Callable[[Trip], bool]) -> None:
        """Have what waits carried, if it is much."""
        if self._carried_out is None and self._outgoing.left >= CARRIED:
            load, self._outgoing = self._outgoing, Load()
            self._carried_out = self._carry(load, send_some, carry)
            if self._carried_out is None:
                self._outgoing = load

    def _carry(self, load: Load, move: Move, carry: Callable[[Trip], bool]) -> Trip | None:
        """The trip of ``load``; None if no courier can be had: then the selector tells when a piece of it may go."""
        try:
            trip = Trip(self._socket, load, move)
        except OSError:
            return None
        if not carry(trip):
            trip.cancel()
            return None
        return trip

    # -- in

    @property
    def wanted(self) -> int:
        """What a selector is to look for: ``EVENT_READ``, ``EVENT_WRITE``, both, or 0 for neither."""
        reading = selectors.EVENT_READ if self._carried_in is None else 0
        writing = selectors.EVENT_WRITE if self._outgoing.left and self._carried_out is None else 0
        return reading | writing

    def receive(self) -> Iterator[Frame]:
        """Yield the frames that are complete, reading what is there now.  ``open`` is False after the end.

        LARGE ones are kept for :meth:`take_large`.
        """
        for frame in self._receive():
            if frame.kind == LARGE:
                self._large[frame.fields[0]] = frame.arrival
            else:
                yield frame

    def take_large(self, sequence: int) -> list[Buffer]:
        """The large result of a task that is committed, and so was sent whole before; in parts.

        Raises:
            MemoryError: There is no room for it.
            EOFError: It has not come, which takes a job that meddled with the worker's socket; nor will any other.
        """
        while sequence not in self._large:
            before = self.received
            # Not for long: all of it is in the kernel's hands.
            over = self._carried_in is None or self._carried_in.wait(LATE)
            for _ in self.receive():
                pass
            if self.received == before or not over:
                raise EOFError(
                    "the result was not sent whole: has the job written to descriptors that are not its own?"
                )
        return self._large.pop(sequence).take()

    def _receive(self) -> Iterator[Frame]:
        trip = self._carried_in
        if trip is not None:
            if not trip.over:
                return
            self._carried_in = None
            self.received += trip.moved
            yield from self._frames()
        taken = 0
        while taken < TURN:
            size = self._read()
            if not size:
                return
            taken += size
            yield from self._frames()
            if self._much_is_coming():
                return

    def hand_over_in(self, carry: Callable[[Trip], bool]) -> None:
        """Have the rest of a frame carried, if it is much."""
        if self._coming is not None and self._carried_in is None and self.open and self._much_is_coming():
            self._carried_in = self._carry(self._coming.arrival.load, receive_some, carry)

    def _much_is_coming(self) -> bool:
        return self._coming is not None and self._coming.arrival.load.left >= CARRIED

    def _read(self) -> int:
        try:
            if self._coming is not None:
                load = self._coming.arrival.load
                size = self._socket.recvmsg_into(load.next(), 0, socket.MSG_DONTWAIT)[0]
                load.moved(size)
            else:
                data = self._socket.recv(CHUNK, socket.MSG_DONTWAIT)
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
        if self._coming is not None:
            if self._coming.arrival.load.left:
                return
            frame, self._coming = self._coming, None
            yield frame
            del frame
        buffer, position = self._buffer, 0
        while len(buffer) - position >= HEADER.size:
            kind, envelope_size, _ = HEADER.unpack_from(buffer, position)
            begin = position + HEADER.size
            if len(buffer) - begin < envelope_size:
                break
            fields = marshal.loads(memoryview(buffer)[begin : begin + envelope_size])
            position = begin + envelope_size
            arrival = Arrival(fields[-1] if kind == LARGE else (), self.room)
            position += arrival.load.fill(memoryview(buffer)[position:])
            if arrival.load.left:
                self._coming = Frame(kind, fields, arrival)
                break
            yield Frame(kind, fields, arrival)
        del buffer[:position]

    # -- the end

    def close(self) -> None:
        """Close our end; couriers that are on their way come back."""
        if self._carried_in is not None or self._carried_out is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self._outgoing, self._coming = Load(), None
        disown(self.fd)
