"""The history in buckets: nothing is lost between the rings, nothing grows, and no picture ever changes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolmgr.errors import UsageError
from poolmgr.model.buckets import (
    EDGES,
    FINE,
    FUNCTIONS,
    KEPT,
    MINUTES,
    NONE,
    OTHER,
    SECOND,
    SECONDS,
    TENS,
    WIDTHS,
    Bucket,
    History,
    Track,
    merge,
)
from poolmgr.model.delta import pack, unpack
from poolmgr.model.recording import LAG, Recorder, Recording

WIDTH = WIDTHS[FINE]
#: A span of work after a gap: gap ns, length ns, tasks, failed ones, function.
SPAN = st.tuples(
    st.integers(0, 2 * WIDTH), st.integers(1, 3 * SECOND), st.integers(0, 50), st.integers(0, 5), st.integers(1, 4)
)
SPANS = st.lists(SPAN, max_size=30)


def played(spans: list[tuple[int, int, int, int, int]]) -> Iterator[tuple[int, int, int, int, int]]:
    """Spans as begin, end, done, failed, function, one after the other."""
    now = 0
    for gap, length, done, failed, function in spans:
        now += gap
        yield now, now + length, done, failed, function
        now += length


def recorded(spans: list[tuple[int, int, int, int, int]]) -> tuple[Recorder, int]:
    """A recorder that was fed span by span, and when the last one ended."""
    recorder, end = Recorder(0), 0
    for begin, end, done, failed, function in played(spans):
        recorder.advance(begin)
        recorder.run(begin, end, function, done=done, failed=failed)
    return recorder, end


def whole(buckets: tuple[Bucket, ...]) -> Bucket:
    """The sum of all buckets of a ring."""
    return merge(0, buckets)


@given(SPANS)
def test_every_ring_holds_all_of_the_work(spans: list[tuple[int, int, int, int, int]]) -> None:
    """Busy time by function and counts are the same in each ring as in what was fed."""
    recorder, end = recorded(spans)
    recorder.advance(end)
    track = recorder.picture()
    busy: dict[int, int] = {}
    for _, length, _, _, function in spans:
        busy[function] = busy.get(function, 0) + length
    for ring in (FINE, SECONDS, TENS, MINUTES):
        if ring == FINE and end // WIDTH >= KEPT[FINE]:
            continue
        total = whole(track.ring(ring))
        assert dict(total.busy) == busy
        assert total.done == sum(span[2] for span in spans)
        assert total.failed == sum(span[3] for span in spans)


@given(SPANS)
def test_buckets_are_in_order_and_never_overfull(spans: list[tuple[int, int, int, int, int]]) -> None:
    """Numbers rise, and no slice holds more work than it is long."""
    recorder, end = recorded(spans)
    recorder.advance(end)
    track = recorder.picture()
    for ring, width in enumerate(WIDTHS):
        buckets = track.ring(ring)
        numbers = [bucket.number for bucket in buckets]
        assert numbers == sorted(set(numbers))
        assert all(bucket.busy_ns <= width for bucket in buckets)


@given(SPAN, st.lists(st.integers(1, WIDTH), max_size=20))
def test_running_task_is_fed_once(span: tuple[int, int, int, int, int], looks: list[int]) -> None:
    """A task that was looked at while it ran is counted once when it ends, in the slices that it covered."""
    begin, end, done, failed, function = next(played([span]))
    plain, watched = Recorder(0), Recorder(0)
    now = begin
    for step in looks:
        now = min(end, now + step)
        watched.running(begin, now, function)
        watched.advance(now)
    watched.run(begin, end, function, done=done, failed=failed)
    plain.run(begin, end, function, done=done, failed=failed)
    watched.advance(end + LAG * WIDTH)
    plain.advance(end + LAG * WIDTH)
    assert [(bucket.number, bucket.busy) for bucket in watched.picture().ring(FINE)] == [
        (bucket.number, bucket.busy) for bucket in plain.picture().ring(FINE)
    ]
    assert whole(watched.picture().ring(MINUTES)).done == done


def test_running_task_fills_what_it_covers() -> None:
    """A long task shows in every slice up to now, before it has ended."""
    recorder = Recorder(0)
    recorder.running(0, 3 * WIDTH + 5, 1)
    assert [bucket.busy_ns for bucket in recorder.picture().ring(FINE)] == [WIDTH, WIDTH, WIDTH, 5]
    assert whole(recorder.picture().ring(FINE)).done == 0


def test_tasks_before_a_running_one_are_not_taken_for_it() -> None:
    """What is booked late, of the time before the task that runs, is added to it."""
    recorder = Recorder(0)
    recorder.running(100, 200, 1)
    recorder.run(0, 100, 2, done=10)
    assert dict(whole(recorder.picture().ring(FINE)).busy) == {1: 100, 2: 100}


def test_complete_buckets_are_shared_and_never_change() -> None:
    """Two pictures have the same objects, and what is fed later is in the new one only."""
    recorder = Recorder(0)
    recorder.run(0, 10 * WIDTH, 1, done=10)
    recorder.advance(20 * WIDTH)
    first = recorder.picture()
    recorder.run(18 * WIDTH, 19 * WIDTH, 1, done=1)
    recorder.advance(30 * WIDTH)
    second = recorder.picture()
    assert all(before is after for before, after in zip(first.rings[FINE], second.rings[FINE], strict=False))
    assert whole(first.ring(FINE)).done == 10
    assert whole(second.ring(FINE)).done == 11
    assert recorder.picture().rings[FINE] is second.rings[FINE]


def test_late_tasks_are_counted_and_leave_the_past_alone() -> None:
    """Tasks that are told of when their slice is complete count in the oldest open one."""
    recorder = Recorder(0)
    recorder.advance(100 * WIDTH)
    recorder.run(0, WIDTH, 1, done=3)
    recorder.run(5, 6, 1, failed=1)
    track = recorder.picture()
    assert track.rings[FINE] == ()
    total = whole(track.ring(FINE))
    assert (total.done, total.failed, total.busy_ns) == (3, 1, 0)


def test_size_does_not_grow_with_time_or_tasks() -> None:
    """After a day of a million tasks each ring has its length and no more."""
    recorder = Recorder(0)
    for second in range(0, 86_400, 60):
        recorder.advance(second * SECOND)
        recorder.run(second * SECOND, (second + 1) * SECOND, 1, done=700)
    track = recorder.picture()
    assert [len(ring) <= kept for ring, kept in zip(track.rings, KEPT, strict=True)] == [True] * 4
    assert len(track.rings[MINUTES]) == KEPT[MINUTES]
    assert len(track.open) <= LAG + 1


def test_idle_worker_costs_nothing() -> None:
    """Slices without anything in them have no bucket."""
    recorder = Recorder(0)
    recorder.run(0, 10, 1, done=1)
    recorder.advance(3600 * SECOND)
    assert [len(ring) for ring in recorder.picture().rings] == [1, 1, 1, 1]


def test_functions_told_apart_are_bounded() -> None:
    """The first functions have numbers of their own, the rest share one."""
    recording = Recording(0, 0.0)
    numbers = [recording.function(f"f{i}") for i in range(100)]
    assert numbers[: FUNCTIONS - 1] == list(range(1, FUNCTIONS))
    assert set(numbers[FUNCTIONS - 1 :]) == {OTHER}
    assert recording.function("f3") == 4
    names = recording.picture(0).names
    assert len(names) == FUNCTIONS
    assert (names[OTHER], names[4]) == ("other", "f3")


def test_single_task_counts_where_it_ended() -> None:
    """A task of several slices is done in the last of them; many are shared out over the time."""
    recorder = Recorder(0)
    recorder.run(0, 3 * WIDTH, 1, done=1)
    assert [bucket.done for bucket in recorder.picture().ring(FINE)] == [0, 0, 1]
    recorder = Recorder(0)
    recorder.run(0, 4 * WIDTH, 1, done=10)
    assert [bucket.done for bucket in recorder.picture().ring(FINE)] == [2, 3, 2, 3]


def test_edge_between_two_tasks_is_placed() -> None:
    """A slice knows where its last task ended, which function ran before, and which comes after."""
    recorder = Recorder(0)
    recorder.run(0, WIDTH // 2, 1, done=1)
    assert recorder.picture().ring(FINE)[0][-3:] == (EDGES // 2, 1, NONE)
    recorder.running(WIDTH // 2, 2 * WIDTH, 2)
    first, second = recorder.picture().ring(FINE)
    assert (first.edge, first.before, first.after) == (EDGES // 2, 1, 2)
    assert second.edge == NONE


def test_serialising_is_part_of_the_work() -> None:
    """Time in pickling never exceeds the time a task ran, and is all there, also for a task fed while it ran."""
    recorder = Recorder(0)
    recorder.run(0, WIDTH, 1, done=1, serialise=3 * WIDTH)
    assert whole(recorder.picture().ring(FINE)).serialise == WIDTH
    recorder = Recorder(0)
    recorder.running(0, 2 * WIDTH, 1)
    recorder.run(0, 2 * WIDTH, 1, done=1, serialise=WIDTH // 2)
    assert [bucket.serialise for bucket in recorder.picture().ring(FINE)] == [0, WIDTH // 2]


def test_part_of_a_time_only_was_work() -> None:
    """Functions that took turns in one batch share its time by what each of them ran."""
    recorder = Recorder(0)
    recorder.run(0, WIDTH, 1, busy=WIDTH // 4, done=5)
    recorder.run(0, WIDTH, 2, busy=3 * WIDTH // 4, done=5)
    bucket = recorder.picture().ring(FINE)[0]
    assert bucket.busy == ((2, 3 * WIDTH // 4), (1, WIDTH // 4))
    assert bucket.function == 2


def test_marks_times_and_gauges_are_kept() -> None:
    """Deaths, starts, waiting, bytes, CPU, memory and switches come through to the coarse rings."""
    recorder = Recorder(0)
    recorder.mark(5, "died")
    recorder.mark(6, "killed")
    recorder.spend(0, 2 * WIDTH, "start")
    recorder.spend(0, WIDTH, "queued")
    recorder.run(0, 10, 1, done=1, bytes_in=100, bytes_out=7)
    recorder.gauge(10, cpu=500, rss=1000, voluntary=3, involuntary=1)
    recorder.gauge(WIDTH + 10, cpu=700, rss=2000, voluntary=2)
    recorder.advance(SECOND * 10)
    (second,) = recorder.picture().ring(SECONDS)
    assert (second.died, second.killed, second.start, second.queued) == (1, 1, 2 * WIDTH, WIDTH)
    assert (second.bytes_in, second.bytes_out, second.cpu, second.rss) == (100, 7, 600, 2000)
    assert (second.voluntary, second.involuntary) == (5, 1)


def test_newest_coarse_bucket_is_there_before_its_time_is_over() -> None:
    """The second, ten seconds and minute at hand show what there is of them."""
    recorder = Recorder(0)
    for second in range(75):
        recorder.run(second * SECOND, second * SECOND + 1000, 1, done=1)
        recorder.advance(second * SECOND)
    track = recorder.picture()
    assert [bucket.done for bucket in track.ring(MINUTES)] == [60, 15]
    assert [bucket.done for bucket in track.ring(TENS)] == [10] * 7 + [5]


def test_cells_have_a_place_for_every_slice() -> None:
    """What is drawn has one cell a slice, empty where nothing happened."""
    recorder = Recorder(0)
    recorder.run(WIDTH, 2 * WIDTH, 1, done=1)
    recorder.run(3 * WIDTH, 4 * WIDTH, 1, done=1)
    cells = recorder.picture().cells(FINE, 4, 6)
    assert [None if cell is None else cell.number for cell in cells] == [None, None, 1, None, 3, None]
    assert Track().cells(MINUTES, 10, 2) == (None, None)


def two_workers(seconds: int = 20) -> Recording:
    """A recording of two workers, one of which works."""
    recording = Recording(0, 1000.0)
    number = recording.function("resize")
    for second in range(seconds):
        now = second * SECOND
        recording.slot(0).run(now, now + SECOND // 2, number, done=5)
        for slot in (0, 1):
            recording.slot(slot).gauge(now, cpu=1000 - 900 * slot, rss=100)
        recording.pool.spend(now, now + SECOND // 4, "queued")
        recording.picture(now)
    return recording


def test_pool_is_the_sum_of_its_workers() -> None:
    """CPU and memory of one slice add up, and so does the work."""
    history = two_workers().picture(20 * SECOND)
    (newest,) = history.sums(SECONDS)[-1:]
    assert (newest.cpu, newest.rss, newest.done, newest.queued) == (1100, 200, 5, SECOND // 4)
    assert history.sums(SECONDS) is history.sums(SECONDS)
    assert history.over(10).done == 50
    assert history.over(10, 1).done == 0
    assert history.over(10, 7) == Bucket(history.number())


def test_history_steps_back() -> None:
    """A picture of an earlier moment has what had happened by then, and no more."""
    history = two_workers().picture(20 * SECOND)
    earlier = history.at(1010.0)
    assert earlier.now == 10 * SECOND
    assert earlier.over(5).done == 25
    assert sum(bucket.done for bucket in earlier.sums(SECONDS)) == 50
    assert history.at(5000.0).now == history.now
    assert history.time_of(history.number()) == 1020.0
    assert history.at(0.0).sums(MINUTES) == ()


def test_slots_that_went_are_forgotten() -> None:
    """A pool that has become smaller does not keep what it no longer has."""
    recording = two_workers(3)
    recording.keep([1])
    assert set(recording.picture(3 * SECOND).tracks) == {1}


def test_history_begins_when_it_begins() -> None:
    """Of a task that has run for hours already only the part since the beginning is recorded."""
    recording = Recording(100 * SECOND, 0.0)
    recording.slot(0).running(0, 101 * SECOND, 1)
    assert whole(recording.picture(101 * SECOND).sums(FINE)).busy_ns == SECOND


@given(SPANS, st.integers(0, 30), st.booleans())
def test_delta_is_as_good_as_the_whole(
    spans: list[tuple[int, int, int, int, int]], seen: int, through_json: bool
) -> None:
    """Who has one picture and gets what changed has the same as who gets all."""
    recording = Recording(0, 12.5)
    viewer: History | None = None
    end = 0
    for place, (begin, end, done, failed, function) in enumerate(played(spans)):
        recording.slot(place % 3).run(begin, end, recording.function(f"f{function}"), done=done, failed=failed)
        if place == seen:
            viewer = unpack(pack(recording.picture(end)))
    history = recording.picture(end)
    packed = pack(history, 0 if viewer is None else viewer.until)
    if through_json:
        packed = json.loads(json.dumps(packed))
    assert unpack(packed, viewer) == history
    assert unpack(pack(history)) == history


def test_delta_is_small() -> None:
    """A frame later only the newest slices travel."""
    recording = two_workers(60)
    first = recording.picture(60 * SECOND)
    recording.slot(0).run(60 * SECOND, 60 * SECOND + WIDTH, 1, done=5)
    second = recording.picture(60 * SECOND + WIDTH)
    delta = pack(second, first.until)
    assert all(sum(map(len, track)) <= LAG + 2 for track in delta["tracks"].values())
    assert unpack(delta, first) == second


def test_gap_in_the_history_is_refused() -> None:
    """A delta that does not fit what the reader has is not put together with it."""
    history = two_workers().picture(20 * SECOND)
    with pytest.raises(UsageError, match="missing"):
        unpack(pack(history, history.until), None)
