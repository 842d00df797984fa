"""Whether it pays to look before one sleeps is found out, and found out again when things change."""

from __future__ import annotations

from poolmgr.engine.pace import LATE, SOON, TRY, Pace


def run(pace: Pace, looking: int, sleeping: int, trips: int = 3 * LATE) -> float:
    """Measure round trips that take so long in either way; returns the share in which both sides looked."""
    looked = 0
    for _ in range(trips):
        looked += pace.looks
        pace.took(looking if pace.looks else sleeping)
    return looked / trips


def test_looks_where_that_is_quicker() -> None:
    """On idle cores nearly all round trips are made looking."""
    assert run(Pace(), 10_000, 60_000) > 0.97


def test_sleeps_where_looking_is_in_the_way() -> None:
    """On busy cores nearly all round trips are made without."""
    assert run(Pace(), 80_000, 20_000) < 0.03


def test_sleeps_where_it_makes_no_difference() -> None:
    """A core is not kept busy for nothing."""
    assert run(Pace(), 50_000, 50_000) < 0.03


def test_first_round_trips_look_and_the_other_way_is_tried_soon() -> None:
    """Looking is tried first, and then compared."""
    pace = Pace()
    assert pace.looks
    assert 0 < run(pace, 10_000, 60_000, 4 * TRY) < 1


def test_finds_out_at_once_when_the_chosen_way_becomes_slow() -> None:
    """Cores that come to be busy are noticed within a few round trips, however sure it was before."""
    pace = Pace()
    run(pace, 10_000, 60_000)
    assert run(pace, 100_000, 20_000, SOON) < 0.5


def test_finds_out_when_the_other_way_becomes_quick() -> None:
    """Cores that come to be idle are noticed after a while: the other way is tried now and then."""
    pace = Pace()
    run(pace, 80_000, 20_000)
    assert run(pace, 10_000, 20_000, 4 * LATE) > 0.7


def test_one_that_took_very_long_does_not_decide() -> None:
    """A round trip that met something rare counts for little."""
    pace = Pace()
    for i in range(3 * LATE):
        pace.took((10_000 if pace.looks else 60_000) if i % 100 else 10_000_000)
    assert pace.means[True] < 2 * pace.means[False]


def test_way_that_was_not_measured_is_not_chosen() -> None:
    """Two callers that turn to the other way at once do not take it for one that costs nothing."""
    pace = Pace()
    run(pace, 80_000, 20_000)
    assert not pace.looks
    pace._turn()
    pace._turn()
    assert run(pace, 80_000, 20_000, SOON) < 0.3
