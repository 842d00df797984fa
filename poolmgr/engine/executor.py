"""``poolmgr.PoolExecutor``: ``concurrent.futures.ProcessPoolExecutor`` on a :class:`poolmgr.Pool`.

submit -> Pool.apply_async, with the future's two callbacks -> completion thread -> the future, and its done callbacks

It has no thread of its own, nor one for each job: futures are settled by the pool's completion thread.
The pool is made by the first submission, as in the standard library: an executor that a module makes costs nothing, and
may stand there under spawn, where every worker imports the module again.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import islice
from multiprocessing import get_context
from time import monotonic
from typing import Any, ParamSpec, TypeVar, Unpack

from poolmgr.engine import errand
from poolmgr.engine.future import PoolFuture
from poolmgr.engine.optioned import ExecutorWithOptions
from poolmgr.engine.options import JobOptions
from poolmgr.engine.pool import Pool
from poolmgr.errors import PoolClosed
from poolmgr.model.brief import function_name
from poolmgr.model.states import PoolState, WorkerState
from poolmgr.runtime.cpus import cpu_count

P = ParamSpec("P")
T = TypeVar("T")

#: Jobs that the pool is asked to cancel at once: more would keep its workers waiting, fewer cost a hand-over each.
WITHDRAWN_AT_ONCE = 500

#: Pools of executors that have not ended. Kept here, so that one whose executor is gone still ends in order.
_pools: set[Pool] = set()
#: True once the interpreter is ending: it waits for what was submitted, and takes nothing more.
_exiting = False


class PoolExecutor(Executor):
    """A process pool executor that goes on working after a worker has died.

    As ``concurrent.futures.ProcessPoolExecutor``, but: a worker that dies costs the one future that it ran, whose error
    is a ``BrokenProcessPool`` and a :class:`poolmgr.WorkerDied`; only what runs is out of reach of ``cancel()``; and
    all workers are started by the first submission.

    Args:
        max_workers: Workers; the cores that this process may use if None.
        mp_context: A multiprocessing context, which says how workers are started.
        initializer: Called in each worker before its first job.
        initargs: What it is called with.
        max_tasks_per_child: Calls after which a worker is replaced. As in the standard library it means spawn if
            there is no ``mp_context``, and refuses fork.
        name: What screens call the pool.
        capture_output: Whether what workers print goes into the pool's log instead of to their fds 1 and 2.
        cancel_running: Whether ``future.cancel()`` also stops a call that runs: KeyboardInterrupt is raised inside it,
            and its worker is killed if that does not end it. Then whatever cancels futures does so, asyncio too.

    Raises:
        ValueError: ``max_workers`` or ``max_tasks_per_child`` is below 1, or the context is one of fork and there is
            ``max_tasks_per_child``.
        TypeError: ``initializer`` cannot be called, or ``max_tasks_per_child`` is no int.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: Any = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        *,
        max_tasks_per_child: int | None = None,
        name: str | None = None,
        capture_output: bool = False,
        cancel_running: bool = False,
    ) -> None:
        self._max_workers = cpu_count() if max_workers is None else max_workers
        if self._max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._mp_context = mp_context or get_context("spawn" if max_tasks_per_child is not None else None)
        self._max_tasks_per_child = self._checked(max_tasks_per_child)
        self._errand = (initializer, tuple(initargs))
        self._options = {"name": name, "capture_output": capture_output}
        self._cancel_running = cancel_running
        #: Re-entrant: a signal handler of the user's may submit while its thread is in here.
        self._lock = threading.RLock()
        self._pool: Pool | None = None
        self._shut = False

    def _checked(self, tasks: int | None) -> int | None:
        if tasks is None:
            return None
        if not isinstance(tasks, int):
            raise TypeError("max_tasks_per_child must be an integer")
        if tasks <= 0:
            raise ValueError("max_tasks_per_child must be >= 1")
        if self._mp_context.get_start_method(allow_none=False) == "fork":
            raise ValueError("max_tasks_per_child needs another mp_context than fork, as in the standard library")
        return tasks

    @property
    def pool(self) -> Pool:
        """The pool that runs the calls: to resize, watch, hold, or kill one job. It is started if it was not.

        Raises:
            RuntimeError: The executor was shut down before it had a pool.
        """
        with self._lock:
            if self._pool is None:
                self._check_open()
                self._pool = self._start()
            return self._pool

    @property
    def _processes(self) -> dict[int | None, Any]:
        """The workers by pid, as the stock executor keeps them: programs reach for it, to signal them."""
        return {} if self._pool is None else {process.pid: process for process in list(self._pool._pool)}

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> PoolFuture[T]:
        """Have ``fn(*args, **kwargs)`` called in a worker.

        Returns:
            Its future, which has a ``job_id`` in :attr:`pool`.

        Raises:
            RuntimeError: The executor was shut down.
            BrokenProcessPool: Its pool was closed or terminated by somebody else.
        """
        return self._submit(fn, args, kwargs, {})

    def _submit(
        self, fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any], options: JobOptions
    ) -> PoolFuture[T]:
        with self._lock:
            self._check_open()
            pool = self._pool or self.pool
            future: PoolFuture[T] = PoolFuture(self._cancel_running)
            try:
                job = pool.apply_async(fn, args, kwargs, future.succeed, future.fail, **options)
            except PoolClosed as error:
                self._check_open()
                raise BrokenProcessPool(f"{pool.name} was closed or terminated: make a new executor") from error
        future.attach(job)
        return future

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[T]:
        """As the builtin ``map``, in workers. What is left of it is cancelled when the iterator is closed or fails.

        Args:
            fn: Called with one item of each iterable.
            iterables: Read at once, unless there is a ``buffersize``.
            timeout: Seconds from now after which a result that is not there raises TimeoutError.
            chunksize: Calls in a job.
            buffersize: Jobs submitted whose results have not been taken; as a result is taken, the next one is
                submitted. None submits all now.

        Raises:
            ValueError: ``chunksize`` or ``buffersize`` is below 1.
            TypeError: ``buffersize`` is no int.
            RuntimeError: As :meth:`submit`.
        """
        return self._map(fn, iterables, timeout, chunksize, buffersize, {})

    def with_options(self, **options: Unpack[JobOptions]) -> ExecutorWithOptions:
        """This executor, with options for what is submitted by way of what is returned.

        ``executor.with_options(timeout=30, retries=2).submit(fetch, url)``; they are those of ``Pool.apply_async``.

        Raises:
            TypeError: There is no such option, or a value is of the wrong type.
            ValueError: The value of an option is out of range.
        """
        return ExecutorWithOptions(self, options)

    def _map(
        self,
        fn: Callable[..., T],
        iterables: tuple[Iterable[Any], ...],
        timeout: float | None,
        chunksize: int,
        buffersize: int | None,
        options: JobOptions,
    ) -> Iterator[T]:
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        if buffersize is not None and not isinstance(buffersize, int):
            raise TypeError("buffersize must be an integer or None")
        if buffersize is not None and buffersize < 1:
            raise ValueError("buffersize must be None or > 0")
        end = None if timeout is None else monotonic() + timeout
        calls: Iterator[tuple[Any, ...]] = zip(*iterables, strict=False)
        if chunksize == 1:
            return self._results(fn, calls, options, end, buffersize)
        chunks = iter(lambda: tuple(islice(calls, chunksize)), ())
        named: JobOptions = {"name": function_name(fn), **options}
        lists = self._results(partial(errand.run_chunk, fn), ((chunk,) for chunk in chunks), named, end, buffersize)
        return _flattened(lists)

    def _results(
        self,
        fn: Callable[..., T],
        calls: Iterator[tuple[Any, ...]],
        options: JobOptions,
        end: float | None,
        ahead: int | None,
    ) -> Iterator[T]:
        """Submit the first calls, all if ``ahead`` is None, and return the iterator of all results."""
        submitted = (self._submit(fn, args, {}, options) for args in calls)
        futures: deque[PoolFuture[T]] = deque()
        try:
            futures.extend(islice(submitted, ahead))
        except BaseException:  # raised again: user code (the iterables), a Ctrl-C; nobody will take what was submitted
            _cancel(self._pool, futures)
            raise
        # The rest is read by an iterator that keeps the executor, and one without a rest does not.
        return _taken(self._pool, futures, iter(()) if ahead is None else submitted, end)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls, and have the workers leave when all is done.

        Args:
            wait: Whether to return only when that is so. The interpreter waits for it at its end in any case.
            cancel_futures: Whether to cancel what no worker has begun. What runs is left to end, also with
                ``cancel_running``. A worker that is free, or still starting, counts as having begun one call, so that
                it makes no difference how long that takes.
        """
        with self._lock:
            self._shut = True
            pool = self._pool
        if pool is None:
            return
        if cancel_futures:
            _cancel_queued(pool)
        pool.close()
        if wait:
            pool.join()

    def _check_open(self) -> None:
        if self._shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        if _exiting:
            raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    def _start(self) -> Pool:
        pool = Pool(
            self._max_workers,
            errand.enter,
            self._errand,
            self._max_tasks_per_child,
            self._mp_context,
            **self._options,  # type: ignore[arg-type]
        )
        _pools.add(pool)
        pool.subscribe(lambda: _forget_ended(pool))
        # An executor that nobody has any more is shut down, as in the standard library, without waiting.
        weakref.finalize(self, _close, pool, os.getpid()).atexit = False
        return pool


def _taken(
    pool: Pool | None, futures: deque[PoolFuture[T]], rest: Iterator[PoolFuture[T]], end: float | None
) -> Iterator[T]:
    """The results of the futures in turn; for each that is taken one of the rest is submitted."""
    try:
        while futures:
            futures.extend(islice(rest, 1))
            # No name for it here: the caller may count on being the only one who has the result.
            yield _result(futures, end)
    finally:
        _cancel(pool, futures)


def _cancel(pool: Pool | None, futures: deque[PoolFuture[T]]) -> None:
    if pool is None or not futures:
        return
    withdrawn = _withdraw(pool, [future.job_id for future in futures])
    while futures:
        future = futures.popleft()
        if future.job_id not in withdrawn:
            future.cancel()


def _result(futures: deque[PoolFuture[T]], end: float | None) -> T:
    """Take the result of the first of the futures; cancel it if it does not come in time."""
    future = futures.popleft()
    try:
        return future.result(None if end is None else end - monotonic())
    finally:
        future.cancel()
        # Else the error's traceback, which has this frame, and the future, which has the error, keep each other.
        del future


def _cancel_queued(pool: Pool) -> None:
    """Cancel what waits, but for one call for each worker that is about to begin one."""
    queued = pool._dispatcher.feeding.waiting_ids()
    snapshot = pool.snapshot()
    if snapshot.state is not PoolState.HELD:
        free = sum(worker.state in (WorkerState.STARTING, WorkerState.IDLE) for worker in snapshot.workers)
        _withdraw(pool, queued[free:])
        return
    _withdraw(pool, queued)
    # Nothing waits any more, and a pool that is held does not end.
    with contextlib.suppress(PoolClosed):
        pool.resume()


def _withdraw(pool: Pool, job_ids: list[int]) -> set[int]:
    """Cancel those that no worker has begun, the last first: workers begin the first ones meanwhile."""
    withdrawn: set[int] = set()
    for end in range(len(job_ids), 0, -WITHDRAWN_AT_ONCE):
        withdrawn.update(pool.withdraw(job_ids[max(0, end - WITHDRAWN_AT_ONCE) : end]))
    return withdrawn


def _flattened(lists: Iterator[list[T]]) -> Iterator[T]:
    for values in lists:
        values.reverse()
        while values:
            yield values.pop()


def _close(pool: Pool, owner: int) -> None:
    # A copy of the executor in a forked process has no say about the pool.
    if os.getpid() == owner:
        pool.close()


def _forget_ended(pool: Pool) -> None:
    if pool._dispatcher.ended:
        _pools.discard(pool)


def _wait_for_all() -> None:
    """At the interpreter's end: wait for what was submitted, as the standard library does."""
    global _exiting
    _exiting = True
    pools = list(_pools)
    for pool in pools:
        pool.close()
    for pool in pools:
        pool.join()


# The standard library's own way: before threads and finalizers end, which atexit's functions are too late for.
threading._register_atexit(_wait_for_all)  # type: ignore[attr-defined]
os.register_at_fork(after_in_child=_pools.clear)
