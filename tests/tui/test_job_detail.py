"""The detail of one job: what it shows, how it follows, where n and N lead."""

from __future__ import annotations

import csv

from poolmgr.model.requests import Retry
from poolmgr.model.states import JobState
from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.export import jobs_csv
from poolmgr.tui.screens.dashboard import Dashboard
from poolmgr.tui.screens.job_detail import JobDetail
from poolmgr.tui.widgets.job_text import describe
from tests.helpers.fake_control import NOW, FakeControl, make_job, make_snapshot
from tests.helpers.pilot import screen_text, until

SIZE = (80, 24)


async def test_enter_opens_the_job() -> None:
    """The detail shows arguments, error and traceback, its keys act on that job, and Esc goes back."""
    control = FakeControl()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("tab", "j", "enter")
        await until(pilot, lambda: isinstance(app.screen, JobDetail))
        # On the stack it is before there is anything in it.
        await until(pilot, lambda: "failed after" in screen_text(app))
        text = screen_text(app)
        assert "F✗ failed after 5.00s on w1 (pid 4121)" in text
        assert "pipeline.resize('key-2.png',)" in text
        assert "  boom" in text
        await pilot.press("X")
        assert isinstance(app.screen, JobDetail)
        await pilot.press("r")
        await until(pilot, lambda: control.requests == [Retry(2)])
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, Dashboard)


async def test_detail_follows_its_job_and_remembers_it() -> None:
    """The detail shows the job's newest state, and its last one after the pool forgot it."""
    control = FakeControl()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: "R▸ running" in screen_text(app))
        control.change(jobs=(make_job(1, JobState.DONE, message="'fine'"),), time=NOW + 1)
        app.pull()
        await pilot.pause()
        assert "D✓ done" in screen_text(app)
        assert "'fine'" in screen_text(app)
        control.change(jobs=(), time=NOW + 2)
        app.pull()
        await pilot.pause()
        assert "no longer among the jobs shown" in screen_text(app)
        assert "'fine'" in screen_text(app)


async def test_next_failed_goes_round() -> None:
    """n and N walk through the jobs that ended badly."""
    jobs = [make_job(1), make_job(5, JobState.FAILED), make_job(6, JobState.LOST), make_job(7, JobState.KILLED)]
    app = PoolmgrApp(FakeControl(make_snapshot(jobs=jobs)))
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("enter")
        for key, job_id in (("n", 5), ("n", 6), ("n", 7), ("n", 5), ("N", 7)):
            await pilot.press(key)
            await until(pilot, lambda job_id=job_id: f"Job {job_id}  (Esc)" in screen_text(app))  # type: ignore[misc]


async def test_detail_tells_tries_time_and_the_same_error() -> None:
    """The calls that are this one again, where the time went, and who else has the error."""
    jobs = [
        make_job(9, retry_of=5, attempt=3),
        make_job(5, JobState.FAILED, retry_of=2, attempt=2, message="KeyError: 'b'", traceback="T\nKeyError: 'b'"),
        make_job(2, JobState.FAILED, message="KeyError: 'a'"),
        make_job(7, JobState.FAILED, message="OSError: full", submitted=NOW - 11, started=NOW - 10),
    ]
    app = PoolmgrApp(FakeControl(make_snapshot(jobs=jobs)))
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("3", "j", "enter")
        await until(pilot, lambda: isinstance(app.screen, JobDetail))
        await until(pilot, lambda: "tries   #1" in screen_text(app))
        text = screen_text(app)
        assert "tries   #1 job 2 failed, #2 job 5 failed (this), #3 job 9 running" in text
        assert "same    2 jobs with KeyError, all from resize (A marks them)" in text
        assert "spent   queued 10.0s ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒██████████ ran 5.00s" in text


async def test_ctrl_c_copies_what_the_mouse_has_selected() -> None:
    """A part of the job's text is selected by the mouse, and copied as it is read."""
    app = PoolmgrApp(FakeControl())
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("tab", "j", "enter")
        await until(pilot, lambda: "pipeline.resize('key-2.png',)" in screen_text(app))
        lines = screen_text(app).split("\n")
        row = next(place for place, line in enumerate(lines) if "pipeline.resize('key-2.png',)" in line)
        column = lines[row].index("pipeline.resize")
        await pilot.mouse_down(offset=(column, row))
        await pilot.hover(offset=(column + len("pipeline.resize") - 1, row))
        await pilot.mouse_up(offset=(column + len("pipeline.resize") - 1, row))
        await pilot.press("ctrl+c")
        assert app.clipboard == "pipeline.resize"


def test_job_of_unknown_age_is_told_without_it() -> None:
    """Of a job of which nobody knows when it was submitted, nothing says since when, or for how long it waited."""
    job = make_job(6, JobState.LOST, submitted=0.0, started=None)
    assert job.queued(NOW) is None
    text = describe(job, make_snapshot(jobs=(job,))).plain
    assert "ended" in text
    assert "submitted" not in text
    assert "queued" not in text
    rows = list(csv.DictReader(jobs_csv([job], NOW).splitlines()))
    assert (rows[0]["submitted"], rows[0]["queued_s"]) == ("", "")
