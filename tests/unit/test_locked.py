"""The verdict on locks: its numbers, its edges, and one thing to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from poolmgr.model.snapshot import Rule
from poolmgr.model.sync import SyncObject, SyncSnapshot
from tests.helpers.locked import DEAD, FIRST, SECOND, holder, lock, locked, waiter
from tests.unit.test_verdict import NOW, Scene


def scene(*objects: SyncObject) -> Scene:
    """Four workers at work, in a program with these objects."""
    made = Scene().live()
    made.fields["sync"] = SyncSnapshot(objects)
    return made


@pytest.mark.parametrize(("waiting", "rule"), [(1.19, Rule.HEALTHY), (1.21, Rule.LOCK_BOUND)])
def test_lock_bound_begins_at_a_third_of_the_workers(waiting: float, rule: Rule) -> None:
    """A lock that 30 percent of the workers wait for on average is why the pool is slow."""
    verdict = scene(lock(1, "results", 12, waiting=waiting, contended=80)).verdict()
    assert verdict.rule is rule
    if rule is Rule.LOCK_BOUND:
        assert verdict.text == (
            "30% of the workers' time goes into waiting for lock results (crawl.py:12); 80 of 100 times it was not free"
        )
        assert "hold" in verdict.advice or "held" in verdict.advice


def test_lock_bound_names_who_has_it() -> None:
    """A lock that is held for long is told with its holder, its job, and those who wait."""
    each = lock(1, "results", 12, waiting=2.0, holder=holder(FIRST, NOW, 12), waiters=(waiter(SECOND, NOW, 11),))
    verdict = scene(each).verdict()
    assert verdict.text == (
        "50% of the workers' time goes into waiting for lock results (crawl.py:12); waiting now: w2; "
        "w1 has held it for 12.0s"
    )
    assert (verdict.job_id, verdict.slot) == (1, 0)


def test_lock_bound_tells_of_a_dead_holder() -> None:
    """A lock whose holder is gone is told so, with what can be done."""
    verdict = scene(lock(1, "results", 12, waiting=3.0, holder=holder(DEAD, NOW, 12, dead=True))).verdict()
    assert f"process {DEAD}, which had it, is dead" in verdict.text
    assert "release" in verdict.advice


def test_queue_of_the_pool_itself_is_no_lock_of_the_jobs() -> None:
    """Idle workers of a stock pool wait for each other all the time: that is how they take jobs."""
    queue = SyncObject(id=1, kind="simple queue", machinery="multiprocessing.pool")
    reading = replace(lock(2, "", 5, waiting=3.0), part_of=1, role="reading")
    assert scene(queue, reading).verdict().rule is Rule.HEALTHY


def test_deadlock_comes_first() -> None:
    """Workers that wait for each other are the verdict, before anything that follows from it."""
    made = Scene().live()
    made.fields["sync"] = locked(NOW)
    verdict = made.verdict()
    assert verdict.rule is Rule.LOCK_BOUND
    assert verdict.text == (
        "deadlock: w1, w2 wait for each other's rlock right (crawl.py:13) and lock left (crawl.py:12)"
    )
    assert (verdict.job_id, verdict.slot) == (2, 1)
