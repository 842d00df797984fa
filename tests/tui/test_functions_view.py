"""The views of what the monitor records: functions, stream, and the line that says why."""

from __future__ import annotations

from poolmgr.model.snapshot import Rule, Verdict
from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.screens.jobs import JobsView
from poolmgr.tui.widgets.functions_table import FunctionsTable
from poolmgr.tui.widgets.jobs_table import JobsTable
from tests.helpers.busy_pool import busy_history, busy_snapshot
from tests.helpers.fake_control import NOW, FakeControl
from tests.helpers.pilot import screen_text, until


def busy() -> FakeControl:
    """A pool in full swing with its past."""
    control = FakeControl(busy_snapshot())
    control.past = busy_history()
    return control


async def test_functions_are_listed_sorted_and_filtered() -> None:
    """Each function has its figures; the filter and the sort are those of every list; Enter shows its jobs."""
    app = PoolmgrApp(busy())
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await pilot.press("8")
        await until(pilot, lambda: "Durations" in screen_text(app))
        text = screen_text(app)
        for part in ("resize", "encode", "fetch", "p50", "share", "work"):
            assert part in text
        table = app.screen.query_one(FunctionsTable)
        await pilot.press(*"/fn:fetch", "enter")
        await pilot.pause()
        assert [table.key_at(place) for place in range(len(table.rows))] == ["pipeline.fetch"]
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, JobsView))
        jobs = app.screen.query_one(JobsTable)
        await until(pilot, lambda: jobs.filter_text == 'fn:"pipeline.fetch"')
        assert {job.function for job in jobs.kept} <= {"pipeline.fetch"}


async def test_the_stream_has_a_line_for_each_worker() -> None:
    """Every worker is seen, in the view and on a tall dashboard, and nothing where nothing is recorded."""
    control = busy()
    app = PoolmgrApp(control)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: "Stream" in screen_text(app))
        await pilot.press("4")
        await until(pilot, lambda: all(f"w{n}" in screen_text(app) for n in range(1, 9)))
        assert "█" in screen_text(app)


async def test_the_verdict_is_a_line_of_the_head() -> None:
    """Once there is a verdict, the head says it with its numbers and its advice; until then it has no such line."""
    control = FakeControl()
    app = PoolmgrApp(control)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.pause()
        assert "WHY" not in screen_text(app)
        verdict = Verdict(Rule.STRAGGLER, "job 1 has run 41 s = 347 x p50", "look at its stack", 1, 0)
        control.change(verdict=verdict, time=NOW + 1)
        app.pull()
        await until(pilot, lambda: "WHY" in screen_text(app))
        line = screen_text(app).split("\n")[3]
        assert line.startswith(" WHY  STRAGGLER  job 1 has run 41 s = 347 x p50  look at its stack")
