"""Where the time of workers goes: work, pickling, waiting, starting, idling. Pure arithmetic on the history.

    work       a task's own code ran
    serialise  pickles were made and read: in the worker, or by the owner for a worker that had nothing to do meanwhile
    wait       the worker had nothing to do while tasks waited in the queue: the hand-over is what it waited for
    start      a process was on its way from its start to its first task, the initializer included
    idle       the worker had nothing to do, and nobody had anything for it

What is left of a slice of time after work, pickling and starting is waiting for as long as tasks were queued in that
slice, and idling for the rest.  The queue is looked at once a frame, so that split is as fine as a frame.
"""

from __future__ import annotations

from dataclasses import dataclass

from poolmgr.model.buckets import FINE, WIDTHS, Bucket, History, Track

#: Seconds that the shares are taken over.
RECENT = 10.0


@dataclass(frozen=True, slots=True)
class Times:
    """Shares of time in percent, which sum to 100."""

    work: float = 0.0
    serialise: float = 0.0
    wait: float = 0.0
    start: float = 0.0
    idle: float = 100.0


class Spent:
    """Sums of the five, in ns."""

    __slots__ = ("idle", "serialise", "start", "wait", "work")

    def __init__(self) -> None:
        self.work = self.serialise = self.wait = self.start = self.idle = 0

    @property
    def whole(self) -> int:
        """All of the time."""
        return self.work + self.serialise + self.wait + self.start + self.idle

    def add(self, bucket: Bucket | None, length: int, queued: int) -> None:
        """Add a slice of a worker.

        Args:
            bucket: What it did; None if nothing.
            length: ns that the slice is long.
            queued: ns of it in which tasks waited.
        """
        rest = length
        if bucket is not None:
            busy = bucket.busy_ns
            # What is booked a moment late may not fit; the slice is then as long as what was done in it.
            rest = max(0, length - busy - bucket.start)
            inside = min(bucket.serialise, busy)
            outside = min(bucket.encode, rest)
            self.work += busy - inside
            self.serialise += inside + outside
            self.start += bucket.start
            rest -= outside
        wait = rest * min(queued, length) // length if length else 0
        self.wait += wait
        self.idle += rest - wait

    def join(self, other: Spent) -> None:
        """Add those of another worker."""
        self.work += other.work
        self.serialise += other.serialise
        self.wait += other.wait
        self.start += other.start
        self.idle += other.idle

    def times(self) -> Times:
        """As percents."""
        whole = self.whole
        if whole == 0:
            return Times()
        work, serialise, wait, start = (100.0 * ns / whole for ns in (self.work, self.serialise, self.wait, self.start))
        return Times(work, serialise, wait, start, max(0.0, 100.0 - work - serialise - wait - start))


def spent(history: History, seconds: float = RECENT) -> dict[int, Spent]:
    """The sums of each worker over the last ``seconds``, or since it came."""
    first, last, width = history.first(seconds), history.number(), WIDTHS[FINE]
    queued = [0 if cell is None else cell.queued for cell in history.pool.cells(FINE, last, last - first + 1)]
    sums: dict[int, Spent] = {}
    for slot, track in history.tracks.items():
        sums[slot] = mine = Spent()
        begin = max(first, _birth(track))
        for place, bucket in enumerate(track.cells(FINE, last, last - begin + 1), begin - first):
            number = first + place
            length = width if number < last else history.now - last * width
            mine.add(bucket, length, queued[place])
    return sums


def shares(history: History, seconds: float = RECENT) -> tuple[Times, dict[int, Times]]:
    """The shares of the pool and of each worker over the last ``seconds``, at most a minute."""
    sums = spent(history, seconds)
    pool = Spent()
    for mine in sums.values():
        pool.join(mine)
    return pool.times(), {slot: mine.times() for slot, mine in sums.items()}


def _birth(track: Track) -> int:
    """The first slice that is known of a worker: it came then, or before the ring reaches back."""
    known = track.rings[FINE] or track.open
    return known[0].number if known else 0
