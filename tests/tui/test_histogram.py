"""Histograms of durations: scale, piles, marks, and a line for each function."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolmgr.model.durations import Distribution, Histogram
from poolmgr.model.snapshot import FunctionSnapshot
from poolmgr.tui.format import fine
from poolmgr.tui.widgets.histogram import FunctionDurations, HistogramView, by_function, log_edges, pile, scale_line
from tests.helpers.canvas import Canvas
from tests.helpers.pilot import screen_text, until

MS = 1_000_000


def distribution(*durations: int) -> Distribution:
    """Of these durations in ns."""
    histogram = Histogram()
    histogram.add(durations, count=len(durations), total=sum(durations))
    return histogram.picture()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0, "0ns"),
        (1e-6, "1.0us"),
        (812e-6, "812us"),
        (0.118, "118ms"),
        (0.9996, "1.0s"),
        (41.0, "41s"),
        (60, "1m"),
        (192, "3m12s"),
        (3600, "1h"),
    ],
)
def test_short_durations_have_their_unit(seconds: float | None, text: str) -> None:
    """From nanoseconds to hours a duration has two digits at the least and six cells at the most."""
    assert fine(seconds) == text


@given(st.floats(0, 1e12), st.floats(0, 1e12), st.integers(1, 200))
def test_scale_holds_all_durations(one: float, other: float, columns: int) -> None:
    """The edges ascend, in powers of ten at the ends, around whatever was measured."""
    low, high = sorted((one, other))
    edges = log_edges(low, high, columns)
    assert len(edges) == columns + 1
    assert edges == sorted(edges)
    assert edges[0] <= max(1.0, low) * 1.000001
    assert edges[-1] >= high / 1.000001


def test_least_count_shows() -> None:
    """One task among a million is seen: it is the straggler."""
    assert pile([1_000_000, 0, 1], 1) == ["█ ▁"]
    assert pile([2, 1], 2) == ["█ ", "██"]
    assert pile([], 2) == ["", ""]


def test_marks_stand_at_their_place() -> None:
    """The ends of the scale are told, and each mark is in its column, with its name where there is room."""
    edges = log_edges(10 * MS, 1000 * MS, 40)
    line = scale_line(edges, [("p50", 99 * MS), ("p95", 130 * MS)])
    assert line.startswith("10ms")
    assert line.endswith("1.0s")
    assert [place for place, character in enumerate(line) if character == "▲"] == [19, 22]
    assert line[22:].startswith("▲p95")
    assert len(line) == 40
    assert scale_line(edges, [("p50", 11 * MS)])[0] == "▲"


async def test_all_and_each_function() -> None:
    """The high picture is of all tasks, and each function has a line on the same scale, with its quantiles."""
    fast, slow = distribution(*[10 * MS] * 99, 11 * MS), distribution(900 * MS)
    whole = distribution(*[10 * MS] * 99, 11 * MS, 900 * MS)
    app = Canvas(HistogramView())
    async with app.run_test(size=(80, 9)) as pilot:
        await until(pilot, lambda: app.widget.size.width == 80)
        app.widget.take(whole, [FunctionDurations(1, "m.resize", fast), FunctionDurations(2, "m.[b]x", slow)])
        await pilot.pause()
        lines = screen_text(app).split("\n")
        assert lines[1].startswith("all ")
        assert lines[1].rstrip().endswith("p50 10ms  p95 10ms")
        assert "▲" in lines[6]
        assert lines[7].startswith("resize   ")
        assert lines[8].startswith("[b]x     ")
        assert lines[8].index("█") == lines[5].index("▁", 15)
        app.widget.take(None)
        await until(pilot, lambda: "no task has ended yet" in screen_text(app))


def test_functions_keep_their_colours() -> None:
    """A function's number is its place in the history, however they are sorted; one without tasks is left out."""
    known = distribution(5)
    functions = [
        FunctionSnapshot("a", done=1, durations=known),
        FunctionSnapshot("b", done=9, durations=known),
        FunctionSnapshot("c"),
        FunctionSnapshot("new", done=3, durations=known),
    ]
    found = by_function(functions, ["other", "c", "a", "b"])
    assert [(each.name, each.number) for each in found] == [("b", 3), ("new", 0), ("a", 2)]


@pytest.mark.parametrize("size", [(4, 3), (12, 2), (30, 4), (44, 12)])
async def test_any_size_draws(size: tuple[int, int]) -> None:
    """However small it is, it draws, and functions give way to the high picture."""
    app = Canvas(HistogramView())
    async with app.run_test(size=size) as pilot:
        app.widget.take(distribution(1, 5, 10**15), [FunctionDurations(0, "other", distribution(5))])
        await pilot.pause()
        assert app.widget.size.height == size[1] - 1
