"""Writing the history of a pool: spans of work, times, marks and gauges become buckets (``buckets.py``).

    fed       many tasks at once, in any order within LAG slices of each other
    open      the newest slices of 0.25 s, which may still change
    complete  never changes again, and is shared by all pictures: a picture is a copy of references
    coarse    a second is made of the four quarters of it, ten seconds of ten, a minute of six

Pure: reads no clock.  One thread owns a :class:`Recording`; its pictures are for all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from poolmgr.model.buckets import (
    EDGES,
    FACTORS,
    FINE,
    FUNCTIONS,
    KEPT,
    MINUTES,
    NONE,
    OTHER,
    SECONDS,
    TENS,
    WIDTHS,
    Bucket,
    History,
    Track,
    longest_first,
    merge,
)

#: Slices of 0.25 s that stay open.  What a busy owner books late must still find its slice; more of them only make
#: pictures dearer.
LAG = 4


class _Open:
    """A slice of 0.25 s that is being filled."""

    __slots__ = ("busy", "frozen", "values")

    def __init__(self) -> None:
        self.busy: dict[int, int] = {}
        self.values: dict[str, int] = {}
        self.frozen: Bucket | None = None

    def add(self, **amounts: int) -> None:
        values = self.values
        for name, amount in amounts.items():
            if amount:
                values[name] = values.get(name, 0) + amount
        self.frozen = None

    def put(self, **values: int) -> None:
        self.values.update(values)
        self.frozen = None

    def run(self, function: int, ns: int) -> None:
        self.busy[function] = self.busy.get(function, 0) + ns
        self.frozen = None

    def freeze(self, number: int) -> Bucket:
        if self.frozen is None:
            self.frozen = Bucket(number, longest_first(self.busy), **self.values)
        return self.frozen


class Recorder:
    """Fills the rings of one worker, or of the pool."""

    def __init__(self, since: int) -> None:
        """Make it; what happened before ``since`` (ns) is left out."""
        self._since = since
        self._open: dict[int, _Open] = {}
        self._rings: tuple[deque[Bucket], ...] = tuple(deque(maxlen=kept) for kept in KEPT)
        #: For each coarse ring, the buckets of the one below that it has not been made of yet.
        self._parts: list[list[Bucket]] = [[], [], [], []]
        #: Slices with lower numbers are complete.
        self.until = since // WIDTHS[FINE]
        #: Times that a running task was fed for before it ended, and which are not to be counted again.
        self._fed: list[tuple[int, int]] = []
        self._pictures: list[tuple[Bucket, ...]] = [(), (), (), ()]
        self._changed = [False] * 4

    # -- feeding

    def run(
        self, begin: int, end: int, function: int, *, busy: int | None = None, done: int = 0, failed: int = 0,
        serialise: int = 0, bytes_in: int = 0, bytes_out: int = 0,
    ) -> None:  # fmt: skip
        """Tasks of one function ran, one after the other.

        Args:
            begin: When the first began.
            end: When the last ended.
            function: The function's number.
            busy: ns that they ran, if that is less than all the time between.
            done: How many ended well.
            failed: How many raised.
            serialise: ns of it that went into pickling and unpickling.
            bytes_in: Bytes that they were sent.
            bytes_out: Bytes that they gave back.
        """
        whole = max(1, end - begin)
        busy = whole if busy is None else min(busy, whole)
        serialise = left = min(serialise, busy)
        for low, high in self._not_fed(max(begin, self._since), end):
            for piece, first, last in self._pieces(low, high):
                ns = (last - first) * busy // whole
                piece.run(function, ns)
                self._name_after(piece, function)
                share = serialise * ns // max(1, busy)
                piece.add(serialise=share)
                left -= share
        if left > 0 and self._fed:
            # It was fed while it ran, when nobody knew: the pickling of a result is what a long task ends with.
            for piece, first, last in self._pieces(end - left, end):
                piece.add(serialise=last - first)
        self._fed = [pair for pair in self._fed if pair[1] > end]
        self._count(begin, end, done, failed)
        if bytes_in or bytes_out:
            self._at(end - 1).add(bytes_in=bytes_in, bytes_out=bytes_out)
        if done + failed:
            self._mark_edge(end, function)

    def running(self, begin: int, now: int, function: int) -> None:
        """A task that began at ``begin`` still runs at ``now``; what was fed for it before is not counted again."""
        begin = max(begin, self._since)
        for left, right in self._not_fed(begin, now):
            for piece, low, high in self._pieces(left, right):
                piece.run(function, high - low)
                self._name_after(piece, function)
        if self._fed and self._fed[-1][0] == begin:
            self._fed[-1] = (begin, now)
        elif now > begin:
            # Ends of tasks that nobody ever tells would pile up: a worker has only so many that are not booked.
            self._fed = [*self._fed[-LAG:], (begin, now)]

    def spend(self, begin: int, end: int, what: str) -> None:
        """The time from ``begin`` to ``end`` went into ``start``, ``encode`` or ``queued``."""
        for piece, low, high in self._pieces(max(begin, self._since), end):
            piece.add(**{what: high - low})

    def mark(self, at: int, what: str) -> None:
        """At this moment something was ``killed``, ``lost``, ``died`` or ``restarted``."""
        self._at(at).add(**{what: 1})

    def gauge(self, at: int, *, cpu: int, rss: int, voluntary: int = 0, involuntary: int = 0) -> None:
        """What a sample said: CPU in tenths of a percent, resident bytes, and switches since the sample before."""
        piece = self._at(at)
        piece.put(cpu=cpu, rss=rss)
        piece.add(voluntary=voluntary, involuntary=involuntary)

    def _count(self, begin: int, end: int, done: int, failed: int) -> None:
        """Share tasks out over the time in which they ended; one alone ended at its end."""
        width = WIDTHS[FINE]
        if done + failed == 0:
            return
        begin = max(begin, self.until * width)
        if done + failed == 1 or begin // width >= (end - 1) // width:
            self._at(end - 1).add(done=done, failed=failed)
            return
        told = (0, 0)
        for piece, _, high in self._pieces(begin, end):
            now = (done * (high - begin) // (end - begin), failed * (high - begin) // (end - begin))
            piece.add(done=now[0] - told[0], failed=now[1] - told[1])
            told = now

    def _mark_edge(self, end: int, function: int) -> None:
        width = WIDTHS[FINE]
        number = (end - 1) // width
        if number >= self.until:
            edge = ((end - 1) % width * EDGES + width // 2) // width
            self._at(end - 1).put(edge=edge, before=function, after=NONE)

    def _name_after(self, piece: _Open, function: int) -> None:
        if "edge" in piece.values:
            piece.put(after=function)

    def _not_fed(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """The parts of a time that were not fed for a running task."""
        for low, high in self._fed:
            if high <= begin or low >= end:
                continue
            if low > begin:
                yield begin, low
            begin = max(begin, high)
        if begin < end:
            yield begin, end

    def _pieces(self, begin: int, end: int) -> Iterator[tuple[_Open, int, int]]:
        """The open slices that a time covers, and which part of it; the past that is complete stays as it is."""
        width = WIDTHS[FINE]
        begin = max(begin, self.until * width)
        while begin < end:
            high = min(end, (begin // width + 1) * width)
            yield self._at(begin), begin, high
            begin = high

    def _at(self, moment: int) -> _Open:
        number = max(moment // WIDTHS[FINE], self.until)
        piece = self._open.get(number)
        if piece is None:
            piece = self._open[number] = _Open()
        return piece

    # -- completing

    def advance(self, now: int) -> None:
        """Complete what is more than :data:`LAG` slices before ``now``."""
        until = now // WIDTHS[FINE] - LAG + 1
        if until <= self.until:
            return
        for number in sorted(number for number in self._open if number < until):
            self._complete(FINE, self._open.pop(number).freeze(number))
        self.until = until
        for ring in (SECONDS, TENS, MINUTES):
            until //= FACTORS[ring]
            self._roll_up(ring, until)

    def _complete(self, ring: int, bucket: Bucket) -> None:
        self._rings[ring].append(bucket)
        self._changed[ring] = True
        if ring < MINUTES:
            self._parts[ring + 1].append(bucket)

    def _roll_up(self, ring: int, until: int) -> None:
        """Make the buckets of a coarse ring that are before ``until``."""
        parts, factor = self._parts[ring], FACTORS[ring]
        if not parts or parts[0].number // factor >= until:
            return
        groups: dict[int, list[Bucket]] = {}
        for bucket in parts:
            groups.setdefault(bucket.number // factor, []).append(bucket)
        for number, group in groups.items():
            if number < until:
                self._complete(ring, merge(number, group))
        self._parts[ring] = [bucket for bucket in parts if bucket.number // factor >= until]

    def picture(self) -> Track:
        """All that is there now."""
        for ring in range(4):
            if self._changed[ring]:
                self._pictures[ring] = tuple(self._rings[ring])
                self._changed[ring] = False
        return Track(tuple(self._pictures), tuple([self._open[number].freeze(number) for number in sorted(self._open)]))


class Recording:
    """The history of a pool while it is written: functions' numbers, a recorder for each slot and one for the pool."""

    def __init__(self, since: int, epoch: float) -> None:
        """Begin at ``since`` (ns); ``epoch`` as in :class:`History`."""
        self._since = since
        self._epoch = epoch
        self._numbers: dict[str, int] = {}
        self._slots: dict[int, Recorder] = {}
        self.pool = Recorder(since)

    def function(self, name: str) -> int:
        """The number of a function; :data:`OTHER` once there are too many."""
        number = self._numbers.get(name)
        if number is None:
            number = len(self._numbers) + 1
            if number >= FUNCTIONS:
                return OTHER
            self._numbers[name] = number
        return number

    @property
    def names(self) -> tuple[str, ...]:
        """The names of functions by their numbers."""
        return ("other", *self._numbers)

    def slot(self, slot: int, since: int | None = None) -> Recorder:
        """The recorder of a worker's slot, made when it is first asked for."""
        recorder = self._slots.get(slot)
        if recorder is None:
            recorder = self._slots[slot] = Recorder(self._since if since is None else max(since, self._since))
            # A slot that comes late has the same slices open as the others.
            recorder.until = max(recorder.until, self.pool.until)
        return recorder

    def keep(self, slots: Iterable[int]) -> None:
        """Forget the slots that are not among these: the pool has become smaller."""
        for gone in self._slots.keys() - set(slots):
            del self._slots[gone]

    def picture(self, now: int) -> History:
        """Complete what is old enough, and give the history as it is at ``now``."""
        self.pool.advance(now)
        tracks = {}
        for slot in sorted(self._slots):
            recorder = self._slots[slot]
            recorder.advance(now)
            tracks[slot] = recorder.picture()
        pool = self.pool
        return History(now, self._epoch, self.names, tracks, pool.picture(), pool.until, self._since)
