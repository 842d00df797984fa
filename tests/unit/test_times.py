"""Where the time of workers goes: every slice adds up to its length, and the shares to a hundred."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from poolmgr.model.buckets import FINE, SECOND, WIDTHS, Bucket
from poolmgr.model.recording import Recording
from poolmgr.model.times import Spent, Times, shares, spent

WIDTH = WIDTHS[FINE]
NS = st.integers(0, 2 * WIDTH)


@given(NS, NS, NS, NS, NS, st.booleans())
def test_shares_sum_to_a_hundred(busy: int, serialise: int, encode: int, start: int, queued: int, idle: bool) -> None:
    """Whatever was measured, nothing is counted twice and nothing is left out."""
    bucket = None if idle else Bucket(0, ((1, busy),), serialise=serialise, encode=encode, start=start)
    sums = Spent()
    sums.add(bucket, WIDTH, queued)
    times = sums.times()
    parts = (times.work, times.serialise, times.wait, times.start, times.idle)
    assert abs(sum(parts) - 100) < 1e-6
    assert all(part >= 0 for part in parts)
    assert sums.whole >= WIDTH


def test_gap_is_waiting_only_while_something_was_queued() -> None:
    """A worker that was busy while tasks were queued, and had nothing when none were, has not waited for any."""
    recording = Recording(0, 0.0)
    worker = recording.slot(0)
    worker.run(0, 5 * SECOND, 1, done=5)
    recording.pool.spend(0, 5 * SECOND, "queued")
    pool, each = shares(recording.picture(10 * SECOND))
    assert each[0] == pool == Times(work=50.0, serialise=0.0, wait=0.0, start=0.0, idle=50.0)


def test_gap_before_the_next_task_is_waiting() -> None:
    """Half of each slice without a task, and tasks in the queue all along."""
    recording = Recording(0, 0.0)
    for begin in range(0, 10 * SECOND, WIDTH):
        recording.slot(0).run(begin, begin + WIDTH // 2, 1, done=1)
    recording.pool.spend(0, 10 * SECOND, "queued")
    _, each = shares(recording.picture(10 * SECOND))
    assert (each[0].work, each[0].wait, each[0].idle) == (50.0, 50.0, 0.0)


def test_pickling_counts_within_the_work_and_beside_it() -> None:
    """A worker's own pickling is no work; the owner's counts where the worker had nothing else to do."""
    recording = Recording(0, 0.0)
    worker = recording.slot(0)
    worker.run(0, 4 * SECOND, 1, done=1, serialise=SECOND)
    worker.spend(4 * SECOND, 5 * SECOND, "encode")
    worker.run(5 * SECOND, 10 * SECOND, 1, done=1)
    worker.spend(5 * SECOND, 6 * SECOND, "encode")
    _, each = shares(recording.picture(10 * SECOND))
    assert (each[0].work, each[0].serialise) == (80.0, 20.0)


def test_new_worker_is_measured_since_it_came() -> None:
    """What was before a worker is not its idling."""
    recording = Recording(0, 0.0)
    recording.slot(0).run(0, 10 * SECOND, 1, done=1)
    recording.slot(1).spend(8 * SECOND, 9 * SECOND, "start")
    recording.slot(1).run(9 * SECOND, 10 * SECOND, 1, done=1)
    pool, each = shares(recording.picture(10 * SECOND))
    assert (each[1].start, each[1].work) == (50.0, 50.0)
    assert round(pool.work, 6) == round(100 * 11 / 12, 6)


def test_only_the_last_seconds_count() -> None:
    """What happened before the window is not in it."""
    recording = Recording(0, 0.0)
    recording.slot(0).run(0, 10 * SECOND, 1, done=1)
    recording.slot(0).advance(30 * SECOND)
    history = recording.picture(30 * SECOND)
    assert spent(history, 5)[0].idle == 5 * SECOND
    assert spent(history, 25)[0].work == 5 * SECOND


def test_no_worker_idles() -> None:
    """A pool without workers has no time to share out."""
    assert shares(Recording(0, 0.0).picture(SECOND)) == (Times(), {})
