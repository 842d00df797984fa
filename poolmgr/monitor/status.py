"""The status dict: a snapshot in plain types, as the board publishes it and any process of the user reads it.

Its keys are a promise, written down in docs/status.md. Within a version keys are only added; one that changes its
meaning or goes raises :data:`STATUS_VERSION`.

Thread: any; pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from poolmgr.errors import UsageError
from poolmgr.model.durations import Distribution
from poolmgr.model.log import LogLine
from poolmgr.model.snapshot import (
    Counts,
    Death,
    FunctionSnapshot,
    JobSnapshot,
    Machine,
    PoolSnapshot,
    Progress,
    Rule,
    Trends,
    Verdict,
    WorkerSnapshot,
)
from poolmgr.model.states import JobState, PoolState, WorkerState
from poolmgr.model.times import Times
from poolmgr.monitor.sync_status import sync_from_plain, sync_to_plain

#: The version of the schema.
STATUS_VERSION = 1

#: What stands under ``pool``: the facts that seldom change.
_POOL_KEYS = ("name", "pid", "state", "start_method", "size", "started", "engine")

T = TypeVar("T")


class Records:
    """The records made for the last frame: jobs that ended and lines of the log are the same objects in the next one.

    With a thousand of them a dict takes 0.35 ms instead of 2.3 (benchmarks/status.py, 2 cores).
    """

    def __init__(self) -> None:
        # The object is kept beside its record, so that its id cannot be another's.
        self._known: dict[int, tuple[object, dict[str, Any]]] = {}
        self._fresh: dict[int, tuple[object, dict[str, Any]]] = {}

    def of(self, values: Iterable[JobSnapshot | LogLine]) -> list[dict[str, Any]]:
        """The records of ``values``, those of the last frame where they are the same."""
        records = []
        for value in values:
            pair = self._known.get(id(value))
            if pair is None:
                pair = (value, _record(value))
            self._fresh[id(value)] = pair
            records.append(pair[1])
        return records

    def turn(self) -> None:
        """The frame is made: forget what was not in it."""
        self._known, self._fresh = self._fresh, {}


def to_status(snapshot: PoolSnapshot, records: Records | None = None) -> dict[str, Any]:
    """The status dict of a snapshot: dicts, lists, strings, numbers and None, nothing else.

    Args:
        snapshot: The picture.
        records: Those of the frame before, for who makes one after the other. What is returned shares them, so it
            must not be changed then.
    """
    records = Records() if records is None else records
    jobs, log = records.of(snapshot.jobs), records.of(snapshot.log)
    records.turn()
    return {
        "version": STATUS_VERSION,
        "time": snapshot.time,
        "pool": {key: _plain(getattr(snapshot, key)) for key in _POOL_KEYS},
        "counts": asdict(snapshot.counts),
        "workers": {worker.slot: _record(worker) for worker in snapshot.workers},
        "jobs": jobs,
        "history": {"throughput": list(snapshot.history.throughput), "cpu": list(snapshot.history.cpu)},
        "rate": snapshot.rate,
        "eta": snapshot.eta,
        "expected": snapshot.expected,
        "until": snapshot.until,
        "monitor": {
            "cpu_percent": snapshot.monitor_percent,
            "board_pid": snapshot.board_pid,
            "viewers": snapshot.viewers,
        },
        "log": log,
        "functions": [_function(function) for function in snapshot.functions],
        "times": _fields(snapshot.times),
        "verdict": _fields(snapshot.verdict),
        "machine": _fields(snapshot.machine),
        **({} if snapshot.sync is None else {"sync": sync_to_plain(snapshot.sync)}),
    }


def from_status(status: Mapping[str, Any]) -> PoolSnapshot:
    """The snapshot that a status dict was made from.

    Takes what went through JSON too, where the slots have become strings. Keys that it does not know are left out.

    Raises:
        UsageError: The dict is of another version.
    """
    version = status.get("version")
    if version != STATUS_VERSION:
        raise UsageError(
            f"the pool speaks version {version} of the status dict and this poolmgr version {STATUS_VERSION}: "
            "use the same poolmgr on both sides"
        )
    pool = status["pool"]
    monitor = status["monitor"]
    history = status["history"]
    return PoolSnapshot(
        name=pool["name"],
        pid=pool["pid"],
        state=PoolState(pool["state"]),
        start_method=pool["start_method"],
        size=pool["size"],
        started=pool["started"],
        time=status["time"],
        counts=_build(Counts, status["counts"]),
        workers=tuple(_worker(record) for record in status["workers"].values()),
        jobs=tuple(_job(record) for record in status["jobs"]),
        log=tuple(_build(LogLine, record) for record in status["log"]),
        history=Trends(throughput=tuple(history["throughput"]), cpu=tuple(history["cpu"])),
        rate=status["rate"],
        eta=status["eta"],
        # A key that came later: an owner of an older poolmgr does not give it.
        expected=status.get("expected"),
        until=status.get("until"),
        monitor_percent=monitor["cpu_percent"],
        board_pid=monitor["board_pid"],
        viewers=monitor.get("viewers", 0),
        functions=tuple(_function_of(record) for record in status.get("functions", ())),
        times=_optional(Times, status.get("times")),
        verdict=_verdict(status.get("verdict")),
        machine=_optional(Machine, status.get("machine")),
        sync=None if status.get("sync") is None else sync_from_plain(status["sync"]),
        engine=pool.get("engine", ""),
    )


def changed_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The top-level keys of ``new`` whose values differ from ``old``, with those values."""
    return {key: value for key, value in new.items() if key not in old or old[key] != value}


def _worker(record: Mapping[str, Any]) -> WorkerSnapshot:
    changed = {
        "state": WorkerState(record["state"]),
        "cpu_history": tuple(record["cpu_history"]),
        "times": _optional(Times, record.get("times")),
        "progress": _optional(Progress, record.get("progress")),
    }
    return _build(WorkerSnapshot, {**record, **changed})


def _job(record: Mapping[str, Any]) -> JobSnapshot:
    changed = {
        "state": JobState(record["state"]),
        "progress": _optional(Progress, record.get("progress")),
        "death": _death(record.get("death")),
        "after": tuple(record.get("after", ())),
    }
    return _build(JobSnapshot, {**record, **changed})


def _death(record: Mapping[str, Any] | None) -> Death | None:
    if record is None:
        return None
    return _build(Death, {**record, "stack": tuple(record["stack"]), "output": tuple(record["output"])})


def _function(function: FunctionSnapshot) -> dict[str, Any]:
    return {**_record(function), "durations": function.durations.plain()}


def _function_of(record: Mapping[str, Any]) -> FunctionSnapshot:
    return _build(FunctionSnapshot, {**record, "durations": Distribution.from_plain(record["durations"])})


def _verdict(record: Mapping[str, Any] | None) -> Verdict | None:
    return None if record is None else _build(Verdict, {**record, "rule": Rule(record["rule"])})


def _fields(value: Times | Verdict | Machine | None) -> dict[str, Any] | None:
    return None if value is None else _record(value)


def _optional(kind: type[T], record: Mapping[str, Any] | None) -> T | None:
    return None if record is None else _build(kind, record)


def _record(value: Any) -> dict[str, Any]:
    return {name: _plain(getattr(value, name)) for name in _names(type(value))}


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        # A StrEnum would need poolmgr to be unpickled.
        return str(value)
    if isinstance(value, (Times, Progress, Death)):
        return _record(value)
    return list(value) if isinstance(value, tuple) else value


def _build(kind: type[T], record: Mapping[str, Any]) -> T:
    known = _names(kind)
    return kind(**{key: value for key, value in record.items() if key in known})


def _names(kind: type[Any]) -> tuple[str, ...]:
    """The fields of a record: the lines of the log are named tuples, the others dataclasses with slots."""
    names: tuple[str, ...] = LogLine._fields if kind is LogLine else kind.__slots__
    return names
