"""What can be exported, and how it is written: jobs as CSV and JSON; the stream's two forms are in modules beside.

Pure functions of a picture; they may run in any thread, since a picture never changes.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
import time
from collections.abc import Iterable
from enum import StrEnum

from poolmgr.model.buckets import History
from poolmgr.model.snapshot import JobSnapshot, PoolSnapshot
from poolmgr.tui.format import harmless
from poolmgr.tui.stream_svg import stream_svg
from poolmgr.tui.trace import chrome_trace


class Export(StrEnum):
    """What can be exported. The value ends a file's name."""

    JOBS_CSV = "jobs.csv"
    JOBS_JSON = "jobs.json"
    STREAM_SVG = "stream.svg"
    STREAM_TRACE = "trace.json"
    SCREEN_SVG = "screen.svg"

    @property
    def label(self) -> str:
        """How a person calls it."""
        return _LABELS[self]

    @property
    def of_stream(self) -> bool:
        """Whether it is made of the history."""
        return self in (Export.STREAM_SVG, Export.STREAM_TRACE)


_LABELS = {
    Export.JOBS_CSV: "jobs as CSV",
    Export.JOBS_JSON: "jobs as JSON",
    Export.STREAM_SVG: "task stream as SVG",
    Export.STREAM_TRACE: "task stream as a trace, for ui.perfetto.dev and chrome://tracing",
    Export.SCREEN_SVG: "this screen as SVG",
}

#: Columns of the CSV, in order: fields of a job, and what is reckoned from them.
COLUMNS = (
    "id", "state", "name", "function", "args", "worker", "pid", "attempt", "retry_of", "submitted", "started", "ended",
    "queued_s", "elapsed_s", "tasks", "tasks_done", "message",
)  # fmt: skip


def file_name(export: Export, snapshot: PoolSnapshot) -> str:
    """A name that says what it is, of which pool, and when: ``poolmgr-train-20240501-120000-jobs.csv``."""
    moment = time.strftime("%Y%m%d-%H%M%S", time.localtime(snapshot.time))
    pool = re.sub(r"[^\w.-]+", "_", snapshot.name).strip("._") or "pool"
    return f"poolmgr-{pool}-{moment}-{export.value}"


def jobs_csv(jobs: Iterable[JobSnapshot], now: float) -> str:
    """One line a job under a line of names, as RFC 4180 has it; times are UTC in ISO 8601."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for job in jobs:
        queued = job.queued(now)
        reckoned = {
            "worker": "" if job.slot is None else f"w{job.slot + 1}",
            "submitted": _iso(job.submitted or None),
            "started": _iso(job.started),
            "ended": _iso(job.ended),
            "queued_s": "" if queued is None else f"{queued:.6f}",
            "elapsed_s": "" if (elapsed := job.elapsed(now)) is None else f"{elapsed:.6f}",
        }
        values = [reckoned.get(name, getattr(job, name, None)) for name in COLUMNS]
        writer.writerow(["" if value is None else _cell(value) for value in values])
    return text.getvalue()


def jobs_json(jobs: Iterable[JobSnapshot], snapshot: PoolSnapshot) -> str:
    """An object with the pool's name and figures, and all fields of each job; times are seconds since the epoch."""
    whole = {
        "pool": snapshot.name,
        "pid": snapshot.pid,
        "time": snapshot.time,
        "counts": dataclasses.asdict(snapshot.counts),
        "jobs": [dataclasses.asdict(job) for job in jobs],
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def write(export: Export, jobs: Iterable[JobSnapshot], snapshot: PoolSnapshot, history: History | None) -> str:
    """The text of an export other than that of the screen.

    Raises:
        ValueError: It is made of the history, and there is none; or it is the screen's.
    """
    if export is Export.JOBS_CSV:
        return jobs_csv(jobs, snapshot.time)
    if export is Export.JOBS_JSON:
        return jobs_json(jobs, snapshot)
    if history is None or not export.of_stream:
        raise ValueError(f"{export.label}: it cannot be made of this picture")
    return stream_svg(history, snapshot) if export is Export.STREAM_SVG else chrome_trace(history, snapshot)


def _iso(moment: float | None) -> str | None:
    if moment is None:
        return None
    whole, micros = divmod(round(moment * 1e6), 1_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{micros:06}Z"


def _cell(value: object) -> str:
    text = harmless(str(value))
    # A spreadsheet takes a text that begins so for a formula, and would run what a user's argument says.
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") and not isinstance(value, int | float) else text
