"""Every key of the table, pressed: a key without a test here fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.widgets import Input

from poolmgr.model.fleet import Fleet, Opening
from poolmgr.model.requests import (
    USUAL_PACE,
    Cancel,
    Continue,
    Kill,
    Move,
    Pause,
    Recycle,
    ReleaseLock,
    Renice,
    Resize,
    Retry,
    RetryAllFailed,
    SendSignal,
    SetAffinity,
    Submit,
    Suspend,
    Uncancel,
)
from poolmgr.model.snapshot import JobSnapshot, Rule, Verdict
from poolmgr.model.states import JobState, WorkerState
from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.keys import KEYS
from poolmgr.tui.screens.alerts import AlertsScreen
from poolmgr.tui.screens.columns import ColumnsScreen
from poolmgr.tui.screens.confirm import ConfirmScreen
from poolmgr.tui.screens.dashboard import Dashboard
from poolmgr.tui.screens.export import ExportScreen
from poolmgr.tui.screens.functions import FunctionsView
from poolmgr.tui.screens.help import HelpScreen
from poolmgr.tui.screens.job_detail import JobDetail
from poolmgr.tui.screens.jobs import JobsView
from poolmgr.tui.screens.locks import LocksView
from poolmgr.tui.screens.log import LogScreen
from poolmgr.tui.screens.open_pool import OpenPoolScreen
from poolmgr.tui.screens.pick import PickScreen
from poolmgr.tui.screens.pools import PoolsView
from poolmgr.tui.screens.quit import QuitScreen
from poolmgr.tui.screens.settings import SettingsScreen
from poolmgr.tui.screens.size import SizeScreen
from poolmgr.tui.screens.stream import StreamScreen
from poolmgr.tui.screens.submit import SubmitScreen
from poolmgr.tui.screens.type_name import TypeNameScreen
from poolmgr.tui.screens.worker_detail import WorkerDetail
from poolmgr.tui.screens.workers import WorkersView
from poolmgr.tui.undo import UNDO
from poolmgr.tui.widgets.jobs_table import JobsTable
from poolmgr.tui.widgets.log_view import LogView
from tests.helpers.busy_pool import busy_history
from tests.helpers.fake_control import NOW, FakeControl, make_job, make_log, make_snapshot
from tests.helpers.locked import locked
from tests.helpers.pilot import best_hit, screen_text, until

Press = Callable[["Cockpit"], Awaitable[None]]


class Cockpit:
    """An app of many jobs and lines under a pilot."""

    def __init__(self, control: FakeControl, app: PoolmgrApp, pilot: Pilot[Any]) -> None:
        self.control, self.app, self.pilot = control, app, pilot

    async def press(self, *keys: str) -> None:
        """Press keys, and wait until what they do is done."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for a condition."""
        await until(self.pilot, condition)

    @property
    def jobs(self) -> JobsTable:
        """The jobs of the screen."""
        return self.app.screen.query_one(JobsTable)

    @property
    def log(self) -> LogView:
        """The log of the screen."""
        return self.app.screen.query_one(LogView)


def moves(*keys_places: tuple[str, int]) -> Press:
    """Keys move the cursor of the jobs view to these places."""

    async def press(cockpit: Cockpit) -> None:
        await cockpit.press("3")
        for key, place in keys_places:
            await cockpit.press(key)
            assert cockpit.jobs.cursor == place

    return press


def opens(screen: type, *keys: str) -> Press:
    """Keys open a screen, and Esc leaves it."""

    async def press(cockpit: Cockpit) -> None:
        before = cockpit.app.screen
        await cockpit.press(*keys)
        await cockpit.until(lambda: isinstance(cockpit.app.screen, screen))
        await cockpit.press("escape")
        await cockpit.until(lambda: cockpit.app.screen is before or issubclass(screen, Dashboard | JobsView))

    return press


def shows_view(view: type, key: str) -> Press:
    """A digit shows its view from another one and from a detail, and 1 goes back."""

    async def press(cockpit: Cockpit) -> None:
        for before in ("3", "6", "2"):
            await cockpit.press(before, key)
            await cockpit.until(lambda: isinstance(cockpit.app.screen, view))
        await cockpit.press("1", "tab", "enter")
        await cockpit.until(lambda: isinstance(cockpit.app.screen, JobDetail))
        await cockpit.press(key)
        await cockpit.until(lambda: isinstance(cockpit.app.screen, view))
        await cockpit.press("1")
        await cockpit.until(lambda: isinstance(cockpit.app.screen, Dashboard))

    return press


def asks(request: object, *keys: str) -> Press:
    """Keys ask the pool for something."""

    async def press(cockpit: Cockpit) -> None:
        await cockpit.press(*keys)
        await cockpit.until(lambda: cockpit.control.requests)
        assert cockpit.control.requests == [request]

    return press


async def tab(cockpit: Cockpit) -> None:
    """Tab goes through the panes of the dashboard."""
    panes = []
    for key in ("tab", "tab", "tab", "shift+tab", "shift+tab"):
        await cockpit.press(key)
        panes.append("" if cockpit.app.focused is None else cockpit.app.focused.id)
    assert panes == ["jobs", "log", "workers", "log", "jobs"]


async def filters(cockpit: Cockpit) -> None:
    """/ filters the jobs as one types."""
    await cockpit.press("3", *"/state:F,L id<20")
    assert {job.id for job in cockpit.jobs.rows if isinstance(job, JobSnapshot)} == {11, 12, 13, 14}


async def clears(cockpit: Cockpit) -> None:
    """Esc takes the filter away and gives the keys back to the list."""
    await cockpit.press("3", *"/state:F", "escape")
    assert cockpit.jobs.filter_text == ""
    assert len(cockpit.jobs.rows) == 34
    assert cockpit.app.focused is cockpit.jobs


async def sorts(cockpit: Cockpit) -> None:
    """s asks for a column; picking it again turns the order round."""
    await cockpit.press("3", "s")
    assert isinstance(cockpit.app.screen, PickScreen)
    await cockpit.press("j", "enter")
    assert cockpit.jobs.layout_now.sort == "job"
    assert cockpit.jobs.cursor_row is not None
    assert [cockpit.jobs.key_at(place) for place in (0, 1)] == [43, 42]
    await cockpit.press("s", "enter")
    assert cockpit.jobs.key_at(0) == 10


async def inverts(cockpit: Cockpit) -> None:
    """I turns the order round."""
    await cockpit.press("3", "s", "j", "enter", "I")
    assert cockpit.jobs.key_at(0) == 10


async def groups(cockpit: Cockpit) -> None:
    """t puts a line above each function's jobs, Enter folds them, t again takes the lines away."""
    await cockpit.press("3", "t")
    assert "- pipeline.resize  34 jobs: 1 running" in screen_text(cockpit.app)
    await cockpit.press("g", "enter")
    assert "+ pipeline.resize  34 jobs" in screen_text(cockpit.app)
    assert len(cockpit.jobs.rows) == 1
    await cockpit.press("t")
    assert len(cockpit.jobs.rows) == 34


async def chooses_columns(cockpit: Cockpit) -> None:
    """c shows the columns; what is taken is shown, and u brings the usual ones back."""
    await cockpit.press("3", "c")
    assert isinstance(cockpit.app.screen, ColumnsScreen)
    await cockpit.press("space", "j", "j", "j", "space", "enter")
    assert cockpit.jobs.chosen is not None
    assert "job" not in cockpit.jobs.chosen
    assert "name" in cockpit.jobs.chosen
    await cockpit.press("c", "u")
    assert cockpit.jobs.chosen is None


async def follows(cockpit: Cockpit) -> None:
    """f lets the cursor stay at its place when its row moves, and f again has it follow."""
    cockpit_jobs = cockpit.control.picture.jobs
    await cockpit.press("3", "j", "f")
    cockpit.jobs.hold = 0
    cockpit.control.change(jobs=(make_job(99), *cockpit_jobs), time=NOW + 1)
    cockpit.app.pull()
    await cockpit.pilot.pause()
    assert cockpit.jobs.cursor == 1
    assert "follow off" in screen_text(cockpit.app)
    await cockpit.press("f")
    cockpit.control.change(jobs=(make_job(98), make_job(99), *cockpit_jobs), time=NOW + 2)
    cockpit.app.pull()
    await cockpit.pilot.pause()
    assert cockpit.jobs.cursor == 2


async def maximises(cockpit: Cockpit) -> None:
    """m gives the screen to a pane, and takes it back."""
    await cockpit.press("tab", "m")
    assert cockpit.app.screen.maximized is cockpit.jobs
    await cockpit.press("m")
    assert cockpit.app.screen.maximized is None


async def freezes(cockpit: Cockpit) -> None:
    """z holds the screen while pictures go on coming, and z shows the newest one."""
    await cockpit.press("z")
    cockpit.control.change(name="later", time=NOW + 1)
    cockpit.app.pull()
    await cockpit.pilot.pause()
    text = screen_text(cockpit.app)
    assert "FROZEN" in text
    assert "later" not in text
    assert cockpit.app.newest is not None
    assert cockpit.app.newest.name == "later"
    await cockpit.press("z")
    assert "FROZEN" not in screen_text(cockpit.app)
    assert "later" in screen_text(cockpit.app)


def paces(key: str, *expected: float) -> Press:
    """A key changes the pictures a second, to a bound."""

    async def press(cockpit: Cockpit) -> None:
        for pace in expected:
            await cockpit.press(key)
            assert cockpit.app.refresh_hz == pace
            await cockpit.until(lambda pace=pace: f"LIVE {pace:g}Hz" in screen_text(cockpit.app))  # type: ignore[misc]
            # What is more than a pool takes anyway has to be wished for.
            await cockpit.until(lambda pace=pace: pace <= USUAL_PACE or pace in cockpit.control.paces)  # type: ignore[misc]

    return press


async def follows_log(cockpit: Cockpit) -> None:
    """f stops following the log, and starts it again."""
    await cockpit.press("6", "f")
    assert not cockpit.log.follow
    await cockpit.press("f")
    assert cockpit.log.follow


async def finds(cockpit: Cockpit) -> None:
    """After a search, n and N go round the lines that were found, among all others."""
    await cockpit.press("6", *"/line 1", "enter")
    assert {entry.text for entry in cockpit.log.entries} >= {"line 1", "line 19"}
    await cockpit.press("escape", "g")
    assert len(cockpit.log.entries) == 50
    found = []
    for key in ("n", "n", "n", "N", "N", "N"):
        await cockpit.press(key)
        found.append(next(line for line in screen_text(cockpit.app).split("\n") if line.startswith(">")).split()[3])
    assert found == ["1", "10", "11", "10", "1", "41"]


async def copies_log(cockpit: Cockpit) -> None:
    """y in the log copies what is shown."""
    await cockpit.press("6", *"/line 50", "enter", "y")
    assert cockpit.app.clipboard.endswith("line 50\n")
    assert cockpit.app.clipboard.count("\n") == 1


async def next_bad(cockpit: Cockpit) -> None:
    """n and N go through the jobs that ended badly."""
    await cockpit.press("tab", "enter")
    for key, job_id in (("n", 11), ("n", 12), ("N", 11)):
        await cockpit.press(key)
        await cockpit.until(lambda job_id=job_id: f"Job {job_id}  (Esc)" in screen_text(cockpit.app))  # type: ignore[misc]


async def marks_one(cockpit: Cockpit) -> None:
    """Space marks rows one after the other, and an act on them asks once."""
    await cockpit.press("3", "j", "space", "space", "space", "up", "space")
    assert cockpit.jobs.marks == {11, 12}
    assert "2 marked" in screen_text(cockpit.app)
    await cockpit.press("r")
    assert isinstance(cockpit.app.screen, ConfirmScreen)
    assert "Retry 2 jobs?" in screen_text(cockpit.app)
    assert cockpit.control.requests == []
    await cockpit.press("y")
    await cockpit.until(lambda: len(cockpit.control.requests) == 2)
    assert cockpit.control.requests == [Retry(11), Retry(12)]
    await cockpit.until(lambda: "Retry: 2 of 2 taken" in screen_text(cockpit.app))


async def marks_alike(cockpit: Cockpit) -> None:
    """A marks all with the same error of the same function."""
    await cockpit.press("3", "j", "A")
    assert cockpit.jobs.marks == {11, 12}


async def unmarks(cockpit: Cockpit) -> None:
    """U takes all marks away."""
    await cockpit.press("3", "space", "space", "U")
    assert cockpit.jobs.marks == set()
    assert "marked" not in screen_text(cockpit.app)


async def retries_all(cockpit: Cockpit) -> None:
    """R asks once, and has all retried that failed or were lost and were not retried yet."""
    await cockpit.press("R")
    assert "Retry 3 jobs?" in screen_text(cockpit.app)
    await cockpit.press("y")
    await cockpit.until(lambda: cockpit.control.requests)
    assert cockpit.control.requests == [RetryAllFailed()]


async def undoes(cockpit: Cockpit) -> None:
    """u puts back what x has taken out of the queue, one job or all that were marked; then there is nothing to undo."""
    # The key may come later than a person's would.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("poolmgr.tui.undo.UNDO", 1000.0)
        await cockpit.press("3", *"/state:Q", "enter", "x")
        await cockpit.until(lambda: cockpit.control.requests == [Cancel(16, UNDO)])
        await cockpit.press("u", "u")
        await cockpit.until(lambda: cockpit.control.requests[1:] == [Uncancel(16)])
        await cockpit.press("space", "space", "x", "y")
        await cockpit.until(lambda: cockpit.control.requests[2:] == [Cancel(16, UNDO), Cancel(17, UNDO)])
        await cockpit.press("u")
        await cockpit.until(lambda: cockpit.control.requests[4:] == [Uncancel(16), Uncancel(17)])


def moves_job(key: str, where: Any) -> Press:
    """A key moves a job that waits, and does nothing to one that does not."""

    async def press(cockpit: Cockpit) -> None:
        await cockpit.press("3", key)
        assert cockpit.control.requests == []
        await cockpit.press(*"/state:Q", "enter", "j", key)
        await cockpit.until(lambda: cockpit.control.requests == [Move(17, where)])
        await cockpit.until(lambda: not cockpit.jobs.held)

    return press


async def suspends(cockpit: Cockpit) -> None:
    """P stops the worker under the cursor or that of the job, lets one go on that stands, and asks for many."""
    await cockpit.press("2", "P")
    await cockpit.until(lambda: cockpit.control.requests == [Suspend(0, 1)])
    workers = cockpit.control.picture.workers
    frozen = replace(workers[1], state=WorkerState.FROZEN)
    cockpit.control.change(workers=(workers[0], frozen), time=NOW + 1)
    cockpit.app.pull()
    await cockpit.press("j", "P")
    await cockpit.until(lambda: cockpit.control.requests[1:] == [Continue(1, 1)])
    await cockpit.press("g", "space", "space", "P")
    assert "Suspend 1 worker?" in screen_text(cockpit.app)
    await cockpit.press("y")
    await cockpit.until(lambda: cockpit.control.requests[2:] == [Suspend(0, 1)])


async def shows_worker(cockpit: Cockpit) -> None:
    """b shows the worker under the cursor, or the one that runs the job, with its stack."""
    workers = (replace(cockpit.control.picture.workers[0], job_id=10), *cockpit.control.picture.workers[1:])
    cockpit.control.change(workers=workers, time=NOW + 1)
    cockpit.app.pull()
    for view in ("1", "2", "3"):
        await cockpit.press(view, "b")
        await cockpit.until(lambda: isinstance(cockpit.app.screen, WorkerDetail))
        await cockpit.until(lambda: "Stack(slot=0, generation=1)" in screen_text(cockpit.app))
        await cockpit.press("escape")


async def profiles_worker(cockpit: Cockpit) -> None:
    """B shows the worker and samples its stack; b there goes on with the live one."""
    await cockpit.press("2", "B")
    await cockpit.until(lambda: "Profile(slot=0, seconds=5.0, generation=1)" in screen_text(cockpit.app))
    await cockpit.press("b")
    await cockpit.until(lambda: "Stack(slot=0, generation=1)" in screen_text(cockpit.app))
    await cockpit.press("B")
    await cockpit.until(lambda: "Profile(slot=0, seconds=5.0, generation=1)" in screen_text(cockpit.app))


async def picks(cockpit: Cockpit, downs: int, *then: str) -> None:
    """Take an entry of the worker's menu, and answer what it asks."""
    await cockpit.press("S")
    await cockpit.until(lambda: isinstance(cockpit.app.screen, PickScreen))
    await cockpit.press(*downs * ["j"], "enter", *then)


async def worker_menu(cockpit: Cockpit) -> None:
    """S offers what can be done to a worker; what cannot be meant is said where it was typed."""
    requests = cockpit.control.requests
    await cockpit.press("2")
    await picks(cockpit, 0)
    await picks(cockpit, 1)
    await picks(cockpit, 2, *"33", "enter")
    assert "from -20 to 19" in screen_text(cockpit.app)
    await cockpit.press("backspace", "enter")
    await picks(cockpit, 3, *"1-", "enter")
    assert "such as 0-3,6" in screen_text(cockpit.app)
    await cockpit.press("2", "enter")
    await picks(cockpit, 4)
    await picks(cockpit, 10, *"sigfoo", "enter")
    assert "There is no signal 'sigfoo' here." in screen_text(cockpit.app)
    await cockpit.press(*6 * ["backspace"], *"usr1", "enter")
    await cockpit.until(lambda: len(requests) == 6)
    assert requests == [
        Suspend(0, 1), Recycle(0, 1), Renice(0, 3, 1), SetAffinity(0, (1, 2), 1), SendSignal(0, 2, 1),
        SendSignal(0, 10, 1),
    ]  # fmt: skip


async def edits(cockpit: Cockpit) -> None:
    """e opens the form with the job's call, and submits it once it is changed."""
    await cockpit.press("tab", "j", "e")
    form = cockpit.app.screen
    assert isinstance(form, SubmitScreen)
    assert form.query_one("#target", Input).value == "pipeline:resize"
    assert form.query_one("#arguments", Input).value == "'key-11.png',"
    await cockpit.press(*" 2", "enter")
    await cockpit.until(lambda: cockpit.control.requests)
    assert cockpit.control.requests == [Submit("pipeline:resize", ("key-11.png", 2))]


async def shows_log_of_job(cockpit: Cockpit) -> None:
    """l shows the lines of the job alone."""
    await cockpit.press("tab", "l")
    await cockpit.until(lambda: isinstance(cockpit.app.screen, LogScreen))
    await cockpit.until(lambda: cockpit.log.filter_text == "job:10")
    assert [entry.text for entry in cockpit.log.entries] == ["line 50"]


async def copies_job(cockpit: Cockpit) -> None:
    """y copies a job, or all that are marked."""
    await cockpit.press("tab", "j", "y")
    assert cockpit.app.clipboard.startswith("job 11 failed: pipeline.resize")
    await cockpit.press("A", "y")
    assert "job 12 failed" in cockpit.app.clipboard


async def reads_alerts(cockpit: Cockpit) -> None:
    """! shows the warnings, and then they are read."""
    cockpit.control.change(log=(*make_log(1, 50), *make_log(51, 51, level="error")), time=NOW + 1)
    cockpit.app.pull()
    await cockpit.until(lambda: "!1" in screen_text(cockpit.app))
    await cockpit.press("exclamation_mark")
    await cockpit.until(lambda: isinstance(cockpit.app.screen, AlertsScreen))
    await cockpit.until(lambda: "!! line 51" in screen_text(cockpit.app))
    assert "!! line 50" not in screen_text(cockpit.app)
    await cockpit.press("escape")
    assert cockpit.app.alerts.unread == 0


async def finds_act(cockpit: Cockpit) -> None:
    """The palette does an act by its name."""
    await cockpit.until(lambda: isinstance(cockpit.app.screen, CommandPalette))
    await cockpit.press(*"Hold")
    await cockpit.until(lambda: best_hit(cockpit.app).startswith("Hold (p)"))
    await cockpit.press("enter")
    await cockpit.until(lambda: cockpit.control.requests == [Pause()])


async def palette(cockpit: Cockpit) -> None:
    """ctrl+p opens the palette, and so does a colon."""
    await cockpit.press("ctrl+p")
    await finds_act(cockpit)
    cockpit.control.requests.clear()
    await cockpit.press("colon")
    await finds_act(cockpit)


async def shows_verdict(cockpit: Cockpit) -> None:
    """v opens the job that the verdict names, else the worker, else the view that shows why."""
    for verdict, screen in (
        (Verdict(Rule.STRAGGLER, "slow", job_id=10, slot=0), JobDetail),
        (Verdict(Rule.SKEW, "uneven", slot=0), WorkerDetail),
        (Verdict(Rule.FAILING, "bad"), JobsView),
        (Verdict(Rule.STARVED, "idle"), StreamScreen),
    ):
        cockpit.control.change(verdict=verdict)
        cockpit.app.pull()
        await cockpit.press("1", "v")
        await cockpit.until(lambda screen=screen: isinstance(cockpit.app.screen, screen))  # type: ignore[misc]
    await cockpit.press("3")
    await cockpit.until(lambda: cockpit.jobs.filter_text == "state:FL")


def travels(*keys_slices: Any) -> Press:
    """Keys show the moment so many slices of 0.25 s away from the present."""

    async def press(cockpit: Cockpit) -> None:
        cockpit.control.past = busy_history()
        cockpit.app.pull()
        for key, slices in zip(keys_slices[::2], keys_slices[1::2], strict=True):
            await cockpit.press(key)
            snapshot = cockpit.app.snapshot
            assert snapshot is not None
            assert snapshot.time == NOW + slices / 4
            assert ("[PAST]" in screen_text(cockpit.app)) == (slices < 0)

    return press


async def next_pool(cockpit: Cockpit) -> None:
    """O shows the same view of the next pool, and in the end that of the first again."""
    cockpit.app.fleet.add(FakeControl(make_snapshot(name="thumbs")))
    cockpit.app.pull()
    await cockpit.press("2", "O")
    await cockpit.until(lambda: "thumbs" in screen_text(cockpit.app))
    assert isinstance(cockpit.app.screen, WorkersView)
    await cockpit.press("O")
    await cockpit.until(lambda: "thumbs" not in screen_text(cockpit.app))
    await cockpit.press("5", "O")
    await cockpit.until(lambda: ">thumbs" in screen_text(cockpit.app))


async def submits(cockpit: Cockpit) -> None:
    """a opens the form, in the function's field."""
    await cockpit.press("a")
    assert isinstance(cockpit.app.screen, SubmitScreen)
    assert isinstance(cockpit.app.focused, Input)


async def releases_lock(cockpit: Cockpit) -> None:
    """L is greyed at a lock that somebody living has, and asks at one that is abandoned."""
    cockpit.control.change(sync=locked(NOW))
    cockpit.app.pull()
    await cockpit.press("7", "g", "L")
    assert isinstance(cockpit.app.screen, LocksView)
    await cockpit.press("j", "j", "L")
    assert isinstance(cockpit.app.screen, ConfirmScreen)
    await cockpit.press("y")
    await cockpit.until(lambda: cockpit.control.requests == [ReleaseLock(3)])


async def no_terminal(cockpit: Cockpit) -> None:
    """Without a program there is no terminal to show; with one, tests/cli/test_run_terminal.py does."""
    assert cockpit.app.check_action("terminal", ()) is None
    await cockpit.pilot.press("i")
    assert len(cockpit.app.screen_stack) == 1


CASES: dict[str, Press] = {
    "move.down": moves(("j", 1), ("down", 2)),
    "move.up": moves(("j", 1), ("j", 2), ("k", 1), ("up", 0)),
    "move.top": moves(("j", 1), ("g", 0), ("j", 1), ("home", 0)),
    "move.bottom": moves(("G", 33), ("k", 32), ("end", 33)),
    "move.half_down": moves(("ctrl+d", 9)),
    "move.half_up": moves(("G", 33), ("ctrl+u", 24)),
    "move.page_down": moves(("pagedown", 18)),
    "move.page_up": moves(("pagedown", 18), ("pageup", 0)),
    "pane.next": tab,
    "view.dashboard": shows_view(Dashboard, "1"),
    "view.workers": shows_view(WorkersView, "2"),
    "view.jobs": shows_view(JobsView, "3"),
    "view.stream": shows_view(StreamScreen, "4"),
    "view.locks": shows_view(LocksView, "7"),
    "view.functions": shows_view(FunctionsView, "8"),
    "view.pools": shows_view(PoolsView, "5"),
    "view.log": shows_view(LogScreen, "6"),
    "job.open": opens(JobDetail, "tab", "enter"),
    "look.filter": filters,
    "look.clear": clears,
    "look.sort": sorts,
    "look.invert": inverts,
    "look.group": groups,
    "look.columns": chooses_columns,
    "look.follow": follows,
    "look.maximise": maximises,
    "look.export": opens(ExportScreen, "w"),
    "look.freeze": freezes,
    "look.verdict": shows_verdict,
    "look.back": travels("left_square_bracket", -1),
    "look.forward": travels("left_curly_bracket", -10, "right_square_bracket", -9),
    "look.far_back": travels("left_curly_bracket", -10),
    "look.far_forward": travels("left_curly_bracket", -10, "left_curly_bracket", -20, "right_curly_bracket", -10),
    "look.live": travels("left_square_bracket", -1, "full_stop", 0),
    "look.slower": paces("less_than_sign", 2, 1, 0.5, 0.5),
    "look.faster": paces("greater_than_sign", 5, 10, 10),
    "log.follow": follows_log,
    "log.next": finds,
    "log.previous": finds,
    "log.copy": copies_log,
    "detail.next_bad": next_bad,
    "detail.previous_bad": next_bad,
    "mark.one": marks_one,
    "mark.like": marks_alike,
    "mark.none": unmarks,
    "job.stop": asks(Cancel(10), "tab", "x"),
    "job.kill": asks(Kill(10), "tab", "X", "y"),
    "job.retry": asks(Retry(11), "tab", "j", "r"),
    "job.retry_all": retries_all,
    "job.undo": undoes,
    "job.up": moves_job("K", "up"),
    "job.down": moves_job("J", "down"),
    "job.top": moves_job("ctrl+k", "top"),
    "worker.show": shows_worker,
    "worker.profile": profiles_worker,
    "worker.suspend": suspends,
    "worker.menu": worker_menu,
    "job.edit": edits,
    "job.log": shows_log_of_job,
    "job.copy": copies_job,
    "lock.release": releases_lock,
    "pool.submit": submits,
    "pool.hold": asks(Pause(), "p"),
    "pool.grow": asks(Resize(3), "plus"),
    "pool.shrink": asks(Resize(1), "minus"),
    "pool.size": opens(SizeScreen, "equals_sign"),
    "pool.drain": opens(ConfirmScreen, "d"),
    "pool.terminate": opens(TypeNameScreen, "T"),
    "pool.open": opens(OpenPoolScreen, "o"),
    "pool.next": next_pool,
    "app.help": opens(HelpScreen, "question_mark"),
    "app.alerts": reads_alerts,
    "app.settings": opens(SettingsScreen, "comma"),
    "app.terminal": no_terminal,
    "app.quit": opens(QuitScreen, "q"),
    "app.palette": palette,
}


def picture() -> FakeControl:
    """One job runs, five ended badly, the rest wait and are done."""
    jobs = [
        make_job(10),
        make_job(11, JobState.FAILED, message="KeyError: 'a'"),
        make_job(12, JobState.FAILED, message="KeyError: 'b'"),
        make_job(13, JobState.LOST, message="job 13: worker 4121 was killed by SIGKILL"),
        make_job(14, JobState.FAILED, message="OSError: full"),
        make_job(15, JobState.KILLED),
        *(make_job(n, JobState.QUEUED) for n in range(16, 30)),
        make_job(30, JobState.QUEUED, retry_of=14),
        *(make_job(n, JobState.DONE) for n in range(31, 44)),
    ]
    log = (*make_log(1, 49), *make_log(50, 50, job_id=10))
    return FakeControl(make_snapshot(jobs=jobs, log=log))


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.id)
async def test_every_key(key: Any) -> None:
    """Each act of the table does, when its key is pressed, what the table says."""
    control = picture()
    fleet = Fleet(
        opener=lambda opening: fleet.add(control), suggestion=Opening("other", 2, "fork"), start_methods=("fork",)
    )
    fleet.add(control)
    app = PoolmgrApp(fleet)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.pause()
        await CASES[key.id](Cockpit(control, app, pilot))


def test_no_test_for_a_key_that_is_gone() -> None:
    """The cases are those of the table."""
    assert set(CASES) == {key.id for key in KEYS}


async def test_escape_in_every_view() -> None:
    """Esc where there is no filter to clear does nothing, also in views that have nothing to filter."""
    control = picture()
    app = PoolmgrApp(control)
    async with app.run_test(size=(80, 24)) as pilot:
        for key in "12345678":
            await pilot.press(key)
            await pilot.pause()
            before = app.screen
            await pilot.press("escape")
            await pilot.pause()
            assert app.screen is before
        assert control.requests == []


async def test_enter_on_an_idle_worker() -> None:
    """In the dashboard Enter opens the job of a worker, and of one without a job the worker."""
    app = PoolmgrApp(FakeControl())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, JobDetail))
        await pilot.press("escape", "j", "enter")
        await until(pilot, lambda: isinstance(app.screen, WorkerDetail))
