"""Lines of tracebacks and stacks under a cursor: how it moves, what Enter opens, and what is said where it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from poolmgr.model.requests import Profile, Reply, Stack, WorkerLook
from poolmgr.model.snapshot import Death
from poolmgr.model.states import JobState
from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.screens.job_detail import JobDetail
from poolmgr.tui.screens.worker_detail import WorkerDetail
from poolmgr.tui.widgets.source_pane import SourcePane
from tests.helpers.fake_control import FakeControl, make_job, make_snapshot
from tests.helpers.pilot import screen_text, until

TRACEBACK = """Traceback (most recent call last):
  File "/srv/gone/a.py", line 11, in fetch
    return head({})
  File "/srv/gone/b.py", line 6, in head
    return answer["etag"]
KeyError: 'etag'
"""


def place_of(app: PoolmgrApp) -> tuple[str, int] | None:
    """What is under the cursor."""
    return app.screen.query_one(SourcePane).place


async def open_job(pilot: Pilot[Any]) -> PoolmgrApp:
    """The detail of the job that the list of jobs begins with."""
    await pilot.press("3", "enter")
    app = pilot.app
    assert isinstance(app, PoolmgrApp)
    await until(pilot, lambda: isinstance(app.screen, JobDetail) and "Job 2" in screen_text(app))
    return app


def failed(traceback: str = TRACEBACK) -> FakeControl:
    """A pool with one job that failed."""
    return FakeControl(make_snapshot(jobs=[make_job(2, JobState.FAILED, message="KeyError", traceback=traceback)]))


async def test_the_cursor_begins_where_it_was_raised_and_goes_through_the_frames() -> None:
    """The innermost frame has a mark that needs no colour; k goes to its caller, and above the first is nothing."""
    async with PoolmgrApp(failed()).run_test(size=(100, 30), notifications=True) as pilot:
        app = await open_job(pilot)
        await until(pilot, lambda: '> File "/srv/gone/b.py", line 6' in screen_text(app))
        await pilot.press("k")
        assert place_of(app) == ("/srv/gone/a.py", 11)
        assert '> File "/srv/gone/a.py", line 11' in screen_text(app)
        await pilot.press("j")
        assert place_of(app) == ("/srv/gone/b.py", 6)
        await pilot.press("up", "up")
        assert place_of(app) is None
        await pilot.press("down")
        assert place_of(app) == ("/srv/gone/a.py", 11)


async def test_a_long_text_is_read_whole() -> None:
    """Where the next line with a place is out of sight, a move scrolls towards it, and then goes there."""
    text = TRACEBACK.replace("KeyError: 'etag'\n", "more\n" * 60 + '  File "/srv/gone/c.py", line 3, in last\n')
    async with PoolmgrApp(failed(text)).run_test(size=(80, 24), notifications=True) as pilot:
        app = await open_job(pilot)
        pane = app.screen.query_one(SourcePane)
        await pilot.press("k", "g", "k")
        seen = {pane.scroll_offset.y}
        for _ in range(80):
            await pilot.press("j")
            seen.add(pane.scroll_offset.y)
        assert place_of(app) == ("/srv/gone/c.py", 3)
        assert seen == set(range(max(seen) + 1))
        assert "c.py" in screen_text(app)


@pytest.mark.parametrize(
    ("editor", "words"),
    [
        ("vim", "there is no file /srv/gone/b.py here"),
        ("", "there is no editor: set $VISUAL or $EDITOR"),
    ],
)
async def test_why_nothing_opens_is_said(editor: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an editor, or without the file, Enter says so in one sentence."""
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor)
    async with PoolmgrApp(failed()).run_test(size=(100, 30), notifications=True) as pilot:
        app = await open_job(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: words in screen_text(app))


@pytest.mark.parametrize(
    ("web", "words"),
    [(True, "in a browser there is no editor to step aside for"), (False, "this screen cannot step aside")],
)
async def test_a_screen_that_cannot_step_aside_says_so(
    web: bool, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a browser no editor is started, whatever $EDITOR says."""
    file = tmp_path / "b.py"
    file.write_text("x\n" * 20)
    monkeypatch.setenv("VISUAL", f"touch {tmp_path / 'started'}")
    monkeypatch.setattr(PoolmgrApp, "is_web", web)
    control = failed(TRACEBACK.replace("/srv/gone/b.py", str(file)))
    async with PoolmgrApp(control).run_test(size=(160, 30), notifications=True) as pilot:
        app = await open_job(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: words in screen_text(app))
        assert not (tmp_path / "started").exists()


async def test_the_stack_of_a_lost_job_begins_at_its_innermost_frame() -> None:
    """The death card's stack is gone through as a traceback is."""
    death = Death("SIGKILL", stack=("/srv/gone/a.py:6 head", "/srv/gone/b.py:11 fetch"), stack_age=1.0)
    control = FakeControl(make_snapshot(jobs=[make_job(2, JobState.LOST, message="was killed", death=death)]))
    async with PoolmgrApp(control).run_test(size=(100, 30), notifications=True) as pilot:
        app = await open_job(pilot)
        assert place_of(app) == ("/srv/gone/a.py", 6)
        await pilot.press("j")
        assert place_of(app) == ("/srv/gone/b.py", 11)


async def test_the_cursor_of_a_live_stack_stays_on_its_frame() -> None:
    """Enter is the job until the cursor is on a line; then that is opened, also when the stack has grown above it."""
    frames = [("net.py", 7), ("net.py", 31)]

    def look(request: WorkerLook) -> Reply:
        if isinstance(request, Stack | Profile):
            lines = tuple(f"{file}:{line}  call" for file, line in frames)
            return Reply(True, "the stack", lines=("thread 1", *lines), places=((), *((f, str(n)) for f, n in frames)))
        return Reply(True, "the process", lines=("nice 0",))

    control = FakeControl()
    control.look = look
    app = PoolmgrApp(control)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("2", "enter")
        await until(pilot, lambda: isinstance(app.screen, WorkerDetail) and "net.py:31" in screen_text(app))
        await pilot.press("j", "j")
        assert place_of(app) == ("net.py", 31)
        assert ">net.py:31" in screen_text(app)
        frames.insert(0, ("deep.py", 1))
        await until(pilot, lambda: "deep.py:1" in screen_text(app))
        assert place_of(app) == ("net.py", 31)
        await pilot.press("enter")
        await until(pilot, lambda: "there is no" in screen_text(app))
        frames[:] = [("deep.py", 1)]
        await until(pilot, lambda: "net.py:31" not in screen_text(app))
        assert place_of(app) == ("deep.py", 1)
        await pilot.press("k")
        assert place_of(app) is None
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, JobDetail))


async def test_a_click_puts_the_cursor_on_a_line() -> None:
    """As in the lists; a click elsewhere leaves it where it is."""
    async with PoolmgrApp(failed()).run_test(size=(100, 30), notifications=True) as pilot:
        app = await open_job(pilot)
        lines = screen_text(app).split("\n")
        row = next(number for number, line in enumerate(lines) if "a.py" in line)
        await pilot.click(offset=(10, row))
        assert place_of(app) == ("/srv/gone/a.py", 11)
        await pilot.click(offset=(10, row + 1))
        assert place_of(app) == ("/srv/gone/a.py", 11)
