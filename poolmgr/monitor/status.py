"""The status dict: a snapshot in plain types, as the board publishes it and any process of the user reads it.

Its keys are a promise, written down in docs/status.md. Within a version keys are only added; one that changes its
meaning or goes raises :data:`STATUS_VERSION`.

Thread: any; pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar

from poolmgr.errors import UsageError
from poolmgr.model.snapshot import Counts, History, JobSnapshot, LogLine, PoolSnapshot, WorkerSnapshot
from poolmgr.model.states import JobState, PoolState, WorkerState

#: The version of the schema.
STATUS_VERSION = 1

#: What stands under ``pool``: the facts that seldom change.
_POOL_KEYS = ("name", "pid", "state", "start_method", "size", "started")

T = TypeVar("T")


def to_status(snapshot: PoolSnapshot) -> dict[str, Any]:
    """The status dict of a snapshot: dicts, lists, strings, numbers and None, nothing else."""
    return {
        "version": STATUS_VERSION,
        "time": snapshot.time,
        "pool": {key: _plain(getattr(snapshot, key)) for key in _POOL_KEYS},
        "counts": asdict(snapshot.counts),
        "workers": {worker.slot: _record(worker) for worker in snapshot.workers},
        "jobs": [_record(job) for job in snapshot.jobs],
        "history": {"throughput": list(snapshot.history.throughput), "cpu": list(snapshot.history.cpu)},
        "rate": snapshot.rate,
        "eta": snapshot.eta,
        "monitor": {"cpu_percent": snapshot.monitor_percent, "board_pid": snapshot.board_pid},
        "log": [_record(line) for line in snapshot.log],
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
        jobs=tuple(_build(JobSnapshot, {**record, "state": JobState(record["state"])}) for record in status["jobs"]),
        log=tuple(_build(LogLine, record) for record in status["log"]),
        history=History(throughput=tuple(history["throughput"]), cpu=tuple(history["cpu"])),
        rate=status["rate"],
        eta=status["eta"],
        monitor_percent=monitor["cpu_percent"],
        board_pid=monitor["board_pid"],
    )


def changed_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The top-level keys of ``new`` whose values differ from ``old``, with those values."""
    return {key: value for key, value in new.items() if key not in old or old[key] != value}


def _worker(record: Mapping[str, Any]) -> WorkerSnapshot:
    changed = {"state": WorkerState(record["state"]), "cpu_history": tuple(record["cpu_history"])}
    return _build(WorkerSnapshot, {**record, **changed})


def _record(value: WorkerSnapshot | JobSnapshot | LogLine) -> dict[str, Any]:
    return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        # A StrEnum would need poolmgr to be unpickled.
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _build(kind: type[T], record: Mapping[str, Any]) -> T:
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**{key: value for key, value in record.items() if key in known})
