"""The cells of this process as a worker: what it is doing, readable after its death.

    begin(task)  ->  sending(ok)  ->  end()        once for each task, in this order

Thread: the worker's main thread is the only writer, see ``layout.py``.  It takes about a microsecond a task.
"""

from __future__ import annotations

import os
import struct
from time import monotonic_ns

from . import brief, files, layout, names
from .layout import (
    BUSY,
    DONE,
    FAILED,
    HOLD,
    INDEX,
    ITEMS,
    JOB,
    LEAVE,
    LEFT,
    MORE,
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


#: Nanoseconds, and tasks in as many that are told one by one: the ring has room for no more between two looks of who
#: reads it, and a worker of very short tasks pays less.
_WINDOW = 250_000_000
_MOST = 36
#: Those that failed and are told besides.
_MOST_BAD = 12
#: Characters of the arguments, and of a result, that are told.
_LONGEST, _RESULT = 200, 60

_ARGS = struct.Struct(f"{layout.ARGS_SIZE}s").pack_into
_INT, _ONE_INT = layout.INT.pack_into, layout.ONE_INT
_RESULT_TEXT = struct.Struct(f"{layout.RESULT_SIZE}s").pack_into


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
        words[layout.STARTED] = files.started()
        words[STACKS] = -1
        words[HOLD] = int(os.path.exists(files.path("hold", pipe)))
        words[layout.LAYOUT] = layout.VERSION

    def _use(self, memory: Any) -> None:
        self._memory = memoryview(memory)
        self.words: Any = self._memory[: layout.WORDS * 8].cast("q")
        self._names = names.NameTable(self._memory, layout.CELL_NAMES_AT, layout.CELL_NAMES, layout.NAMES)
        self._failed = False
        #: What lies in the words of the same names, which only we write: a word is read in shared memory at twice the
        #: price.
        self._task = self._items = self._since = self._busy = self._done = 0
        #: The code of the function that was called last, where that is the user's own; and of the user's in any case.
        self._code: Any = None
        self._inner: Any = None
        #: Where the texts are of the next task in the ring.
        self._text_at = layout.CELL_TEXTS_AT
        self._until = self._room = self._room_bad = 0
        self._value: Any = None

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

    def begin(self, job: int, index: int, func: Any, args: Any, kwds: Any = None) -> None:
        """A task has been taken, and will be called next."""
        words = self.words
        words[JOB], words[INDEX] = job, index
        # The same function as before: its code is the same object, and its name has been found.
        code = getattr(func, "__code__", None)
        if code is None or code is not self._code:
            args, kwds = self._name(func, args, kwds, code)
        since = self._since = monotonic_ns()
        # In short where few tasks are told one by one, at a glance where many come: which one lasts is not known yet.
        try:
            if self._room or since >= self._until:
                _ARGS(self._memory, self._text_at, brief.brief_call(args, kwds or {}, _LONGEST).encode())
            elif len(args) == 1 and not kwds and type(args[0]) is int:
                _INT(self._memory, self._text_at, _ONE_INT, args[0])
            else:
                _ARGS(self._memory, self._text_at, brief.glance(args, kwds).encode())
        except struct.error:
            _ARGS(self._memory, self._text_at, brief.glance(args, kwds).encode())
        except Exception:  # users' objects may answer any question with any error
            _ARGS(self._memory, self._text_at, b"")
        words[SINCE] = since
        words[TASK] = self._task = self._task + 1

    def _name(self, func: Any, args: Any, kwds: Any, code: Any) -> tuple[Any, Any]:
        """Write the name of a function, and how many items it is called for; the arguments of the first of them."""
        self._code, items, inner_code = None, 1, None
        try:
            inner, items, args, kwds = names.call(func, args, kwds)
            inner_code = getattr(inner, "__code__", None)
            if inner_code is None or inner_code is not self._inner:
                self.words[NAME] = self._names.number(names.describe(inner))
            if inner is func:
                self._code = code
        except Exception:  # users' objects may answer any question with any error; a task must not fail for its name
            inner_code = None
            self.words[NAME] = self._names.number("?")
        self._inner = inner_code
        self.words[ITEMS] = self._items = items
        return args, kwds

    def sending(self, ok: bool, value: Any = None) -> None:
        """The task has been called; its result, ``value``, goes on its way next."""
        self._failed, self._value = not ok, value
        self.words[SENDING] = self._task

    def not_sent(self) -> None:
        """The result could not be sent; another one will be."""
        self.words[SENDING], self._value = 0, None

    def end(self) -> None:
        """The result is sent."""
        words, task = self.words, self._task
        if not task & 1:
            return
        now = monotonic_ns()
        if now >= self._until:
            self._until, self._room, self._room_bad = now + _WINDOW, _MOST, _MOST_BAD
        told = False
        if self._room:
            self._room -= 1
            told = self._tell(now)
        elif self._failed and self._room_bad:
            self._room_bad -= 1
            told = self._tell(now)
        self._value = None
        words[TASK] = self._task = task + 1
        if told:
            # Not before: RING says where the arguments of a task are that runs.
            words[RING] += 1
            self._text_at = layout.CELL_TEXTS_AT + words[RING] % layout.CELL_RING * layout.TEXT_SIZE
        words[BUSY] = self._busy = self._busy + now - self._since
        if self._items != 1:
            words[MORE] += self._items - 1
        if self._failed:
            words[FAILED] += 1
        else:
            words[DONE] = self._done = self._done + 1

    def _tell(self, now: int) -> bool:
        """Write the task where it will be in the ring; whether it is there."""
        words = self.words
        place = words[RING] % layout.CELL_RING
        outcome = layout.ERROR if self._failed else layout.OK
        entry = (words[JOB], words[SINCE], now, words[INDEX], words[ITEMS], words[NAME], outcome)
        try:
            result = b"" if self._failed else brief.brief(self._value, _RESULT).encode("utf-8", "replace")
        except Exception:  # as above
            result = b""
        _RESULT_TEXT(self._memory, self._text_at + layout.ARGS_SIZE, result)
        try:
            layout.ENTRY.pack_into(self._memory, layout.CELL_RING_AT + place * layout.ENTRY.size, *entry)
        except struct.error:
            # More items or tasks than the entry has room for: the counts have them all.
            return False
        return True

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
        return bool(task & 1 and words[SENDING] != task and words[STOP] == task)

    def stopping(self) -> None:
        """JobStopped is about to be raised inside the task."""
        self.words[STOPPED] = self.words[TASK]
