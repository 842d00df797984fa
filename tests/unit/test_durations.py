"""Durations on a log scale: bounded in size and in error, whatever they are."""

from __future__ import annotations

import itertools
import math

from hypothesis import given
from hypothesis import strategies as st

from poolmgr.model.durations import (
    BINS,
    ERROR,
    LONGEST,
    STEPS,
    Distribution,
    Histogram,
    bin_of,
    bounds,
    merged,
)

DURATIONS = st.integers(0, LONGEST)
MANY = st.lists(DURATIONS, min_size=1, max_size=200)


def histogram(durations: list[int]) -> Distribution:
    """The picture of these."""
    filled = Histogram()
    filled.add(durations, count=len(durations), total=sum(durations))
    return filled.picture()


@given(DURATIONS)
def test_bin_holds_its_duration(ns: int) -> None:
    """Every duration lies within the bounds of its bin, whose middle is close to it."""
    number = bin_of(ns)
    low, high = bounds(number)
    assert low <= ns < high
    assert 0 <= number < BINS
    assert abs((low + high - 1) / 2 - ns) <= ERROR * ns


def test_bins_touch_each_other() -> None:
    """One bin ends where the next begins, from 0 to the longest."""
    edges = [bounds(number) for number in range(BINS)]
    assert edges[0][0] == 0
    assert all(before[1] == after[0] for before, after in itertools.pairwise(edges))
    assert edges[-1][1] == LONGEST + 1
    assert BINS <= 47 * STEPS


@given(MANY, st.sampled_from([0.0, 0.25, 0.5, 0.9, 0.95, 0.99, 1.0]))
def test_quantile_is_within_the_error(durations: list[int], share: float) -> None:
    """A quantile is off by the written error at most, and never beyond the longest."""
    picture = histogram(durations)
    rank = max(1, math.ceil(round(share * len(durations), 9)))
    exact = sorted(durations)[rank - 1]
    assert abs(picture.quantile(share) - exact) <= ERROR * exact + 1e-6
    assert picture.quantile(share) <= picture.longest == max(durations)


@given(MANY)
def test_count_sum_and_longest_are_exact(durations: list[int]) -> None:
    """Only the bins round."""
    picture = histogram(durations)
    assert (picture.tasks, picture.total, picture.longest) == (len(durations), sum(durations), max(durations))
    assert sum(count for _, count in picture.bins) == len(durations)
    assert math.isclose(picture.mean, sum(durations) / len(durations))


@given(MANY, MANY)
def test_merging_is_the_same_as_adding_all(left: list[int], right: list[int]) -> None:
    """Two histograms merged are the histogram of both."""
    assert merged([histogram(left), histogram(right)]) == histogram(left + right)


@given(MANY)
def test_plain_form_loses_nothing(durations: list[int]) -> None:
    """A picture comes back from its list of integers."""
    picture = histogram(durations)
    plain = picture.plain()
    assert all(type(value) is int for value in plain)
    assert Distribution.from_plain(plain) == picture


@given(st.lists(DURATIONS, min_size=1, max_size=20), st.integers(0, 500))
def test_some_stand_for_all(durations: list[int], more: int) -> None:
    """Tasks whose durations were not all looked at are counted all the same."""
    filled = Histogram()
    count = len(durations) + more
    filled.add(durations, count=count, total=sum(durations) + more)
    picture = filled.picture()
    assert picture.tasks == sum(each for _, each in picture.bins) == count


def test_tasks_without_durations_take_the_mean() -> None:
    """A sum alone is shared out evenly."""
    filled = Histogram()
    filled.add((), count=4, total=4000)
    assert filled.picture().bins == ((bin_of(1000), 4),)


def test_empty_one_has_no_durations() -> None:
    """Nothing measured is 0 everywhere, and nothing raises."""
    empty = Histogram().picture()
    assert (empty.tasks, empty.mean, empty.quantile(0.5), empty.below(5)) == (0, 0.0, 0.0, 0.0)
    assert merged([]) == empty


def test_picture_is_kept_until_something_is_added() -> None:
    """Who looks often does not pay for it, and an old picture never changes."""
    filled = Histogram()
    filled.add([5], count=1, total=5)
    first = filled.picture()
    assert filled.picture() is first
    filled.add([7], count=1, total=7)
    assert first.tasks == 1
    assert filled.picture().tasks == 2


@given(MANY, st.integers(2, 20))
def test_columns_hold_every_task(durations: list[int], number: int) -> None:
    """Drawn in columns, no task is left out, and none is where it is not."""
    edges = [2.0 ** (i * 50 / number) for i in range(number + 1)]
    assert sum(histogram(durations).columns(edges)) == len(durations)


def test_place_of_one_among_the_others() -> None:
    """Half of a hundred even durations are shorter than the middle one."""
    picture = histogram([1_000_000 * i for i in range(1, 101)])
    assert abs(picture.below(50_500_000) - 0.5) < 0.04
    assert picture.below(1) == 0.0
    assert picture.below(1e15) == 1.0
