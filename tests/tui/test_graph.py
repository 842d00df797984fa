"""Braille graphs: heights, scales, and what is drawn again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolmgr.tui.format import size
from poolmgr.tui.widgets.graph import Graph, braille, nice_top, resample
from tests.helpers.canvas import Canvas, watch_lines
from tests.helpers.pilot import screen_text, until


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (-1, 1), (0.3, 0.4), (1, 1), (63.1, 80), (80, 80), (81, 100), (1205, 2000), (4e9, 4e9)]
)
def test_scale_ends_at_a_round_number(value: float, top: float) -> None:
    """The top of a scale is a number that one can halve in one's head, and no value is above it."""
    assert nice_top(value) == pytest.approx(top)


@given(st.floats(1e-6, 1e15))
def test_no_value_is_above_its_scale(value: float) -> None:
    """The scale holds the value, and wastes no more than half of the height."""
    assert value <= nice_top(value) * (1 + 1e-9)
    assert nice_top(value) <= value * 2 * (1 + 1e-9)


def test_area_fills_what_is_below() -> None:
    """Two values a cell, four heights a cell; the newest is at the right, and a trace is seen."""
    assert braille([0, 50, 100, 0.1], 3, 1, 100) == [" ⢠⣇"]
    assert braille([100] * 4, 2, 2, 100) == ["⣿⣿", "⣿⣿"]
    assert braille([50] * 4, 2, 2, 100) == ["  ", "⣿⣿"]


def test_line_is_connected() -> None:
    """Without the area only the value's own height is drawn, and a jump is an upright stroke."""
    assert braille([100, 100, 100, 100], 2, 1, 100, area=False) == ["⠉⠉"]
    assert braille([25, 25, 100, 100], 2, 1, 100, area=False) == ["⣀⠏"]


@given(st.lists(st.floats(0, 1e9) | st.just(float("nan")), max_size=80), st.integers(0, 30), st.integers(1, 5))
def test_graph_is_as_large_as_asked(values: list[float], width: int, height: int) -> None:
    """Whatever the values are, there are as many lines as asked for, and each is as wide."""
    lines = braille(values, width, height, 100)
    assert [len(line) for line in lines] == [width] * height


def test_values_fill_the_width_by_their_span() -> None:
    """Many values are averaged into a column, few are repeated, and what is not there yet takes no room."""
    assert resample([1.0] * 4 + [3.0] * 4, 2, 8) == [1.0, 3.0]
    assert resample([1.0, 3.0], 8, 4) == [1.0, 1.0, 3.0, 3.0]
    assert resample([5.0, 5.0], 2, 8) == [5.0]
    assert resample([], 10, 10) == []
    assert resample([1.0, 2.0, 3.0], 0, 3) == []


@given(st.lists(st.floats(0, 100), max_size=150), st.integers(1, 200), st.integers(1, 150))
def test_resampling_invents_nothing(values: list[float], columns: int, span: int) -> None:
    """No column is outside of the values, and there are no more columns than room."""
    drawn = resample(values, columns, span)
    assert len(drawn) <= columns
    assert all(min(values) - 1e-9 <= value <= max(values) + 1e-9 for value in drawn)


async def test_graph_has_its_scale_at_the_left() -> None:
    """Top, half and zero are written beside the lines, in the unit of the values."""
    app = Canvas(Graph(label=lambda value: size(int(value)), span=10))
    async with app.run_test(size=(40, 9)) as pilot:
        app.widget.take("RSS", [2.0**30] * 10)
        await pilot.pause()
        lines = screen_text(app).split("\n")
        assert "RSS" in lines[0]
        assert lines[1].startswith(" 1.9G ")
        assert lines[5].startswith(" 954M ⣿")
        assert lines[8].startswith("    0 ⣿")


async def test_graph_says_when_there_is_nothing() -> None:
    """Before the first value there is a word, not an empty frame; a fixed scale stays where it is."""
    app = Canvas(Graph(top=100, empty="no sample yet", area=False))
    async with app.run_test(size=(40, 5)) as pilot:
        await until(pilot, lambda: "no sample yet" in screen_text(app))
        app.widget.take("CPU", [10.0, 20.0])
        await until(pilot, lambda: "  100 " in screen_text(app))
        assert "no sample yet" not in screen_text(app)
        await pilot.resize_terminal(5, 3)
        await pilot.pause()


async def test_only_changed_lines_are_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that changes the lowest line alone repaints that line."""
    app = Canvas(Graph(top=100, span=20))
    async with app.run_test(size=(46, 5)) as pilot:
        app.widget.take("CPU", [10.0] * 20)
        await pilot.pause()
        drawn = watch_lines(app.widget, monkeypatch)
        app.widget.take("CPU", [10.0] * 20)
        await pilot.pause()
        assert drawn == []
        app.widget.take("CPU", [10.0] * 19 + [20.0])
        await pilot.pause()
        assert drawn == [3]
