"""Whether callers may send jobs to idle workers themselves (``inline.py``): while the dispatcher looks again soon.

Thread: the dispatcher, under the feed lock, once a turn.

A job that a caller sent may lie with a worker that is stopped, or whose interpreter is held by a thread that an earlier
job left behind.  A caller that waits in ``get()`` notices; one that only asks ``ready()``, or comes much later, does
not, and the dispatcher naps.  So it naps for SOON seconds at the most while callers may send:

    a turn for whatever reason                                 ->  they may, and it looks again in SOON seconds
    it looks: some sent meanwhile, or a worker has something   ->  the same
              nothing of the kind                              ->  they may not, and it sleeps: an idle pool never wakes
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
        self._since = 0.0
        #: When to look at what they have sent (CLOCK_MONOTONIC, s), None if they may send nothing.
        self.due: float | None = None

    def plan(self, handles: list[Handle], now: float) -> None:
        """Decide, after workers were fed."""
        looked = self.due is not None and now >= self.due
        self._feeding.callers_may = not looked or any(map(self._used, handles))
        self.due = now + SOON if self._feeding.callers_may else None
        self._since = now

    def _used(self, handle: Handle) -> bool:
        return bool(handle.inflight) or handle.inline_at > self._since * 1e9
