"""The task stream as a Chrome trace, which Perfetto and chrome://tracing open: one track a worker.

Jobs that the pool still tells of stand where they ran; the time between them is filled from the history, where a slice
of time says how long each function ran in it, and not exactly when. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from poolmgr.model.buckets import FINE, NONE, SECOND, SECONDS, WIDTHS, Bucket, History
from poolmgr.model.snapshot import JobSnapshot, PoolSnapshot
from poolmgr.tui.format import harmless, short_name

Event = dict[str, Any]

#: Spans of the same function that are no further apart than this are one, in ns: counting loses as much.
_JOIN = 1000


@dataclass(slots=True)
class Span:
    """A time on a worker's track, in ns of CLOCK_MONOTONIC."""

    begin: int
    end: int
    name: str
    args: dict[str, Any] = field(default_factory=dict)


def chrome_trace(history: History, snapshot: PoolSnapshot) -> str:
    """The text of the file."""
    events = list(_names(history, snapshot))
    begin = min((bucket.number * WIDTHS[FINE] for bucket in history.sums(FINE)), default=history.now)
    for slot in sorted(history.tracks):
        spans = worker_spans(history, slot, snapshot)
        events += [_complete(span, snapshot.pid, slot, begin) for span in spans if span.end > begin]
        events += _marks(history, slot, snapshot.pid, begin)
    events += _counters(history, snapshot.pid, begin)
    whole = {
        "traceEvents": events,
        "displayTimeUnit": "ms",
        "otherData": {"pool": harmless(snapshot.name), "begins": begin / SECOND + history.epoch},
    }
    return json.dumps(whole, separators=(",", ":")) + "\n"


def worker_spans(history: History, slot: int, snapshot: PoolSnapshot) -> list[Span]:
    """What a worker did, in order and without overlaps."""
    jobs = _job_spans(history, slot, snapshot.jobs)
    spans = list(jobs)
    free = _gaps(jobs, history.now)
    for span in _slices(history, slot):
        spans += _within(span, free)
    return sorted(spans, key=lambda span: span.begin)


def _job_spans(history: History, slot: int, jobs: Iterable[JobSnapshot]) -> list[Span]:
    """The jobs that ran here, one task each: one that has several is spread over the workers."""
    spans: list[Span] = []
    here = [job for job in jobs if job.slot == slot and job.tasks == 1 and job.started is not None]
    for job in sorted(here, key=lambda job: job.started or 0.0):
        begin = _ns(job.started or 0.0, history)
        end = history.now if job.ended is None else _ns(job.ended, history)
        # Clocks of the owner and the worker differ by microseconds: tracks that overlap are drawn wrongly.
        begin = max(begin, spans[-1].end if spans else 0)
        if end > begin:
            args = {"job": job.id, "state": job.state.value, "args": harmless(job.args)}
            if job.message:
                args["message"] = harmless(job.message)
            spans.append(Span(begin, end, short_name(harmless(job.function)), args))
    return spans


def _slices(history: History, slot: int) -> Iterator[Span]:
    """What the history tells: each slice's functions one after the other, joined where they meet."""
    last: Span | None = None
    for span in (span for bucket in history.tracks[slot].ring(FINE) for span in _of_bucket(bucket, history)):
        if last is not None and span.name == last.name and span.begin - last.end <= _JOIN:
            last.end = span.end
            for name, value in span.args.items():
                last.args[name] = last.args.get(name, 0) + value
            continue
        if last is not None:
            yield last
        last = span
    if last is not None:
        yield last


def _of_bucket(bucket: Bucket, history: History) -> Iterator[Span]:
    width = WIDTHS[FINE]
    begin, end = bucket.number * width, min((bucket.number + 1) * width, history.now)
    parts = [("starting", bucket.start)] if bucket.start else []
    order = bucket.busy
    if bucket.edge != NONE and order and bucket.before != order[0][0]:
        order = tuple(sorted(order, key=lambda pair: pair[0] != bucket.before))
    parts += [(short_name(harmless(history.names[number])), ns) for number, ns in order]
    first = True
    for name, ns in parts:
        stop = min(end, begin + ns)
        if stop > begin:
            args = {"done": bucket.done, "failed": bucket.failed} if first and name != "starting" else {}
            first = first and name == "starting"
            yield Span(begin, stop, name, args)
        begin = stop


def _gaps(jobs: list[Span], until: int) -> list[tuple[int, int]]:
    edges = [0, *(edge for job in jobs for edge in (job.begin, job.end)), until]
    return [(low, high) for low, high in zip(edges[::2], edges[1::2], strict=True) if high > low]


def _within(span: Span, free: list[tuple[int, int]]) -> Iterator[Span]:
    for low, high in free:
        begin, end = max(span.begin, low), min(span.end, high)
        if end > begin:
            yield Span(begin, end, span.name, span.args)


def _complete(span: Span, pid: int, slot: int, origin: int) -> Event:
    begin = max(span.begin, origin)
    times = {"ts": (begin - origin) / 1000, "dur": (span.end - begin) / 1000}
    category = "job" if "job" in span.args else "slice"
    return {"ph": "X", "name": span.name, "cat": category, "pid": pid, "tid": slot + 1, **times, "args": span.args}


def _names(history: History, snapshot: PoolSnapshot) -> Iterator[Event]:
    pid = snapshot.pid
    yield {"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": f"pool {harmless(snapshot.name)}"}}
    processes = {worker.slot: worker.pid for worker in snapshot.workers}
    for slot in sorted(history.tracks):
        name = f"w{slot + 1}" + (f" pid {processes[slot]}" if slot in processes else "")
        yield {"ph": "M", "name": "thread_name", "pid": pid, "tid": slot + 1, "args": {"name": name}}
        yield {"ph": "M", "name": "thread_sort_index", "pid": pid, "tid": slot + 1, "args": {"sort_index": slot}}


def _marks(history: History, slot: int, pid: int, origin: int) -> Iterator[Event]:
    for bucket in history.tracks[slot].ring(FINE):
        for name in ("failed", "killed", "lost", "died", "restarted"):
            if getattr(bucket, name):
                # Somewhere in that slice; its middle is the least wrong.
                at = bucket.number * WIDTHS[FINE] + WIDTHS[FINE] // 2 - origin
                what = {"args": {"count": getattr(bucket, name)}}
                yield {"ph": "i", "s": "t", "name": name, "pid": pid, "tid": slot + 1, "ts": at / 1000, **what}


def _counters(history: History, pid: int, origin: int) -> Iterator[Event]:
    for bucket in history.sums(SECONDS):
        at = max(0, bucket.number * WIDTHS[SECONDS] - origin) / 1000
        known = {"tasks/s": bucket.done + bucket.failed}
        if bucket.cpu != NONE:
            known["CPU %"] = bucket.cpu // 10
        if bucket.rss != NONE:
            known["RSS MiB"] = bucket.rss >> 20
        for name, value in known.items():
            yield {"ph": "C", "name": name, "pid": pid, "tid": 0, "ts": at, "args": {"value": value}}


def _ns(moment: float, history: History) -> int:
    return int((moment - history.epoch) * SECOND)
