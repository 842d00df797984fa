"""Bytes that wait in sockets between processes, as the kernel tells them: nothing is opened, read or held up by it.

A two-way pipe is a pair of such sockets.  Linux tells of each by its inode, whoever has it open, and asks for no right
(sock_diag(7), UNIX_DIAG).  A program in a network namespace of its own has sockets that are not seen here.

Thread: any one at a time.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterable

#: Of <linux/netlink.h>, <linux/sock_diag.h> and <linux/unix_diag.h>, which the socket module has not.
_SOCK_DIAG, _BY_FAMILY, _REQUEST = 4, 20, 1
_SHOW_LENGTH, _LENGTH = 0x10, 4
_ANY = 0xFFFFFFFF
#: Length, type, flags, sequence, port of a message.
_HEAD = struct.Struct("=IHHII")
#: Family, protocol, padding, states, inode, what to show, and a cookie that is not known.
_QUESTION = struct.Struct("=BBHIIIQ")
#: Family, type, state, padding, inode, cookie.
_ANSWER = struct.Struct("=BBBBIQ")
_ATTRIBUTE, _WORD = struct.Struct("=HH"), struct.Struct("=I")
#: Bytes of the longest answer: some words, or the question with what is wrong with it.
_LARGEST = 4096
#: Seconds that the kernel may take.  It answers before ``send`` returns.
_DEADLINE = 1.0


class Sockets:
    """Asks the kernel. Where it does not tell, nothing is told."""

    def __init__(self) -> None:
        self._kernel: socket.socket | None = None

    def close(self) -> None:
        """Ask no more."""
        if self._kernel is not None:
            self._kernel.close()
        self._kernel = None

    def waiting(self, inodes: Iterable[int]) -> dict[int, int]:
        """Bytes that were sent to sockets and not received yet, by inode; those that are closed are left out."""
        found: dict[int, int] = {}
        with contextlib.suppress(OSError):
            for inode in inodes:
                size = self._ask(inode)
                if size is not None:
                    found[inode] = size
        return found

    def _ask(self, inode: int) -> int | None:
        if self._kernel is None:
            self._kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG)
            self._kernel.settimeout(_DEADLINE)
        question = _QUESTION.pack(socket.AF_UNIX, 0, 0, _ANY, inode & _ANY, _SHOW_LENGTH, _ANY << 32 | _ANY)
        self._kernel.send(_HEAD.pack(_HEAD.size + len(question), _BY_FAMILY, _REQUEST, inode & _ANY, 0) + question)
        while True:
            answer = self._kernel.recv(_LARGEST)
            # An answer that came too late for its question is not taken for that of the next one.
            if len(answer) >= _HEAD.size and _HEAD.unpack_from(answer)[3] == inode & _ANY:
                return _length(answer)


def _length(answer: bytes) -> int | None:
    """Bytes to be received, in an answer; None if it is an error: most often there is no such socket any more."""
    size, kind, _, _, _ = _HEAD.unpack_from(answer)
    if kind != _BY_FAMILY:
        return None
    place, end = _HEAD.size + _ANSWER.size, min(size, len(answer))
    while place + _ATTRIBUTE.size <= end:
        length, what = _ATTRIBUTE.unpack_from(answer, place)
        if what == _LENGTH:
            return int(_WORD.unpack_from(answer, place + _ATTRIBUTE.size)[0])
        # Each begins at a multiple of four bytes.
        place += max(_ATTRIBUTE.size, (length + 3) & ~3)
    return None
