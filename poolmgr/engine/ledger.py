"""The ledger: what the pool remembers of its jobs, bounded whatever their number.

Written by the dispatcher alone, but for :meth:`Ledger.log`, which any thread may call.  Read by any thread without a
lock: ``tuple(a_deque)`` and ``list(a_dict.values())`` run in one piece under the interpreter's lock, and every record
is immutable.
"""

from __future__ import annotations

import time
from collections import deque
from itertools import count

from poolmgr.engine.job import AnyJob
from poolmgr.model.brief import brief_call, function_name
from poolmgr.model.snapshot import Counts, JobSnapshot, LogLine
from poolmgr.model.states import JobState

#: Jobs that ended well and are remembered.  More would only push the ones that need attention off the screen.
DONE_KEPT = 200
#: Jobs that ended badly and are remembered, with what a retry needs.
BAD_KEPT = 1000
#: Lines of the log that a snapshot carries.  A viewer keeps its own; a gap in ``seq`` tells it what it missed.
LOG_KEPT = 500


class Ledger:
    """Counts, the jobs worth remembering, and the log."""

    def __init__(self) -> None:
        #: Jobs that run now, by id: a map runs from its first task to its last.
        self.active: dict[int, AnyJob] = {}
        self.tasks_done = 0
        self.ended = dict.fromkeys((state for state in JobState if state.ended), 0)
        self.done: deque[JobSnapshot] = deque(maxlen=DONE_KEPT)
        self.bad: deque[JobSnapshot] = deque(maxlen=BAD_KEPT)
        #: Jobs that ended badly, by id, for a retry; as many as ``bad``.
        self.retryable: dict[int, AnyJob] = {}
        self.lines: deque[LogLine] = deque(maxlen=LOG_KEPT)
        self._seq = count(1)

    def log(
        self,
        text: str,
        *,
        kind: str = "event",
        level: str = "info",
        slot: int | None = None,
        pid: int | None = None,
        job_id: int | None = None,
    ) -> None:
        """Add a line to the log."""
        self.lines.append(LogLine(next(self._seq), time.time(), kind, text, slot, pid, job_id, level))

    def begin(self, job: AnyJob, began: float) -> None:
        """A worker took up the first task of the job."""
        job.state = JobState.RUNNING
        job.started = began
        self.active[job.id] = job

    def put_back(self, job: AnyJob) -> None:
        """The only task of the job that a worker held was not begun, and waits again."""
        if not job.tasks_done:
            job.state = JobState.QUEUED
            job.started = None
            self.active.pop(job.id, None)

    def end(
        self,
        job: AnyJob,
        state: JobState,
        message: str,
        *,
        traceback: str = "",
        slot: int | None = None,
        pid: int | None = None,
    ) -> None:
        """The job has ended; what it was called with is kept only if a retry may want it."""
        self.active.pop(job.id, None)
        job.state = state
        self.ended[state] += 1
        record = describe(job, message=message, traceback=traceback, slot=slot, pid=pid, ended=time.time())
        if state is JobState.DONE:
            self.done.append(record)
            job.call = (job.call[0], (), {})
            return
        if len(self.bad) == BAD_KEPT:
            self.retryable.pop(self.bad[0].id, None)
        self.bad.append(record)
        self.retryable[job.id] = job

    def spoil(self, job: AnyJob, message: str, traceback: str) -> None:
        """A job that was counted as done is not: its result could not be unpickled."""
        self.ended[JobState.DONE] -= 1
        for record in tuple(self.done):
            if record.id == job.id:
                self.done.remove(record)
        self.end(job, JobState.FAILED, message, traceback=traceback)

    def counts(self, submitted: int) -> Counts:
        """All counts, ``submitted`` being how many jobs there have been."""
        ended, running = self.ended, len(self.active)
        return Counts(
            submitted=submitted,
            queued=max(0, submitted - running - sum(ended.values())),
            running=running,
            done=ended[JobState.DONE],
            failed=ended[JobState.FAILED],
            killed=ended[JobState.KILLED],
            lost=ended[JobState.LOST],
            cancelled=ended[JobState.CANCELLED],
            tasks_done=self.tasks_done,
        )


def describe(
    job: AnyJob,
    *,
    message: str = "",
    traceback: str = "",
    slot: int | None = None,
    pid: int | None = None,
    ended: float | None = None,
) -> JobSnapshot:
    """The picture of one job. Runs no code of a user."""
    function, args, kwds = job.call
    return JobSnapshot(
        id=job.id,
        state=job.state,
        function=function_name(function),
        args=job.items or brief_call(args, kwds, limit=200),
        slot=slot,
        pid=pid,
        submitted=job.submitted,
        started=job.started,
        ended=ended,
        message=message,
        traceback=traceback,
        attempt=job.attempt,
        retry_of=job.retry_of,
        name=job.name,
        tasks=job.tasks,
        tasks_done=job.tasks_done,
    )
