"""What the hook writes in a run's folder, as plain values: the cells of workers and the records of pools.

    decode_worker, decode_pool    bytes -> values; pure
    Reader, in run_reader.py      the run's folder -> an Observation

A worker's cells are still there when it was killed, so they do not say who lives: :func:`is_alive`.  All numbers that
end in ``_ns`` are CLOCK_MONOTONIC, which is one clock for all processes of a machine.

Threads: any.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass, field
from mmap import mmap
from typing import Any

from poolmgr.hook.site.poolmgr_hook import layout
from poolmgr.runtime import procfs


@dataclass(frozen=True, slots=True)
class ObservedTask:
    """A task that a worker is in, or has finished."""

    job: int
    index: int
    #: Empty if it is not known any more.
    function: str
    items: int
    began_ns: int
    #: None while it runs.
    ended_ns: int | None = None
    #: ``layout.OK`` or ``layout.ERROR``; None while it runs.
    outcome: int | None = None
    #: Of the tasks that this worker has finished, which one: the first is 0.  -1 while it runs.
    sequence: int = -1
    #: Arguments in short, of a chunk those of its first item; empty if they are not known.
    args: str = ""
    #: What it returned, in short; empty while it runs, and if it failed.
    result: str = ""


@dataclass(frozen=True, slots=True)
class ObservedWorker:
    """A worker as its cells tell it."""

    pid: int
    #: What its pool has too, see ``layout.PIPE``.
    pipe: int
    born_ns: int
    #: None until its initializer is done.
    ready_ns: int | None
    #: None between two tasks.
    running: ObservedTask | None
    #: ``layout.TASK``: what a request names to stop exactly this task.
    task: int
    #: The task is done and its result is being sent: killed now it would leave the pool's lock locked.
    sending: bool
    done: int
    failed: int
    items_done: int
    busy_ns: int
    #: The last ones, oldest first.
    finished: tuple[ObservedTask, ...]
    left_ns: int | None
    #: For ``poolmgr.runtime.stacks.Tap``; -1 if it tells no stacks.
    stacks_fd: int
    #: The signal that stops a job softly, 0 if there is none.
    soft_signal: int
    stopped: int
    #: It is asked to call nothing: what it has taken waits.
    held: bool
    #: When its process started, in the kernel's ticks, 0 if nobody knows: see :func:`is_alive`.
    started_ticks: int = 0
    #: Its pool's owner has seen that it has ended.
    buried: bool = False


@dataclass(frozen=True, slots=True)
class Submission:
    """A job that was given to a pool."""

    job: int
    at_ns: int
    #: None if nobody knew when it was submitted.
    tasks: int | None
    items: int | None
    function: str
    #: ``layout.APPLY`` and so on.
    kind: int
    sequence: int


@dataclass(frozen=True, slots=True)
class End:
    """A job that has ended."""

    job: int
    at_ns: int
    #: ``layout.OK`` and so on.
    outcome: int
    sequence: int
    #: The number of its texts, -1 if it has none.
    number: int = -1
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """What a job failed with."""

    #: ``KeyError: 'etag'``
    line: str
    #: Empty if it never was in a worker.
    traceback: str


@dataclass(frozen=True, slots=True)
class ObservedPool:
    """A pool as its owner's process tells it."""

    #: ``PID.N``, also the end of the names of its files.
    key: str
    pid: int
    pipe: int
    born_ns: int
    #: What does not change: see ``poolmgr_hook.record.FACTS`` for the keys.
    facts: dict[str, str]
    wanted: int
    workers: int
    #: ``layout.OPEN`` and so on.
    state: int
    #: Jobs.
    submitted: int
    finished: int
    #: Tasks and items of all jobs of which they were known when they were submitted.
    tasks: int
    items: int
    #: Jobs of which they were not.
    unsized: int
    #: Results that came back.
    good: int
    bad: int
    beat_ns: int
    lost: int
    deaths: int
    #: Some of the last ones, oldest first: where many come at once, not all are told.
    submissions: tuple[Submission, ...]
    ends: tuple[End, ...]

    @property
    def pending(self) -> int:
        """Jobs that have not ended."""
        return max(0, self.submitted - self.finished)


@dataclass(frozen=True, slots=True)
class Hello:
    """An interpreter that has loaded the hook."""

    pid: int
    parent: int
    version: str
    executable: str
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Observation:
    """A run's folder at one moment."""

    hellos: dict[int, Hello] = field(default_factory=dict)
    #: By process id.  Which pool they are of tells ``pipe``.
    workers: dict[int, ObservedWorker] = field(default_factory=dict)
    #: By key.
    pools: dict[str, ObservedPool] = field(default_factory=dict)
    #: What the hook could not do, by process id.
    notes: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def workers_of(self, pool: ObservedPool) -> list[ObservedWorker]:
        """The workers of a pool, oldest first; those that have ended too, as long as their files are there."""
        return sorted((one for one in self.workers.values() if one.pipe == pool.pipe), key=lambda one: one.born_ns)


def is_alive(worker: ObservedWorker) -> bool:
    """Whether the worker's process is there: itself, and not another one that has got its number meanwhile."""
    return not worker.buried and procfs.alive(worker.pid) and has_number(worker)


def has_number(worker: ObservedWorker) -> bool:
    """Whether the worker's number is still its own, as far as can be told."""
    return not worker.started_ticks or procfs.begun(worker.pid) == worker.started_ticks / procfs.TICKS


def decode_worker(data: bytes) -> ObservedWorker | None:
    """The cells of a worker; None if they are not made yet, or by a hook of another version."""
    if len(data) != layout.CELLS_SIZE:
        return None
    words = memoryview(data)[: layout.WORDS * 8].cast("q")
    if words[layout.LAYOUT] != layout.VERSION:
        return None
    names = _names(data, layout.CELL_NAMES_AT, layout.CELL_NAMES, words[layout.NAMES])
    running = None
    if words[layout.TASK] & 1:
        running = ObservedTask(
            words[layout.JOB],
            words[layout.INDEX],
            names.get(words[layout.NAME], ""),
            words[layout.ITEMS],
            words[layout.SINCE],
            args=_texts(data, words[layout.RING])[0],
        )
    ring = _ring(data, layout.CELL_RING_AT, layout.CELL_RING, layout.ENTRY, words[layout.RING])
    return ObservedWorker(
        pid=words[layout.PID],
        pipe=words[layout.PIPE],
        born_ns=words[layout.BORN],
        ready_ns=words[layout.READY] or None,
        running=running,
        task=words[layout.TASK],
        sending=running is not None and words[layout.SENDING] == words[layout.TASK],
        done=words[layout.DONE],
        failed=words[layout.FAILED],
        items_done=words[layout.DONE] + words[layout.FAILED] + words[layout.MORE],
        busy_ns=words[layout.BUSY],
        finished=tuple(
            ObservedTask(job, index, names.get(name, ""), items, began, ended, outcome, place, *_texts(data, place))
            for place, (job, began, ended, index, items, name, outcome) in ring
        ),
        left_ns=words[layout.LEFT] or None,
        stacks_fd=words[layout.STACKS],
        soft_signal=words[layout.SOFT],
        stopped=words[layout.STOPPED],
        held=bool(words[layout.HOLD]),
        started_ticks=words[layout.STARTED],
        buried=bool(words[layout.BURIED]),
    )


def decode_pool(key: str, data: bytes) -> ObservedPool | None:
    """The record of a pool; None if it is not made yet, or by a hook of another version."""
    if len(data) != layout.RECORD_SIZE:
        return None
    words = memoryview(data)[: layout.WORDS * 8].cast("q")
    if words[layout.P_LAYOUT] != layout.VERSION:
        return None
    # All that is no map has one task with one item.
    single = words[layout.P_SUBMITTED] - words[layout.P_BATCHES]
    names = _names(data, layout.RECORD_NAMES_AT, layout.RECORD_NAMES, words[layout.P_NAMES])
    submissions = _ring(data, layout.SUBMISSIONS_AT, layout.SUBMISSIONS, layout.SUBMISSION, words[layout.P_RING])
    ends = _ring(data, layout.ENDS_AT, layout.ENDS, layout.END, words[layout.P_ENDS])
    return ObservedPool(
        key=key,
        pid=words[layout.P_PID],
        pipe=words[layout.P_PIPE],
        born_ns=words[layout.P_BORN],
        facts=literal(data[layout.FACTS_AT : layout.FACTS_AT + words[layout.P_FACTS]].decode("utf-8", "replace")),
        wanted=words[layout.P_WANTED],
        workers=words[layout.P_WORKERS],
        state=words[layout.P_STATE],
        submitted=words[layout.P_SUBMITTED],
        finished=words[layout.P_FINISHED],
        tasks=words[layout.P_TASKS] + single,
        items=words[layout.P_ITEMS] + single,
        unsized=words[layout.P_UNSIZED],
        good=words[layout.P_GOOD],
        bad=words[layout.P_BAD],
        beat_ns=words[layout.P_BEAT],
        lost=words[layout.P_LOST],
        deaths=words[layout.P_DEATHS],
        submissions=tuple(
            Submission(job, at, _known(tasks), _known(items), names.get(name, ""), kind, sequence)
            for sequence, (job, at, tasks, items, name, kind) in submissions
        ),
        ends=tuple(End(job, at, outcome, sequence, number) for sequence, (job, at, number, outcome) in ends),
    )


def decode_failures(data: bytes) -> dict[int, Failure]:
    """What jobs of a process's pools failed with, by number."""
    found = {}
    for place in range(layout.FAILURES):
        number, at = number_in_slot(data, place), place * layout.FAILURE_SIZE
        # Zero bytes are a file that is being made.
        if number >= 0 and data[at + 8]:
            line, trace = at + 8, at + 8 + layout.LINE_SIZE
            found[number] = Failure(_text(data, line, layout.LINE_SIZE), _text(data, trace, layout.TRACE_SIZE))
    return found


def number_in_slot(data: bytes | mmap, number: int) -> int:
    """The number of the failure that is in the slot of this one."""
    at = number % layout.FAILURES * layout.FAILURE_SIZE
    return int.from_bytes(data[at : at + 8], sys.byteorder, signed=True)


def _texts(data: bytes, number: int) -> tuple[str, str]:
    """The arguments and the result of a worker's task, by its number in the ring."""
    at = layout.CELL_TEXTS_AT + number % layout.CELL_RING * layout.TEXT_SIZE
    kind, one = layout.INT.unpack_from(data, at)
    args = f"({one})" if kind == layout.ONE_INT else _text(data, at, layout.ARGS_SIZE)
    return args, _text(data, at + layout.ARGS_SIZE, layout.RESULT_SIZE)


def _text(data: bytes, at: int, size: int) -> str:
    # Cut where it was full, maybe inside of a character.
    return data[at : at + size].partition(b"\0")[0].decode("utf-8", "ignore")


def _known(number: int) -> int | None:
    return None if number < 0 else number


def _names(data: bytes, begin: int, slots: int, written: int) -> dict[int, str]:
    """Names by their numbers: those that have not been written over."""
    found = {}
    for number in range(max(0, written - slots), written):
        at = begin + number % slots * layout.NAME_SIZE
        if int.from_bytes(data[at : at + 8], sys.byteorder) == number:
            text = data[at + 8 : at + layout.NAME_SIZE].partition(b"\0")[0]
            found[number] = text.decode("utf-8", "replace")
    return found


def _ring(data: bytes, begin: int, slots: int, entry: Any, written: int) -> list[tuple[int, tuple[int, ...]]]:
    """Entries with their numbers, oldest first.  One less than there are slots: the next one may be half written."""
    return [
        (number, entry.unpack_from(data, begin + number % slots * entry.size))
        for number in range(max(0, written - slots + 1), written)
    ]


def literal(text: str) -> dict[str, Any]:
    """A dict as the hook writes it; empty if it is none."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
