"""The ledger: what the pool remembers of its jobs, bounded whatever their number.

Written under its lock, which is held for a few instructions and never while anybody's code runs, by whoever books the
ends of tasks.  Read by any thread without it: ``tuple(a_deque)`` and ``list(a_dict.values())`` run in one piece under
the interpreter's lock, and no record is ever changed.

The pictures are imported when the first is taken, or the first job ends badly: neither a pool that starts nor the first
result waits for that (``model/log.py``).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from poolmgr.engine.job import AnyJob, Job, ManyTasks
from poolmgr.engine.options import NO_OPTIONS, Options
from poolmgr.model.brief import brief, brief_call, function_name
from poolmgr.model.log import LogLine
from poolmgr.model.states import JobState
from poolmgr.runtime.cells import BEGAN, Cells
from poolmgr.runtime.progress import read

if TYPE_CHECKING:
    from poolmgr.model.snapshot import Counts, JobSnapshot, Progress

#: Jobs that ended well and are remembered.  More would only push the ones that need attention off the screen.
DONE_KEPT = 200
#: Jobs that ended badly and are remembered, with what a retry needs.
BAD_KEPT = 1000
#: Lines of the log that a snapshot carries.  A viewer keeps its own; a gap in ``seq`` tells it what it missed.
LOG_KEPT = 500

#: What turns CLOCK_MONOTONIC in ns, the workers' clock, into seconds since the epoch.
_EPOCH = time.time() - time.monotonic()


def epoch(monotonic_ns: int) -> float:
    """Seconds since the epoch of a moment that a worker has told."""
    return monotonic_ns / 1e9 + _EPOCH


def began_at(cells: Cells) -> float | None:
    """When a worker took up the task in its hands, None if it has none or is gone."""
    try:
        began = int(cells.view[BEGAN])
    except ValueError:
        return None
    return epoch(began) if began else None


def said(cells: Cells, task: int) -> Progress | None:
    """How far a task is, or was when its worker died, if it has said so."""
    from poolmgr.model.snapshot import Progress

    found = read(cells, task)
    return None if found is None else Progress(*found)


class Kept(dict[str, Any]):
    """A job in words, never changed: what its picture is made of, when somebody looks."""

    @property
    def id(self) -> int:
        """The job's number."""
        number: int = self["id"]
        return number

    def describe(self) -> JobSnapshot:
        """The picture of the job."""
        from poolmgr.model.snapshot import JobSnapshot

        return JobSnapshot(**self)


class Done(NamedTuple):
    """A job that ended well, as it was: it is put into words only if somebody looks."""

    id: int
    name: str
    #: Its function, or the name of one that would keep other things alive.
    func: Callable[..., Any] | str
    #: Its arguments if they are plain, else what they look like.
    args: tuple[Any, ...] | str
    submitted: float
    began: int
    ended: int
    #: Its result, which is plain.
    value: Any
    slot: int
    pid: int

    def describe(self) -> JobSnapshot:
        """The picture of the job."""
        return self.keep(1, None, NO_OPTIONS).describe()

    def keep(self, attempt: int, retry_of: int | None, options: Options) -> Kept:
        """The same job with what only few jobs have."""
        return Kept(
            id=self.id,
            state=JobState.DONE,
            function=self.func if isinstance(self.func, str) else function_name(self.func),
            args=self.args if isinstance(self.args, str) else brief_call(self.args, {}, limit=200),
            slot=self.slot,
            pid=self.pid,
            submitted=self.submitted,
            started=epoch(self.began),
            ended=epoch(self.ended),
            message=brief(self.value),
            attempt=attempt,
            retry_of=retry_of,
            name=self.name,
            limit=options.timeout,
            soft_limit=options.soft_timeout,
            priority=options.priority,
            retries=options.retries,
            after=options.after,
            tasks_done=1,
        )


class Ledger:
    """Counts, the jobs worth remembering, and the log."""

    def __init__(self) -> None:
        #: Re-entrant: a signal handler of the user's may run a job while its thread books one.
        self.lock = threading.RLock()
        #: Maps and streams of which a task was sent, by id, until they end.
        self.active: dict[int, ManyTasks] = {}
        self.tasks_done = 0
        #: Jobs that callers took out of workers' rings themselves: done, and counted nowhere else.  Written by them.
        self.taken_out = 0
        self.ended = dict.fromkeys((state for state in JobState if state.ended), 0)
        self.done: deque[Done | Kept] = deque(maxlen=DONE_KEPT)
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
        """Add a line to the log. Any thread may."""
        self.lines.append(LogLine(next(self._seq), time.time(), kind, text, slot, pid, job_id, level))

    def begin(self, job: ManyTasks) -> None:
        """The first task of a map or stream is being sent."""
        with self.lock:
            job.started = time.time()
            self.active[job.id] = job

    def end(
        self,
        job: AnyJob,
        state: JobState,
        message: str,
        *,
        traceback: str = "",
        slot: int | None = None,
        pid: int | None = None,
        times: tuple[int, int] | None = None,
    ) -> None:
        """The job has ended; what it was called with is kept only if a retry may want it."""
        with self.lock:
            job._ended = state
            self.ended[state] += 1
            if times is not None and isinstance(job, Job):
                job.started = epoch(times[0])
            ended = time.time() if times is None else epoch(times[1])
            kept = keep(job, message=message, traceback=traceback, slot=slot, pid=pid, ended=ended)
            if state is JobState.DONE:
                self.done.append(kept)
            else:
                if len(self.bad) == BAD_KEPT:
                    self.retryable.pop(self.bad[0].id, None)
                self.bad.append(kept.describe())
                self.retryable[job.id] = job
            # First there, then gone from here: a picture that comes in between shows it in one of the two.
            self.active.pop(job.id, None)

    def spoil(self, job: AnyJob, message: str, traceback: str) -> None:
        """A job that was counted as done is not: its result could not be unpickled."""
        with self.lock:
            self.ended[JobState.DONE] -= 1
            for record in tuple(self.done):
                if record.id == job.id:
                    self.done.remove(record)
            self.end(job, JobState.FAILED, message, traceback=traceback)

    def counts(self, submitted: int, running: int) -> Counts:
        """All counts, ``submitted`` being how many jobs there have been and ``running`` how many run."""
        from poolmgr.model.snapshot import Counts

        ended, taken_out = self.ended, self.taken_out
        return Counts(
            submitted=submitted,
            queued=max(0, submitted - running - sum(ended.values()) - taken_out),
            running=running,
            done=ended[JobState.DONE] + taken_out,
            failed=ended[JobState.FAILED],
            killed=ended[JobState.KILLED],
            lost=ended[JobState.LOST],
            cancelled=ended[JobState.CANCELLED],
            tasks_done=self.tasks_done + taken_out,
        )


def keep(
    job: AnyJob,
    *,
    message: str = "",
    traceback: str = "",
    slot: int | None = None,
    pid: int | None = None,
    started: float | None = None,
    ended: float | None = None,
    state: JobState | None = None,
    progress: Progress | None = None,
) -> Kept:
    """One job in words. Runs no code of a user."""
    function, args, kwds = job.call
    return Kept(
        id=job.id,
        state=state or job._ended or JobState.QUEUED,
        function=function_name(function),
        args=job.items or brief_call(args, kwds, limit=200),
        slot=slot,
        pid=pid,
        submitted=job.submitted,
        started=job.started if started is None else started,
        ended=ended,
        message=message,
        traceback=traceback,
        attempt=job.attempt,
        retry_of=job.retry_of,
        name=job.name,
        limit=job.options.timeout,
        soft_limit=job.options.soft_timeout,
        priority=job.options.priority,
        retries=job.options.retries,
        after=job.options.after,
        tasks=job.tasks,
        tasks_done=job.tasks_done,
        progress=progress or job.said,
        death=job.death,
    )
