"""What the hook has written in a run's folder, read: the cells of workers and the records of pools, as plain values.

    decode_worker, decode_pool    bytes -> values; pure
    Reader                        the run's folder -> an Observation, with the files of before kept open

Nothing here asks whether a process lives: a worker's cells are still there when it was killed.  All numbers that end in
``_ns`` are CLOCK_MONOTONIC, which is one clock for all processes of a machine.

Thread: the one that makes a Reader; it never waits for the program.
"""

from __future__ import annotations

import ast
import contextlib
import mmap
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from poolmgr.hook.site.poolmgr_hook import layout

#: Copies of a worker's cells until one is whole: it takes a microsecond to make one, and a task to spoil it.
_TRIES = 5


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
        )
    ring = _ring(data, layout.CELL_RING_AT, layout.CELL_RING, layout.ENTRY, words[layout.RING])
    return ObservedWorker(
        pid=words[layout.PID],
        pipe=words[layout.PIPE],
        born_ns=words[layout.BORN],
        ready_ns=words[layout.READY] or None,
        running=running,
        task=words[layout.TASK],
        sending=bool(words[layout.SENDING]),
        done=words[layout.DONE],
        failed=words[layout.FAILED],
        items_done=words[layout.ITEMS_DONE],
        busy_ns=words[layout.BUSY],
        finished=tuple(
            ObservedTask(job, index, names.get(name, ""), items, began, ended, outcome, sequence)
            for sequence, (job, began, ended, index, items, name, outcome) in ring
        ),
        left_ns=words[layout.LEFT] or None,
        stacks_fd=words[layout.STACKS],
        soft_signal=words[layout.SOFT],
        stopped=words[layout.STOPPED],
        held=bool(words[layout.HOLD]),
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
        facts=_literal(data[layout.FACTS_AT : layout.FACTS_AT + words[layout.P_FACTS]].decode("utf-8", "replace")),
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
        ends=tuple(End(job, at, outcome, sequence) for sequence, (job, at, outcome) in ends),
    )


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


def _literal(text: str) -> dict[str, Any]:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


class Reader:
    """Reads one run's folder, over and over."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        #: By file name: its inode, and its memory.
        self._maps: dict[str, tuple[int, mmap.mmap]] = {}
        self._hellos: dict[int, Hello] = {}

    def close(self) -> None:
        """Let go of all files."""
        for name in list(self._maps):
            self._drop(name)

    def read(self) -> Observation:
        """All that is there now. A folder that is gone is an empty one."""
        seen = Observation(hellos=self._hellos)
        try:
            with os.scandir(self._folder) as entries:
                names = {one.name: one.inode() for one in entries}
        except OSError:
            names = {}
        # A number of a process may be used again: the same name is then another file.
        for name in [name for name, (inode, _) in self._maps.items() if names.get(name) != inode]:
            self._drop(name)
        takers: dict[str, Callable[[Observation, str, str], None]] = {
            "hello": self._take_hello,
            "notes": self._take_notes,
            "cells": self._take_worker,
            "pool": self._take_pool,
        }
        for name in names:
            kind, _, key = name.partition(".")
            if kind in takers:
                takers[kind](seen, name, key)
        self._hellos = seen.hellos
        return seen

    def forget(self, pid: int) -> None:
        """Remove the files of a process that has ended and been looked at for the last time."""
        for name in os.listdir(self._folder):
            if name.split(".")[1:2] == [str(pid)]:
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(self._folder, name))
        self._hellos.pop(pid, None)

    def _take_hello(self, seen: Observation, name: str, key: str) -> None:
        if not key.isdigit() or int(key) in seen.hellos:
            return
        facts = _literal(self._text(name))
        with contextlib.suppress(KeyError, TypeError, ValueError):
            seen.hellos[int(key)] = Hello(
                int(facts["pid"]),
                int(facts["parent"]),
                str(facts["version"]),
                str(facts["executable"]),
                tuple(str(one) for one in facts["argv"]),
            )

    def _take_notes(self, seen: Observation, name: str, key: str) -> None:
        if key.isdigit():
            seen.notes[int(key)] = tuple(self._text(name).splitlines())

    def _take_worker(self, seen: Observation, name: str, key: str) -> None:
        memory = self._map(name, layout.CELLS_SIZE)
        if memory is None:
            return
        for _ in range(_TRIES):
            data = memory[:]
            worker = decode_worker(data)
            if worker is None or memory[layout.TASK * 8 : layout.TASK * 8 + 8] == data[layout.TASK * 8 :][:8]:
                break
        if worker is not None and str(worker.pid) == key:
            seen.workers[worker.pid] = worker

    def _take_pool(self, seen: Observation, name: str, key: str) -> None:
        memory = self._map(name, layout.RECORD_SIZE)
        pool = None if memory is None else decode_pool(key, memory[:])
        if pool is not None:
            seen.pools[key] = pool

    def _text(self, name: str) -> str:
        try:
            fd = os.open(os.path.join(self._folder, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return ""
        with open(fd, encoding="utf-8", errors="replace") as file:
            return file.read()

    def _map(self, name: str, size: int) -> mmap.mmap | None:
        if name in self._maps:
            return self._maps[name][1]
        try:
            fd = os.open(os.path.join(self._folder, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            found = os.fstat(fd)
            # Made, and not yet as large as it will be: next time.
            if found.st_size != size:
                return None
            memory = mmap.mmap(fd, size, access=mmap.ACCESS_READ)
        finally:
            os.close(fd)
        self._maps[name] = (found.st_ino, memory)
        return memory

    def _drop(self, name: str) -> None:
        self._maps.pop(name)[1].close()
