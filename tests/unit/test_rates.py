"""Rates, ETA and histories: arithmetic on times that the test hands in."""

from __future__ import annotations

from dataclasses import replace

from poolmgr.model.snapshot import Counts
from poolmgr.monitor.histories import POOL_SECONDS, WORKER_SECONDS, Histories
from poolmgr.monitor.rates import WINDOW, Rate, Seconds, remaining_seconds
from poolmgr.monitor.sampler import Sample
from tests.helpers.pictures import full_snapshot


def test_rate_is_zero_before_two_points() -> None:
    """One look says nothing about speed."""
    rate = Rate()
    assert rate.feed(10.0, 500) == 0.0
    assert rate.feed(10.01, 600) == 0.0


def test_rate_looks_back_one_window() -> None:
    """What happened before the window does not count."""
    rate = Rate()
    for step in range(100):
        rate.feed(step * 0.5, 1000 * min(step, 20))
    assert rate.feed(50.0 + WINDOW, 20_000) == 0.0


def test_rate_of_a_steady_counter() -> None:
    """Seven a second are seven a second, however often it is fed."""
    rate = Rate()
    values = [rate.feed(step * 0.05, step * 0.35) for step in range(600)]
    assert abs(values[-1] - 7.0) < 1e-6


def test_seconds_pass_once() -> None:
    """Each full second is reported once, a stall's all together."""
    seconds = Seconds()
    assert [seconds.passed(now) for now in (5.0, 5.5, 6.1, 6.9, 7.0, 10.2, 10.9, 11.0)] == [0, 0, 1, 0, 1, 3, 0, 1]


def test_nothing_pending_takes_no_time() -> None:
    """An idle pool is done now."""
    assert remaining_seconds(Counts(submitted=3, done=3), (), 0.0) == 0.0


def test_standing_still_has_no_eta() -> None:
    """Without a rate nobody can say."""
    assert remaining_seconds(Counts(submitted=3, queued=3), (), 0.0) is None


def test_eta_counts_what_a_map_has_left() -> None:
    """A map counts with its tasks, jobs that are not shown with one each."""
    shown = full_snapshot().jobs  # One call that runs, one that failed, one map with 21 tasks left.
    assert remaining_seconds(Counts(queued=15, running=2), shown, 1.0) == 1 + 21 + 15


def test_eta_reckons_with_what_is_still_to_come() -> None:
    """Jobs that nobody has submitted yet take their time too, even while none is in the pool."""
    assert remaining_seconds(Counts(submitted=10, queued=4, done=6), (), 2.0, coming=16) == 10.0
    assert remaining_seconds(Counts(submitted=6, done=6), (), 2.0, coming=16) == 8.0


def test_histories_are_bounded_and_one_a_second() -> None:
    """Rings keep their length, and the value of each second is what was done in it."""
    histories, samples = Histories(), {101: Sample(50.0, 1), 102: Sample(None, 1)}
    for quarter in range(4 * 300 + 1):
        histories.feed(quarter / 4, full_snapshot(tasks_done=3 * quarter), samples, cost=quarter / 400)
    assert len(histories.worker(0)) == WORKER_SECONDS
    assert histories.worker(1) == ()
    assert histories.pool().throughput == (12.0,) * POOL_SECONDS
    assert histories.pool().cpu == (50.0,) * POOL_SECONDS
    assert abs(histories.monitor_percent - 1.0) < 1e-6


def test_stall_is_shared_out() -> None:
    """Tasks of several seconds that were seen at once are spread over those seconds."""
    histories = Histories()
    histories.feed(0.0, full_snapshot(tasks_done=0), {}, 0.0)
    histories.feed(4.0, full_snapshot(tasks_done=8), {}, 0.0)
    assert histories.pool().throughput == (2.0,) * 4


def test_slot_that_went_loses_its_history() -> None:
    """A slot that comes back after a shrink starts anew."""
    histories, samples = Histories(), {101: Sample(50.0, 1)}
    for second in range(4):
        histories.feed(float(second), full_snapshot(), samples, 0.0)
    histories.feed(4.0, replace(full_snapshot(), workers=()), {}, 0.0)
    assert histories.worker(0) == ()
