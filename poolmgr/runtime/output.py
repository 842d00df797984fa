"""What workers print: one pipe for each of fds 1 and 2, cut into lines on the owner's side.

Worker side: :func:`redirect`, once, before any user code.  Owner side: :class:`OutputPipe`, the dispatcher's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

#: A line that is longer is cut into pieces of this length: a worker that never ends a line must not fill our memory.
LONGEST = 8192
#: Bytes taken from one pipe before anything else gets its turn: its capacity, so that a flood slows the one who prints.
TURN = 1 << 16


def redirect(out: int, err: int) -> None:
    """Point fds 1 and 2 of this process, and sys.stdout and sys.stderr with them, at two pipes.

    The Python objects are replaced too: under fork they may be a screen's capture objects, which would swallow all.
    """
    os.dup2(out, 1)
    os.dup2(err, 2)
    for fd in (out, err):
        if fd > 2:
            os.close(fd)
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", buffering=1, errors="backslashreplace", closefd=False)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # type: ignore[misc]


class OutputPipe:
    """The owner's end of one pipe, and the line that is half there."""

    def __init__(self, stream: str) -> None:
        """Make the pipe. ``stream`` is ``out`` or ``err``."""
        self.stream = stream
        self.fd, self.worker_fd = os.pipe()
        os.set_blocking(self.fd, False)
        #: False once every writer has closed its end.
        self.open = True
        self._rest = b""

    def close_worker_end(self) -> None:
        """Close the end that the worker has now."""
        os.close(self.worker_fd)

    def read(self) -> Iterator[str]:
        """Yield the lines that are there, without their ends. May be called when there is none."""
        data = self._read()
        if not data:
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) > LONGEST:
            lines.append(self._rest[:LONGEST])
            self._rest = self._rest[LONGEST:]
        for line in lines:
            # A bar that redraws itself shows its last state, as a terminal would.
            yield line.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "backslashreplace")

    def rest(self) -> str:
        """The line that was begun and never ended; called when the worker is gone."""
        rest, self._rest = self._rest, b""
        return rest.decode("utf-8", "backslashreplace")

    def _read(self) -> bytes:
        try:
            data = os.read(self.fd, TURN)
        except BlockingIOError:
            return b""
        if not data:
            self.open = False
        return data

    def close(self) -> None:
        """Close the owner's end."""
        os.close(self.fd)
