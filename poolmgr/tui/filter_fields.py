"""What the filter language knows of each kind of row: the fields, and how their values are written.  Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from poolmgr.model.lock_rows import LockRow, state_text
from poolmgr.model.log import LogLine
from poolmgr.model.snapshot import FunctionSnapshot, JobSnapshot, PoolSnapshot, WorkerSnapshot
from poolmgr.model.states import JobState, WorkerState
from poolmgr.model.sync import SyncState
from poolmgr.tui.filter import Field, Language, contains

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ms|s|m|h|d)?")
_SIZES = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_SIZE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)([kmgt]?)(?:i?b)?")


@dataclass(frozen=True, slots=True)
class Moment:
    """What jobs are looked at with: when, and who works at them."""

    now: float = 0.0
    workers: dict[int, WorkerSnapshot] = field(default_factory=dict)

    @classmethod
    def of(cls, snapshot: PoolSnapshot) -> Moment:
        """The moment of a picture."""
        return cls(snapshot.time, {worker.job_id: worker for worker in snapshot.workers if worker.job_id is not None})


def read_duration(text: str) -> float:
    """Seconds of ``1.5``, ``200ms``, ``3m``, ``1h30m``."""
    lowered, at, total = text.lower(), 0, 0.0
    while at < len(lowered):
        part = _DURATION.match(lowered, at)
        if part is None:
            break
        total += float(part[1]) * _UNITS[part[2] or "s"]
        at = part.end()
    if at < len(lowered) or not lowered:
        raise ValueError("a duration such as 1s, 200ms or 1h30m")
    return total


def read_size(text: str) -> float:
    """Bytes of ``812``, ``200M``, ``1.9G``."""
    part = _SIZE.fullmatch(text.lower())
    if part is None:
        raise ValueError("a size such as 200M or 1.9G")
    return float(part[1]) * _SIZES[part[2]]


def read_number(text: str) -> float:
    """A number, with or without a percent sign."""
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = float("nan")
    if number != number:
        raise ValueError("a number")
    return number


def read_worker(text: str) -> int:
    """The worker's number, from 1: ``5`` or ``w5``."""
    digits = text.lower().removeprefix("w")
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError("a worker such as 5 or w5")
    return int(digits[:18])


def _state_reader(states: type[JobState] | type[WorkerState]) -> Callable[[str], object]:
    """Reads a word, its beginning, or a row of letters."""
    letters = {state.letter.lower(): state for state in states}
    words = ", ".join(f"{state.letter} {state.value}" for state in states)

    def read(text: str) -> object:
        typed = text.lower()
        by_word = frozenset(str(state) for state in states if state.value.startswith(typed))
        if by_word:
            return by_word
        if all(letter in letters for letter in typed):
            return frozenset(str(letters[letter]) for letter in typed)
        raise ValueError(f"letters or a word of: {words}")

    return read


def _choice(*words: str) -> Callable[[str], object]:
    def read(text: str) -> object:
        found = frozenset(word for word in words if word.startswith(text.lower()))
        if not found:
            raise ValueError(f"one of {', '.join(words)}")
        return found

    return read


def _known(number: float) -> float | None:
    """None for what a picture of the past does not know."""
    return None if number < 0 else number


def _number(slot: int | None) -> int | None:
    return None if slot is None else slot + 1


def job_error(job: JobSnapshot) -> str:
    """What its error has in common with that of others: the part before the colon, without the pool's own words."""
    text = job.message.removeprefix(f"job {job.id}: ").removeprefix(f"worker {job.pid} ")
    return text.partition(":")[0] if job.state.retryable else ""


def _queued(job: JobSnapshot, moment: Moment) -> float | None:
    return job.queued(moment.now)


def _of_worker(get: Callable[[WorkerSnapshot], object]) -> Callable[[JobSnapshot, Moment], object]:
    def value(job: JobSnapshot, moment: Moment) -> object:
        worker = moment.workers.get(job.id)
        return None if worker is None else get(worker)

    return value


def _job_hay(job: JobSnapshot) -> str:
    worker = "" if job.slot is None else f"w{job.slot + 1}"
    return f"{job.id} {job.name} {job.function} {job.args} {job.message} {worker} {job.state}"


def _text(value: StrEnum | str) -> str:
    return str(value)


#: Letters that stand for a state, as marks have them.
_LOCK_LETTERS = {"h": SyncState.HELD, "w": SyncState.WAITED, "d": SyncState.DEADLOCK, "a": SyncState.ABANDONED}


def _lock_state(text: str) -> object:
    words = text.lower()
    found = [state for state in SyncState if len(words) > 1 and state.startswith(words)]
    if not found and words and all(letter in _LOCK_LETTERS for letter in words):
        found = [_LOCK_LETTERS[letter] for letter in words]
    if not found:
        raise ValueError("a word such as held or deadlock, or letters of H W D A")
    return frozenset(map(str, found))


def _lock_pids(row: LockRow, _: PoolSnapshot) -> str:
    held = [] if row.holder is None else [row.holder.pid]
    return " ".join(str(pid) for pid in (row.each.maker, *held, *(waiter.pid for waiter in row.waiters)))


JOBS: Language[JobSnapshot, Moment] = Language(
    {
        "state": Field(lambda job, _: _text(job.state), _state_reader(JobState)),
        "fn": Field(lambda job, _: job.function, contains),
        "name": Field(lambda job, _: job.name, contains),
        "args": Field(lambda job, _: job.args, contains),
        "error": Field(lambda job, _: job_error(job), contains),
        "w": Field(lambda job, _: _number(job.slot), read_worker),
        "pid": Field(lambda job, _: job.pid, read_number, ordered=True),
        "id": Field(lambda job, _: job.id, read_number, ordered=True),
        "try": Field(lambda job, _: job.attempt, read_number, ordered=True),
        "elapsed": Field(lambda job, moment: job.elapsed(moment.now), read_duration, ordered=True, exact=False),
        "queued": Field(_queued, read_duration, ordered=True, exact=False),
        "cpu": Field(_of_worker(lambda worker: worker.cpu_percent), read_number, ordered=True, exact=False),
        "rss": Field(_of_worker(lambda worker: worker.rss), read_size, ordered=True, exact=False),
    },
    _job_hay,
)

WORKERS: Language[WorkerSnapshot, Moment] = Language(
    {
        "state": Field(lambda worker, _: _text(worker.state), _state_reader(WorkerState)),
        "fn": Field(lambda worker, _: worker.function, contains),
        "w": Field(lambda worker, _: _number(worker.slot), read_worker),
        "pid": Field(lambda worker, _: worker.pid, read_number, ordered=True),
        "job": Field(lambda worker, _: worker.job_id, read_number, ordered=True),
        "elapsed": Field(lambda worker, _: _known(worker.elapsed), read_duration, ordered=True, exact=False),
        "cpu": Field(lambda worker, _: worker.cpu_percent, read_number, ordered=True, exact=False),
        "rss": Field(lambda worker, _: worker.rss, read_size, ordered=True, exact=False),
        "done": Field(lambda worker, _: _known(worker.done), read_number, ordered=True),
        "fail": Field(lambda worker, _: _known(worker.failed), read_number, ordered=True),
    },
    lambda worker: f"{worker.name} {worker.pid} {worker.state} {worker.function} {worker.job_id or ''}",
)

LOG: Language[LogLine, None] = Language(
    {
        "w": Field(lambda line, _: _number(line.slot), read_worker),
        "job": Field(lambda line, _: line.job_id, read_number, ordered=True),
        "pid": Field(lambda line, _: line.pid, read_number, ordered=True),
        "kind": Field(lambda line, _: line.kind, _choice("event", "out", "err")),
        "level": Field(lambda line, _: line.level, _choice("info", "warning", "error")),
    },
    lambda line: f"{'' if line.slot is None else f'w{line.slot + 1}'} {line.kind} {line.text}",
)

FUNCTIONS: Language[FunctionSnapshot, None] = Language(
    {
        "fn": Field(lambda row, _: row.name, contains),
        "done": Field(lambda row, _: row.done, read_number, ordered=True),
        "fail": Field(lambda row, _: row.failed, read_number, ordered=True),
        "run": Field(lambda row, _: row.running, read_number, ordered=True),
        "p50": Field(lambda row, _: row.p50, read_duration, ordered=True, exact=False),
        "p95": Field(lambda row, _: row.p95, read_duration, ordered=True, exact=False),
        "max": Field(lambda row, _: row.longest, read_duration, ordered=True, exact=False),
        "rate": Field(lambda row, _: row.rate, read_number, ordered=True, exact=False),
        "share": Field(lambda row, _: row.share, read_number, ordered=True, exact=False),
    },
    lambda row: row.name,
)

LOCKS: Language[LockRow, PoolSnapshot] = Language(
    {
        "state": Field(lambda row, _: _text(row.state), _lock_state),
        "kind": Field(lambda row, _: row.each.kind, contains),
        "name": Field(lambda row, _: row.each.name, contains),
        "file": Field(lambda row, _: row.each.place, contains),
        "pid": Field(_lock_pids, contains),
        "waiters": Field(lambda row, _: len(row.waiters), read_number, ordered=True),
        "waited": Field(lambda row, snapshot: row.waited(snapshot.time), read_duration, ordered=True, exact=False),
        "held": Field(lambda row, snapshot: row.held(snapshot.time), read_duration, ordered=True, exact=False),
        "depth": Field(lambda row, _: row.each.depth, read_number, ordered=True),
    },
    lambda row: f"{row.each.label} {row.each.machinery} {row.state} {state_text(row.each)}",
)
