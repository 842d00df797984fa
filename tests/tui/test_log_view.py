"""The log: tail, gaps, limits, and harmless text."""

from __future__ import annotations

from textual.app import App, ComposeResult

from poolmgr.model.log import LogLine
from poolmgr.tui.widgets.log_view import KEEP, LogView
from tests.helpers.fake_control import make_log
from tests.helpers.pilot import screen_text


class LogApp(App[None]):
    """One log."""

    CSS = "LogView { height: 100%; border-top: solid green; }"

    def __init__(self, job_id: int | None = None) -> None:
        super().__init__()
        self.view = LogView(job_id=job_id)

    def compose(self) -> ComposeResult:
        """The log alone."""
        yield self.view


async def test_it_follows_the_end_until_one_scrolls_back() -> None:
    """New lines push old ones up; once one reads further up, they do not; G follows again."""
    app = LogApp()
    async with app.run_test(size=(60, 6)) as pilot:
        app.view.focus()
        app.view.take(make_log(1, 50))
        await pilot.pause()
        assert "line 50" in screen_text(app)
        await pilot.press("k", "k")
        assert "follow off" in screen_text(app)
        before = _lines(app)
        app.view.take(make_log(1, 60))
        await pilot.pause()
        assert _lines(app) == before
        await pilot.press("G")
        await pilot.pause()
        assert "follow on" in screen_text(app)
        assert "line 60" in screen_text(app)
        await pilot.press("f")
        app.view.take(make_log(40, 70))
        await pilot.pause()
        assert "line 70" not in screen_text(app)


async def test_every_key_moves() -> None:
    """The log has the moves of the tables."""
    app = LogApp()
    async with app.run_test(size=(60, 11)) as pilot:
        app.view.focus()
        app.view.take(make_log(1, 100))
        await pilot.pause()
        tops = []
        for key in ("g", "j", "k", "pagedown", "ctrl+d", "ctrl+u", "pageup", "end", "home", "enter"):
            await pilot.press(key)
            tops.append(app.view.scroll_offset.y)
        assert tops == [0, 1, 0, 10, 15, 10, 0, 90, 0, 0]


async def test_a_line_is_shown_once_and_a_gap_is_told() -> None:
    """Lines seen before are not added again, and what fell out between two frames is counted."""
    app = LogApp()
    async with app.run_test(size=(60, 13)) as pilot:
        app.view.take(make_log(1, 3))
        app.view.take(make_log(2, 4))
        app.view.take(make_log(10, 11))
        await pilot.pause()
        text = screen_text(app)
        assert text.count("line 3") == 1
        assert "… 5 lines not shown" in text
        assert "line 11" in text


async def test_it_keeps_a_limited_number_of_lines() -> None:
    """The oldest lines go, and a reader's place stays on its line."""
    app = LogApp()
    async with app.run_test(size=(60, 6)) as pilot:
        app.view.focus()
        app.view.take(make_log(1, KEEP))
        await pilot.pause()
        await pilot.press("pageup", "pageup")
        before = _lines(app)
        app.view.take(make_log(KEEP + 1, KEEP + 100))
        await pilot.pause()
        assert len(app.view.entries) == KEEP
        assert _lines(app) == before


async def test_output_is_harmless_and_no_markup() -> None:
    """Escape sequences of a worker do not reach the terminal, and brackets are text."""
    app = LogApp()
    lines = make_log(1, 1, pid=5)
    async with app.run_test(size=(60, 6)) as pilot:
        app.view.take([*lines, *_output("\x1b[2J\x1b[31m[bold]hi[/bold]\x07 [/oops]")])
        await pilot.pause()
        text = screen_text(app)
        assert "[bold]hi[/bold] [/oops]" in text
        assert "\x1b" not in text


async def test_one_jobs_lines_alone() -> None:
    """With a job, only its lines are shown, and the gaps between them mean nothing."""
    app = LogApp(job_id=7)
    async with app.run_test(size=(60, 6)) as pilot:
        app.view.take([*make_log(1, 5), *make_log(6, 6, job_id=7), *make_log(7, 8), *make_log(9, 9, job_id=7)])
        await pilot.pause()
        text = screen_text(app)
        assert "line 6" in text
        assert "line 9" in text
        assert "line 8" not in text
        assert "not shown" not in text


def _lines(app: LogApp) -> list[str]:
    """The lines without the scroll bar."""
    return [line[:-2] for line in screen_text(app).split("\n")]


def _output(text: str) -> list[LogLine]:
    return [make_log(2, 2)[0]._replace(text=text, kind="out", slot=2)]


async def test_a_filter_hides_and_n_finds_again() -> None:
    """A filter shows its lines alone and counts the others; without it they are found among all."""
    app = LogApp()
    async with app.run_test(size=(70, 8)) as pilot:
        app.view.focus()
        app.view.take(make_log(1, 100))
        app.view.set_filter("7")
        await pilot.pause()
        assert "filter: 7  81 held back" in screen_text(app)
        app.view.take(make_log(101, 107))
        await pilot.pause()
        assert "line 107" in screen_text(app)
        assert "line 106" not in screen_text(app)
        app.view.set_filter("")
        await pilot.press("g", "n")
        await pilot.pause()
        assert "n N: 7" in screen_text(app)
        line = next(line for line in screen_text(app).split("\n") if line.startswith(">"))
        assert "line 7 " in line


async def test_a_filtered_log_is_limited_too() -> None:
    """Lines that fall out of the log fall out of what the filter shows."""
    app = LogApp()
    async with app.run_test(size=(60, 6)) as pilot:
        app.view.set_filter("line")
        app.view.take(make_log(1, KEEP))
        app.view.take(make_log(KEEP + 1, KEEP + 100))
        await pilot.pause()
        assert len(app.view.entries) == KEEP
        assert app.view.entries[0].text == "line 101"
