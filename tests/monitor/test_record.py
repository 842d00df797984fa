"""The record: a tape becomes history, figures by function, times and a verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from poolmgr.engine.tape import Happened, Now, Ran, Reader
from poolmgr.model.buckets import FINE, FUNCTIONS, NONE, SECOND, SECONDS, WIDTHS
from poolmgr.model.snapshot import Machine
from poolmgr.monitor.record import KNOWN, LONG, Record
from poolmgr.monitor.sampler import Sample
from tests.helpers.fake_control import make_snapshot, make_worker

WIDTH = WIDTHS[FINE]
QUIET = Now(False, {}, [], [])


class FakeReader:
    """A reader whose tape the test writes."""

    def __init__(self) -> None:
        self.spans: list[Ran | Happened] = []
        self.now = QUIET

    def take(self) -> list[Ran | Happened]:
        spans, self.spans = self.spans, []
        return spans

    def look(self) -> Now:
        return self.now


class Recorded:
    """A record of a pool of two, and its reader."""

    def __init__(self) -> None:
        self.reader = FakeReader()
        self.record = Record(cast(Reader, self.reader), 0, 0.0)
        self.snapshot = make_snapshot([make_worker(0), make_worker(1)], machine=Machine(4, 1.0, 1 << 30, 1 << 29))
        self.samples: dict[int, Sample] = {}

    def feed(self, now: int, *spans: Ran | Happened, look: Now = QUIET) -> None:
        """A frame in which these spans came."""
        self.reader.spans += spans
        self.reader.now = look
        self.record.feed(now, self.snapshot, self.samples)


def ran(begin: int, end: int, func: str = "resize", *, slot: int = 0, **fields: Any) -> Ran:
    """A span of one task."""
    span = Ran(slot, begin, end, end - begin, 1, 0, 0, 0, 100, 50, func, [end - begin])
    return span._replace(**fields)


def test_many_spans_of_a_slice_are_put_together() -> None:
    """A thousand spans make one bucket with all of them in it."""
    recorded = Recorded()
    recorded.feed(WIDTH, *(ran(i * 1000, i * 1000 + 500) for i in range(1000)))
    history = recorded.record.history
    (bucket,) = history.tracks[0].ring(FINE)
    assert (bucket.done, bucket.bytes_in, bucket.bytes_out) == (1000, 100_000, 50_000)
    assert abs(bucket.busy_ns - 500_000) < 1000
    assert history.names == ("other", "resize")


def test_span_over_two_slices_is_shared() -> None:
    """Each slice gets its part of a span."""
    recorded = Recorded()
    recorded.feed(2 * WIDTH, ran(WIDTH // 2, WIDTH + WIDTH // 2))
    assert [bucket.busy_ns for bucket in recorded.record.history.tracks[0].ring(FINE)] == [WIDTH // 2, WIDTH // 2]


def test_long_task_shows_while_it_runs_and_counts_once() -> None:
    """A running task fills its slices up to now; when it ends, nothing is added twice."""
    recorded = Recorded()
    looked = Now(False, {}, [(0, 100, "resize")], [])
    recorded.feed(LONG // 2, look=looked)
    assert recorded.record.history.tracks == {}
    for now in range(WIDTH, 5 * WIDTH, WIDTH):
        recorded.feed(now, look=looked)
    assert recorded.record.history.over(60, 0).busy_ns == 4 * WIDTH - 100
    recorded.feed(5 * WIDTH, ran(100, 4 * WIDTH + 500))
    whole = recorded.record.history.over(60, 0)
    assert (whole.busy_ns, whole.done) == (4 * WIDTH + 400, 1)


def test_queue_is_seen_between_two_looks() -> None:
    """Waiting at both looks is all of the time between, at one of them half of it."""
    recorded = Recorded()
    queued = QUIET._replace(queued=True)
    recorded.feed(WIDTH, look=queued)
    recorded.feed(2 * WIDTH, look=queued)
    recorded.feed(3 * WIDTH)
    recorded.feed(4 * WIDTH)
    assert sum(bucket.queued for bucket in recorded.record.history.pool.ring(FINE)) == 2 * WIDTH


def test_start_counts_once() -> None:
    """A worker that is starting shows at each look, and its being ready adds only the rest."""
    recorded = Recorded()
    starting = QUIET._replace(starting=[(1, WIDTH // 2)])
    recorded.feed(WIDTH, look=starting)
    recorded.feed(2 * WIDTH, Happened(1, "ready", WIDTH // 2, 2 * WIDTH, replaced=True), look=starting)
    whole = recorded.record.history.over(60, 1)
    assert (whole.start, whole.restarted) == (WIDTH + WIDTH // 2, 1)


def test_rare_events_are_marked() -> None:
    """A task that was lost is work, a failure of its function, and a mark; its worker's death another."""
    recorded = Recorded()
    recorded.feed(
        2 * WIDTH,
        Happened(0, "lost", 100, WIDTH, "resize"),
        Happened(0, "died", 0, WIDTH),
        Happened(1, "killed", 0, 9, "f"),
        Happened(1, "failed", 20, 30, "f"),
    )
    history = recorded.record.history
    whole = history.over(60, 0)
    assert (whole.lost, whole.died, whole.busy_ns, whole.done) == (1, 1, WIDTH - 100, 0)
    assert (history.over(60, 1).killed, history.over(60, 1).failed) == (1, 1)
    functions = {function.name: function for function in recorded.record.complete(recorded.snapshot).functions}
    assert (functions["resize"].failed, functions["f"].failed) == (1, 2)


def test_slot_without_a_worker_is_kept_for_a_while() -> None:
    """Deaths are still counted while nobody has taken the place, and forgotten once nobody will."""
    recorded = Recorded()
    recorded.feed(WIDTH, Happened(1, "died", 0, 10))
    recorded.snapshot = replace(recorded.snapshot, workers=recorded.snapshot.workers[:1])
    recorded.feed(30 * SECOND)
    assert recorded.record.history.over(60, 1).died == 1
    recorded.feed(90 * SECOND)
    assert set(recorded.record.history.tracks) <= {0}


def test_samples_are_gauges_and_switches_count_once() -> None:
    """CPU and memory stand in each slice; switches only in that of the look that counted them."""
    recorded = Recorded()
    recorded.samples = {4121: Sample(97.5, 1000, False, 7, 3), 4122: Sample(None, 500)}
    for now in (WIDTH // 2, WIDTH, 2 * WIDTH):
        recorded.feed(now)
    history = recorded.record.history
    assert [bucket.cpu for bucket in history.tracks[0].ring(FINE)] == [975, 975, 975]
    whole = history.over(60, 0)
    assert (whole.voluntary, whole.involuntary, whole.rss) == (7, 3, 1000)
    assert history.over(60, 1).cpu == NONE
    assert history.sums(SECONDS)[-1].rss == 1500


def test_figures_of_a_function() -> None:
    """Counts, durations, rate, bytes and share, and how many there are in all."""
    recorded = Recorded()
    looked = Now(True, {"resize": 5}, [(0, 0, "resize")], [])
    for second in range(1, 12):
        begin = second * SECOND
        spans = [ran(begin + i * 1000, begin + i * 1000 + 1000, failed=i == 0, done=i != 0) for i in range(10)]
        recorded.feed(begin + WIDTH, *spans, ran(begin, begin + 3000, "encode", slot=1), look=looked)
        full = recorded.record.complete(recorded.snapshot)
    resize, encode = full.functions
    assert (resize.name, resize.done, resize.failed, resize.running, resize.total) == ("resize", 99, 11, 1, 116)
    assert resize.p50 is not None
    assert abs(resize.p50 - 1e-6) < 1e-7
    assert abs(resize.rate - 10) < 1
    assert resize.bytes_each == 150
    assert round(resize.share + encode.share, 6) == 100
    assert resize.durations.tasks == 110
    assert full.times is not None
    assert full.workers[0].times is not None
    assert full.verdict is not None


def test_uncounted_queue_leaves_the_total_open() -> None:
    """Where too many wait to be counted, nobody says how many there are in all."""
    recorded = Recorded()
    recorded.feed(WIDTH, ran(0, 10), look=QUIET._replace(queued=True, waiting=None))
    assert recorded.record.complete(recorded.snapshot).functions[0].total is None


def test_functions_are_bounded() -> None:
    """A program with ever new functions fills neither the table nor the memory."""
    recorded = Recorded()
    recorded.feed(WIDTH, *(ran(i, i + 1, f"f{i}") for i in range(3 * KNOWN)))
    full = recorded.record.complete(recorded.snapshot)
    assert len(full.functions) == FUNCTIONS
    assert sum(function.done for function in full.functions) == 3 * KNOWN
    assert len(recorded.record._numbers) <= KNOWN
    assert "other" in {function.name for function in full.functions}


def test_verdict_is_given_once_in_a_second() -> None:
    """Between two verdicts the last one stands, also beside newer counts."""
    recorded = Recorded()
    recorded.feed(SECOND, ran(0, 10))
    first = recorded.record.complete(recorded.snapshot)
    recorded.feed(SECOND + WIDTH, ran(20, 30))
    assert recorded.record.complete(recorded.snapshot).verdict is first.verdict
    recorded.feed(2 * SECOND)
    assert recorded.record.complete(recorded.snapshot).functions[0].done == 2


def test_pool_without_a_tape_is_left_as_it_is() -> None:
    """Nothing is said of what nobody records; CPU and memory are kept all the same."""
    record = Record(None, 0, 0.0)
    snapshot = make_snapshot([make_worker(0)])
    record.feed(WIDTH, snapshot, {4121: Sample(50.0, 10)})
    assert record.complete(snapshot) is snapshot
    assert record.history.over(60, 0).cpu == 500
