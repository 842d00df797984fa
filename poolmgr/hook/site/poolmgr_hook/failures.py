"""What the failed jobs of this process's pools failed with: the error in one line, and its traceback.

    tell(error)   the number of its texts in ``errors.PID`` (``layout.py``), for the end of the job in a pool's record

A pool's worker writes the traceback out in any case, before it sends the error.  That text is taken and cut; no error
is asked to describe itself, since its ``__str__`` is users' code.

Threads: those of all pools of this process that settle jobs.  Each failure has a number, and so a slot, of its own.
"""

from __future__ import annotations

import itertools
import os
import sys

from . import files, layout
from .window import Window

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Nanoseconds, and other failures than before in as many that are written down: there is no room for more between two
#: looks of who reads them.  A thousand that are alike are one.
_WINDOW, _MOST = 250_000_000, 20
#: Failures remembered with their numbers.
_KNOWN = 100
#: Characters of a traceback that are looked through from its last part on.
_LONGEST = 100_000
#: Asked in place of the error's own class, where an attribute may be users' code.
_BASE: Any = BaseException
_HEAD = "Traceback (most recent call last):\n"
#: Files of the pools themselves: a traceback is to begin where the user's code does.
_MACHINERY = ("multiprocessing/pool.py", "concurrent/futures/process.py", "process_executor.py")

#: The texts of this process, once there are any, and how often they were made: only the first call makes them.
_tables: list[Table] = []
_makers = itertools.count()


class Table:
    """The texts of one process."""

    def __init__(self) -> None:
        """Make the file.

        Raises:
            OSError: The run's folder is gone, or there is no room in it.
        """
        self._memory = memoryview(files.memory(files.path("errors"), layout.ERRORS_SIZE))
        # A slot that was never written has the number of none.
        for place in range(layout.FAILURES):
            self._number(place, -1)
        self._next = itertools.count()
        self._known: dict[tuple[str, str], int] = {}
        self._room = Window(_WINDOW, _MOST)

    def number(self, line: str, trace: str) -> int:
        """The number of these texts, which are written if they are not there; -1 if there is no room."""
        known = self._known.get((line, trace), -1)
        if known >= 0 and self._memory[self._at(known) : self._at(known) + 8] == _bytes(known):
            return known
        if not self._room.has_room():
            return -1
        if len(self._known) >= _KNOWN:
            self._known.clear()
        number = next(self._next)
        at = self._at(number)
        # While it is written it is nobody's.
        self._number(number, -1)
        text = _head(line, layout.LINE_SIZE) + _tail(trace, layout.TRACE_SIZE)
        self._memory[at + 8 : at + layout.FAILURE_SIZE] = text
        self._number(number, number)
        self._known[line, trace] = number
        return number

    def _at(self, number: int) -> int:
        return number % layout.FAILURES * layout.FAILURE_SIZE

    def _number(self, place: int, number: int) -> None:
        at = self._at(place)
        self._memory[at : at + 8] = _bytes(number)


def tell(error: Any) -> int:
    """Write down what a job failed with, and return its number; -1 if it is not told."""
    try:
        if not _tables:
            if next(_makers):
                # It could not be made, or another thread makes it just now.
                return -1
            _tables.append(Table())
        return _tables[0].number(*texts(error))
    except Exception as problem:  # the pool's own thread must go on, and users' errors may answer with any error
        files.note(f"the text of an error was not noted: {type(problem).__name__}")
        return -1


def texts(error: Any) -> tuple[str, str]:
    """An error that came from a worker in one line, ``KeyError: 'etag'``, and its traceback, empty if it has none."""
    name = type(error).__qualname__
    trace, said = _trace(error), ""
    if trace:
        begin = trace.rfind("\n" + _HEAD) + 1
        frames, said = _split(trace[begin : begin + _LONGEST])
        trace = f"{trace[:begin]}{frames}{said}\n"
        kind, _, rest = said.partition(":")
        if kind.rpartition(".")[2] == name.rpartition(".")[2]:
            said = rest
    if not trace or not frames:
        # It never was in a worker, as arguments that cannot be pickled, or it is a group, whose traceback is a tree.
        said = " ".join(one for one in _BASE.args.__get__(error) if type(one) is str)
    said = " ".join(said[: 4 * layout.LINE_SIZE].split())
    return f"{name}: {said}" if said else name, trace


def _trace(error: Any) -> str:
    """The traceback as the pool's own worker has sent it."""
    cause = _BASE.__cause__.__get__(error)
    if not type(cause).__name__.endswith("RemoteTraceback"):
        return ""
    return cause.tb.strip('"\n ') if type(cause.tb) is str else ""


def _split(part: str) -> tuple[str, str]:
    """The frames of a traceback's last part, without the pool's own, and what the error says after them."""
    lines = part.split("\n")
    count = 1 if lines[0] + "\n" == _HEAD else 0
    while count and count < len(lines) and lines[count].startswith(" "):
        count += 1
    first = 1
    while first < count and lines[first].partition('", line ')[0].endswith(_MACHINERY):
        first += 1
        while first < count and not lines[first].startswith('  File "'):
            first += 1
    kept = lines[: min(1, count)] + lines[first:count]
    return "".join(f"{line}\n" for line in kept), "\n".join(lines[count:])


def _bytes(number: int) -> bytes:
    return number.to_bytes(8, sys.byteorder, signed=True)


def _head(text: str, size: int) -> bytes:
    return text[:size].replace("\0", "").encode("utf-8", "replace")[:size].ljust(size, b"\0")


def _tail(text: str, size: int) -> bytes:
    data = text[-size:].replace("\0", "").encode("utf-8", "replace")
    if len(data) > size or len(text) > size:
        # The end tells more than the beginning.  From the begin of a line on.
        data = data[-size + 8 :]
        data = b"...\n" + data[data.find(b"\n") + 1 :]
    return data.ljust(size, b"\0")


def _forget_in_child() -> None:
    """A forked child writes nothing into its parent's file."""
    global _makers
    _tables.clear()
    _makers = itertools.count()


os.register_at_fork(after_in_child=_forget_in_child)
