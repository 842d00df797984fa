"""What workers print: one pipe for each of fds 1 and 2, cut into lines on the owner's side.

Worker side: :func:`redirect`, once, before any user code.  Owner side: :class:`OutputPipe`, the dispatcher's.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator

#: A line that is longer is cut into pieces of this length: a worker that never ends a line must not fill our memory.
LONGEST = 8192
#: Bytes taken from one pipe before anything else gets its turn: its capacity, so that a flood slows the one who prints.
TURN = 1 << 16


#: ``logging.WARNING`` and ``logging.ERROR``, which need no import of it.
WARNING, ERROR = 30, 40
_LEVELS = {b"w": "warning", b"e": "error"}
#: Between these bytes the worker tells whose output follows: the sequence number of its task, and a letter for the
#: level if it is that of a log record.
MARK, MARK_END = b"\x1e", b"\x1f"


def redirect(out: int, err: int, current: Callable[[], int]) -> Printed:
    """Point fds 1 and 2 of this process, and sys.stdout and sys.stderr with them, at two pipes.

    The Python objects are replaced too: under fork they may be a screen's capture objects, which would swallow all.

    Args:
        out: The pipe for fd 1.
        err: The pipe for fd 2.
        current: Gives the sequence number of the task that runs.
    """
    os.dup2(out, 1)
    os.dup2(err, 2)
    for fd in (out, err):
        if fd > 2:
            os.close(fd)
    sys.stdout = sys.__stdout__ = JobStream(1, current)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = JobStream(2, current)  # type: ignore[misc]
    return Printed(sys.stdout, sys.stderr)


class JobStream(io.TextIOWrapper):
    """A text stream that says, before the first words of each job, whose they are."""

    def __init__(self, fd: int, current: Callable[[], int]) -> None:
        raw = io.FileIO(fd, "w", closefd=False)
        super().__init__(io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True)
        self._fd = fd
        self._current = current
        #: True from the first words of a job until they are flushed.
        self.dirty = False

    def write(self, text: str) -> int:
        if not self.dirty:
            self._mark(b"")
        return super().write(text)

    def _mark(self, level: bytes) -> None:
        self.dirty = True
        os.write(self._fd, b"%b%d%b%b" % (MARK, self._current(), level, MARK_END))

    @contextlib.contextmanager
    def at_level(self, number: int) -> Iterator[None]:
        """What is written within is a record of this level, as ``logging`` numbers them."""
        level = b"e" if number >= ERROR else b"w" if number >= WARNING else b""
        if not level:
            yield
            return
        self._turn_to(level)
        try:
            yield
        finally:
            self._turn_to(b"")

    def _turn_to(self, level: bytes) -> None:
        # The job may have closed it, or the descriptor under it: that is for the write to find out.
        with contextlib.suppress(OSError, ValueError):
            self.flush()
            self._mark(level)


class Printed:
    """The worker's two streams."""

    def __init__(self, *streams: JobStream) -> None:
        self._streams = streams

    def flush(self) -> None:
        """Send on what a job has printed, before its result is."""
        for stream in self._streams:
            if stream.dirty:
                stream.dirty = False
                # The job may have closed it, or the descriptor under it.
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()


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
        self._sequence = -1
        self._level = "info"

    def close_worker_end(self) -> None:
        """Close the end that the worker has now."""
        os.close(self.worker_fd)

    def read(self) -> Iterator[tuple[int, str, str]]:
        """Yield the lines that are there without their ends, each with the number of the task and with its level.

        May be called when there is none.
        """
        data = self._read()
        if not data:
            return
        first, *marked = (self._rest + data).split(MARK)
        self._rest = b""
        yield from self._lines(first)
        for piece in marked:
            if self._rest:
                # Another job speaks: what the one before left without an end is a line.
                yield self._sequence, _shown(self._rest), self._level
                self._rest = b""
            mark, end, text = piece.partition(MARK_END)
            if not end:
                # The mark itself is only half there.
                self._rest = MARK + piece
                return
            number = mark.rstrip(b"we")
            if number.lstrip(b"-").isdigit():
                self._sequence = int(number)
                self._level = _LEVELS.get(mark[-1:], "info")
            yield from self._lines(text)

    def _lines(self, data: bytes) -> Iterator[tuple[int, str, str]]:
        *lines, self._rest = data.split(b"\n")
        while len(self._rest) > LONGEST:
            lines.append(self._rest[:LONGEST])
            self._rest = self._rest[LONGEST:]
        for line in lines:
            yield self._sequence, _shown(line), self._level

    def rest(self) -> str:
        """The line that was begun and never ended; called when the worker is gone."""
        rest, self._rest = self._rest, b""
        return _shown(rest.removeprefix(MARK))

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


def _shown(line: bytes) -> str:
    # A bar that redraws itself shows its last state, as a terminal would.
    return line.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "backslashreplace")
