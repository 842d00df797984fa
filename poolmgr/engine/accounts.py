"""What becomes of tasks and, through them, of jobs: the ledger is written, and the job settled or handed on.

Thread: whoever books: the dispatcher, or a caller that takes its own result out of a ring.  A single job that needs no
code of a user is settled here and now; all others by the completion thread, in the order in which their tasks ended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from poolmgr.engine import wire
from poolmgr.engine.completion import Completion, Outcome, Values, ended_error
from poolmgr.engine.handle import Handle
from poolmgr.engine.job import AnyJob, Job, ManyTasks, Task
from poolmgr.engine.ledger import Done, Kept, Ledger, began_at
from poolmgr.engine.options import NO_OPTIONS
from poolmgr.engine.parts import Buffer
from poolmgr.engine.stream import StreamJob
from poolmgr.engine.tape import Tape
from poolmgr.errors import (
    JobCancelled,
    JobError,
    JobExited,
    JobKilled,
    JobStopped,
    PoolTerminated,
    PredecessorFailed,
    WorkerDied,
    summary,
)
from poolmgr.model.brief import brief, brief_call, function_name
from poolmgr.model.states import JobState

if TYPE_CHECKING:
    from poolmgr.model.snapshot import Death, Progress

#: How a job ends that no worker has run, by its error.
_STATES: dict[type[BaseException], JobState] = {
    JobCancelled: JobState.CANCELLED,
    PredecessorFailed: JobState.CANCELLED,
    JobStopped: JobState.KILLED,
    PoolTerminated: JobState.CANCELLED,
}
#: Of more jobs booked at once only the last is remembered: nobody could have read the others.
REMEMBERED = 4


class Accounts:
    """Books the end of tasks."""

    def __init__(self, ledger: Ledger, completion: Completion, news: Callable[[], None]) -> None:
        self.ledger = ledger
        self.completion = completion
        self._news = news
        #: Takes down what workers did, once somebody wants to know.
        self.tape = Tape()
        #: Asked whether a task that failed so, its worker having died or not, is tried again: it has not ended then.
        self.again: Callable[[Task, str, bool], bool] = lambda task, line, died: False

    # -- tasks that a worker has finished

    def values(self, jobs: list[Job], values: list[Any], handle: Handle, slot: int) -> None:
        """Jobs have ended well, with plain values; their times are in the ring from ``slot`` on."""
        ledger, size = self.ledger, len(jobs)
        with ledger.lock:
            ledger.tasks_done += size
            ledger.ended[JobState.DONE] += size
        for i in range(size) if size <= REMEMBERED else (size - 1,):
            ledger.done.append(self.record(jobs[i], values[i], handle, slot + i))
        job = jobs[0]
        if size == 1 and job._callback is None:
            job._ended = JobState.DONE
            job._value = values[0]
            job.args, job.kwds, job._error_callback = (), None, None
            job._wake()
            job._pool = None
        else:
            self.completion.put(Values(jobs, values))

    def record(self, job: Job, value: Any, handle: Handle, slot: int, *, plain: bool = False) -> Done | Kept:
        """What is remembered of a job that has ended well.

        Args:
            job: The job.
            value: Its plain result.
            handle: Its worker.
            slot: Where its times are in the ring.
            plain: Whether its arguments are known to be plain, and its function to go by reference.
        """
        args: Any = job.args
        func: Any = job.func
        if not plain:
            if job.kwds or not wire.all_plain(args):
                args = brief_call(args, job.kwds or {}, limit=200)
            if not wire.by_reference(func):
                func = function_name(func)
        began, ended = handle.cells.began[slot], handle.cells.ended[slot]
        worker = handle.slot, handle.pid
        done = Done(job._job, job.name, func, args, job.submitted, began, ended, value, *worker)
        usual = job.attempt == 1 and job.options is NO_OPTIONS
        return done if usual else done.keep(job.attempt, job.retry_of, job.options)

    def succeeded(self, task: Task, value: Any, handle: Handle, slot: int) -> None:
        """One task has ended well, with a plain value."""
        if isinstance(task.job, Job):
            self.values([task.job], [value], handle, slot)
            return
        self._book(task, JobState.DONE, brief(value), "", handle, slot)
        self._settle(Outcome(task.job, task.position, True, value))

    def pickled(self, task: Task, parts: list[Buffer], handle: Handle, slot: int) -> None:
        """One task has ended well, and its value is still pickled; ``parts`` are emptied once it is not."""
        self._book(task, JobState.DONE, "(pickled)", "", handle, slot)
        self._settle(Outcome(task.job, task.position, True, parts=parts))

    def raised(
        self, task: Task, how: int, line: str, traceback: str, pickled: bytes, *, handle: Handle, slot: int
    ) -> None:
        """One task has failed in its worker."""
        job = task.job
        if how in (wire.RAISED, wire.EXITED) and self.again(task, line, False):
            return
        stopped = how == wire.STOPPED
        state = JobState.KILLED if stopped else JobState.FAILED
        self._book(task, state, "stopped on request" if stopped else line, traceback, handle, slot)
        if stopped or how == wire.EXITED:
            self._settle(Outcome(job, task.position, False, ended_error(job.id, line, stopped)))
        else:
            self._settle(Outcome(job, task.position, False, None, [pickled], line, traceback, _notes(task)))

    def tasks_done(self, job: StreamJob, size: int) -> None:
        """Tasks of a stream have ended well and are settled."""
        with self.ledger.lock:
            self.ledger.tasks_done += size
            job.tasks_done += size
        self._end_if_all(job)

    # -- tasks that no worker has finished

    def failed(self, task: Task, error: BaseException, handle: Handle | None = None) -> None:
        """Fail a task that no worker has run."""
        if not isinstance(error, Exception):
            error = JobExited(task.job.id, summary(error))
        state = _STATES.get(type(error), JobState.FAILED)
        if isinstance(error, PoolTerminated) and error.started:
            state = JobState.KILLED
        self._book(task, state, summary(error), "", handle, None)
        self._settle(Outcome(task.job, task.position, False, error))

    def died(
        self,
        task: Task,
        handle: Handle,
        exitcode: int | None,
        *,
        terminated: bool,
        began: bool,
        death: Death | None = None,
        said: Progress | None = None,
    ) -> None:
        """The worker ended with the task in its hands; ``death`` is what is known of that, unless it was wanted."""
        job, for_memory = task.job, death is not None and death.for_memory
        call = function_name(job.call[0]) + (f" over {job.items}" if job.items else brief_call(task.args, task.kwds))
        error: JobError
        if handle.killed_for == job.id and handle.fate is not None:
            state, error = JobState.FAILED, handle.fate
        elif handle.killed_for == job.id:
            state, error = JobState.KILLED, JobKilled(job.id, handle.pid, call)
        elif terminated:
            state = JobState.KILLED if began else JobState.CANCELLED
            error = PoolTerminated(job.id, began)
        else:
            state, error = JobState.LOST, WorkerDied(job.id, handle.pid, exitcode, call, 1, for_memory)
        if began:
            self.tape.lost(handle, job.call[0], state)
        if state in (JobState.FAILED, JobState.LOST):
            if self.again(task, str(error).partition(";")[0], state is JobState.LOST):
                return
            if isinstance(error, WorkerDied) and job.tries:
                deaths = job.tries_of(task.position).deaths
                error = WorkerDied(job.id, handle.pid, exitcode, call, deaths, for_memory)
            for note in _notes(task):
                error.add_note(note)
        if began and isinstance(job, Job):
            job.started = began_at(handle.cells)
            job.said = said
        if state is JobState.LOST:
            job.death = death
        self._book(task, state, str(error), "", handle, None)
        self._settle(Outcome(job, task.position, False, error))

    def fed(self, job: ManyTasks, error: BaseException | None) -> None:
        """The job's iterable was read to its end, or raised ``error``, which then stands for one more task."""
        if not job.feeding:
            return
        job.feeding = False
        length = job.tasks = job.read + (error is not None)
        self.completion.put(lambda: job._set_length(length))
        if error is not None:
            self.failed(Task(job, length - 1, *job.call), error)
        else:
            self._end_if_all(job)

    def abandon(self, job: AnyJob) -> None:
        """The pool has ended before the job: whatever its tasks are doing, nobody may wait for it."""
        started = job.started is not None
        error = PoolTerminated(job.id, started=started)
        with self.ledger.lock:
            if job._ended is not None:
                return
            if not isinstance(job, Job):
                job.feeding = False
            self.ledger.end(job, JobState.KILLED if started else JobState.CANCELLED, str(error))
        self._hand_over(lambda: job._abort(error))

    # -- one task, and the job if it was the last one

    def _book(
        self, task: Task, state: JobState, message: str, traceback: str, handle: Handle | None, slot: int | None
    ) -> None:
        job = task.job
        with self.ledger.lock:
            self.ledger.tasks_done += 1
            job.tasks_done += 1
            where = {} if handle is None else {"slot": handle.slot, "pid": handle.pid}
            if isinstance(job, Job):
                times = None if handle is None or slot is None else (handle.cells.began[slot], handle.cells.ended[slot])
                self._end(job, state, message, traceback, times=times, **where)
                return
            if state is not JobState.DONE:
                job.verdict = job.verdict or (state, message, traceback)
                job.unfinished.append(task)
        self._end_if_all(job, **where)

    def _end_if_all(self, job: ManyTasks, **where: int) -> None:
        with self.ledger.lock:
            if job.feeding or job.tasks_done < job.tasks or job._ended is not None:
                return
            state, message, traceback = job.verdict or (JobState.DONE, f"{job.tasks:,} results", "")
            self._end(job, state, message, traceback, times=None, **where)
        if job.on_end is not None:
            job.on_end()

    def _end(
        self, job: AnyJob, state: JobState, message: str, traceback: str, *, times: tuple[int, int] | None, **where: int
    ) -> None:
        ledger = self.ledger
        ledger.end(job, state, message, traceback=traceback, times=times, **where)
        if state is JobState.DONE:
            if isinstance(job, Job):
                job.args, job.kwds = (), None
            return
        text = f"job {job.id} {state}: {function_name(job.call[0])}: {message}"
        ledger.log(text, level="error", job_id=job.id, slot=where.get("slot"), pid=where.get("pid"))
        self._news()

    def _settle(self, outcome: Outcome) -> None:
        job = outcome.job
        if outcome.parts is not None or not isinstance(job, Job) or job._callback or job._error_callback:
            self._hand_over(outcome)
        else:
            job._set(outcome.position, (outcome.success, outcome.value))

    def _hand_over(self, item: Outcome | Callable[[], object]) -> None:
        self.completion.put(item)
        # Put first, then looked: either the thread that is ending settles it, or this one does.
        if self.completion.ended:
            self.completion.settle_rest()


def _notes(task: Task) -> tuple[str, ...]:
    """What is to be said of a task's attempts before the last one."""
    if not task.job.tries:
        return ()
    return tuple(f"attempt {i}: {line}" for i, line in enumerate(task.job.tries_of(task.position).errors[:-1], 1))
