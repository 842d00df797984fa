"""Streams: the iterators that ``imap`` and ``imap_unordered`` return, with a bound on reading ahead.

Results come in bulk from whoever takes them out of a worker's ring; the caller takes them out one by one, and needs the
lock only to wait.  A caller is a thread or a coroutine; that waits on its loop, where whoever brings results wakes it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from multiprocessing import TimeoutError
from multiprocessing.pool import IMapIterator, IMapUnorderedIterator
from typing import TYPE_CHECKING, Any

from poolmgr.engine.job import Job, ManyTasks, Task
from poolmgr.engine.waiting import on_this_loop

if TYPE_CHECKING:
    from poolmgr.engine.pool import Pool


#: Results that a coroutine takes in a row before others on its loop have their turn.
IN_A_ROW = 64


class _Failure:
    """An error among the results of a stream."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


class StreamJob(ManyTasks, IMapIterator):  # type: ignore[type-arg]
    """The iterator of ``imap``: results in the order of the input, and a bound on reading ahead."""

    def __init__(self, pool: Pool, func: Callable[..., Any], buffersize: int) -> None:
        self._cond = threading.Condition(threading.Lock())
        #: Results that are due, errors as ``_Failure``.  Appended under ``_cond``, taken out by callers without it.
        self._items: deque[Any] = deque()
        #: Results that have been due so far, taken out or not.
        self._index = 0
        self._length: int | None = None
        self._unsorted: dict[int, Any] = {}
        #: Tasks that may be read and not yet taken out by the caller.
        self._buffersize = buffersize
        #: The feeder waits until no more results than this are to be taken out; -1 if it does not, or was told.
        self._low = -1
        #: What wakes the coroutines that wait.  Changed under ``_cond``.
        self._watchers: list[Callable[[], None]] = []
        #: Results that coroutines have taken since one last waited.
        self._in_a_row = 0
        self._open(pool, func, 0, "lazy items")

    __repr__ = Job.__repr__

    @property
    def room(self) -> int:
        """Tasks that may be read now."""
        return self._buffersize - self.read + self._index - len(self._items)

    def wait_for_room(self, closing: Callable[[], bool]) -> None:
        """Block the feeder until it may read on. A closing pool reads all: nobody might take results before the end."""
        with self._cond:
            # Half the buffer, so that it is woken once for many items.
            wanted = max(1, self._buffersize // 2) if self.room <= 0 else 1
            self._cond.wait_for(lambda: self._has_room(wanted) or not self.feeding or closing())
            self._low = -1

    def _has_room(self, wanted: int) -> bool:
        # Written first, then looked: a caller that takes one out sees the one, or is seen by the other.
        self._low = self._buffersize - self.read + self._index - wanted
        return len(self._items) <= self._low

    def nudge(self) -> None:
        """Have a feeder that waits for room look again."""
        with self._cond:
            # Once is enough: not for each result that is taken out until it has woken.
            self._low = -1
            self._cond.notify_all()

    def next(self, timeout: float | None = None) -> Any:
        """The next result: StopIteration at the end, ``multiprocessing.TimeoutError`` when it is late."""
        try:
            item = self._items.popleft()
        except IndexError:
            item = self._wait(timeout)
        if self._low >= 0 and len(self._items) <= self._low:
            self.nudge()
        if type(item) is _Failure:
            raise item.error
        return item

    __next__ = next

    def __aiter__(self) -> StreamJob:
        return self

    async def __anext__(self) -> Any:
        """The next result, or the error of its item, as :meth:`next`; a wait that is cancelled loses none."""
        while True:
            self._in_a_row += 1
            if self._in_a_row > IN_A_ROW or not self._items:
                self._in_a_row = 0
                await self._arrival()
            try:
                # From here on nothing is waited for, so what is taken is returned.
                item = self._items.popleft()
                break
            except IndexError:
                continue  # Another caller has taken it.
        if self._low >= 0 and len(self._items) <= self._low:
            self.nudge()
        if type(item) is _Failure:
            raise item.error
        return item

    async def _arrival(self) -> None:
        """Give way to others, then wait until something is there; StopAsyncIteration if nothing will be."""
        future, watcher = on_this_loop()
        with self._cond:
            if self._items:
                watcher()
            elif self._over():
                self._pool = None
                raise StopAsyncIteration
            else:
                self._watchers.append(watcher)
        try:
            await future
        finally:
            with self._cond, contextlib.suppress(ValueError):
                self._watchers.remove(watcher)

    def _wait(self, timeout: float | None) -> Any:
        pool = self._pool
        if pool is not None and pool._completion.serves_me():
            pool._completion.help(self._due, timeout)
        end = None if timeout is None else time.monotonic() + timeout
        with self._cond:
            while True:
                try:
                    return self._items.popleft()
                except IndexError:
                    if self._over():
                        self._pool = None
                        raise StopIteration from None
                left = None if end is None else end - time.monotonic()
                if (left is not None and left <= 0) or not self._cond.wait(left):
                    if self._due():
                        continue
                    raise TimeoutError from None

    def _due(self) -> bool:
        return bool(self._items) or self._over()

    def _over(self) -> bool:
        return self._length is not None and self._index >= self._length

    def _set(self, i: int, obj: tuple[bool, Any]) -> None:
        success, value = obj
        self._set_many(i, [value if success else _Failure(value)])

    def _set_many(self, start: int, values: list[Any]) -> None:
        """Take the results of tasks ``start``, ``start`` + 1, ..."""
        with self._cond:
            self._place(start, values)
            self._settle()

    def _place(self, start: int, values: list[Any]) -> None:
        if start != self._index:
            self._unsorted.update(enumerate(values, start))
            return
        self._items.extend(values)
        self._index += len(values)
        while self._index in self._unsorted:
            self._items.append(self._unsorted.pop(self._index))
            self._index += 1

    def _set_length(self, length: int) -> None:
        with self._cond:
            self._length = length
            self._settle()

    def _abort(self, error: BaseException) -> None:
        with self._cond:
            self._items.append(_Failure(error))
            self._index += 1
            self._length = self._index
            self._settle()

    def _settle(self) -> None:
        self._cond.notify_all()
        while self._watchers:
            self._watchers.pop()()
        pool = self._pool
        if pool is not None and pool._completion.helping:
            pool._completion.look_again()
        if self._over():
            self._cache.pop(self._job, None)
            self._pool = None

    def _again(self, pool: Pool) -> tuple[StreamJob, list[Task]]:
        """A new stream of the tasks that have no result: this one has gone past them."""
        length = len(self.unfinished)
        job = StreamJob(pool, self.func, length)
        job.tasks = job.read = job._length = length
        job.items = f"{length} of {self.tasks} items"
        job.take_over(self.name, self.options)
        return job, [task._replace(job=job, position=i) for i, task in enumerate(self.unfinished)]


class UnorderedStreamJob(StreamJob, IMapUnorderedIterator):  # type: ignore[type-arg]
    """The iterator of ``imap_unordered``: results as they come."""

    def _place(self, start: int, values: list[Any]) -> None:
        self._items.extend(values)
        self._index += len(values)


class ChunkStream:
    """The iterator of ``imap`` and ``imap_unordered`` with a ``chunksize``: the results of the chunks, one by one.

    A chunk fails as a whole, with the error of its first item that failed; the next call goes on with the next chunk.

    Attributes:
        job: The job, whose tasks are the chunks.
    """

    def __init__(self, job: StreamJob) -> None:
        self.job = job
        self._results: deque[Any] = deque()

    def __iter__(self) -> ChunkStream:
        return self

    def next(self, timeout: float | None = None) -> Any:
        """The next result: StopIteration at the end, ``multiprocessing.TimeoutError`` when its chunk is late."""
        while True:
            try:
                return self._results.popleft()
            except IndexError:
                pass  # Outside of the handler: the error of a chunk has nothing to do with this.
            self._results.extend(self.job.next(timeout))

    __next__ = next

    def __aiter__(self) -> ChunkStream:
        return self

    async def __anext__(self) -> Any:
        """As :meth:`next`, in a coroutine."""
        while True:
            try:
                return self._results.popleft()
            except IndexError:
                pass  # Outside of the handler: the error of a chunk has nothing to do with this.
            self._results.extend(await self.job.__anext__())


Stream = StreamJob | ChunkStream
