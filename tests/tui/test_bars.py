"""The bar of times: shares that sum up, and shades that read without colour."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from poolmgr.model.times import Times
from poolmgr.tui.widgets.bars import TimeBar, percents, shares, stacked
from tests.helpers.canvas import Canvas
from tests.helpers.pilot import screen_text, until

TIMES = Times(work=81, serialise=6, wait=9, start=1, idle=3)


@given(st.lists(st.floats(0, 1e9), max_size=8), st.integers(0, 200))
def test_all_cells_are_shared_out(values: list[float], cells: int) -> None:
    """No cell is lost to rounding, and none is given twice; each gets its part to within a cell."""
    given_out = shares(values, cells)
    if sum(values) > 0:
        assert sum(given_out) == cells
        for value, got in zip(values, given_out, strict=True):
            assert abs(got - value * cells / sum(values)) < 1 + 1e-6
    else:
        assert given_out == [0] * len(values)


def test_bar_and_percents_say_the_same() -> None:
    """The percents sum to 100, the bar fills its width, and each kind has a shade of its own."""
    assert "".join(text for text, _ in percents(TIMES)) == "work 81 ser 6 wait 9 start 1 idle 3 "
    assert "".join(text for text, _ in stacked(TIMES, 20)) == "█" * 16 + "▓▒▒ "
    assert stacked(TIMES, 0) == []


async def test_what_is_not_known_is_left_out() -> None:
    """Where nobody records times the line is empty; where there is no room for the bar, the percents stay."""
    app = Canvas(TimeBar())
    async with app.run_test(size=(40, 3)) as pilot:
        await pilot.pause()
        assert screen_text(app).split("\n")[1].strip() == ""
        app.widget.take(TIMES)
        await until(pilot, lambda: "work 81 ser 6 wait 9 start 1 idle 3" in screen_text(app))
        assert "█" not in screen_text(app)
        await pilot.resize_terminal(60, 3)
        await until(pilot, lambda: "idle 3 " + "█" * 20 + "▓▒▒ " in screen_text(app))
