"""What a program printed while nobody saw it: kept in files, in order, until it is shown.

Pieces of :data:`PIECE` bytes, of which the newest :data:`PIECES` are kept: a program that prints without end fills
neither memory nor disk.

Thread: one at a time; who shares it has the lock.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Iterator

#: Bytes of one file, and how many files are kept.  The folder may be in memory, as the runtime folder of many systems
#: is; what a person scrolls back through is less than a megabyte.
PIECE, PIECES = 4 << 20, 8
#: Bytes read at once.
CHUNK = 1 << 16


class Spool:
    """Bytes, oldest first.

    Args:
        folder: Where the files are made. It is there, and stays until :meth:`close`.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._pieces: deque[str] = deque()
        self._count = 0
        self._file: int | None = None
        self._size = 0
        #: Bytes that were dropped, the oldest, since the last :meth:`take`.
        self._dropped = 0

    def add(self, data: bytes) -> None:
        """Keep some bytes more. On a disk that is full they are dropped, and counted."""
        try:
            if self._file is None or self._size >= PIECE:
                self._next()
            assert self._file is not None
            view = memoryview(data)
            while view:
                written = os.write(self._file, view)
                self._size += written
                view = view[written:]
        except OSError:
            self._dropped += len(data)

    def take(self) -> Iterator[bytes]:
        """Yield all that is kept, and keep it no more; before it, a sentence on what was dropped, if any was."""
        if self._dropped:
            yield f"[poolmgr: {self._dropped:,} bytes of output before this were not kept]\r\n".encode()
        self._dropped = 0
        self._end_file()
        while self._pieces:
            path = self._pieces.popleft()
            with open(path, "rb", buffering=0) as file:
                while chunk := file.read(CHUNK):
                    yield chunk
            os.unlink(path)

    def close(self) -> None:
        """Remove the files."""
        self._end_file()
        for path in self._pieces:
            with contextlib.suppress(OSError):
                os.unlink(path)
        self._pieces.clear()

    def _next(self) -> None:
        self._end_file()
        while len(self._pieces) >= PIECES:
            oldest = self._pieces.popleft()
            self._dropped += os.path.getsize(oldest)
            os.unlink(oldest)
        self._count += 1
        path = os.path.join(self._folder, f"output-{self._count}")
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._pieces.append(path)

    def _end_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._size = 0
