"""What an operator may do to jobs and workers. Every function runs on the dispatcher's thread."""

from __future__ import annotations

import signal

from poolmgr.engine.dispatcher import Dispatcher
from poolmgr.engine.handle import Handle
from poolmgr.engine.job import AnyJob, Job, Task
from poolmgr.engine.scheduler import Held, Resized
from poolmgr.errors import JobCancelled, JobStopped, UnknownJob
from poolmgr.model.states import JobState


def resize(dispatcher: Dispatcher, size: int) -> None:
    """Have ``size`` workers: more at once, fewer as they finish their jobs."""
    dispatcher.ledger.log(f"size set to {size}")
    dispatcher.handle(Resized(size, len(dispatcher.backlog)))
    dispatcher.news()


def hold(dispatcher: Dispatcher, held: bool) -> None:
    """Stop or resume the feeding."""
    dispatcher.ledger.log("held: no task is started" if held else "resumed")
    dispatcher.handle(Held(held, len(dispatcher.backlog)))
    dispatcher.news()


def cancel(dispatcher: Dispatcher, job_id: int) -> bool:
    """Take what waits of the job out of the backlog, and stop what runs of it softly.

    Returns:
        False if it had ended already.
    """
    job = _live(dispatcher, job_id)
    if job is None:
        return False
    _withdraw(dispatcher, job)
    for handle in _running(dispatcher, job):
        handle.stop_softly()
    return True


def withdraw(dispatcher: Dispatcher, job_ids: list[int]) -> list[int]:
    """Cancel those of the jobs that no worker has begun: they never run. Returns their ids."""
    jobs = dispatcher.cache
    queued = [job_id for job_id in job_ids if job_id in jobs and jobs[job_id].state is JobState.QUEUED]
    return [job_id for job_id in queued if cancel(dispatcher, job_id)]


def kill(dispatcher: Dispatcher, job_id: int, grace: float) -> bool:
    """Kill the workers that run the job, and take what waits of it out of the backlog.

    Args:
        dispatcher: The pool's.
        job_id: The job.
        grace: Seconds that it is given: SIGINT at once, SIGTERM after half of them, then SIGKILL. 0 kills at once.

    Returns:
        False if it had ended already.
    """
    job = _live(dispatcher, job_id)
    if job is None:
        return False
    _withdraw(dispatcher, job)
    for handle in _running(dispatcher, job):
        _descend(dispatcher, handle, grace)
    return True


def _descend(dispatcher: Dispatcher, handle: Handle, grace: float) -> None:
    task = handle.task

    def still_there() -> bool:
        return dispatcher.crew.handles.get(handle.slot) is handle and handle.task is task

    def step(number: int) -> None:
        # The worker is given no other task but by this thread, so a signal meets this one or none.
        if task is None or not still_there():
            return
        handle.killed_for = task.job.id
        if number == signal.SIGKILL:
            handle.kill()
        else:
            handle.signal(number)

    if grace <= 0:
        step(signal.SIGKILL)
        return
    handle.stop_softly()
    dispatcher.later(grace / 2, lambda: step(signal.SIGTERM))
    dispatcher.later(grace, lambda: step(signal.SIGKILL))


def _live(dispatcher: Dispatcher, job_id: int) -> AnyJob | None:
    job = dispatcher.cache.get(job_id)
    if job is not None and not job.state.ended:
        return job
    known = job is not None or job_id in dispatcher.ledger.retryable
    if known or any(record.id == job_id for record in tuple(dispatcher.ledger.done)):
        return None
    raise UnknownJob(job_id)


def _running(dispatcher: Dispatcher, job: AnyJob) -> list[Handle]:
    return [handle for handle in dispatcher.crew.handles.values() if handle.task is not None and handle.task.job is job]


def _withdraw(dispatcher: Dispatcher, job: AnyJob) -> None:
    running = job.state is JobState.RUNNING
    error = JobStopped(job.id) if running else JobCancelled(job.id)
    if isinstance(job, Job):
        if not running:
            # Its task stays where it is and is passed over: to look for it among a million would take too long.
            dispatcher.accounts.failed(Task(job, 0, *job.call), error)
        return
    waiting = [task for task in dispatcher.backlog if task.job is job]
    if waiting:
        kept = [task for task in tuple(dispatcher.backlog) if task.job is not job]
        dispatcher.backlog.clear()
        dispatcher.backlog.extend(kept)
    for task in waiting:
        dispatcher.accounts.failed(task, error)
    dispatcher.accounts.fed(job, error)
