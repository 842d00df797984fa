"""What an operator may do to jobs and workers. Every function runs on the dispatcher's thread."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from enum import Enum, auto

from poolmgr.engine.dispatcher import Dispatcher
from poolmgr.engine.handle import Handle
from poolmgr.engine.job import AnyJob, Job
from poolmgr.engine.ledger import BAD_KEPT
from poolmgr.engine.scheduler import Resized
from poolmgr.errors import JobCancelled, JobStopped, UnknownJob
from poolmgr.model.states import JobState
from poolmgr.runtime.cells import START


class Met(Enum):
    """Where an act met the job."""

    HAD_ENDED = auto()
    #: In the queue: it is out of it, and may be put back for a while.
    SET_ASIDE = auto()
    #: In the queue, or waiting for others: it has ended.
    WAITING = auto()
    #: On its way to a worker, which has not begun it: it is called back, and stopped if it was begun meanwhile.
    SENT = auto()
    #: In a worker's hands.
    RUNNING = auto()


#: Seconds between two looks at a worker that is to stop at its present task: what a limit needs to be seen.
LOOK = 0.002
#: Looks at jobs that are called back from workers before they are taken to have begun: a tenth of a second, where a
#: few milliseconds are the rule.  Only a worker that is frozen at a certain step needs them all.
RECALLS = 50


def resize(dispatcher: Dispatcher, size: int) -> None:
    """Have ``size`` workers: more at once, fewer as they finish their jobs."""
    dispatcher.ledger.log(f"size set to {size}")
    with dispatcher.feeding.lock:
        dispatcher.handle(Resized(size, dispatcher.crew.idle()))
    dispatcher.news()


def hold(dispatcher: Dispatcher, held: bool) -> None:
    """Stop or resume the feeding; what was sent and not begun comes back."""
    dispatcher.ledger.log("held: no task is started" if held else "resumed")
    with dispatcher.feeding.lock:
        dispatcher.feeding.held = held
        if held:
            for handle in dispatcher.crew.handles.values():
                if handle.limit is None and dispatcher.returns.waiting(handle):
                    dispatcher.returns.limit(handle, time.monotonic())
    dispatcher.news()


def cancel(dispatcher: Dispatcher, job_id: int, undo: float = 0.0) -> Met:
    """Take what waits of the job out of the backlog, and stop what runs of it softly.

    Args:
        dispatcher: The pool's.
        job_id: The job.
        undo: Seconds for which a job that waits as a whole is only set aside, so that :func:`uncancel` has it back.
    """
    ticket = _set_aside(dispatcher, job_id) if undo > 0 else None
    if ticket is not None:
        dispatcher.timers.later(undo, lambda: _settle(dispatcher, job_id, ticket))
        return Met.SET_ASIDE

    def stop(handle: Handle, sequence: int) -> None:
        handle.stop_softly(sequence)

    return _end(dispatcher, job_id, stop, certain=False)


def _set_aside(dispatcher: Dispatcher, job_id: int) -> object | None:
    """Take a job that waits as a whole out of the queue. Returns what tells this time from others; None: it cannot."""
    feeding = dispatcher.feeding
    with feeding.lock:
        job = None if _ticket(dispatcher, job_id) else _find(dispatcher, job_id)
        if job is None or job.tries is not None or dispatcher.terminating:
            return None
        if not isinstance(job, Job) and (job.feeding or job.started is not None):
            # More of it is on its way into the backlog, or some of it has run.
            return None
        if any(handle.holds(job) for handle in dispatcher.crew.handles.values()):
            return None
        ticket = feeding.after.set_aside(job) or feeding.places.set_aside(job)
    if ticket is not None:
        dispatcher.ledger.log(f"job {job_id} is taken out of the queue", job_id=job_id)
        dispatcher.news()
    return ticket


def _settle(dispatcher: Dispatcher, job_id: int, ticket: object) -> None:
    """The time in which it could be taken back is over."""
    if _ticket(dispatcher, job_id) is ticket:
        cancel(dispatcher, job_id)


def _ticket(dispatcher: Dispatcher, job_id: int) -> object | None:
    return dispatcher.feeding.places.ticket(job_id) or dispatcher.feeding.after.ticket(job_id)


def uncancel(dispatcher: Dispatcher, job_id: int) -> bool:
    """Put a job back that was set aside, in its place; False if it is not."""
    with dispatcher.feeding.lock:
        job = dispatcher.feeding.places.restore(job_id) or dispatcher.feeding.after.restore(job_id)
    if job is None:
        return False
    dispatcher.ledger.log(f"job {job_id} is in the queue again", job_id=job_id)
    dispatcher.news()
    return True


def move(dispatcher: Dispatcher, job_id: int, where: str) -> tuple[bool, int | None]:
    """Move a job that waits: ``up``, ``down`` or to the ``top`` of its priority.

    Returns:
        Whether it waits, and the job that it changed places with or came before, None if it was there already.
    """
    with dispatcher.feeding.lock:
        moved = dispatcher.feeding.places.move(job_id, where)
    dispatcher.news()
    return moved


def retryable(dispatcher: Dispatcher) -> list[int]:
    """The jobs that failed or were lost, are remembered, and were not retried. Who kills or cancels a job means it."""
    jobs = list(dispatcher.ledger.retryable.values())
    return [job.id for job in jobs if job._ended in (JobState.FAILED, JobState.LOST) and job.retried_as is None]


def submit_after(dispatcher: Dispatcher, ids: Sequence[int], make: Callable[[], Job]) -> Job:
    """Have a job wait for others.

    Args:
        dispatcher: The pool's.
        ids: The others.
        make: Makes the job; called once it is known who the others are.

    Raises:
        UnknownJob: There is no such job, or nobody knows any more how it has ended.
    """
    with dispatcher.feeding.lock:
        others = [_predecessor(dispatcher, job_id) for job_id in ids]
        job = make()
        dispatcher.feeding.after.hold(job, [other for other in others if other is not None])
    dispatcher.news()
    return job


def _predecessor(dispatcher: Dispatcher, job_id: int) -> AnyJob | None:
    """The job that another one is to wait for, or the newest retry of it; None if it is done."""
    ledger = dispatcher.ledger
    if job_id < 1:
        raise UnknownJob(job_id)
    while (job := _find(dispatcher, job_id)) is None and (bad := ledger.retryable.get(job_id)) is not None:
        if bad.retried_as is None:
            return bad
        job_id = bad.retried_as
    if job is None and len(ledger.bad) == BAD_KEPT and all(done.id != job_id for done in list(ledger.done)):
        # It may have ended badly, and be forgotten.
        raise UnknownJob(job_id)
    return job


def withdraw(dispatcher: Dispatcher, job_ids: list[int]) -> tuple[list[int], list[int]]:
    """Cancel those of the jobs that wait: they never run. What was sent and not begun is called back.

    Returns:
        Those that were cancelled, and those that are on their way back, which may be begun meanwhile.
    """
    wanted = set(job_ids)
    with dispatcher.feeding.lock:
        for job_id in wanted:
            dispatcher.feeding.places.restore(job_id)
        waiting = [
            entry for entry in dispatcher.feeding.backlog.entries() if isinstance(entry, Job) and entry._job in wanted
        ]
        # One that is tried again has begun once.
        found = [job for job in waiting if job._ended is None and job.tries is None]
        held = [job for job in dispatcher.feeding.after.held if job.id in wanted]
        for job in held:
            dispatcher.feeding.after.withdraw(job)
        found += held
        for job in found:
            dispatcher.accounts.failed(job._task(), JobCancelled(job.id))
        coming: list[int] = []
        for handle in dispatcher.crew.handles.values():
            sent = handle.not_begun(wanted)
            coming += sent
            if sent and handle.limit is None:
                dispatcher.returns.limit(handle, time.monotonic())
    return [job.id for job in found], coming


def kill(dispatcher: Dispatcher, job_id: int, grace: float) -> Met:
    """Kill the workers that run the job, and take what waits of it out of the backlog.

    Args:
        dispatcher: The pool's.
        job_id: The job.
        grace: Seconds that it is given: SIGINT at once, SIGTERM after half of them, then SIGKILL. 0 kills at once.
    """

    def descend(handle: Handle, sequence: int) -> None:
        def step(number: int) -> None:
            # The limit keeps the worker from beginning another task, so a signal meets this one or none.
            if handle.dead or handle.drained > sequence:
                return
            handle.killed_for = job_id
            if number == signal.SIGKILL:
                handle.kill()
            else:
                handle.signal(number)

        if grace <= 0:
            step(signal.SIGKILL)
            return
        handle.stop_softly(sequence)
        dispatcher.timers.later(grace / 2, lambda: step(signal.SIGTERM))
        dispatcher.timers.later(grace, lambda: step(signal.SIGKILL))

    return _end(dispatcher, job_id, descend, certain=True)


def _end(dispatcher: Dispatcher, job_id: int, act: Callable[[Handle, int], None], *, certain: bool) -> Met:
    with dispatcher.feeding.lock:
        dispatcher.feeding.places.restore(job_id)
        job = _find(dispatcher, job_id)
        if job is None:
            return Met.HAD_ENDED
        holders = [handle for handle in dispatcher.crew.handles.values() if handle.holds(job)]
        # A single job that comes back from a worker never ran, unless it is tried again; of a map, other tasks have.
        started = job.tries is not None or (not isinstance(job, Job) and job.started is not None)
        error = JobStopped(job.id) if started else JobCancelled(job.id)
        if holders:
            doomed = dispatcher.feeding.doomed
            for ended in [one for one in doomed if one._ended is not None]:
                del doomed[ended]
            doomed[job] = error
        _withdraw(dispatcher, job, error, bool(holders))
        running = [_pursue(dispatcher, handle, job, act, certain) for handle in holders]
    if not running:
        return Met.WAITING
    return Met.RUNNING if any(running) else Met.SENT


def _find(dispatcher: Dispatcher, job_id: int) -> AnyJob | None:
    """The job, None if it has ended."""
    job = dispatcher.cache.get(job_id)
    if job is not None and job._ended is None:
        return job
    for handle in dispatcher.crew.handles.values():
        for batch in handle.inflight:
            if isinstance(batch, list):
                found = next((one for one in batch if one._job == job_id), None)
                if found is not None and found._ended is None:
                    return found
    feeding = dispatcher.feeding
    waiting = dispatcher.retries.find(job_id) or feeding.places.find(job_id) or feeding.after.find(job_id)
    if waiting is not None:
        return waiting
    for entry in feeding.backlog.entries():
        if isinstance(entry, Job) and entry._job == job_id and entry._ended is None:
            return entry
    if job is None and job_id >= dispatcher.next_id():
        raise UnknownJob(job_id)
    return None


def _withdraw(dispatcher: Dispatcher, job: AnyJob, error: BaseException, sent: bool) -> None:
    tried = dispatcher.retries.withdraw(job)
    dispatcher.feeding.after.withdraw(job)
    if isinstance(job, Job):
        if not sent:
            # It stays where it is and is passed over: to look for it among a million would take too long.
            dispatcher.accounts.failed(job._task(), error)
        return
    for task in dispatcher.feeding.backlog.withdraw(job) + tried:
        dispatcher.accounts.failed(task, error)
    dispatcher.accounts.fed(job, error)


def _pursue(
    dispatcher: Dispatcher, handle: Handle, job: AnyJob, act: Callable[[Handle, int], None], certain: bool
) -> bool:
    """Act on the worker once it is at a task of the job, and see to it that it begins no other one.

    Args:
        dispatcher: The pool's.
        handle: A worker that holds tasks of the job.
        job: The job.
        act: What to do, with the worker and the sequence number of the task it is at.
        certain: Whether the worker must be known to begin nothing more before ``act``.

    Returns:
        Whether it is at one now.
    """
    with dispatcher.feeding.lock:
        if handle.dead or not handle.holds(job):
            _forget(dispatcher, job)
            return False
        with handle.lock:
            dispatcher.drain.collect(handle)
        task = handle.current()
        now = time.monotonic()
        start = int(handle.cells.view[START])
        # One that has come to its limit names the task there, and leaves it.
        at_it = task is not None and task.job is job and handle.began and not handle.all_left
        limited = handle.limit is not None and start < handle.limit and now - handle.limited_at >= LOOK / 2
        if at_it and (limited or not certain):
            act(handle, start)
            if handle.limit is None and dispatcher.returns.waiting(handle):
                dispatcher.returns.limit(handle, now)
        elif handle.limit is None or (start >= handle.limit and not handle.all_left):
            dispatcher.returns.limit(handle, now)
        again = not at_it or not (limited or not certain)
        if again or not isinstance(job, Job):
            dispatcher.timers.later(
                LOOK if again else 10 * LOOK, lambda: _pursue(dispatcher, handle, job, act, certain)
            )
    return at_it


def _forget(dispatcher: Dispatcher, job: AnyJob) -> None:
    """The job is doomed no more once no worker has anything of it."""
    if not any(handle.holds(job) for handle in dispatcher.crew.handles.values()):
        dispatcher.feeding.doomed.pop(job, None)
