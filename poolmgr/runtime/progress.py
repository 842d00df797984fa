"""How far a job is, as it says itself: written by the worker into its cells, read by anybody who shows it.

    worker   progress(done, total, text)  ->  Board.put: version odd . record . version even
    owner    read(cells, task): the record, unless it is of another task, or half written

The record's version makes a torn read harmless: who finds it odd, or changed after reading, looks again, and shows
nothing if that does not help.  A worker that died half way leaves it odd for good.

Threads: any of the worker's may call :func:`progress`; a lock puts them in order.
"""

from __future__ import annotations

import math
import os
import struct
import threading
from typing import NamedTuple

from poolmgr.runtime.cells import NONE, PROGRESS, PROGRESS_SIZE, START, Cells

#: Task, done, total (not a number if nobody knows), bytes of the text.
_RECORD = struct.Struct("<qddq")
#: Bytes of a text that are kept.
LONGEST = PROGRESS_SIZE - _RECORD.size
#: Reads of a record that is being written before it is left for the next picture.
READS = 3


class Said(NamedTuple):
    """What a job has said of itself."""

    done: float
    #: None if it did not say.
    total: float | None
    text: str


class Board:
    """Where this worker writes."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._lock = threading.Lock()

    def put(self, done: float, total: float | None, text: str) -> None:
        """Write down how far the task is that runs."""
        view, record = self._cells.view, self._cells.progress
        task = int(view[START])
        if task == NONE:
            return
        data = text.encode("utf-8", "replace")[:LONGEST]
        with self._lock:
            version = int(view[PROGRESS]) | 1
            view[PROGRESS] = version
            self._fence()
            _RECORD.pack_into(record, 0, task, done, math.nan if total is None else total, len(data))
            record[_RECORD.size : _RECORD.size + len(data)] = data
            self._fence()
            view[PROGRESS] = version + 1

    def _fence(self) -> None:
        """Taken and released, a lock keeps what is written before from being seen after."""
        with threading.Lock():
            pass


#: Where this process writes; None outside of a pool's worker.
_board: Board | None = None


def show_on(cells: Cells) -> None:
    """This process is a worker, and these are its cells."""
    global _board
    _board = Board(cells)


def _forget_in_child() -> None:
    """A process that a job has forked must not speak for the worker."""
    global _board
    _board = None


os.register_at_fork(after_in_child=_forget_in_child)


def progress(done: float, total: float | None = None, text: str = "") -> None:
    """Say how far the job is that calls this: screens show a bar beside it, and the text.

    Costs a few microseconds, so it may be called in every round of a loop. Outside of a pool it does nothing.

    Args:
        done: What is done, in whatever unit.
        total: What there is to do, in the same unit; None if nobody knows.
        text: A few words: what is being done. What is beyond 224 bytes is cut off.

    Raises:
        TypeError: A number is none.
        ValueError: A number is not finite.
    """
    done = float(done)
    total = None if total is None else float(total)
    if not math.isfinite(done) or (total is not None and not math.isfinite(total)):
        raise ValueError(f"progress takes numbers, not {done!r} of {total!r}")
    if _board is not None:
        _board.put(done, total, str(text))


def read(cells: Cells, task: int) -> Said | None:
    """What the task has said last, None if it has said nothing, or the worker is gone. For any thread of the owner."""
    try:
        for _ in range(READS):
            version = int(cells.view[PROGRESS])
            if version % 2 or not version:
                continue
            record = bytes(cells.progress)
            if int(cells.view[PROGRESS]) == version:
                return _said(record, task)
    except ValueError:
        # The memory has been let go meanwhile.
        return None
    return None


def _said(record: bytes, task: int) -> Said | None:
    of, done, total, size = _RECORD.unpack_from(record)
    if of != task or not 0 <= size <= LONGEST:
        return None
    text = record[_RECORD.size : _RECORD.size + size].decode("utf-8", "ignore")
    return Said(done, None if math.isnan(total) else total, text)
