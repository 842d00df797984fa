"""Watches: all that has to be looked at now and then while workers run.

Thread: the dispatcher, under the feed lock, once a turn; it sleeps no longer than until the first of them is due.

    returns      work that lies behind a slow task                          while any worker holds more than its task
    deadlines    time limits                                                while tasks that have some are with workers
    memory       the bounds of max_rss and recycle_rss                      in a pool that was given some
    callers      what callers have sent themselves                          while they may
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from poolmgr.engine.callers import Callers
from poolmgr.engine.returns import Returns

if TYPE_CHECKING:
    from poolmgr.engine.deadlines import Deadlines
    from poolmgr.engine.drain import Drain
    from poolmgr.engine.feeding import Feeding
    from poolmgr.engine.handle import Handle
    from poolmgr.engine.ledger import Ledger
    from poolmgr.engine.memory import Bounds, Memory


class Watches:
    """What is looked at, and when."""

    def __init__(self, feeding: Feeding, drain: Drain, ledger: Ledger, bounds: Bounds | None) -> None:
        self._feeding = feeding
        self._drain = drain
        self._lock = threading.RLock()
        self.returns = Returns(feeding, drain)
        self._callers = Callers(feeding)
        #: Made for the first job that has a time limit.
        self.deadlines: Deadlines | None = None
        self._memory: Memory | None = None
        if bounds is not None:
            from poolmgr.engine.memory import Memory

            self._memory = Memory(bounds, feeding, drain, self.returns, ledger)

    def heed_limits(self) -> None:
        """There are jobs that have a time limit, from now on. Any thread may say so."""
        if self._feeding.limited is None:
            from poolmgr.engine.deadlines import Deadlines

            with self._lock:
                self.deadlines = self.deadlines or Deadlines(self._feeding, self._drain, self.returns)
            self._feeding.limited = self.deadlines.sent

    @property
    def due(self) -> float | None:
        """When the next look is due (CLOCK_MONOTONIC, s), None if none is needed."""
        watches = (self.returns, self.deadlines, self._memory, self._callers)
        moments = (watch.due for watch in watches if watch is not None)
        return min((moment for moment in moments if moment is not None), default=None)

    def tick(self, handles: list[Handle], now: float) -> None:
        """Look at what is due, before workers are fed."""
        self.returns.tick(handles, now)
        if self.deadlines is not None:
            self.deadlines.tick(now)
        if self._memory is not None:
            self._memory.tick(handles, now)

    def plan(self, handles: list[Handle], now: float) -> None:
        """Decide when to look again, after workers were fed."""
        self.returns.plan(handles, now)
        self._callers.plan(handles, now)
