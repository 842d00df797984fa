"""Jobs: what ``apply_async``, ``map_async`` and ``imap`` return, as subclasses of what the stock pool returns.

A job is settled once.  Who settles it: the thread that took its result out of a worker's ring, if no code of a user is
to be run for it, else the completion thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from multiprocessing.pool import ApplyResult, MapResult
from typing import TYPE_CHECKING, Any, NamedTuple

from poolmgr.engine.options import NO_OPTIONS, Options
from poolmgr.engine.waiting import Waitable
from poolmgr.model.states import JobState

if TYPE_CHECKING:
    from poolmgr.engine.pool import Pool
    from poolmgr.model.snapshot import Death, Progress

#: A function of a user, and what it is called with.
Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class Task(NamedTuple):
    """The unit that travels: CPython's ``(job, i, func, args, kwds)``, with the job in place of its number."""

    job: Job | ManyTasks
    #: Its place in its job: CPython's ``i``.
    position: int
    func: Callable[..., Any]
    args: tuple[Any, ...]
    kwds: dict[str, Any]


class Tries:
    """What a task has been through that did not end well and may be tried again."""

    __slots__ = ("deaths", "errors")

    def __init__(self) -> None:
        #: How each of its attempts has ended, in one line.
        self.errors: list[str] = []
        #: How many workers have died under it.
        self.deaths = 0


class JobInfo:
    """What screens and requests need of any job, beside the value it is for.

    Written by the thread that submits it until it is in the backlog, then by whoever books the ends of its tasks.
    """

    _job: int
    _pool: Pool | None
    #: How it has ended, None while it has not.
    _ended: JobState | None
    #: Seconds since the epoch.
    submitted: float
    #: The user's name for it, may be empty.
    name: str = ""
    #: What a map goes over, in words; a single call shows its arguments.
    items: str = ""
    tasks: int = 1
    tasks_done: int = 0
    attempt: int = 1
    retry_of: int | None = None
    #: How its worker died, and how far it was then, for a job that is lost.
    death: Death | None = None
    said: Progress | None = None
    #: The job that is the same call once more, if somebody has retried it.
    retried_as: int | None = None
    #: Called once a stream has ended, by whoever books that; other jobs have watchers.
    on_end: Callable[[], object] | None = None
    #: Its priority and the like.
    options: Options = NO_OPTIONS
    #: Tasks of it that are or were tried again, by position; None for most.  Written under the ledger's lock.
    tries: dict[int, Tries] | None = None
    #: When its first task was sent to a worker.
    started: float | None = None

    def take_over(self, name: str, options: Options) -> None:
        """Take the name and the options that it was submitted with, before it is in the backlog."""
        if name:
            self.name = name
        if options is not NO_OPTIONS:
            self.options = options

    def tries_of(self, position: int) -> Tries:
        """What its task at ``position`` has been through."""
        if self.tries is None:
            self.tries = {}
        return self.tries.setdefault(position, Tries())

    @property
    def id(self) -> int:
        """The job's number in its pool, from 1."""
        return self._job

    @property
    def state(self) -> JobState:
        """Where the job is. It counts as running from the moment it is sent to a worker."""
        pool = self._pool
        if self._ended is not None or pool is None:
            return self._ended or JobState.CANCELLED
        return JobState.RUNNING if pool._dispatcher.crew.has_sent(self) else JobState.QUEUED

    def cancel(self) -> bool:
        """Take the job out of the queue, or stop it softly if it runs (KeyboardInterrupt is raised inside it).

        Returns:
            False if it had ended already.
        """
        pool = self._pool
        return pool is not None and self._ended is None and pool.cancel(self._job)

    @property
    def call(self) -> Call:
        """The user's function, and what it is called with."""
        raise NotImplementedError

    def once_more(self, pool: Pool) -> tuple[Any, list[Task]]:
        """A job for the same call, which knows whose retry it is, and its tasks."""
        job, tasks = self._again(pool)
        job.attempt, job.retry_of, self.retried_as = self.attempt + 1, self.id, job.id
        pool.log(f"job {self.id} is retried as job {job.id}", job_id=job.id)
        return job, tasks

    def _again(self, pool: Pool) -> tuple[Any, list[Task]]:
        raise NotImplementedError


class Job(JobInfo, Waitable, ApplyResult):  # type: ignore[type-arg]
    """One call in the pool and its result: an ``AsyncResult`` with an ``id``, a ``state`` and ``cancel()``."""

    # A million of them may wait: what is written for each is here, the rest is made when it is needed.
    __slots__ = (
        "_callback",
        "_ended",
        "_error_callback",
        "_job",
        "_pool",
        "_settled",
        "_value",
        "_waiters",
        "args",
        "func",
        "kwds",
        "submitted",
    )

    #: False only for a job that ended badly.
    _success = True

    def __init__(
        self,
        pool: Pool,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwds: dict[str, Any] | None,
        callback: Callable[[Any], object] | None,
        error_callback: Callable[[BaseException], object] | None,
        submitted: float,
    ) -> None:
        self._pool = pool
        self._job = next(pool._job_ids)
        self.func = func
        self.args = args
        self.kwds = kwds
        self._callback = callback
        self._error_callback = error_callback
        self._settled = False
        self._ended = None
        self._value = None
        self._waiters = None
        self.submitted = submitted

    get = Waitable.get

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._job} {self.state}>"

    @property
    def call(self) -> Call:
        """The user's function, and what it is called with."""
        return self.func, self.args, self.kwds or {}

    def _task(self) -> Task:
        return Task(self, 0, self.func, self.args, self.kwds or {})

    def _set(self, i: int, obj: tuple[bool, Any]) -> None:
        """Settle it. As in the stock pool the callback comes first, then the wake-up."""
        self._success, self._value = obj
        callback = self._callback if self._success else self._error_callback
        try:
            if callback is not None:
                callback(self._value)
        finally:
            if self._success:
                # A retry of a job that ended badly calls the same callbacks; nobody retries this one.
                self._callback = self._error_callback = None
            self._wake()
            self._pool = None

    def _abort(self, error: BaseException) -> None:
        self._set(0, (False, error))

    def _again(self, pool: Pool) -> tuple[Job, list[Task]]:
        """A new job for the same call, and its task."""
        job = type(self)(pool, *self.call, self._callback, self._error_callback, time.time())
        job.take_over(self.name, self.options)
        return job, [job._task()]


class JobWithOptions(Job):
    """A job with a priority or the like: what is kept for it is here, so that other jobs are no larger.

    A type of its own, also so that a caller who submits and finds it at the head leaves it to the dispatcher.
    """

    __slots__ = ("options",)


class ManyTasks(JobInfo):
    """What a map and a stream have in common, whatever collects their results."""

    _cache: dict[int, ManyTasks]
    func: Callable[..., Any]
    #: True until the last of its tasks is in the backlog, and how many are: written by the feeder, if it has one.
    feeding: bool
    read: int
    #: The tasks that have no result, for a retry.
    unfinished: list[Task]
    #: How it will end because of what has happened to one of its tasks: the state, one line, the traceback.
    verdict: tuple[JobState, str, str] | None

    def _open(self, pool: Pool, func: Callable[..., Any], tasks: int, items: str) -> None:
        self._pool = pool
        self._job = next(pool._job_ids)
        self._cache = pool._cache
        self._ended = None
        self.func = func
        self.tasks = tasks
        self.items = items
        self.submitted = time.time()
        self.feeding = False
        self.read = 0
        self.unfinished = []
        self.verdict = None
        self._cache[self._job] = self

    @property
    def call(self) -> Call:
        """The user's function; what it is called with is told by ``items``."""
        return self.func, (), {}

    def _set(self, i: int, obj: tuple[bool, Any]) -> None:
        """Take what became of task ``i``."""
        raise NotImplementedError

    def _set_length(self, length: int) -> None:
        """There are no more than ``length`` tasks."""
        raise NotImplementedError

    def _abort(self, error: BaseException) -> None:
        """End it with ``error``, whatever its tasks are doing."""
        raise NotImplementedError

    def _again(self, pool: Pool) -> tuple[ManyTasks, list[Task]]:
        """A new job for the tasks that have no result, and those tasks."""
        raise NotImplementedError


class MapJob(ManyTasks, Waitable, MapResult):  # type: ignore[type-arg]
    """All calls of one ``map`` or ``starmap``, and the list of their results."""

    def __init__(
        self,
        pool: Pool,
        func: Callable[..., Any],
        chunksize: int,
        length: int,
        callback: Callable[[Any], object] | None,
        error_callback: Callable[[BaseException], object] | None,
    ) -> None:
        self._callback = callback
        self._error_callback = error_callback
        self._chunksize = chunksize
        self._settled = False
        self._waiters = None
        self._success = True
        self._value: Any = None
        self._results: list[Any] = [None] * length
        self._chunks = self._number_left = -(-length // chunksize) if chunksize > 0 else 0
        self._open(pool, func, self._chunks, f"{length:,} items")
        if not self._number_left:
            # As in the stock pool, nobody is called back for an empty map.
            self._ended, self._value = JobState.DONE, self._results
            self._finish()

    get = MapResult.get
    __repr__ = Job.__repr__

    def _set(self, i: int, obj: tuple[bool, Any]) -> None:
        """Take the result of chunk ``i``; ready once all chunks have ended, with the first error if there was one."""
        success, value = obj
        self._number_left -= 1
        if success:
            self._results[i * self._chunksize : (i + 1) * self._chunksize] = value
        elif self._success:
            self._success, self._value = False, value
        if self._number_left <= 0 and not self._settled:
            self._end()

    def _set_length(self, length: int) -> None:
        """The iterable ended after ``length`` chunks, though its own length had promised more."""
        self._number_left -= self._chunks - length
        self._chunks = length
        del self._results[length * self._chunksize :]
        if self._number_left <= 0 and not self._settled:
            self._end()

    def _abort(self, error: BaseException) -> None:
        self._number_left = 1
        self._set(0, (False, error))

    def _end(self) -> None:
        if self._success:
            self._value = self._results
        callback = self._callback if self._success else self._error_callback
        try:
            if callback is not None:
                callback(self._value)
        finally:
            self._finish()

    def _finish(self) -> None:
        if self._success:
            self._callback = self._error_callback = None
        self._cache.pop(self._job, None)
        self._wake()
        self._pool = None

    def _again(self, pool: Pool) -> tuple[MapJob, list[Task]]:
        """A new job for the chunks that have no result, which starts from the results there are."""
        job = MapJob.__new__(MapJob)
        job._callback, job._error_callback = self._callback, self._error_callback
        job._chunksize, job._results = self._chunksize, self._results
        job._settled, job._waiters, job._success, job._value = False, None, True, None
        job._chunks = job._number_left = len(self.unfinished)
        job._open(pool, self.func, job._chunks, f"{job._chunks} chunks of {self.items}")
        job.take_over(self.name, self.options)
        return job, [task._replace(job=job) for task in self.unfinished]


AnyJob = Job | ManyTasks
