"""The cells of this process as a worker: what it is doing, readable after its death.

    begin(task)  ->  sending(ok)  ->  end()        once for each task, in this order

Thread: the worker's main thread is the only writer, see ``layout.py``.  It takes about a microsecond a task.
"""

from __future__ import annotations

import os
from time import monotonic_ns

from . import files, layout, names
from .layout import (
    BUSY,
    DONE,
    FAILED,
    HOLD,
    INDEX,
    ITEMS,
    ITEMS_DONE,
    JOB,
    LEAVE,
    LEFT,
    NAME,
    READY,
    RING,
    SENDING,
    SINCE,
    SOFT,
    STACKS,
    STOP,
    STOPPED,
    TASK,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Cells:
    """What a worker tells of itself."""

    def __init__(self, pipe: int) -> None:
        """Make the file of this process.

        Args:
            pipe: Inode of the pipe from which the tasks come.

        Raises:
            OSError: The run's folder is gone, or there is no room in it.
        """
        self._use(files.memory(files.path("cells"), layout.CELLS_SIZE))
        words = self.words
        words[layout.PID] = os.getpid()
        words[layout.BORN] = monotonic_ns()
        words[layout.PIPE] = pipe
        words[STACKS] = -1
        words[HOLD] = int(os.path.exists(files.path("hold", pipe)))
        words[layout.LAYOUT] = layout.VERSION

    def _use(self, memory: Any) -> None:
        self._memory = memoryview(memory)
        self.words: Any = self._memory[: layout.WORDS * 8].cast("q")
        self._names = names.NameTable(self._memory, layout.CELL_NAMES_AT, layout.CELL_NAMES, layout.NAMES)
        self._failed = False

    def detach(self) -> None:
        """Write into nothing from now on: called in a child of the worker, which is not the worker."""
        self._use(bytearray(layout.CELLS_SIZE))

    def offer(self, *, stacks: int, soft: int) -> None:
        """Tell by which means this worker can be asked for its stacks, and stopped."""
        self.words[STACKS], self.words[SOFT] = stacks, soft

    def ready(self) -> None:
        """The initializer is done."""
        if not self.words[READY]:
            self.words[READY] = monotonic_ns()

    def begin(self, job: int, index: int, func: Any, args: Any) -> None:
        """A task has been taken, and will be called next."""
        words = self.words
        words[JOB], words[INDEX], words[SENDING] = job, index, 0
        try:
            func, items = names.target(func, args)
            words[NAME], words[ITEMS] = self._names.number(names.describe(func)), items
        except Exception:  # users' objects may answer any question with any error; a task must not fail for its name
            words[NAME], words[ITEMS] = self._names.number("?"), 1
        words[SINCE] = monotonic_ns()
        words[TASK] += 1

    def sending(self, ok: bool) -> None:
        """The task has been called; its result goes on its way next."""
        self._failed = not ok
        self.words[SENDING] = 1

    def not_sent(self) -> None:
        """The result could not be sent; another one will be."""
        self.words[SENDING] = 0

    def end(self) -> None:
        """The result is sent."""
        words = self.words
        if not words[TASK] & 1:
            return
        now, since, items = monotonic_ns(), words[SINCE], words[ITEMS]
        written = words[RING]
        outcome = layout.ERROR if self._failed else layout.OK
        at = layout.CELL_RING_AT + written % layout.CELL_RING * layout.ENTRY.size
        layout.ENTRY.pack_into(
            self._memory, at, words[JOB], since, now, words[INDEX] & 0x7FFFFFFF, items, words[NAME], outcome
        )
        words[RING] = written + 1
        words[BUSY] += now - since
        words[ITEMS_DONE] += items
        words[FAILED if self._failed else DONE] += 1
        words[TASK] += 1

    def left(self) -> None:
        """The worker has left its loop."""
        self.words[LEFT] = monotonic_ns()

    @property
    def job(self) -> int:
        """The job of the task that it is in, or was in last."""
        return int(self.words[JOB])

    @property
    def held(self) -> bool:
        """Whether this worker is to call nothing for now."""
        return bool(self.words[HOLD])

    def asked_to_leave(self) -> bool:
        """Whether the owner wants one worker less, and this one to be it."""
        return bool(self.words[LEAVE])

    def asked_to_stop(self) -> bool:
        """Whether the task that is running now is to be stopped."""
        words = self.words
        task = words[TASK]
        return bool(task & 1 and not words[SENDING] and words[STOP] == task)

    def stopping(self) -> None:
        """JobStopped is about to be raised inside the task."""
        self.words[STOPPED] = self.words[TASK]
