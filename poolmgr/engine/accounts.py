"""What becomes of tasks and, through them, of jobs: the ledger is written, and the job settled or handed on.

Thread: the dispatcher's.  A job that needs no code of a user is settled here and now; the others by the completion
thread, in the order in which their tasks ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from poolmgr.engine import wire
from poolmgr.engine.completion import Completion, Outcome, ended_error
from poolmgr.engine.job import AnyJob, Job, StreamJob, Task
from poolmgr.engine.ledger import Ledger
from poolmgr.engine.wire import Buffer
from poolmgr.engine.worker import summary
from poolmgr.errors import JobCancelled, JobExited, JobKilled, JobStopped, PoolTerminated, WorkerDied
from poolmgr.model.brief import brief, brief_call, function_name
from poolmgr.model.states import JobState

#: How a job ends that no worker has run, by its error.
_STATES: dict[type[BaseException], JobState] = {
    JobCancelled: JobState.CANCELLED,
    JobStopped: JobState.KILLED,
    PoolTerminated: JobState.CANCELLED,
}


class Accounts:
    """Books the end of tasks."""

    def __init__(self, ledger: Ledger, completion: Completion, news: Callable[[], None]) -> None:
        self._ledger = ledger
        self._completion = completion
        self._news = news

    def began(self, task: Task) -> None:
        """A worker was sent the task."""
        if task.job.state is JobState.QUEUED:
            self._ledger.begin(task.job, time.time())

    def finished(self, task: Task, kind: int, envelope: tuple[Any, ...], payload: Buffer, slot: int, pid: int) -> bool:
        """Book a RESULT, PICKLED or FAILURE frame. Returns whether the task ended well."""
        job = task.job
        if kind == wire.RESULT:
            value = envelope[2]
            self._book(task, JobState.DONE, brief(value), "", slot, pid)
            self._settle(Outcome(job, task.position, True, value))
            return True
        if kind == wire.PICKLED:
            self._book(task, JobState.DONE, envelope[1], "", slot, pid)
            self._settle(Outcome(job, task.position, True, payload=payload))
            return True
        _, how, line, traceback, *_ = envelope
        stopped = how == wire.STOPPED
        state = JobState.KILLED if stopped else JobState.FAILED
        message = "stopped on request" if stopped else line
        self._book(task, state, message, traceback, slot, pid)
        if stopped or how == wire.EXITED:
            self._settle(Outcome(job, task.position, False, ended_error(job.id, line, stopped)))
        else:
            self._settle(Outcome(job, task.position, False, None, payload, line, traceback))
        return False

    def failed(self, task: Task, error: BaseException, *, slot: int | None = None, pid: int | None = None) -> None:
        """Fail a task that no worker has run."""
        if not isinstance(error, Exception):
            error = JobExited(task.job.id, summary(error))
        state = _STATES.get(type(error), JobState.FAILED)
        self._book(task, state, summary(error), "", slot, pid)
        self._settle(Outcome(task.job, task.position, False, error))

    def died(
        self, task: Task, pid: int, exitcode: int | None, slot: int, *, killed: bool, terminated: bool, began: bool
    ) -> None:
        """The worker ended with the task in its hands."""
        job = task.job
        over = f" over {job.items}" if job.items else brief_call(task.args, task.kwds)
        call = function_name(job.call[0]) + over
        error: PoolTerminated | JobKilled | WorkerDied
        if killed:
            state, error = JobState.KILLED, JobKilled(task.job.id, pid, call)
        elif terminated:
            state = JobState.KILLED if began else JobState.CANCELLED
            error = PoolTerminated(task.job.id, began)
        else:
            state, error = JobState.LOST, WorkerDied(task.job.id, pid, exitcode, call)
        self._book(task, state, str(error), "", slot, pid)
        self._settle(Outcome(task.job, task.position, False, error))

    def fed(self, job: AnyJob, error: BaseException | None) -> None:
        """The job's iterable was read to its end, or raised ``error``, which then stands for one more task."""
        if not job.feeding:
            return
        job.feeding = False
        length = job.tasks = job.read + (error is not None)
        self._completion.call(lambda: job._set_length(length))
        if error is not None:
            self.failed(Task(job, length - 1, *job.call), error)
        else:
            self._end_if_all(job, "", None, None)

    def abandon(self, job: AnyJob) -> None:
        """The pool has ended before the job: whatever its tasks are doing, nobody may wait for it."""
        if job.state.ended:
            return
        error = PoolTerminated(job.id, started=job.started is not None)
        job.feeding = False
        self._ledger.end(job, JobState.KILLED if error.started else JobState.CANCELLED, str(error))
        self._completion.call(lambda: job._abort(error))

    # -- one task, and the job if it was the last one

    def _book(
        self, task: Task, state: JobState, message: str, traceback: str, slot: int | None, pid: int | None
    ) -> None:
        job = task.job
        self._ledger.tasks_done += 1
        job.tasks_done += 1
        if state is not JobState.DONE:
            if job.verdict is None:
                job.verdict = (state, message, traceback)
            if not isinstance(job, Job):
                job.unfinished.append(task)
        self._end_if_all(job, message, slot, pid)

    def _end_if_all(self, job: AnyJob, message: str, slot: int | None, pid: int | None) -> None:
        if job.feeding or job.tasks_done < job.tasks or job.state.ended:
            return
        if isinstance(job, Job):
            pass
        elif isinstance(job, StreamJob) or job.tasks > 1:
            message = f"{job.tasks:,} results"
        state, traceback = JobState.DONE, ""
        if job.verdict is not None:
            state, message, traceback = job.verdict
        self._ledger.end(job, state, message, traceback=traceback, slot=slot, pid=pid)
        if state is not JobState.DONE:
            self._ledger.log(
                f"job {job.id} {state}: {function_name(job.call[0])}: {message}",
                level="error",
                job_id=job.id,
                slot=slot,
            )
            self._news()

    def _settle(self, outcome: Outcome) -> None:
        if outcome.job.user_code or outcome.payload is not None:
            self._completion.put(outcome)
        else:
            outcome.job._set(outcome.position, (outcome.success, outcome.value))
