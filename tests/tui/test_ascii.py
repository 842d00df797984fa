"""The screen in ASCII: every glyph has a stand-in of the same width, whoever drew it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from poolmgr.model.snapshot import Trends
from poolmgr.model.states import JobState, WorkerState
from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.ascii import to_ascii
from poolmgr.tui.format import harmless
from tests.helpers.fake_control import FakeControl, make_job, make_snapshot, make_worker
from tests.helpers.pilot import screen_text, until
from tests.helpers.terminal import terminal


@given(st.text())
def test_ascii_keeps_the_width(text: str) -> None:
    """Whatever is drawn, its stand-in is ASCII and takes as many cells."""
    text = harmless(text)
    plain = to_ascii(text)

    assert plain.isascii()
    assert len(plain) == cell_len(text)


@pytest.mark.parametrize(
    ("drawn", "plain"),
    [
        ("████▌░░", "####=.."),
        ("▁▂▃▄▅▆▇█", "_.-:=+*#"),
        ("╭─Jobs──╮│└┘┼", "+-Jobs--+|+++"),
        ("R▸ F✗ L! K× D✓ Q·", "R> Fx L! Kx DY Q."),
        ("⠀⣀⣤⣶⣿", " .:+#"),
        ("⠉⠒⠤", "'--"),
        ("café 日本 resiz…", "cafe ???? resiz~"),
    ],
)
def test_what_stands_for_what(drawn: str, plain: str) -> None:
    """Bars, sparks, frames, marks and graphs can still be read."""
    assert to_ascii(drawn) == plain


async def test_whole_screen_is_ascii() -> None:
    """Every pane and every dialog, Textual's own parts included, draws in ASCII, and every state keeps its letter."""
    workers = [make_worker(place, None, state=state) for place, state in enumerate(WorkerState)]
    jobs = [make_job(place, state, args="('日本',)") for place, state in enumerate([*JobState] * 20, 1)]
    control = FakeControl(make_snapshot(workers, jobs, history=Trends((1.0, 9.0), (2.0, 3.0)), name="zürich"))
    app = PoolmgrApp(control, ascii=True)
    async with app.run_test(size=(160, 45)) as pilot:
        for keys in (["tab"], ["question_mark"], ["escape", "a"], ["escape", "q"], ["escape", "ctrl+p"]):
            await pilot.press(*keys)
            await pilot.pause()
            text = screen_text(app)
            assert text.isascii()
            assert "[RUN]" in text
            assert "zurich" in text
        await pilot.press("escape")
        await pilot.pause()
        for mark in ("So", "I.", "R>", "Z=", "Vv", "Xx", "Q.", "DY", "Fx", "Kx", "L!", "C-"):
            assert mark in screen_text(app)


async def test_ascii_can_be_switched_while_it_runs() -> None:
    """Switching it draws the whole screen anew."""
    app = PoolmgrApp(FakeControl())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "R▸" in screen_text(app))
        app.ascii = True
        await until(pilot, lambda: screen_text(app).isascii())
        app.ascii = False
        await until(pilot, lambda: "R▸" in screen_text(app))


@pytest.mark.parametrize(
    ("locale", "options", "plain"),
    [("C.UTF-8", [], False), ("C.UTF-8", ["--ascii"], True), ("C", [], True), ("C", ["--no-ascii"], False)],
)
def test_terminal_without_utf8_gets_ascii(tmp_path: Path, locale: str, options: list[str], plain: bool) -> None:
    """The locale decides, and the option before it: not one byte beyond ASCII goes to such a terminal."""
    with terminal(*options, "--workers", "1", cwd=tmp_path, locale=locale) as screen:
        screen.wait_for("1/1 workers")
        screen.wait_for("I." if plain else "I·")
        assert screen.written.isascii() is plain
        screen.type("q")
        screen.wait()
        assert screen.written.isascii() is plain


def test_option_may_stand_before_the_verb(tmp_path: Path) -> None:
    """What is said for all verbs holds for each."""
    with terminal("--ascii", "demo", "--workers", "1", cwd=tmp_path) as screen:
        screen.wait_for("1/1 workers")
        assert screen.written.isascii()
