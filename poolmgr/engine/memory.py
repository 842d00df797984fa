"""Memory: sees to it that no worker takes more than it may.

Thread: the dispatcher, under the feed lock.  Only a pool with a limit has one of these; it then looks twice a second at
the resident memory of each worker, as the kernel counts it.

    beyond max_rss, and at a task     the task is killed with its worker (see ``aim.py``)
    beyond max_rss, or recycle_rss    it is sent nothing more, and replaced when it has nothing to do
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from poolmgr.engine import aim
from poolmgr.engine.returns import Returns
from poolmgr.errors import MemoryLimitExceeded
from poolmgr.model.sizes import in_bytes, parse_size
from poolmgr.runtime.procfs import resident

if TYPE_CHECKING:
    from poolmgr.engine.drain import Drain
    from poolmgr.engine.feeding import Feeding
    from poolmgr.engine.handle import Handle
    from poolmgr.engine.ledger import Ledger

#: Seconds between two looks.  Shorter catches what grows fast, longer costs less; a look costs 15 us for each worker.
EVERY = 0.5


class Bounds(NamedTuple):
    """Bytes of resident memory that a worker may have; None is no bound."""

    #: Beyond this the job that runs is killed.
    max_rss: int | None = None
    #: Beyond this the worker is replaced after its jobs.
    recycle_rss: int | None = None


def bounds(max_rss: int | str | None, recycle_rss: int | str | None) -> Bounds:
    """The bounds as a user has given them.

    Raises:
        TypeError: One is neither an int nor a str.
        ValueError: One is no amount of memory, or a worker would be killed before it could be replaced.
    """
    most = None if max_rss is None else parse_size("max_rss", max_rss)
    recycled = None if recycle_rss is None else parse_size("recycle_rss", recycle_rss)
    if most is not None and recycled is not None and recycled >= most:
        raise ValueError(f"recycle_rss must be less than max_rss: {recycled:,} bytes are not less than {most:,}")
    return Bounds(most, recycled)


class Memory:
    """The memory of all workers of a pool."""

    def __init__(self, bounds: Bounds, feeding: Feeding, drain: Drain, returns: Returns, ledger: Ledger) -> None:
        self._bounds = bounds
        self._feeding = feeding
        self._drain = drain
        self._returns = returns
        self._ledger = ledger
        #: When the next look is due (CLOCK_MONOTONIC, s).
        self.due = 0.0

    def tick(self, handles: list[Handle], now: float) -> None:
        """Look at all workers, if it is time to."""
        if now < self.due:
            return
        looks = [self._look(handle, now) for handle in handles if handle.pid and handle.killed_for is None]
        self.due = now + min(looks, default=EVERY)

    def _look(self, handle: Handle, now: float) -> float:
        """See to one worker. Returns after how many seconds to look again."""
        rss, bounds = resident(handle.pid), self._bounds
        # One that has done nothing yet is as small as it gets: to replace it would help nobody.
        if rss is None or not handle.taken:
            return EVERY
        if bounds.max_rss is not None and rss > bounds.max_rss:
            self._replace(handle, rss)
            return self._kill(handle, rss, bounds.max_rss, now)
        if bounds.recycle_rss is not None and rss > bounds.recycle_rss:
            self._replace(handle, rss)
        return EVERY

    def _replace(self, handle: Handle, rss: int) -> None:
        if not handle.oversized:
            handle.oversized = True
            text = f"{handle.name} has {in_bytes(rss)} of memory: it is replaced once it has nothing to do"
            self._ledger.log(text, slot=handle.slot, pid=handle.pid)

    def _kill(self, handle: Handle, rss: int, limit: int, now: float) -> float:
        with handle.lock:
            self._drain.collect(handle)
        if handle.empty:
            # Its results are taken, so it need not ring for them: nobody else would notice that it is free.
            self._feeding.freed(handle)
        task = handle.current()
        if task is None or not handle.began:
            return EVERY
        fate = MemoryLimitExceeded(task.job.id, rss, limit, handle.pid)
        return EVERY if aim.shoot(handle, self._returns, task.job.id, fate, now) else aim.AGAIN
