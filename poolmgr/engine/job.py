"""Jobs: what ``apply_async``, ``map_async`` and ``imap`` return, as subclasses of what the stock pool returns.

A job is settled once, by one thread: the dispatcher if no code of a user is to be run for it, else the completion
thread.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from multiprocessing import TimeoutError
from multiprocessing.pool import (
    ApplyResult,
    IMapIterator,
    IMapUnorderedIterator,
    MapResult,
)
from typing import TYPE_CHECKING, Any, NamedTuple

from poolmgr.engine.waiting import Waitable
from poolmgr.model.states import JobState

if TYPE_CHECKING:
    from poolmgr.engine.pool import Pool

#: A function of a user, and what it is called with.
Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class Task(NamedTuple):
    """The unit that travels: CPython's ``(job, i, func, args, kwds)``, with the job in place of its number."""

    job: AnyJob
    #: Its place in its job: CPython's ``i``.
    position: int
    func: Callable[..., Any]
    args: tuple[Any, ...]
    kwds: dict[str, Any]


class JobInfo:
    """What screens and requests need of any job, beside the value it is for.

    Written by the thread that submits it until it is in the backlog, then by the dispatcher alone.
    """

    _job: int
    _pool: Pool | None
    _cache: dict[int, AnyJob]
    #: Where the job is.
    state: JobState = JobState.QUEUED
    #: The user's name for it, may be empty.
    name: str = ""
    #: The user's function, and what it was called with in short.
    call: Call
    #: What a map goes over, in words; a single call shows its arguments.
    items: str = ""
    tasks: int = 1
    tasks_done: int = 0
    attempt: int = 1
    retry_of: int | None = None
    submitted: float = 0.0
    started: float | None = None
    #: True until the last of its tasks is in the backlog, and how many are: written by the feeder, if it has one.
    feeding: bool = False
    read: int = 0
    #: The tasks of a map or stream that have no result, for a retry.
    unfinished: list[Task]
    #: How it will end because of what has happened to one of its tasks: the state, one line, the traceback.
    verdict: tuple[JobState, str, str] | None = None

    @property
    def id(self) -> int:
        """The job's number in its pool, from 1."""
        return self._job

    def cancel(self) -> bool:
        """Take the job out of the queue, or stop it softly if it runs (KeyboardInterrupt is raised inside it).

        Returns:
            False if it had ended already.
        """
        pool = self._pool
        return pool is not None and not self.state.ended and pool.cancel(self._job)

    def _register(self, pool: Pool, call: Call, name: str) -> None:
        self._pool = pool
        self._job = next(pool._job_ids)
        self._cache = pool._cache
        self.call = call
        self.name = name
        self.submitted = time.time()
        self._cache[self._job] = self  # type: ignore[assignment]


class Job(JobInfo, Waitable, ApplyResult):  # type: ignore[type-arg]
    """One call in the pool and its result: an ``AsyncResult`` with an ``id``, a ``state`` and ``cancel()``."""

    def __init__(
        self,
        pool: Pool,
        call: Call,
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
        name: str = "",
    ) -> None:
        self._callback = callback
        self._error_callback = error_callback
        self._register(pool, call, name)

    get = ApplyResult.get

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._job} {self.state}>"

    @property
    def user_code(self) -> bool:
        """Whether settling it runs a user's code, or must be kept in order with settling that does."""
        return self._callback is not None or self._error_callback is not None

    def _set_length(self, length: int) -> None:
        """A single call has one task, and it is no secret."""

    def _abort(self, error: BaseException) -> None:
        self._set(0, (False, error))

    def _set(self, i: int, obj: tuple[bool, Any]) -> None:
        """Settle it. As in the stock pool the callback comes first, then the wake-up."""
        self._success, self._value = obj
        self._call_back()

    def _again(self, pool: Pool) -> tuple[Job, list[Task]]:
        """A new job for the same call, and its task."""
        job = Job(pool, self.call, self._callback, self._error_callback, self.name)
        return job, [Task(job, 0, *self.call)]


class MapJob(JobInfo, Waitable, MapResult):  # type: ignore[type-arg]
    """All calls of one ``map`` or ``starmap``, and the list of their results."""

    user_code = True

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
        self._success = True
        self._value: Any = None
        self._results: list[Any] = [None] * length
        self.unfinished = []
        self.tasks = self._chunks = self._number_left = -(-length // chunksize) if chunksize > 0 else 0
        self.items = f"{length:,} items"
        self._register(pool, (func, (), {}), "")
        if not self._number_left:
            # As in the stock pool, nobody is called back for an empty map.
            self.state, self._value = JobState.DONE, self._results
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

    def _abort(self, error: BaseException) -> None:
        self._number_left = 1
        self._set(0, (False, error))

    def _end(self) -> None:
        if self._success:
            self._value = self._results
        self._call_back()

    def _set_length(self, length: int) -> None:
        """The iterable ended after ``length`` chunks, though its own length had promised more."""
        self._number_left -= self._chunks - length
        self._chunks = length
        del self._results[length * self._chunksize :]
        if self._number_left <= 0 and not self._settled:
            self._end()

    def _again(self, pool: Pool) -> tuple[MapJob, list[Task]]:
        """A new job for the chunks that have no result, which starts from the results there are."""
        job = MapJob.__new__(MapJob)
        job._callback, job._error_callback = self._callback, self._error_callback
        job._chunksize, job._results = self._chunksize, self._results
        job._success, job._value = True, None
        job.unfinished = []
        job.tasks = job._chunks = job._number_left = len(self.unfinished)
        job.items = f"{len(self.unfinished)} of {self.items} in chunks"
        job._register(pool, self.call, self.name)
        return job, [task._replace(job=job) for task in self.unfinished]


class StreamJob(JobInfo, IMapIterator):  # type: ignore[type-arg]
    """The iterator of ``imap``: results in the order of the input, and a bound on reading ahead."""

    user_code = True

    def __init__(self, pool: Pool, func: Callable[..., Any], buffersize: int) -> None:
        self._cond = threading.Condition(threading.Lock())
        self._items: deque[tuple[bool, Any]] = deque()
        self._index = 0
        self._length: int | None = None
        self._unsorted: dict[int, tuple[bool, Any]] = {}
        #: Tasks that may be read and not yet taken out by the caller.
        self._buffersize = buffersize
        #: Results that the caller has taken out; written under ``_cond``.
        self._taken = 0
        self.unfinished = []
        self.tasks = 0
        self.items = "lazy items"
        self._register(pool, (func, (), {}), "")

    def wait_for_room(self, closing: Callable[[], bool]) -> None:
        """Block the feeder until it may read on. A closing pool reads all: nobody might take results before the end."""
        with self._cond:
            self._cond.wait_for(lambda: self.read - self._taken < self._buffersize or not self.feeding or closing())

    def nudge(self) -> None:
        """Have a feeder that waits for room look again."""
        with self._cond:
            self._cond.notify_all()

    def next(self, timeout: float | None = None) -> Any:
        """The next result: StopIteration at the end, ``multiprocessing.TimeoutError`` when it is late."""
        pool = self._pool
        if pool is not None and pool._completion.serves_me():
            pool._completion.help(self._due, timeout)
        with self._cond:
            if not self._cond.wait_for(self._due, timeout):
                raise TimeoutError from None
            if not self._items:
                self._pool = None
                raise StopIteration from None
            success, value = self._items.popleft()
            self._taken += 1
            self._cond.notify_all()
        if success:
            return value
        raise value

    __next__ = next

    def _due(self) -> bool:
        return bool(self._items) or self._over()

    def _over(self) -> bool:
        return self._length is not None and self._index >= self._length

    def _set(self, i: int, obj: tuple[bool, Any]) -> None:
        with self._cond:
            self._place(i, obj)
            self._settle()

    def _place(self, i: int, obj: tuple[bool, Any]) -> None:
        self._unsorted[i] = obj
        while self._index in self._unsorted:
            self._items.append(self._unsorted.pop(self._index))
            self._index += 1

    def _set_length(self, length: int) -> None:
        with self._cond:
            self._length = length
            self._settle()

    def _abort(self, error: BaseException) -> None:
        with self._cond:
            self._items.append((False, error))
            self._index += 1
            self._length = self._index
            self._settle()

    def _settle(self) -> None:
        self._cond.notify_all()
        if self._over():
            self._cache.pop(self._job, None)
            self._pool = None

    def _again(self, pool: Pool) -> tuple[StreamJob, list[Task]]:
        """A new stream of the tasks that have no result: this one has gone past them."""
        job = StreamJob(pool, self.call[0], len(self.unfinished))
        job.tasks = job.read = job._length = len(self.unfinished)
        job.items = f"{len(self.unfinished)} of {self.tasks} items"
        return job, [task._replace(job=job, position=i) for i, task in enumerate(self.unfinished)]


class UnorderedStreamJob(StreamJob, IMapUnorderedIterator):  # type: ignore[type-arg]
    """The iterator of ``imap_unordered``: results as they come."""

    def _place(self, i: int, obj: tuple[bool, Any]) -> None:
        self._items.append(obj)
        self._index += 1


AnyJob = Job | MapJob | StreamJob
