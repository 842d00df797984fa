"""A picture as the rules of the verdict look at it, and the words that they use.

Pure; for any thread.
"""

from __future__ import annotations

from functools import cached_property

from poolmgr.model.buckets import FINE, NONE, SECOND, SECONDS, Bucket, History, merge
from poolmgr.model.snapshot import PoolSnapshot, WorkerSnapshot
from poolmgr.model.times import RECENT, Times

#: Seconds that a pool must have been watched before anything is said of its speed: before, it is all start-up.
SETTLED = 3.0
#: Seconds over which rare things are counted.
LONG = 60
#: Slices of 0.25 s in which the queue must have been empty to be called so.
LOOKS = 4

#: A worker that runs tasks for more than this share of the time is busy.  Percent.
BUSY = 50.0
#: Percent of a core below which a busy worker mostly waits.
WAITS = 20.0


class View:
    """A picture, and what several rules ask of it, worked out once."""

    def __init__(self, snapshot: PoolSnapshot, history: History) -> None:
        self.snapshot = snapshot
        self.history = history
        self.functions = {function.name: function for function in snapshot.functions}
        self.times = snapshot.times or Times()
        self.span = max(0.001, min(RECENT, history.seconds))

    @cached_property
    def ten(self) -> dict[int, Bucket]:
        """The last ten seconds, by worker."""
        return {slot: self.history.over(RECENT, slot) for slot in self.history.tracks}

    @cached_property
    def recent(self) -> Bucket:
        """The last ten seconds of the pool."""
        return merge(0, self.ten.values(), side_by_side=True)

    @cached_property
    def minutes(self) -> dict[int, tuple[Bucket, ...]]:
        """The last minute, second by second, by worker."""
        first = self.history.now // SECOND - LONG
        return {
            slot: tuple([bucket for bucket in track.ring(SECONDS) if bucket.number > first])
            for slot, track in self.history.tracks.items()
        }

    @cached_property
    def minute(self) -> Bucket:
        """The last minute of the pool."""
        return merge(0, [merge(0, seconds) for seconds in self.minutes.values()], side_by_side=True)

    @property
    def ended(self) -> int:
        """Tasks that ended in the last ten seconds."""
        return self.recent.done + self.recent.failed

    @property
    def rate(self) -> float:
        """Tasks that ended a second."""
        return self.ended / self.span

    @cached_property
    def queued(self) -> bool:
        """Whether tasks wait for a worker; also those of a map, which is one job that runs."""
        newest = self.history.pool.cells(FINE, self.history.number(), LOOKS)
        return any(bucket is not None and bucket.queued for bucket in newest)

    @cached_property
    def busy(self) -> tuple[WorkerSnapshot, ...]:
        """The workers that ran tasks for most of the last ten seconds."""
        return tuple(
            [
                worker
                for worker in self.snapshot.workers
                if worker.times is not None and worker.times.work + worker.times.serialise >= BUSY
            ]
        )

    def cpu(self, worker: WorkerSnapshot) -> float | None:
        """Percent of a core that a worker used over the last ten seconds."""
        bucket = self.ten.get(worker.slot)
        return None if bucket is None or bucket.cpu == NONE else bucket.cpu / 10


def short_name(function: str) -> str:
    """The function without its module."""
    return function.rpartition(".")[2] or function


def one_line(text: str) -> str:
    """First and last line of a text: what a traceback is about."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > 1:
        return f"{lines[0][:60]}: {lines[-1][:80]}"
    return text.strip()[:120]


def in_seconds(value: float) -> str:
    """A duration in short: ``41.0s``."""
    for limit, factor, unit in ((1e-6, 1e9, "ns"), (1e-3, 1e6, "us"), (1.0, 1e3, "ms")):
        if value < limit:
            return f"{value * factor:.3g}{unit}"
    if value < 100:
        return f"{value:.1f}s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:,.0f} h"
