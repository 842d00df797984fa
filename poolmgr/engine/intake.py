"""Feeders: threads that read users' lazy iterables into the backlog.

Thread: "poolmgr-feeder", one for each iterable that is being read, since a ``next()`` that blocks must stop nothing
else.  It waits for the iterable, and for room when an ``imap`` has read far enough ahead.  It ends with its iterable,
with its job, or with the pool; one that a user's iterable blocks for ever is a daemon and ends with the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from poolmgr.engine.backlog import Source
from poolmgr.engine.dispatcher import Dispatcher
from poolmgr.engine.job import ManyTasks
from poolmgr.engine.stream import StreamJob
from poolmgr.errors import PoolTerminated

#: Iterables that run nobody's code when they are read, and so may be read by whoever submits them, and in bulk.
EAGER = (list, tuple, range, str, bytes, dict, set, frozenset)


#: Items of a map's iterable that are read before the dispatcher hears of them.
AT_ONCE = 1024


class Feeder(threading.Thread):
    """Reads one iterable, one item after the other."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        job: ManyTasks,
        func: Callable[..., Any],
        items: Iterable[Any],
    ) -> None:
        """Make the thread; ``func(x)`` becomes a task for each ``x`` of ``items``."""
        super().__init__(name="poolmgr-feeder", daemon=True)
        self._dispatcher = dispatcher
        self._job = job
        self._source = Source(job, func)
        self._items = items
        job.feeding = True
        dispatcher.count_feeder(1)

    def run(self) -> None:
        """Read to the end, and say so."""
        dispatcher, job = self._dispatcher, self._job
        error: BaseException | None = None
        bulk = type(self._items) in EAGER
        try:
            if not (self._feed_bulk if bulk else self._feed)(iter(self._items)):
                error = PoolTerminated(job.id, started=job.started is not None)
        except BaseException as raised:  # user code: the iterable
            error = raised
        del self._items
        dispatcher.mailbox.tell(lambda: dispatcher.accounts.fed(job, error))
        dispatcher.count_feeder(-1)
        if dispatcher.ended:
            # It ended before it knew of this job, maybe: nobody may wait for it.
            dispatcher.accounts.abandon(job)

    def _feed(self, items: Iterator[Any]) -> bool:
        """Read one by one. Returns whether the iterable came to its end."""
        job, source = self._job, self._source
        while self._room():
            try:
                x = next(items)
            except StopIteration:
                return True
            job.read += 1
            job.tasks = max(job.tasks, job.read)
            source.items.append(x)
            # Not kept while the next one is waited for.
            del x
            if not source.queued:
                self._offer()
        return False

    def _feed_bulk(self, items: Iterator[Any]) -> bool:
        """Read as many at a time as there is room for. Returns whether the iterable came to its end."""
        job, source = self._job, self._source
        while room := self._room():
            some = list(islice(items, room))
            if not some:
                return True
            job.read += len(some)
            job.tasks = max(job.tasks, job.read)
            source.items.extend(some)
            self._offer()
        return False

    def _offer(self) -> None:
        self._dispatcher.feeding.offer(self._source)
        self._dispatcher.mailbox.wake()

    def _room(self) -> int:
        """How many items may be read now, waiting until that is one at least; 0 if no more are wanted."""
        job = self._job
        if not self._wanted():
            return 0
        if not isinstance(job, StreamJob):
            return AT_ONCE
        if job.room <= 0:
            job.wait_for_room(self._closing)
            if not self._wanted():
                return 0
        return max(1, job.room)

    def _wanted(self) -> bool:
        return self._job.feeding and not self._dispatcher.terminating and not self._dispatcher.ended

    def _closing(self) -> bool:
        return self._dispatcher.closing or not self._wanted()


def eager_chunks(func: Callable[..., Any], items: Any, size: int) -> list[Any]:
    """What ``mapstar`` is called with for each chunk of something that is there already."""
    if type(items) is range:
        # A slice of a range is a range: three numbers travel in place of all of them.
        return [(func, items[i : i + size]) for i in range(0, len(items), size)]
    return list(LazyChunks(func, items, size))


class LazyChunks:
    """Chunks of an iterable that nobody reads before the feeder does."""

    def __init__(self, func: Callable[..., Any], iterable: Iterable[Any], size: int) -> None:
        self._func = func
        self._iterable = iterable
        self._size = size

    def __iter__(self) -> Iterator[Any]:
        items = iter(self._iterable)
        while chunk := tuple(islice(items, self._size)):
            yield self._func, chunk


def read_in_chunks(iterable: Iterable[Any], size: int) -> Iterable[Any]:
    """The items, of which so many are read before the first is given.

    An iterable that raises costs the chunk that it was in, as in the stock pool, also where items travel one by one.
    """
    if size == 1 or type(iterable) in EAGER:
        return iterable
    return _by_chunks(iterable, size)


def _by_chunks(iterable: Iterable[Any], size: int) -> Iterator[Any]:
    items = iter(iterable)
    while chunk := tuple(islice(items, size)):
        yield from chunk
