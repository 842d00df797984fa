"""``PoolFuture``: a ``concurrent.futures.Future`` for a job of a pool.

It is settled by the pool's completion thread, where its done callbacks run; ``cancel()`` runs them in its caller's
thread, as in the standard library: an end by that cancel, which the completion thread may hear of first, is left to the
caller.  It holds its job only until it is settled: what a job was called with is not kept.

    queued                  running                          ended
    PENDING  --start-->     PENDING, running() is True  -->  FINISHED
       |                       | with cancel_running
       '--cancel()-> CANCELLED '--cancel()-> CANCELLED  -->  CANCELLED_AND_NOTIFIED: wait() and as_completed() know

Whether it runs is asked of the job and not told by it: nobody is woken for a start.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import TypeVar

from poolmgr.engine.broken import translated
from poolmgr.engine.job import Job
from poolmgr.errors import JobCancelled, JobKilled, JobStopped, PoolClosed, UnknownJob
from poolmgr.model.states import JobState

T = TypeVar("T")

#: Seconds that a running job is given to clean up when its future is cancelled: KeyboardInterrupt inside it at once,
#: SIGTERM after half of them, then SIGKILL.  Shorter cuts off what a ``finally`` does, longer keeps a worker busy.
CANCEL_GRACE = 2.0
#: How a job ends that its future's ``cancel()`` took out of the queue, or stopped.
_BY_CANCEL = (JobCancelled, JobStopped, JobKilled)


class PoolFuture(Future[T]):
    """The future of one call in a :class:`poolmgr.PoolExecutor`.

    Attributes:
        job_id: The job's number in the executor's pool, for ``executor.pool.kill(job_id)`` and the like.
    """

    job_id = 0

    def __init__(self, cancel_running: bool = False) -> None:
        """Make a future that no job has yet; ``cancel_running`` as the executor has it."""
        super().__init__()
        self._cancel_running = cancel_running
        self._job: Job | None = None
        self._settled = False
        #: Callers that are in ``cancel()``, and the end of the job if it is left to them.  Both under ``_condition``.
        self._cancelling = 0
        self._left: BaseException | None = None

    def cancel(self) -> bool:
        """Cancel the call: a queued one never runs. One that runs is stopped if the executor has ``cancel_running``.

        Returns:
            False if it runs and is not stopped, or has ended.
        """
        job = self._job
        if job is None or self.done():
            return self.cancelled()
        with self._condition:
            self._cancelling += 1
        try:
            if _withdraw(job) or (self._cancel_running and _stop(job)):
                super().cancel()
        finally:
            with self._condition:
                self._cancelling -= 1
            self._take_end()
        return self.cancelled()

    def running(self) -> bool:
        """Whether a worker runs the call now."""
        job = self._job
        return job is not None and job.state is JobState.RUNNING and not self.done()

    def result(self, timeout: float | None = None) -> T:
        """As in the standard library; a done callback may wait for another future too."""
        return super().result(self._help(timeout))

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """As in the standard library; a done callback may wait for another future too."""
        return super().exception(self._help(timeout))

    def __repr__(self) -> str:
        text = super().__repr__()
        if self.running():
            text = text.replace("state=pending", "state=running", 1)
        return f"{text[:-1]} job={self.job_id}>"

    # -- for the executor and the completion thread

    def attach(self, job: Job) -> None:
        """Say whose future this is. The job may have ended already."""
        self.job_id = job.id
        self._job = job
        if self.done():
            self._job = None

    def succeed(self, value: T) -> None:
        """The job's callback."""
        self._settle(lambda: self.set_result(value))

    def fail(self, error: BaseException) -> None:
        """The job's error_callback."""
        if isinstance(error, _BY_CANCEL):
            # Settled here, it would be too late for a cancel() that is its cause and has not said so yet.
            with self._condition:
                self._left = error
            self._take_end()
        else:
            self._fail(error)

    def _take_end(self) -> None:
        """Settle with the end that was left, unless somebody is in ``cancel()``, who then does it."""
        with self._condition:
            if self._cancelling:
                return
            left, self._left = self._left, None
        if left is not None:
            self._fail(left)

    def _fail(self, error: BaseException) -> None:
        if isinstance(error, JobCancelled) and error.__cause__ is None:
            # By this future, or by somebody at the pool: it is all the same to who waits.
            self._settle(self._end_cancelled)
        else:
            self._settle(lambda: self.set_exception(translated(error)))

    def _settle(self, step: Callable[[], object]) -> None:
        if self._settled:
            return  # A retry of the job calls back once more, and nobody can be told any more.
        self._settled = True
        try:
            step()
        except InvalidStateError:
            # It was cancelled while it ran, and has come to its end now.
            self.set_running_or_notify_cancel()
        finally:
            self._job = None

    def _end_cancelled(self) -> None:
        super().cancel()
        self.set_running_or_notify_cancel()

    def _help(self, timeout: float | None) -> float | None:
        """In a done callback, settle what is due meanwhile; who waits there would wait for itself."""
        job = self._job
        pool = None if job is None else job._pool
        if pool is None or not pool._completion.serves_me():
            return timeout
        pool._completion.help(self.done, timeout)
        return 0


def _withdraw(job: Job) -> bool:
    """Take the job out of the queue; False if a worker has begun it or it has ended."""
    pool = job._pool
    return pool is not None and bool(pool.withdraw([job.id]))


def _stop(job: Job) -> bool:
    """Stop the job, with its worker if it does not stop by itself; False if it has ended."""
    pool = job._pool
    try:
        return pool is not None and pool.kill(job.id, grace=CANCEL_GRACE)
    except (PoolClosed, UnknownJob):
        return False
