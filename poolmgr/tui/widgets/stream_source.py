"""From the pool's history to the picture that the stream draws. Pure; the rows are made when they are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import overload

from poolmgr.model.buckets import FINE, NONE, SECOND, WIDTHS, Bucket, History, Track
from poolmgr.model.rewind import ring_of
from poolmgr.model.snapshot import WorkerSnapshot
from poolmgr.model.states import WorkerState
from poolmgr.tui.format import duration, short_name
from poolmgr.tui.widgets.stream import StreamPicture, StreamRow
from poolmgr.tui.widgets.stream_glyphs import StreamCell

_IDLE = StreamCell()


def stream_picture(
    history: History,
    workers: Sequence[WorkerSnapshot],
    columns: int,
    *,
    ring: int = FINE,
    selected: int | None = None,
) -> StreamPicture:
    """What the stream shows of a pool.

    Args:
        history: The slices of time.
        workers: The workers, in the order of the lines.
        columns: How many slices there is room for.
        ring: Which slices.
        selected: The slice that is looked at, counted back from the newest.
    """
    rows = _Rows(history, workers, columns, ring)
    return StreamPicture(rows, history.names, WIDTHS[ring] / SECOND, selected)


def stream_at(history: History, workers: Sequence[WorkerSnapshot], columns: int, at: int) -> StreamPicture:
    """What the stream shows around a moment of the past, which is marked: the end of a slice, CLOCK_MONOTONIC in ns."""
    ring = ring_of(history, at)
    number = (at - 1) // WIDTHS[ring]
    back = (history.now - 1) // WIDTHS[ring] - number
    if back >= columns:
        # Too long ago for the newest slice to be seen: the moment stands in the middle.
        back = columns // 2
        history = history.at(history.time_of(number + back + 1, ring))
        back = (history.now - 1) // WIDTHS[ring] - number
    return stream_picture(history, workers, columns, ring=ring, selected=back)


class _Rows(Sequence[StreamRow]):
    """A row for each worker, made once, when somebody asks for it."""

    def __init__(self, history: History, workers: Sequence[WorkerSnapshot], columns: int, ring: int) -> None:
        self._history, self._workers, self._columns, self._ring = history, workers, columns, ring
        self._made: dict[int, StreamRow] = {}

    def __len__(self) -> int:
        return len(self._workers)

    @overload
    def __getitem__(self, place: int) -> StreamRow: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[StreamRow]: ...
    def __getitem__(self, place: int | slice) -> StreamRow | Sequence[StreamRow]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        place = range(len(self))[place]
        row = self._made.get(place)
        if row is None:
            row = self._made[place] = self._make(self._workers[place])
        return row

    def _make(self, worker: WorkerSnapshot) -> StreamRow:
        history, ring = self._history, self._ring
        track = history.tracks.get(worker.slot, Track())
        # A slice of which nothing has gone by yet is not shown: it would look like a pause.
        last, elapsed = divmod(history.now - 1, WIDTHS[ring])
        buckets = track.cells(ring, last, self._columns)
        return StreamRow(worker.name, cells(buckets, WIDTHS[ring], elapsed + 1), *_label(worker))


def cells(buckets: Sequence[Bucket | None], width: int, elapsed: int) -> tuple[StreamCell, ...]:
    """The cells of consecutive slices.

    Args:
        buckets: What happened in each slice; None for nothing.
        width: ns of a slice.
        elapsed: ns of the last one that have gone by: it is judged by these.
    """
    last = len(buckets) - 1
    return tuple(
        [
            _IDLE
            if bucket is None
            else _cell(
                bucket,
                width if place < last else elapsed,
                # What runs at the start of the next slice, if anything did, ran at the end of this one.
                place < last and (after := buckets[place + 1]) is not None and bool(after.busy),
            )
            for place, bucket in enumerate(buckets)
        ]
    )


@lru_cache(32768)
def _cell(bucket: Bucket, width: int, goes_on: bool) -> StreamCell:
    busy = bucket.busy_ns
    fill = 0 if busy <= 0 else max(1, min(8, round(busy * 8 / width)))
    function = bucket.function
    mark = _mark(bucket)
    ended = bucket.done + bucket.failed + bucket.killed + bucket.lost
    if function is None or mark:
        return StreamCell(fill, function, mark=mark)
    if ended == 0 and goes_on and fill < 8 and len(bucket.busy) == 1:
        # Nothing ended in it and it runs on: it began where the busy part begins.
        return StreamCell(fill, None, 8 - fill, function)
    if ended == 1 and 0 < bucket.edge < 8 and bucket.before != NONE:
        after = None if bucket.after == NONE else bucket.after
        # An edge is drawn only if what is on either side of it fills its side: else the height tells more.
        if fill >= (bucket.edge if after is None else 7):
            return StreamCell(fill, bucket.before, bucket.edge, after)
    return StreamCell(fill, function)


def _mark(bucket: Bucket) -> str:
    if bucket.killed or bucket.lost or bucket.died:
        return "k"
    if bucket.failed:
        return "x"
    return "~" if bucket.restarted or (bucket.start and not bucket.busy) else ""


def _label(worker: WorkerSnapshot) -> tuple[str, bool]:
    if worker.job_id is None:
        what = short_name(worker.function) if worker.function else str(worker.state)
        return f"{what} {duration(worker.elapsed)}".rstrip(), worker.state is WorkerState.DYING
    return f"{short_name(worker.function)} {duration(worker.elapsed)}", False
