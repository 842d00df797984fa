"""A PoolControl with a fixed clock and a settable picture: for tests of the screens alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from poolmgr.model.buckets import History
from poolmgr.model.listeners import Listener
from poolmgr.model.log import LogLine
from poolmgr.model.requests import CheckCall, Complete, Pace, Reply, Request, WorkerLook
from poolmgr.model.snapshot import Counts, JobSnapshot, PoolSnapshot, WorkerSnapshot
from poolmgr.model.states import JobState, PoolState, WorkerState

#: 2024-05-01 12:00:00 UTC.
NOW = 1_714_564_800.0


class FakeControl:
    """Gives the picture that it was given, and remembers what was asked of it."""

    def __init__(self, snapshot: PoolSnapshot | None = None) -> None:
        self.picture = snapshot if snapshot is not None else make_snapshot()
        self.past = History()
        #: Raised by the next snapshots, if set.
        self.error: Exception | None = None
        self.requests: list[Request] = []
        #: Makes the answer to a request.
        self.answer: Callable[[Request], Reply] = lambda request: Reply(True, f"{type(request).__name__} taken")
        #: The calls that were only asked about, and what makes the answers.
        self.checks: list[CheckCall] = []
        self.check: Callable[[CheckCall], Reply] = lambda request: Reply(True, f"{request.target} fits")
        #: What ``module:function`` may become, by what was typed.
        self.names: dict[str, tuple[str, ...]] = {}
        #: The pictures a second that were wished for.
        self.paces: list[float] = []
        #: What was only looked for, and what makes the answers.
        self.looks: list[WorkerLook] = []
        self.look: Callable[[WorkerLook], Reply] = lambda request: Reply(True, "seen", lines=(repr(request),))
        self.listeners: list[Listener] = []
        self.pulls = 0
        #: The threads that called ``send``.
        self.senders: set[int] = set()

    def snapshot(self) -> PoolSnapshot:
        """The picture as it was set."""
        self.pulls += 1
        if self.error is not None:
            raise self.error
        return self.picture

    def history(self) -> History:
        """The past as it was set."""
        return self.past

    def send(self, request: Request) -> Reply:
        """Remember the request, and answer. What a form only asks is kept apart."""
        if isinstance(request, CheckCall):
            self.checks.append(request)
            return self.check(request)
        if isinstance(request, Pace):
            self.paces.append(request.hertz)
            return Reply(True, "")
        if isinstance(request, Complete):
            return Reply(True, "", lines=self.names.get(request.text, ()))
        if isinstance(request, WorkerLook):
            self.looks.append(request)
            return self.look(request)
        self.senders.add(threading.get_ident())
        self.requests.append(request)
        return self.answer(request)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Keep the listener until the subscription is ended."""
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def change(self, **fields: Any) -> None:
        """Set fields of the picture."""
        self.picture = replace(self.picture, **fields)


def make_worker(slot: int, job_id: int | None = None, **fields: Any) -> WorkerSnapshot:
    """A worker that runs ``job_id``, or is idle."""
    values: dict[str, Any] = {
        "pid": 4121 + slot,
        "state": WorkerState.IDLE if job_id is None else WorkerState.RUNNING,
        "started": NOW - 100,
        "job_id": job_id,
        "function": "" if job_id is None else "pipeline.resize",
        "elapsed": 0.5,
        "done": 10 * slot,
        "cpu_percent": 97.0,
        "rss": 212 * 1024 * 1024,
        "cpu_history": (90.0, 95.0, 97.0),
    }
    return WorkerSnapshot(slot=slot, **(values | fields))


def make_job(job_id: int, state: JobState = JobState.RUNNING, **fields: Any) -> JobSnapshot:
    """A job in this state, with times that fit it."""
    values: dict[str, Any] = {
        "function": "pipeline.resize",
        "args": f"('key-{job_id}.png',)",
        "submitted": NOW - 20,
        "started": None if state is JobState.QUEUED else NOW - 10,
        "ended": NOW - 5 if state.ended else None,
        "slot": None if state is JobState.QUEUED else 0,
        "pid": None if state is JobState.QUEUED else 4121,
    }
    return JobSnapshot(id=job_id, state=state, **(values | fields))


def make_log(first: int, last: int, **fields: Any) -> tuple[LogLine, ...]:
    """Lines ``first`` to ``last``."""
    return tuple(LogLine(seq, NOW, "event", f"line {seq}", **fields) for seq in range(first, last + 1))


def make_snapshot(
    workers: Sequence[WorkerSnapshot] | None = None, jobs: Sequence[JobSnapshot] | None = None, **fields: Any
) -> PoolSnapshot:
    """A pool of two workers: one runs job 1, one is idle; job 2 failed, job 3 waits, job 4 is done."""
    if workers is None:
        workers = (make_worker(0, 1), make_worker(1))
    if jobs is None:
        jobs = (
            make_job(1),
            make_job(2, JobState.FAILED, message="KeyError: 'etag'", traceback="Traceback\n  boom\nKeyError: 'etag'"),
            make_job(3, JobState.QUEUED),
            make_job(4, JobState.DONE, message="42"),
        )
    values: dict[str, Any] = {
        "name": "train",
        "pid": 4100,
        "state": PoolState.RUN,
        "start_method": "fork",
        "size": len(workers),
        "started": NOW - 761,
        "time": NOW,
        "counts": Counts(submitted=4, queued=1, running=1, done=1, failed=1, tasks_done=2),
        "log": make_log(1, 3),
        "rate": 63.1,
        "eta": 189.0,
    }
    return PoolSnapshot(workers=tuple(workers), jobs=tuple(jobs), **(values | fields))
