"""Feeders: threads that read users' lazy iterables into the backlog.

Thread: "poolmgr-feeder", one for each iterable that is being read, since a ``next()`` that blocks must stop nothing
else.  It waits for the iterable, and for room when an ``imap`` has read far enough ahead.  It ends with its iterable,
with its job, or with the pool; one that a user's iterable blocks for ever is a daemon and ends with the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from poolmgr.engine.dispatcher import Dispatcher
from poolmgr.engine.job import MapJob, StreamJob, Task

#: Results of an ``imap`` that may be waiting or in work, when the caller names no ``buffersize``: enough that workers
#: never wait for the caller, little enough that an endless iterable does no harm.
READ_AHEAD = 1024

#: Iterables that run nobody's code when they are read, and so may be read by whoever submits them.
EAGER = (list, tuple, range, str, bytes, dict, set, frozenset)


class Feeder(threading.Thread):
    """Reads one iterable, one task after the other."""

    def __init__(
        self, dispatcher: Dispatcher, job: MapJob | StreamJob, func: Callable[..., Any], arguments: Iterable[Any]
    ) -> None:
        """Make the thread; ``func(x)`` becomes a task for each ``x`` of ``arguments``."""
        super().__init__(name="poolmgr-feeder", daemon=True)
        self._dispatcher = dispatcher
        self._job = job
        self._func = func
        self._arguments = arguments
        job.feeding = True
        dispatcher.count_feeder(1)

    def run(self) -> None:
        """Read to the end, and say so."""
        error: BaseException | None = None
        try:
            self._feed(iter(self._arguments))
        except BaseException as raised:  # user code: the iterable
            error = raised
        dispatcher, job = self._dispatcher, self._job
        del self._arguments
        dispatcher.mailbox.tell(lambda: dispatcher.accounts.fed(job, error))
        dispatcher.count_feeder(-1)

    def _feed(self, arguments: Iterator[Any]) -> None:
        dispatcher, job = self._dispatcher, self._job
        while self._wanted():
            if isinstance(job, StreamJob):
                job.wait_for_room(self._closing)
                if not self._wanted():
                    return
            try:
                x = next(arguments)
            except StopIteration:
                return
            task = Task(job, job.read, self._func, (x,), {})
            job.read += 1
            job.tasks = max(job.tasks, job.read)
            dispatcher.submit([task])
            # Not kept while the next one is waited for.
            del task, x

    def _wanted(self) -> bool:
        return self._job.feeding and not self._dispatcher.terminating and not self._dispatcher.ended

    def _closing(self) -> bool:
        return self._dispatcher.closing or not self._wanted()


class LazyChunks:
    """Chunks of an iterable that nobody reads before the feeder does."""

    def __init__(
        self, chunks: Callable[..., Iterator[Any]], func: Callable[..., Any], iterable: Iterable[Any], size: int
    ) -> None:
        self._arguments = (func, iterable, size)
        self._chunks = chunks

    def __iter__(self) -> Iterator[Any]:
        return self._chunks(*self._arguments)
