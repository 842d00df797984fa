"""How fast a pool goes, and for how long still: pure arithmetic on counts and times that are handed in.

Thread: the collector's alone.  Reads no clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from poolmgr.model.snapshot import Counts, JobSnapshot

#: Seconds that a rate looks back.  A shorter time makes the ETA jump with each long job, a longer one hides a stall.
WINDOW = 10.0
#: Seconds between two points that are kept; a rate over less is noise.
STEP = 0.2


class Rate:
    """Growth of a counter by the second, over the last :data:`WINDOW` seconds."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, float]] = deque()

    def feed(self, now: float, total: float) -> float:
        """Note the counter's value, and return the rate; 0 until two points are :data:`STEP` apart."""
        points = self._points
        # The point just outside the window stays: it is the one to count from.
        while len(points) > 1 and now - points[1][0] >= WINDOW:
            points.popleft()
        if not points or now - points[-1][0] >= STEP:
            points.append((now, total))
        begun, first = points[0]
        if now - begun < STEP:
            return 0.0
        return max(0.0, (total - first) / (now - begun))


class Seconds:
    """Says how many full seconds have gone by, so that a history gets one value for each."""

    def __init__(self) -> None:
        self._edge: float | None = None

    def passed(self, now: float) -> int:
        """Full seconds since the last call that returned more than 0; the first call starts the count."""
        if self._edge is None:
            self._edge = now
        whole = int(now - self._edge)
        self._edge += whole
        return whole


def remaining_seconds(counts: Counts, jobs: Iterable[JobSnapshot], rate: float, *, coming: int = 0) -> float | None:
    """Seconds until the last job is done at ``rate`` tasks a second; None if nobody can say.

    A map counts with the tasks it has left, a job that the snapshot does not show, or that is still ``coming``, as one.
    """
    pending = counts.queued + counts.running
    if pending + coming == 0:
        return 0.0
    if rate <= 0:
        return None
    shown = [job for job in jobs if not job.state.ended]
    tasks = sum(max(1, job.tasks - job.tasks_done) for job in shown) + max(0, pending - len(shown))
    return (tasks + coming) / rate
