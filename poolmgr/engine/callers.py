"""Whether callers may send jobs to idle workers themselves (``inline.py``): while the dispatcher looks again soon.

Thread: the dispatcher, under the feed lock, once a turn.

A job that a caller sent may lie with a worker that is stopped, or whose interpreter is held by a thread that an earlier
job left behind; so may a result that is not announced yet.  Who leads, or waits for or asks after a job that it may
lead, rings the dispatcher.  Nobody does if all leave the job alone, nor if what it prints is captured, for then there
is no leader.  So the dispatcher naps for SOON seconds at the most while callers may send:

    a turn for whatever reason               ->  they may, and it looks again in SOON seconds
    it looks: a worker has something         ->  the same
              no worker has anything         ->  they may not, and it sleeps: an idle pool never wakes
"""

from __future__ import annotations

from poolmgr.engine.feeding import Feeding
from poolmgr.engine.handle import Handle

#: Seconds.  Less wakes the dispatcher more often beneath callers that send one job after the other, more leaves a job
#: longer with a worker that does not begin it.
SOON = 0.25


class Callers:
    """Decides for the nap that follows."""

    def __init__(self, feeding: Feeding) -> None:
        self._feeding = feeding
        #: When to look at what they have sent (CLOCK_MONOTONIC, s), None if they may send nothing.
        self.due: float | None = None

    def plan(self, handles: list[Handle], now: float) -> None:
        """Decide, after workers were fed."""
        looked = self.due is not None and now >= self.due
        self._feeding.callers_may = not looked or not all(handle.empty for handle in handles)
        self.due = now + SOON if self._feeding.callers_may else None
