"""``poolmgr.Pool``: ``multiprocessing.pool.Pool`` with one dispatcher in place of its three threads.

The public methods and what they return are the stock pool's; what is new is keyword-only or has a name of its own.
Its threads: poolmgr-dispatcher, poolmgr-completion, a poolmgr-feeder for each lazy iterable (see dispatcher.py).
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable
from itertools import count
from multiprocessing import get_context, util
from multiprocessing.pool import CLOSE, INIT, RUN, TERMINATE, mapstar, starmapstar  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any, Unpack

from poolmgr.engine import acts, mapping
from poolmgr.engine.backlog import Segment
from poolmgr.engine.clock import Clock
from poolmgr.engine.dispatcher import Dispatcher
from poolmgr.engine.ends import Spec
from poolmgr.engine.job import AnyJob, Job, JobWithOptions, ManyTasks, MapJob
from poolmgr.engine.options import NO_OPTIONS, CallOptions, JobOptions, Options, checked
from poolmgr.engine.steering import SteeredPool
from poolmgr.engine.stream import Stream, StreamJob, UnorderedStreamJob
from poolmgr.errors import PoolClosed, UnknownJob
from poolmgr.runtime.cpus import cpu_count

if TYPE_CHECKING:
    from poolmgr.engine.memory import Bounds

#: Numbers for pools that were given no name.
_numbers = count(1)


class Pool(SteeredPool):
    """A process pool that shows what it does, obeys, and loses nothing but the one job whose worker died.

    Everything of ``multiprocessing.Pool`` works as it does there, except where the stock pool would hang: a job whose
    worker dies fails with ``WorkerDied``, and jobs that have not ended when the pool is terminated with
    ``PoolTerminated``.

    Args:
        processes: Workers; the cores that this process may use if None.
        initializer: Called in each worker before its first job.
        initargs: What it is called with.
        maxtasksperchild: Tasks after which a worker is replaced.
        context: A multiprocessing context, which says how workers are started.
        name: What screens call the pool.
        capture_output: Whether what workers print goes into the pool's log instead of to their fds 1 and 2.
        max_rss: Resident memory that a worker may have, in bytes or as in "500M": beyond it the job that runs is killed
            with the worker, and fails with ``MemoryLimitExceeded``. It is looked at twice a second.
        recycle_rss: Resident memory beyond which a worker is replaced once it has nothing to do.

    Raises:
        ValueError: ``processes`` is below 1, ``maxtasksperchild`` is no positive int, or a size is no size.
        TypeError: ``initializer`` cannot be called, or a size is neither an int nor a str.
        OSError: The workers could not be started.
    """

    _pool: list[Any]
    _cache: dict[int, ManyTasks]
    _wrap_exception: bool

    def __init__(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
        context: Any = None,
        *,
        name: str | None = None,
        capture_output: bool = False,
        max_rss: int | str | None = None,
        recycle_rss: int | str | None = None,
    ) -> None:
        # Read by __del__, also if this does not come to its end.
        self._pool, self._state = [], INIT
        self._change_notifier = None
        processes = cpu_count() if processes is None else processes
        if processes < 1:
            raise ValueError("Number of processes must be at least 1")
        if maxtasksperchild is not None and (not isinstance(maxtasksperchild, int) or maxtasksperchild <= 0):
            raise ValueError("maxtasksperchild must be a positive int or None")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._ctx = context or get_context()
        self.name = name or f"pool-{os.getpid()}-{next(_numbers)}"
        self._started = time.time()
        self._cache = {}
        spec = Spec(self._ctx, self.Process, initializer, tuple(initargs), self._wrap_exception, capture_output)
        self._dispatcher = Dispatcher(spec, processes, maxtasksperchild, self._cache, _bounds(max_rss, recycle_rss))
        self._completion = self._dispatcher.completion
        self._submit = self._dispatcher.submit
        self._clock = Clock()
        self._pool = self._dispatcher.crew.processes
        self._job_ids = self._dispatcher.job_ids
        self._dispatcher.open()
        self._terminate = util.Finalize(self, _terminate, args=(self._dispatcher,), exitpriority=15)
        self._state = RUN

    # -- submitting, as the stock pool; every method takes the options of a job

    def apply(  # type: ignore[override]
        self,
        func: Callable[..., Any],
        args: Iterable[Any] = (),
        kwds: dict[str, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> Any:
        """Call ``func(*args, **kwds)`` in a worker, and wait for the result. As :meth:`apply_async` for the rest."""
        return self.apply_async(func, args, kwds, **options).get()

    def apply_async(  # type: ignore[override]
        self,
        func: Callable[..., Any],
        args: Iterable[Any] = (),
        kwds: dict[str, Any] | None = None,
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
        **options: Unpack[CallOptions],
    ) -> Job:
        """Call ``func(*args, **kwds)`` in a worker.

        Args:
            func: The function; it must be possible to pickle it.
            args: Its arguments.
            kwds: Its keyword arguments.
            callback: Called with the result, in the pool's completion thread.
            error_callback: Called with the error, likewise.
            options: ``name`` is what screens call the job. Jobs of a higher ``priority`` (0 if not given) are started
                first. ``after`` is a job or its id, or several: it waits until they are done, and is cancelled if one
                of them ends badly. All of them are told in ``docs/limits.md``.

        Returns:
            The job: an ``AsyncResult``, awaitable, with ``id``, ``state`` and ``cancel()``.

        Raises:
            PoolClosed: The pool takes no more jobs. It is a ValueError.
            TypeError: There is no such option, or a value is of the wrong type.
            ValueError: The value of an option is out of range.
            UnknownJob: There is no such job as it is to wait for, or nobody knows any more how that has ended.
        """
        if self._state != RUN:
            self._check_running()
        if type(args) is not tuple:
            args = tuple(args)
        if options:
            return self._apply_with(options, func, args, kwds, callback, error_callback)
        job = Job(self, func, args, kwds, callback, error_callback, self._clock())
        self._submit(job)
        return job

    def _apply_with(
        self, given: CallOptions, func: Callable[..., Any], args: tuple[Any, ...], kwds: Any, callback: Any, error: Any
    ) -> Job:
        name, options = self._checked(given, CallOptions)
        kind = Job if options is NO_OPTIONS else JobWithOptions

        def make() -> Job:
            job = kind(self, func, args, kwds, callback, error, self._clock())
            job.take_over(name, options)
            return job

        if options.after:
            return self._dispatcher.mailbox.ask(acts.submit_after, self._dispatcher, options.after, make)
        job = make()
        if options is NO_OPTIONS:
            self._submit(job)
        else:
            self._dispatcher.submit_entry(job)
        return job

    def map(
        self,
        func: Callable[..., Any],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        **options: Unpack[JobOptions],
    ) -> list[Any]:
        """Call ``func`` with each item, and wait for the list of the results. As :meth:`map_async` for the rest."""
        return self.map_async(func, iterable, chunksize, **options).get()

    def map_async(
        self,
        func: Callable[..., Any],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
        **options: Unpack[JobOptions],
    ) -> MapJob:
        """Call ``func`` with each item. The job's result is the list of the results, in the order of the items.

        Options as in :meth:`apply_async`. Time limits and retries are of each item: no two of them share a task then.
        """
        return self._map_async(func, iterable, mapstar, chunksize, callback, error_callback, **options)

    def starmap(
        self,
        func: Callable[..., Any],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        **options: Unpack[JobOptions],
    ) -> list[Any]:
        """As :meth:`map`, with each item unpacked as the arguments of a call."""
        return self.starmap_async(func, iterable, chunksize, **options).get()

    def starmap_async(
        self,
        func: Callable[..., Any],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
        **options: Unpack[JobOptions],
    ) -> MapJob:
        """As :meth:`map_async`, with each item unpacked as the arguments of a call."""
        return self._map_async(func, iterable, starmapstar, chunksize, callback, error_callback, **options)

    def imap(  # type: ignore[override]
        self,
        func: Callable[..., Any],
        iterable: Iterable[Any],
        chunksize: int = 1,
        *,
        buffersize: int | None = None,
        **options: Unpack[JobOptions],
    ) -> Stream:
        """As ``map``, lazily: results come in the order of the input.

        Args:
            func: Called with each item.
            iterable: Read by a thread of the pool, never more than ``buffersize`` tasks ahead of what the caller has
                taken out (a pool that is being closed reads all).
            chunksize: Items in a task; up to 32, and with time limits or retries, items are tasks of their own all the
                same.
            buffersize: Tasks read ahead, of ``chunksize`` items each; 1024 if None (16384 of a list and the like, which
                costs nothing to read).
            options: As in :meth:`apply_async`.

        Returns:
            An iterator, for ``for`` and ``async for``, with ``next(timeout)``.

        Raises:
            PoolClosed: The pool takes no more jobs.
            ValueError: ``chunksize`` or ``buffersize`` is below 1, or the value of an option is out of range.
            TypeError: There is no such option, or a value is of the wrong type.
        """
        return self._stream(StreamJob, func, iterable, chunksize, buffersize, options)

    def imap_unordered(  # type: ignore[override]
        self,
        func: Callable[..., Any],
        iterable: Iterable[Any],
        chunksize: int = 1,
        *,
        buffersize: int | None = None,
        **options: Unpack[JobOptions],
    ) -> Stream:
        """As :meth:`imap`, but results come as they are ready."""
        return self._stream(UnorderedStreamJob, func, iterable, chunksize, buffersize, options)

    def _map_async(
        self,
        func: Callable[..., Any],
        iterable: Iterable[Any],
        mapper: Callable[..., Any],
        chunksize: int | None = None,
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
        **options: Unpack[JobOptions],
    ) -> MapJob:
        self._check_running()
        return mapping.submit_map(
            self, func, iterable, mapper, chunksize, callback, error_callback, *self._checked(options)
        )

    def _stream(
        self,
        kind: type[StreamJob],
        func: Callable[..., Any],
        iterable: Iterable[Any],
        chunksize: int,
        buffersize: int | None,
        options: JobOptions,
    ) -> Stream:
        self._check_running()
        return mapping.submit_stream(self, kind, func, iterable, chunksize, buffersize, *self._checked(options))

    def _checked(self, given: JobOptions, kind: type[JobOptions] = JobOptions) -> tuple[str, Options]:
        name, options = checked(given, kind)
        if options.shortest is not None:
            self._dispatcher.watches.heed_limits()
        return name, options

    def _check_running(self) -> None:
        if self._state != RUN:
            raise PoolClosed("Pool not running")

    # -- beyond the stock pool

    def retry(self, job_id: int) -> AnyJob:
        """Submit a job that failed, was lost, killed or cancelled once more, with its own arguments and callbacks.

        Of a map only the chunks that have no result are run again.

        Raises:
            UnknownJob: There is no such job, it has not ended badly, or it is too long ago.
            PoolClosed: The pool takes no more jobs.
        """
        self._check_running()
        old = self._dispatcher.ledger.retryable.get(job_id)
        if old is None:
            raise UnknownJob(job_id)
        if old.options.after:
            ask = self._dispatcher.mailbox.ask
            return ask(acts.submit_after, self._dispatcher, old.options.after, lambda: old.once_more(self)[0])
        job: AnyJob
        job, tasks = old.once_more(self)
        if isinstance(job, Job):
            (self._submit if type(job) is Job else self._dispatcher.submit_entry)(job)
            return job
        for position, task in enumerate(tasks):
            # Each is a segment of its own: their places in the input need not follow one another.
            place = task.position if isinstance(job, MapJob) else position
            self._dispatcher.submit_entry(Segment(job, place, task.func, list(task.args)))
        return job

    # -- the end, as the stock pool

    def close(self) -> None:
        """Take no more jobs; workers leave when all is done."""
        if self._state == RUN:
            self._state = CLOSE
            self._dispatcher.mailbox.tell(self._dispatcher.close)

    def terminate(self) -> None:
        """End all workers now, whatever they do, and fail what has not ended. Any thread may, callbacks too."""
        self._state = TERMINATE
        self._terminate()

    def join(self, timeout: float | None = None) -> bool:  # type: ignore[override]
        """Wait until the pool has ended, after ``close()`` or ``terminate()``.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Whether it has ended. (The stock pool returns nothing.)

        Raises:
            ValueError: The pool is still running.
        """
        if self._state == RUN:
            raise ValueError("Pool is still running")
        end = None if timeout is None else time.monotonic() + timeout
        for thread in (self._dispatcher, self._completion):
            if thread is not threading.current_thread():
                thread.join(None if end is None else max(0.0, end - time.monotonic()))
                if thread.is_alive():
                    return False
        return True

    def _repopulate_pool(self) -> None:
        """Workers are replaced as they leave; the stock pool does it when this is called."""

    def __repr__(self) -> str:
        cls = type(self)
        return f"<{cls.__module__}.{cls.__qualname__} {self.name} state={self._state} pool_size={len(self._pool)}>"


def _bounds(max_rss: int | str | None, recycle_rss: int | str | None) -> Bounds | None:
    """The bounds of a worker's memory, None if there are none."""
    if max_rss is None and recycle_rss is None:
        return None
    from poolmgr.engine.memory import bounds

    return bounds(max_rss, recycle_rss)


def _terminate(dispatcher: Dispatcher) -> None:
    """End the pool: called by terminate(), at the interpreter's end, or when the pool is collected.

    It holds no reference to the pool, and may run in any thread, also in the dispatcher's own if that happens to
    collect the pool.
    """
    if threading.current_thread() is dispatcher:
        dispatcher.terminate()
        return
    # One that has ended refuses, and has nothing left to terminate.
    with contextlib.suppress(PoolClosed):
        dispatcher.mailbox.ask(dispatcher.terminate)
    dispatcher.join()
