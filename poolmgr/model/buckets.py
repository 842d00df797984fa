"""The history of a pool as slices of time: what each worker did in it, in rings of 0.25 s, 1 s, 10 s and 60 s.

Pictures only, which never change; ``recording.py`` makes them.  A slice in which nothing happened has no bucket, so an
idle worker costs nothing.  Size does not grow with the number of tasks, and at most :data:`FUNCTIONS` functions are
told apart.

Times are CLOCK_MONOTONIC in ns, as workers tell them; ``number * width`` is when a bucket begins.
Pure: reads no clock.  For any thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

SECOND = 1_000_000_000
#: Width of a bucket of each ring, in ns, and how many of them are kept: a minute, 5 minutes, half an hour, 6 hours.
WIDTHS = (SECOND // 4, SECOND, 10 * SECOND, 60 * SECOND)
KEPT = (240, 300, 180, 360)
FINE, SECONDS, TENS, MINUTES = range(4)
#: Buckets of the ring below that one of each ring is made of.
FACTORS = (1, 4, 10, 6)
#: Functions told apart, ``other`` included: one for each letter of the alphabet.
FUNCTIONS = 26
#: The function of a number that was given to no function.
OTHER = 0
#: No gauge was read, or no task ended.
NONE = -1
#: Parts of a slice in which the edge between two tasks is placed: as many as a cell of a terminal has.
EDGES = 8


class Bucket(NamedTuple):
    """What one worker did in one slice of time. All integers."""

    number: int
    #: Pairs of a function's number and the ns it ran, the longest first.
    busy: tuple[tuple[int, int], ...] = ()
    #: Tasks that ended well, and that raised.
    done: int = 0
    failed: int = 0
    #: Tasks that were killed, and that were lost with their worker.
    killed: int = 0
    lost: int = 0
    #: Workers that died unasked, and that were started in the place of another.
    died: int = 0
    restarted: int = 0
    #: ns within ``busy`` that went into pickling and unpickling, and outside of it that the owner pickled for it.
    serialise: int = 0
    encode: int = 0
    #: ns from the start of a process until it was ready.
    start: int = 0
    #: ns in which tasks waited for a worker; of the pool only.
    queued: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    #: Tenths of a percent of one core, and resident bytes; NONE if they were not read.
    cpu: int = NONE
    rss: int = NONE
    #: Times that the worker gave up its core, and that it was taken from it.
    voluntary: int = 0
    involuntary: int = 0
    #: Where the last task that ended did so, in eighths of the slice, and which function ran before and after.
    edge: int = NONE
    before: int = NONE
    after: int = NONE

    @property
    def busy_ns(self) -> int:
        """ns that any function ran."""
        return sum(ns for _, ns in self.busy)

    @property
    def function(self) -> int | None:
        """The number of the function that ran longest, None if none did."""
        return self.busy[0][0] if self.busy else None

    def plain(self) -> list[int]:
        """As a list of integers."""
        return [self.number, *self[2:], *(value for pair in self.busy for value in pair)]

    @classmethod
    def from_plain(cls, values: Sequence[int]) -> Bucket:
        """What :meth:`plain` was made from."""
        pairs = values[_PLAIN:]
        return cls(values[0], tuple(zip(pairs[::2], pairs[1::2], strict=True)), *values[1:_PLAIN])


_PLAIN = len(Bucket._fields) - 1
#: The fields that are summed: all from ``done`` to the one before ``cpu``, and the switches.
_FIRST, _CPU, _RSS, _SWITCHES, _EDGE = (
    Bucket._fields.index(name) for name in ("done", "cpu", "rss", "voluntary", "edge")
)


def merge(number: int, buckets: Iterable[Bucket], *, side_by_side: bool = False) -> Bucket:
    """One bucket of several.

    Args:
        number: Its number.
        buckets: One after the other, or all of the same slice.
        side_by_side: True if they are of several workers: then CPU and memory add up, else CPU is the mean and memory
            the newest.
    """
    known = list(buckets)
    if not known:
        return Bucket(number)
    if len(known) == 1:
        return known[0]._replace(number=number, edge=NONE, before=NONE, after=NONE)
    # By columns: this is what drawing a history costs.
    columns = list(zip(*known, strict=True))
    busy: dict[int, int] = {}
    for pairs in columns[1]:
        for function, ns in pairs:
            busy[function] = busy.get(function, 0) + ns
    cpus = [cpu for cpu in columns[_CPU] if cpu != NONE]
    memory = [rss for rss in columns[_RSS] if rss != NONE]
    cpu = NONE if not cpus else sum(cpus) if side_by_side else sum(cpus) // len(cpus)
    rss = NONE if not memory else sum(memory) if side_by_side else memory[-1]
    sums = map(sum, columns[_FIRST:_CPU])
    switches = map(sum, columns[_SWITCHES:_EDGE])
    return Bucket._make((number, longest_first(busy), *sums, cpu, rss, *switches, NONE, NONE, NONE))


def without_gaps(gauges: Iterable[int]) -> list[int]:
    """What was read, from the first on that is known; where none was, the one before holds."""
    found: list[int] = []
    for value in gauges:
        if value != NONE or found:
            found.append(found[-1] if value == NONE else value)
    return found


def longest_first(busy: dict[int, int]) -> tuple[tuple[int, int], ...]:
    if len(busy) < 2:
        return tuple(busy.items())
    return tuple(sorted(busy.items(), key=lambda pair: (-pair[1], pair[0])))


class Track(NamedTuple):
    """The rings of one worker, or of the pool, at one moment: complete buckets by ring, then those still open."""

    rings: tuple[tuple[Bucket, ...], ...] = ((), (), (), ())
    open: tuple[Bucket, ...] = ()

    def ring(self, ring: int) -> tuple[Bucket, ...]:
        """All buckets of a ring in order, the newest made of what there is of it so far; none for idle slices."""
        if ring == FINE:
            return self.rings[FINE] + self.open
        complete = self.rings[ring]
        last = complete[-1].number if complete else NONE
        factor = FACTORS[ring]
        groups: dict[int, list[Bucket]] = {}
        for bucket in reversed(self.ring(ring - 1)):
            number = bucket.number // factor
            if number <= last:
                break
            groups.setdefault(number, []).append(bucket)
        return complete + tuple(merge(number, reversed(groups[number])) for number in sorted(groups))

    def cells(self, ring: int, last: int, size: int) -> tuple[Bucket | None, ...]:
        """``size`` slices up to the one numbered ``last``, None for those in which nothing happened."""
        cells: list[Bucket | None] = [None] * size
        first = last - size + 1
        for bucket in reversed(self.ring(ring)):
            if bucket.number < first:
                break
            if bucket.number <= last:
                cells[bucket.number - first] = bucket
        return tuple(cells)

    def cut(self, now: int) -> Track:
        """As it was at ``now``."""
        rings = tuple(
            tuple(bucket for bucket in ring if (bucket.number + 1) * width <= now)
            for ring, width in zip(self.rings, WIDTHS, strict=True)
        )
        return Track(rings, tuple(bucket for bucket in self.open if bucket.number * WIDTHS[FINE] < now))


@dataclass(frozen=True)
class History:
    """The whole history of a pool at one moment. It never changes, and may be kept."""

    #: The moment, CLOCK_MONOTONIC in ns.
    now: int = 0
    #: Seconds to add to CLOCK_MONOTONIC to get seconds since the epoch.
    epoch: float = 0.0
    #: The names of functions by their numbers.
    names: tuple[str, ...] = ("other",)
    #: The rings by worker slot.
    tracks: Mapping[int, Track] = field(default_factory=dict)
    #: What is the pool's and no worker's: for how long tasks waited.
    pool: Track = field(default_factory=Track)
    #: Slices of 0.25 s with lower numbers are complete: what a viewer has seen when it has seen this picture.
    until: int = 0
    #: When recording began.
    begun: int = 0

    @property
    def seconds(self) -> float:
        """For how long it has been recorded."""
        return (self.now - self.begun) / SECOND

    def number(self, ring: int = FINE) -> int:
        """The number of the slice that ``now`` is in."""
        return self.now // WIDTHS[ring]

    def time_of(self, number: int, ring: int = FINE) -> float:
        """When a slice begins, in seconds since the epoch."""
        return number * WIDTHS[ring] / SECOND + self.epoch

    def at(self, time: float) -> History:
        """The picture as it was at ``time`` (seconds since the epoch); what had left the rings by now is not in it."""
        now = min(self.now, int((time - self.epoch) * SECOND))
        tracks = {slot: track.cut(now) for slot, track in self.tracks.items()}
        return History(now, self.epoch, self.names, tracks, self.pool.cut(now), self.until, self.begun)

    @cached_property
    def _sums(self) -> dict[int, tuple[Bucket, ...]]:
        return {}

    def sums(self, ring: int = FINE) -> tuple[Bucket, ...]:
        """The ring of all workers together, CPU and memory added up. Made when first asked for."""
        if ring not in self._sums:
            groups: dict[int, list[Bucket]] = {}
            for track in (*self.tracks.values(), self.pool):
                for bucket in track.ring(ring):
                    groups.setdefault(bucket.number, []).append(bucket)
            self._sums[ring] = tuple(merge(number, groups[number], side_by_side=True) for number in sorted(groups))
        return self._sums[ring]

    def first(self, seconds: float) -> int:
        """The number of the first slice of 0.25 s that lies whole within the last ``seconds``."""
        return -(-(self.now - int(seconds * SECOND)) // WIDTHS[FINE])

    def over(self, seconds: float, slot: int | None = None) -> Bucket:
        """What happened in the last ``seconds`` (at most a minute), all workers' together or one's."""
        if slot is not None:
            return merge(self.number(), self.recent(seconds, slot))
        parts = [self.over(seconds, each) for each in self.tracks]
        parts.append(merge(self.number(), self._recent(self.pool, seconds)))
        return merge(self.number(), parts, side_by_side=True)

    def recent(self, seconds: float, slot: int) -> tuple[Bucket, ...]:
        """The slices of 0.25 s of the last ``seconds`` of a worker, oldest first."""
        return self._recent(self.tracks.get(slot, Track()), seconds)

    def _recent(self, track: Track, seconds: float) -> tuple[Bucket, ...]:
        first = self.first(seconds)
        return tuple([bucket for bucket in track.ring(FINE) if bucket.number >= first])
