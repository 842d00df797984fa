"""What is drawn again: no more than what changed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.strip import Strip

from poolmgr.model.states import JobState
from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.repaint import regions, retitle
from poolmgr.tui.strips import strip_of
from poolmgr.tui.widgets.graph import Graph
from poolmgr.tui.widgets.jobs_table import JobsTable
from tests.helpers.canvas import Canvas, watch_lines
from tests.helpers.fake_control import NOW, FakeControl, make_job, make_snapshot
from tests.helpers.pilot import screen_text, until


@given(st.sets(st.integers(0, 60)))
def test_neighbours_are_one_region(lines: set[int]) -> None:
    """The regions cover these lines and no other, and no two of them touch."""
    found = regions(lines, 80)
    assert sorted(y for region in found for y in region.line_range) == sorted(lines)
    assert all(one.bottom < other.y for one, other in pairwise(found))
    assert all((region.x, region.width) == (0, 80) for region in found)


async def test_another_title_draws_its_line_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The frame's title changes on the screen, and the widget's own lines are not asked for."""
    app = Canvas(Graph())
    async with app.run_test(size=(40, 5)) as pilot:
        retitle(app.widget, Content("CPU 1%"))
        await until(pilot, lambda: "CPU 1%" in screen_text(app))
        drawn = watch_lines(app.widget, monkeypatch)
        retitle(app.widget, Content("CPU 2%"))
        await until(pilot, lambda: "CPU 2%" in screen_text(app))
        assert drawn == []


async def test_a_second_more_lays_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame in which jobs have run for longer draws their lines, and leaves the layout and the other jobs alone."""
    jobs = [make_job(1), *[make_job(number, JobState.QUEUED, submitted=NOW) for number in range(2, 30)]]
    control = FakeControl(make_snapshot(jobs=jobs))
    app = PoolmgrApp(control)
    async with app.run_test(size=(160, 45)) as pilot:
        await until(pilot, lambda: "running 10.0s" in screen_text(app))
        drawn = watch_lines(app.screen.query_one(JobsTable), monkeypatch)
        layouts: list[int] = []
        monkeypatch.setattr(type(app.screen), "_refresh_layout", lambda *_, **__: layouts.append(1))
        control.change(jobs=(make_job(1, started=NOW - 11), *jobs[1:]))
        app.pull()
        await until(pilot, lambda: "running 11.0s" in screen_text(app))
        assert drawn == [1]
        assert layouts == []


CELLS = st.lists(st.tuples(st.text("ab ü日", max_size=6), st.integers(0, 2)), max_size=8)


@given(CELLS, st.integers(0, 40), st.integers(0, 1))
def test_line_has_its_cells_in_few_segments(cells: list[tuple[str, int]], width: int, together: int) -> None:
    """A line is as wide as asked and has its cells in order, a blank between two, in no more segments than cells."""
    styles = [Style(), Style(bold=True), Style(italic=True)]
    strip = strip_of([(text, styles[style]) for text, style in cells], styles[0], width, together=together)
    blanks = ["" if place <= together else " " for place in range(len(cells))]
    whole = "".join(blank + text for blank, (text, _) in zip(blanks, cells, strict=True))
    assert strip.cell_length == cell_len(strip.text) == width
    assert strip.text.rstrip() == Strip([Segment(whole)]).crop(0, width).text.rstrip()
    assert len(list(strip)) <= 2 * sum(1 for _, style in cells if style) + 3
