"""The export dialog: what it offers, where it writes, and what it says when it cannot."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from poolmgr.model.states import JobState
from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.screens.export import ExportScreen
from tests.helpers.busy_pool import busy_history, busy_snapshot
from tests.helpers.fake_control import FakeControl, make_job, make_snapshot
from tests.helpers.pilot import screen_text, until


def path_of(app: PoolmgrApp) -> Input:
    """The field for the path."""
    return app.screen.query_one("#path", Input)


async def opened(pilot: Pilot[Any], app: PoolmgrApp) -> None:
    """Wait until the dialog is there and has proposed a path."""
    await until(
        pilot, lambda: isinstance(app.screen, ExportScreen) and app.screen.query("#path") and path_of(app).value
    )


async def save_as(pilot: Pilot[Any], app: PoolmgrApp, path: str) -> None:
    """Take the export under the cursor, and write it to this path."""
    await opened(pilot, app)
    await pilot.press("enter")
    await until(pilot, lambda: app.focused is path_of(app))
    path_of(app).value = path
    await pilot.pause()
    await pilot.press("enter")


async def test_jobs_that_the_filter_keeps_are_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """w, Enter, Enter writes the jobs on the screen into the present folder, and says where."""
    monkeypatch.chdir(tmp_path)
    app = PoolmgrApp(FakeControl())
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await pilot.press(*"/state:F", "enter", "w")
        await until(pilot, lambda: "jobs as CSV: 1 of 4" in screen_text(app))
        assert "trace" not in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: app.focused is path_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, ExportScreen))
        (saved,) = tmp_path.iterdir()
        assert saved.name.endswith("-jobs.csv")
        assert [row["id"] for row in csv.DictReader(io.StringIO(saved.read_text()))] == ["2"]
        await until(pilot, lambda: "saved" in screen_text(app))


async def test_json_keeps_every_text(tmp_path: Path) -> None:
    """The second export is JSON; half of a character in a user's text does not spoil the file."""
    app = PoolmgrApp(FakeControl(make_snapshot(jobs=[make_job(1, JobState.FAILED, message="\udc80 é")])))
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("w")
        await opened(pilot, app)
        await pilot.press("down")
        await until(pilot, lambda: path_of(app).value.endswith("-jobs.json"))
        await save_as(pilot, app, str(tmp_path / "out.json"))
        await until(pilot, lambda: not isinstance(app.screen, ExportScreen))
        assert json.loads((tmp_path / "out.json").read_text())["jobs"][0]["message"] == "\udc80 é"


async def test_screen_is_saved_as_it_was(tmp_path: Path) -> None:
    """The picture is of the screen below, without the dialog."""
    app = PoolmgrApp(FakeControl())
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("w")
        await opened(pilot, app)
        await pilot.press("end")
        await save_as(pilot, app, str(tmp_path / "s.svg"))
        await until(pilot, lambda: not isinstance(app.screen, ExportScreen))
        text = (tmp_path / "s.svg").read_text()
        assert text.startswith("<svg")
        assert "train" in text
        assert "Enter&#160;goes&#160;on" not in text


async def test_stream_is_offered_with_a_history(tmp_path: Path) -> None:
    """Where something was recorded, the stream can be saved in both forms."""
    control = FakeControl(busy_snapshot())
    control.past = busy_history()
    app = PoolmgrApp(control)
    async with app.run_test(size=(120, 36)) as pilot:
        for place, start in ((2, "<svg"), (3, '{"traceEvents"')):
            await pilot.press("w")
            await opened(pilot, app)
            app.screen.query_one(OptionList).highlighted = place
            await save_as(pilot, app, str(tmp_path / f"{place}"))
            await until(pilot, lambda: not isinstance(app.screen, ExportScreen))
            assert (tmp_path / f"{place}").read_text().startswith(start)


async def test_bad_path_is_said_where_it_was_typed(tmp_path: Path) -> None:
    """A path that is empty, a folder, nowhere, or full: the dialog says so and keeps the text."""
    (tmp_path / "there.csv").write_text("old")
    (tmp_path / "file").write_text("")
    app = PoolmgrApp(FakeControl())
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("w")
        await save_as(pilot, app, "  ")
        await until(pilot, lambda: "write the path of the file" in screen_text(app))
        for path, problem in (
            (str(tmp_path), "add the name of a file"),
            (f"{tmp_path}/no/x.csv", "there is no folder"),
            (f"{tmp_path}/file/x.csv", "there is no folder"),
            ("/dev/full", "is there already"),
        ):
            path_of(app).value = path
            await pilot.pause()
            await pilot.press("enter")
            await until(pilot, lambda problem=problem: problem in screen_text(app))  # type: ignore[misc]
            assert path_of(app).value == path
        await pilot.press("enter")
        await until(pilot, lambda: "No space left" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ExportScreen))


async def test_nothing_is_written_over_unasked(tmp_path: Path) -> None:
    """A file that is there is named first; a second Enter writes over it, and another path is another question."""
    old = tmp_path / "there.csv"
    old.write_text("old")
    app = PoolmgrApp(FakeControl())
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("w")
        await save_as(pilot, app, str(old))
        await until(pilot, lambda: "there.csv is there already" in screen_text(app))
        assert old.read_text() == "old"
        await pilot.press("x", "backspace", "enter")
        await until(pilot, lambda: "there.csv is there already" in screen_text(app))
        assert old.read_text() == "old"
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, ExportScreen))
        assert old.read_text().startswith("id,")


async def test_before_the_first_picture() -> None:
    """With nothing to export the key says so."""
    control = FakeControl()
    control.error = OSError("not yet")
    app = PoolmgrApp(control)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await pilot.press("w")
        await until(pilot, lambda: "nothing to export yet" in screen_text(app))
