"""Texts drawn line by line: only lines that changed, wrapped anew in another width, and selectable."""

from __future__ import annotations

import pytest
from textual.content import Content
from textual.geometry import Offset
from textual.selection import Selection

from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.widgets.header import PoolHeader
from poolmgr.tui.widgets.text_lines import TextPane
from tests.helpers.canvas import Canvas, watch_lines
from tests.helpers.fake_control import NOW, FakeControl, make_job
from tests.helpers.pilot import screen_text, until


def text(*lines: str) -> Content:
    """Lines, the first of them bold."""
    return Content.assemble((lines[0], "bold"), "\n", "\n".join(lines[1:]))


async def test_only_changed_lines_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another number in one line draws that line; the same text draws none; nothing is laid out."""
    app = Canvas(TextPane(id="pane"))
    async with app.run_test(size=(30, 10)) as pilot:
        app.widget.take(text("job 1", "ran 1 s", "on w1"))
        await until(pilot, lambda: "on w1" in screen_text(app))
        drawn = watch_lines(app.widget, monkeypatch)
        layouts: list[int] = []
        monkeypatch.setattr(type(app.screen), "_refresh_layout", lambda *_, **__: layouts.append(1))
        app.widget.take(text("job 1", "ran 2 s", "on w1"))
        await until(pilot, lambda: "ran 2 s" in screen_text(app))
        assert drawn == [1]
        app.widget.take(text("job 1", "ran 2 s", "on w1", "and more", "", "at the end"))
        await until(pilot, lambda: "at the end" in screen_text(app))
        assert drawn == [1, 3, 4, 5]
        app.widget.take(text("job 1", "ran 2 s", "on w1", "and more", "", "at the end"))
        app.widget.take(text("job 1"))
        await until(pilot, lambda: "ran 2 s" not in screen_text(app))
        assert drawn == [1, 3, 4, 5, 1, 2, 3, 4, 5]
        assert layouts == []


async def test_long_text_wraps_and_scrolls() -> None:
    """It is wrapped anew when the pane gets another width, and scrolls where it is longer than the pane."""
    app = Canvas(TextPane(id="pane"))
    async with app.run_test(size=(20, 6)) as pilot:
        app.widget.take(text("one two three four five six", *map(str, range(10))))
        await until(pilot, lambda: "five six" in screen_text(app))
        assert "9" not in screen_text(app)
        app.widget.scroll_end(animate=False)
        await until(pilot, lambda: "9" in screen_text(app))
        await pilot.resize_terminal(60, 20)
        await until(pilot, lambda: "one two three four five six" in screen_text(app))


async def test_what_is_selected_is_the_text() -> None:
    """The mouse selects in the text, not in the strips, and what it selects stands out."""
    app = Canvas(TextPane(id="pane"))
    async with app.run_test(size=(30, 10)) as pilot:
        app.widget.take(text("job 1", "ran 1 s", "on w1"))
        await until(pilot, lambda: "on w1" in screen_text(app))
        selection = Selection.from_offsets(Offset(4, 1), Offset(2, 2))
        assert app.widget.get_selection(selection) == ("1 s\non", "\n")
        before = app.style_at(4, 2)
        assert before.meta["offset"] == (0, 1)
        app.screen.selections = {app.widget: selection}
        await until(pilot, lambda: app.style_at(4, 2).bgcolor != before.bgcolor)
        assert app.style_at(0, 1).bgcolor == before.bgcolor


async def test_head_draws_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second later one line of the head says so, and the others are left alone; another theme draws all."""
    control = FakeControl()
    app = PoolmgrApp(control)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "up 00:12:41" in screen_text(app))
        header = app.screen.query_one(PoolHeader)
        drawn = watch_lines(header, monkeypatch)
        control.change(time=NOW + 1, jobs=(make_job(1),))
        app.pull()
        await until(pilot, lambda: "up 00:12:42" in screen_text(app))
        assert drawn == [0]
        assert header.get_selection(Selection(None, None)) is not None
        app.theme = "textual-light"
        await until(pilot, lambda: set(drawn) == {0, 1, 2})
