"""``poolmgr.Pool``: ``multiprocessing.pool.Pool`` with one dispatcher in place of its three threads.

The public methods and what they return are the stock pool's; what is new is keyword-only or has a name of its own.
Its threads: poolmgr-dispatcher, poolmgr-completion, a poolmgr-feeder for each lazy iterable (see dispatcher.py).
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from multiprocessing import get_context, pool, util
from multiprocessing.pool import CLOSE, INIT, RUN, TERMINATE, mapstar, starmapstar  # type: ignore[attr-defined]
from typing import Any

from poolmgr.engine import acts, picture
from poolmgr.engine.backlog import Segment
from poolmgr.engine.clock import Clock
from poolmgr.engine.dispatcher import Dispatcher
from poolmgr.engine.handle import Spec
from poolmgr.engine.intake import EAGER, READ_AHEAD, READ_AHEAD_EAGER, Feeder, LazyChunks, eager_chunks
from poolmgr.engine.job import AnyJob, Job, ManyTasks, MapJob
from poolmgr.engine.stream import StreamJob, UnorderedStreamJob
from poolmgr.errors import PoolClosed, UnknownJob
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.runtime.cpus import cpu_count

#: Numbers for pools that were given no name.
_numbers = count(1)


class Pool(pool.Pool):
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

    Raises:
        ValueError: ``processes`` is below 1, or ``maxtasksperchild`` is no positive int.
        TypeError: ``initializer`` cannot be called.
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
        self._dispatcher = Dispatcher(spec, processes, maxtasksperchild, self._cache)
        self._completion = self._dispatcher.completion
        self._submit = self._dispatcher.submit
        self._clock = Clock()
        self._pool = self._dispatcher.crew.processes
        self._job_ids = self._dispatcher.job_ids
        self._dispatcher.open()
        self._terminate = util.Finalize(self, _terminate, args=(self._dispatcher,), exitpriority=15)
        self._state = RUN

    # -- submitting, as the stock pool

    def apply_async(  # type: ignore[override]
        self,
        func: Callable[..., Any],
        args: Iterable[Any] = (),
        kwds: dict[str, Any] | None = None,
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
        *,
        name: str = "",
    ) -> Job:
        """Call ``func(*args, **kwds)`` in a worker.

        Args:
            func: The function; it must be possible to pickle it.
            args: Its arguments.
            kwds: Its keyword arguments.
            callback: Called with the result, in the pool's completion thread.
            error_callback: Called with the error, likewise.
            name: What screens call the job.

        Returns:
            The job: an ``AsyncResult``, awaitable, with ``id``, ``state`` and ``cancel()``.

        Raises:
            PoolClosed: The pool takes no more jobs. It is a ValueError.
        """
        if self._state != RUN:
            self._check_running()
        if type(args) is not tuple:
            args = tuple(args)
        job = Job(self, func, args, kwds, callback, error_callback, self._clock())
        if name:
            job.name = name
        self._submit(job)
        return job

    def map_async(
        self,
        func: Callable[..., Any],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> MapJob:
        """Call ``func`` with each item. The job's result is the list of the results, in the order of the items."""
        return self._map_async(func, iterable, mapstar, chunksize, callback, error_callback)

    def starmap_async(
        self,
        func: Callable[..., Any],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> MapJob:
        """As ``map_async``, with each item unpacked as the arguments of a call."""
        return self._map_async(func, iterable, starmapstar, chunksize, callback, error_callback)

    def imap(  # type: ignore[override]
        self, func: Callable[..., Any], iterable: Iterable[Any], chunksize: int = 1, *, buffersize: int | None = None
    ) -> Iterator[Any]:
        """As ``map``, lazily: results come in the order of the input.

        Args:
            func: Called with each item.
            iterable: Read by a thread of the pool, never more than ``buffersize`` tasks ahead of what the caller has
                taken out (a pool that is being closed reads all).
            chunksize: Items in a task.
            buffersize: Tasks read ahead; 1024 if None (16384 of a list and the like, which costs nothing to read).

        Raises:
            PoolClosed: The pool takes no more jobs.
            ValueError: ``chunksize`` or ``buffersize`` is below 1.
        """
        return self._stream(StreamJob, func, iterable, chunksize, buffersize)

    def imap_unordered(  # type: ignore[override]
        self, func: Callable[..., Any], iterable: Iterable[Any], chunksize: int = 1, *, buffersize: int | None = None
    ) -> Iterator[Any]:
        """As ``imap``, but results come as they are ready."""
        return self._stream(UnorderedStreamJob, func, iterable, chunksize, buffersize)

    def _stream(
        self,
        kind: type[StreamJob],
        func: Callable[..., Any],
        iterable: Iterable[Any],
        chunksize: int,
        buffersize: int | None,
    ) -> Iterator[Any]:
        self._check_running()
        if chunksize < 1:
            raise ValueError(f"Chunksize must be 1+, not {chunksize!r}")
        if buffersize is not None and buffersize < 1:
            raise ValueError(f"buffersize must be 1 or more, not {buffersize!r}")
        if buffersize is None:
            buffersize = READ_AHEAD_EAGER if type(iterable) in EAGER else READ_AHEAD
        job = kind(self, func, buffersize)
        if chunksize == 1:
            Feeder(self._dispatcher, job, func, iterable).start()
            return job
        Feeder(self._dispatcher, job, mapstar, LazyChunks(func, iterable, chunksize)).start()
        return (item for chunk in job for item in chunk)

    def _map_async(
        self,
        func: Callable[..., Any],
        iterable: Iterable[Any],
        mapper: Callable[..., Any],
        chunksize: int | None = None,
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> MapJob:
        self._check_running()
        items: Any = iterable if hasattr(iterable, "__len__") else list(iterable)
        length = len(items)
        if chunksize is None:
            chunksize, extra = divmod(length, max(1, self._dispatcher.scheduler.size) * 4)
            chunksize += bool(extra)
        chunksize = chunksize if length else 0
        job = MapJob(self, func, chunksize, length, callback, error_callback)
        if not job.tasks:
            return job
        if type(items) not in EAGER:
            Feeder(self._dispatcher, job, mapper, LazyChunks(func, items, chunksize)).start()
            return job
        self._dispatcher.submit_segment(Segment(job, 0, mapper, eager_chunks(func, items, chunksize)))
        return job

    def _check_running(self) -> None:
        if self._state != RUN:
            raise PoolClosed("Pool not running")

    # -- beyond the stock pool

    def resize(self, size: int) -> None:
        """Have ``size`` workers: more at once, fewer as they finish their jobs.

        Raises:
            ValueError: ``size`` is below 1 (to stop the feeding, use :meth:`pause`).
            PoolClosed: The pool has ended.
        """
        if size < 1:
            raise ValueError("Number of processes must be at least 1; pause() stops the feeding")
        self._dispatcher.mailbox.ask(acts.resize, self._dispatcher, size)

    def pause(self) -> None:
        """Start no more tasks until :meth:`resume`; what runs goes on."""
        self._dispatcher.mailbox.ask(acts.hold, self._dispatcher, True)

    def resume(self) -> None:
        """Start tasks again."""
        self._dispatcher.mailbox.ask(acts.hold, self._dispatcher, False)

    def cancel(self, job_id: int) -> bool:
        """Take a job out of the queue; if it runs, raise KeyboardInterrupt inside it.

        Returns:
            False if it had ended already.

        Raises:
            UnknownJob: There is no such job.
            PoolClosed: The pool has ended.
        """
        return self._dispatcher.mailbox.ask(acts.cancel, self._dispatcher, job_id)

    def withdraw(self, job_ids: Iterable[int]) -> list[int]:
        """Cancel those of the jobs that no worker has begun, and leave the others alone; unknown ids too.

        Returns:
            The ids of those that were cancelled: they never run.
        """
        withdrawn: list[int] = []
        wanted = list(job_ids)
        with contextlib.suppress(PoolClosed):
            for _ in range(acts.RECALLS):
                found, wanted = self._dispatcher.mailbox.ask(acts.withdraw, self._dispatcher, wanted)
                withdrawn += found
                if not wanted:
                    break
                time.sleep(acts.LOOK)
        return withdrawn

    def kill(self, job_id: int, *, grace: float = 0.0) -> bool:
        """Kill the worker that runs a job, and with it the job and what it has started. The worker is replaced.

        Args:
            job_id: The job; one that waits is cancelled.
            grace: Seconds that it is given to clean up: SIGINT at once, SIGTERM after half of them, then SIGKILL.

        Returns:
            False if it had ended already.

        Raises:
            UnknownJob: There is no such job.
            PoolClosed: The pool has ended.
        """
        return self._dispatcher.mailbox.ask(acts.kill, self._dispatcher, job_id, grace)

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
        job, tasks = old._again(self)
        job.attempt, job.retry_of = old.attempt + 1, old.id
        self.log(f"job {old.id} is retried as job {job.id}", job_id=job.id)
        if isinstance(job, Job):
            self._dispatcher.submit(job)
            return job
        for position, task in enumerate(tasks):
            # Each is a segment of its own: their places in the input need not follow one another.
            place = task.position if isinstance(job, MapJob) else position
            self._dispatcher.submit_segment(Segment(job, place, task.func, list(task.args)))
        return job

    def snapshot(self) -> PoolSnapshot:
        """The picture of the pool now. CPU and memory are left out: a monitor adds them."""
        submitted = self._dispatcher.next_id() - 1
        return picture.take(self._dispatcher, self.name, str(self._ctx.get_start_method()), self._started, submitted)

    def log(self, text: str, *, kind: str = "event", level: str = "info", job_id: int | None = None) -> None:
        """Add a line to the pool's log. Any thread may."""
        self._dispatcher.ledger.log(text, kind=kind, level=level, job_id=job_id)

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have ``listener`` called when a worker starts or dies, a job ends badly, or the pool changes its state.

        A thread of the pool calls it: it must not block. Returns what ends the subscription.
        """
        dispatcher = self._dispatcher
        dispatcher.listeners += (listener,)

        def unsubscribe() -> None:
            dispatcher.listeners = tuple(other for other in dispatcher.listeners if other is not listener)

        return unsubscribe

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
