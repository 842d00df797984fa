"""How long the tasks of a function take: a histogram on a log scale, bounded however many tasks there were.

Each power of two of nanoseconds has :data:`STEPS` bins of equal width, so a bin's middle is off by at most
1 / (2 * STEPS), about 3 %, of any duration in it.  Durations below STEPS ns have a bin each, and are exact.  Count, sum
and longest are exact always.

Pure; one thread writes a :class:`Histogram`, and hands out :class:`Distribution`, which never changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

#: Bins for each power of two; a power of two itself.  16 make at most 3.2 % of error; a function whose tasks take from
#: 1 to 100 ms then has about 110 of them.
STEPS = 16
_BITS = STEPS.bit_length() - 1
#: The longest that is told apart: 2 ** 50 ns are 13 days.  What is longer shares the last bin.
LONGEST = (1 << 50) - 1
#: How far a quantile is from a duration that was measured, at most, as a part of it.
ERROR = 1 / (2 * STEPS)


def bin_of(ns: int) -> int:
    """The number of the bin that a duration is in."""
    ns = min(max(ns, 0), LONGEST)
    if ns < STEPS:
        return ns
    shift = ns.bit_length() - 1 - _BITS
    return (shift << _BITS) + (ns >> shift)


def bounds(number: int) -> tuple[int, int]:
    """The shortest duration of a bin, and the shortest that is longer than all in it."""
    if number < STEPS:
        return number, number + 1
    shift = (number >> _BITS) - 1
    low = (number - (shift << _BITS)) << shift
    return low, low + (1 << shift)


#: One more than the highest number of a bin: no histogram has more bins than this.
BINS = bin_of(LONGEST) + 1


class Distribution(NamedTuple):
    """How long tasks took, at one moment. Durations are in ns."""

    tasks: int = 0
    total: int = 0
    longest: int = 0
    #: The bins that have something in them, in ascending order, and how many.
    bins: tuple[tuple[int, int], ...] = ()

    @property
    def mean(self) -> float:
        """Mean ns of a task, 0 without any."""
        return self.total / self.tasks if self.tasks else 0.0

    def quantile(self, share: float) -> float:
        """The duration in ns that ``share`` (0 to 1) of the tasks did not exceed, off by :data:`ERROR` at most."""
        rank = max(1, _ceil(share * self.tasks))
        for number, count in self.bins:
            rank -= count
            if rank <= 0:
                low, high = bounds(number)
                return min((low + high - 1) / 2, self.longest)
        return float(self.longest)

    def below(self, ns: float) -> float:
        """The share (0 to 1) of the tasks that were shorter: 0.71 says that 71 % of them were."""
        below = 0.0
        for number, count in self.bins:
            low, high = bounds(number)
            if high <= ns:
                below += count
            elif low < ns:
                below += count * (ns - low) / (high - low)
        return below / self.tasks if self.tasks else 0.0

    def columns(self, edges: Sequence[float]) -> tuple[float, ...]:
        """How many tasks lie between each two of ``edges`` (ns, ascending); the ends take what is beyond them."""
        heights = [0.0] * (len(edges) - 1)
        place = 0
        for number, count in self.bins:
            low, high = bounds(number)
            middle = (low + high - 1) / 2
            while place < len(heights) - 1 and middle >= edges[place + 1]:
                place += 1
            heights[place] += count
        return tuple(heights)

    def plain(self) -> list[int]:
        """As a list of integers: tasks, total, longest, then number and count of each bin."""
        return [self.tasks, self.total, self.longest, *(value for pair in self.bins for value in pair)]

    @classmethod
    def from_plain(cls, values: Sequence[int]) -> Distribution:
        """What :meth:`plain` was made from."""
        pairs = values[3:]
        return cls(values[0], values[1], values[2], tuple(zip(pairs[::2], pairs[1::2], strict=True)))


class Histogram:
    """Takes durations, many at a time."""

    __slots__ = ("_bins", "_count", "_longest", "_picture", "_total")

    def __init__(self) -> None:
        self._bins: dict[int, int] = {}
        self._count = self._total = self._longest = 0
        self._picture: Distribution | None = Distribution()

    def add(self, durations: Iterable[int], *, count: int, total: int) -> None:
        """Add ``count`` tasks that took ``total`` ns together.

        Args:
            durations: Of all of them, or of some that stand for the others in equal parts.
            count: How many they are; without any of the durations they have all taken the mean.
            total: Their sum.
        """
        if count <= 0:
            return
        known = list(durations) or [total // count]
        each, rest = divmod(count, len(known))
        bins = self._bins
        for place, duration in enumerate(known):
            number = bin_of(duration)
            bins[number] = bins.get(number, 0) + each + (place < rest)
        self._count += count
        self._total += total
        self._longest = max(self._longest, *known)
        self._picture = None

    def merge(self, other: Distribution) -> None:
        """Add all tasks of another histogram."""
        for number, count in other.bins:
            self._bins[number] = self._bins.get(number, 0) + count
        self._count += other.tasks
        self._total += other.total
        self._longest = max(self._longest, other.longest)
        self._picture = None

    def picture(self) -> Distribution:
        """What is in it now; the same object as long as nothing is added."""
        if self._picture is None:
            bins = tuple(sorted((number, count) for number, count in self._bins.items() if count))
            self._picture = Distribution(self._count, self._total, self._longest, bins)
        return self._picture


def merged(distributions: Iterable[Distribution]) -> Distribution:
    """All tasks of several histograms in one."""
    whole = Histogram()
    for distribution in distributions:
        whole.merge(distribution)
    return whole.picture()


def _ceil(value: float) -> int:
    # A share such as 0.95 of 100 is 95.00000000000001 at times, which is not the 96th.
    return -int(-(value - 1e-9) // 1)
