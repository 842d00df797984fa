"""A connection to one object in a board: the owner's and every viewer's.

Not a proxy: a proxy has itself called in every forked child, so each worker would call the board as it starts, and
hang there with it. This speaks the proxy's three messages over one connection instead. And a proxy waits for ever.

Thread: one at a time; hang_up() from any.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from multiprocessing.managers import RemoteError, dispatch  # type: ignore[attr-defined]
from typing import Any

#: What a connection raises when the other side is dead, deaf or somebody else.
LOST = (OSError, EOFError, AuthenticationError, RemoteError)
#: Seconds that each step of a handshake may take.  They take milliseconds, and on a machine that swaps seconds.
HANDSHAKE = 10.0


class Line:
    """Calls one object of a board.

    Args:
        address: The board's socket.
        key: The board's key.
        kind: The object, as the board's Manager names it.
        patience: Seconds to wait for any piece of an answer; None for ever, once it is connected.

    Raises:
        OSError, EOFError, AuthenticationError: See :data:`LOST`; all methods but close() and hang_up().
    """

    def __init__(self, address: str, key: bytes, kind: str, *, patience: float | None = None) -> None:
        first = HANDSHAKE if patience is None else patience
        with contextlib.closing(_Wire(address, key, first)) as wire:
            self._ident, _ = dispatch(wire.connection, None, "create", (kind,))
        self._wire = _Wire(address, key, first)
        try:
            dispatch(self._wire.connection, None, "accept_connection", (f"poolmgr-{kind}",))
            set_patience(self._wire.socket, patience)
        except BaseException:  # raised again: nobody else has the connection
            self._wire.close()
            raise

    def call(self, method: str, *args: Any) -> Any:
        """Have a method of the object called, and return what it returns."""
        return dispatch(self._wire.connection, self._ident, method, args)

    def hang_up(self) -> None:
        """Have a call that waits for its answer fail at once. From any thread."""
        with contextlib.suppress(OSError):
            self._wire.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection."""
        self._wire.close()


class _Wire:
    """A connection on which both sides have proved that they know the key."""

    def __init__(self, address: str, key: bytes, patience: float) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            set_patience(self.socket, patience)
            self.socket.connect(address)
            if (uid := peer_uid(self.socket)) not in (None, os.getuid()):
                raise ConnectionRefusedError(f"{address} is served by user {uid}")
            self.connection = Connection(os.dup(self.socket.fileno()))
        except BaseException:  # raised again: nobody else has the socket
            self.socket.close()
            raise
        try:
            answer_challenge(self.connection, key)
            deliver_challenge(self.connection, key)
        except BaseException:  # raised again, as above
            self.close()
            raise

    def close(self) -> None:
        self.connection.close()
        self.socket.close()


def peer_uid(connected: socket.socket) -> int | None:
    """The user at the other end of a socket, as the kernel has it; None where it does not tell."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    facts = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", facts)
    return int(uid)


def set_patience(connected: socket.socket, seconds: float | None) -> None:
    """Have reads and writes that take longer fail with a BlockingIOError; None has them wait for ever.

    By the kernel: a timeout of Python's own would make the descriptor non-blocking for the Connection too.
    """
    whole, rest = divmod(0.0 if seconds is None else seconds, 1)
    time = struct.pack("ll", int(whole), int(rest * 1e6))
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        connected.setsockopt(socket.SOL_SOCKET, option, time)
