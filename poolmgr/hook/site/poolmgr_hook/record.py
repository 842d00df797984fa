"""The record of one pool that this process owns: what it was given, and how far it is.

Threads: whichever of the program submits, and the pool's own; all of this process, which is the file's only writer.
Numbers that several of them change come from counters that the interpreter steps in one piece.
"""

from __future__ import annotations

import itertools
import os
import sys
from time import monotonic_ns

from . import files, layout, names
from .window import Window

#: Keys of the facts, all with values of type str.
FACTS = (
    "kind",  # "Pool", "ProcessPoolExecutor", "loky" or "joblib.loky"; "poolmgr" for a pool of poolmgr's engine
    "class",  # the class's name with its module
    "site",  # "file:line" that made it
    "start_method",  # empty if the program made a context of its own
    "processes",  # what the program asked for
    "maxtasksperchild",  # empty if there is no limit
    "initializer",  # its name, empty if there is none
    "bell",  # file name of the socket that wakes the pool, empty if none does
    "wake",  # "descriptor:inode" of the owner's pipe that is to be written to after the bell; empty if none is
    "controls",  # what can be asked of it, with blanks between: CONTROLS
    "published",  # the name by which viewers find it, of a pool of poolmgr's engine; empty otherwise
    "reason",  # why not all; empty if there is nothing to say
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
#: What may be asked: see ``docs/decisions/042-acts-on-a-stock-pool.md``.
CONTROLS = ("kill", "stop", "resize", "hold")
_numbers = itertools.count(1)
#: Nanoseconds, and events in as many that are told one by one.  The rings then reach back for more than 0.2 s at any
#: rate, and a program that submits as fast as it can pays a fraction of a microsecond for a job.
_WINDOW = 50_000_000
#: Written for each job, however short.
_SUBMITTED, _FINISHED = layout.P_SUBMITTED, layout.P_FINISHED
_MOST = 80
#: Ends of failed jobs that are told besides: of them more is to be known than their number.
_MOST_BAD = 20


def next_key() -> str:
    """``PID.N`` for a pool that is being made."""
    return f"{os.getpid()}.{next(_numbers)}"


class Record:
    """What is told of one pool."""

    def __init__(self, key: str, pipe: int, wanted: int, facts: dict[str, str]) -> None:
        """Make the file.

        Args:
            key: From :func:`next_key`.
            pipe: Inode of the pipe from which the workers take their tasks.
            wanted: How many workers it is to have.
            facts: What does not change, see FACTS.

        Raises:
            OSError: The run's folder is gone, or there is no room in it.
        """
        self.path = files.path("pool", key)
        self._use(files.memory(self.path, layout.RECORD_SIZE))
        words = self.words
        words[layout.P_PID], words[layout.P_BORN], words[layout.P_PIPE] = os.getpid(), monotonic_ns(), pipe
        words[layout.P_WANTED] = wanted
        text = repr({name: facts.get(name, "") for name in FACTS}).encode("utf-8", "replace")
        if len(text) > layout.FACTS_SIZE:
            shorter = {name: facts.get(name, "")[-200:] for name in FACTS}
            text = repr(shorter).encode("ascii", "replace")[: layout.FACTS_SIZE]
        self._memory[layout.FACTS_AT : layout.FACTS_AT + len(text)] = text
        words[layout.P_FACTS] = len(text)
        words[layout.P_LAYOUT] = layout.VERSION

    def _use(self, memory: Any) -> None:
        self._memory = memoryview(memory)
        self.words: Any = self._memory[: layout.WORDS * 8].cast("q")
        self._names = names.NameTable(self._memory, layout.RECORD_NAMES_AT, layout.RECORD_NAMES, layout.P_NAMES)
        self._submitted, self._ended = itertools.count(1), itertools.count(1)
        self._coming, self._going = Window(_WINDOW, _MOST), Window(_WINDOW, _MOST)
        self._failing = Window(_WINDOW, _MOST_BAD)

    def detach(self) -> None:
        """Write into nothing from now on: called in a child of the owner, which does not own the pool."""
        self._use(bytearray(layout.RECORD_SIZE))

    def submitted(self) -> bool:
        """A job was given to the pool. Whether it is to be described."""
        self.words[_SUBMITTED] = next(self._submitted)
        return self._coming.has_room()

    def batch(self, tasks: int, items: int) -> None:
        """That job is a map; -1 for a number of tasks or items that nobody knows."""
        words = self.words
        words[layout.P_BATCHES] += 1
        words[layout.P_TASKS if tasks >= 0 else layout.P_UNSIZED] += tasks if tasks >= 0 else 1
        if items >= 0:
            words[layout.P_ITEMS] += items

    def describe(self, job: int, kind: int, function: str, tasks: int, items: int) -> None:
        """What the job is."""
        number = self.words[layout.P_RING]
        at = layout.SUBMISSIONS_AT + number % layout.SUBMISSIONS * layout.SUBMISSION.size
        name = self._names.number(function)
        layout.SUBMISSION.pack_into(self._memory, at, job, monotonic_ns(), tasks, items, name, kind)
        self.words[layout.P_RING] = number + 1

    def ended(self, good: bool) -> bool:
        """A job has ended, well or badly. Whether it is to be told which."""
        self.words[_FINISHED] = next(self._ended)
        return self._going.has_room() or (not good and self._failing.has_room())

    def tell_end(self, job: int, outcome: int, failure: int = -1) -> None:
        """Which job has ended, and how; ``failure`` is the number of its texts, from ``failures.tell``."""
        number = self.words[layout.P_ENDS]
        at = layout.ENDS_AT + number % layout.ENDS * layout.END.size
        layout.END.pack_into(self._memory, at, job, monotonic_ns(), failure, outcome)
        self.words[layout.P_ENDS] = number + 1

    def finished(self, jobs: int) -> None:
        """So many jobs have ended, among them those of which nobody was told."""
        self.words[layout.P_FINISHED] = jobs

    def state(self, state: int) -> None:
        """The pool is closing, or gone."""
        self.words[layout.P_STATE] = state

    def seen(self, workers: int) -> None:
        """What the pool's own thread sees as it passes."""
        self.words[layout.P_WORKERS] = workers
        self.words[layout.P_BEAT] = monotonic_ns()


def site() -> str:
    """``file:line`` of the program's code that is making a pool: the first caller outside of the machinery."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if not module.startswith(_MACHINERY):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


_MACHINERY = ("multiprocessing.", "concurrent.futures", "asyncio", "poolmgr_hook", "loky", "joblib", "threading")
