"""Several pools in one app: the view of all of them, going from one to another, and pools that come and go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select

from poolmgr.control.target import check_call
from poolmgr.errors import UsageError
from poolmgr.model.fleet import Fleet, Member, Opening
from poolmgr.model.requests import Cancel, CheckCall, Complete, Pause, Reply, Resize, Submit
from poolmgr.model.snapshot import Counts
from poolmgr.model.states import JobState, PoolState
from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.quit_choice import QuitChoice
from poolmgr.tui.screens.dashboard import Dashboard
from poolmgr.tui.screens.job_detail import JobDetail
from poolmgr.tui.screens.jobs import JobsView
from poolmgr.tui.screens.open_pool import OpenPoolScreen
from poolmgr.tui.screens.pools import PoolsView
from poolmgr.tui.screens.quit import QuitScreen
from poolmgr.tui.widgets.jobs_table import JobsTable
from poolmgr.tui.widgets.pools_table import PoolsTable
from tests.helpers import jobs
from tests.helpers.fake_control import NOW, FakeControl, make_job, make_snapshot
from tests.helpers.pilot import screen_text, until

SIZE = (80, 24)


def pool(name: str, **fields: Any) -> FakeControl:
    """A control of a pool of this name."""
    return FakeControl(make_snapshot(name=name, **fields))


def fleet_of(*controls: FakeControl, **options: Any) -> Fleet:
    """A fleet of these pools."""
    fleet = Fleet(**options)
    for control in controls:
        fleet.add(control)
    return fleet


def head(app: PoolmgrApp) -> str:
    """The first line of the screen."""
    return screen_text(app).partition("\n")[0]


async def settle(pilot: Pilot[Any], *keys: str) -> None:
    """Press keys, and wait until what they do is done."""
    await pilot.press(*keys)
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def test_side_by_side() -> None:
    """Each pool has a line with its state and figures, and the head says which of how many is looked at."""
    busy = Counts(submitted=60_000, queued=11_868, running=6, done=48_108, failed=9, lost=1, killed=2)
    fleet = fleet_of(
        pool("train", counts=busy), pool("thumbs", state=PoolState.HELD, rate=0.0, eta=None), pool("nightly")
    )
    app = PoolmgrApp(fleet)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, "5")
        lines = screen_text(app).splitlines()
        (train,) = (line for line in lines if line.startswith(">train"))
        assert train.split() == [
            ">train", "RUN", "2", "of", "2", "6", "12k", "48k", "12", "63.1", "00:03:09", "194", "424M"
        ]  # fmt: skip
        (thumbs,) = (line for line in lines if line.startswith(" thumbs"))
        assert thumbs.split()[:5] == ["thumbs", "HELD", "2", "of", "2"]
        assert "1 of 3 pools" in lines[0]
        assert "Pools  3 pools" in screen_text(app)


async def test_one_pool_looks_as_ever() -> None:
    """With one pool the head says nothing of pools, and no key goes to another one."""
    app = PoolmgrApp(fleet_of(pool("train")))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        assert "pools" not in head(app)
        before = app.screen
        await settle(pilot, "O", "o")
        assert app.screen is before


async def test_acts_are_on_the_one_under_the_cursor() -> None:
    """In the view of all pools, the cursor chooses whose head is seen and who is asked."""
    train, thumbs = pool("train"), pool("thumbs", size=2)
    app = PoolmgrApp(fleet_of(train, thumbs))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, "5", "j")
        assert head(app).startswith(" poolmgr  thumbs")
        await settle(pilot, "p", "plus")
        await until(pilot, lambda: thumbs.requests == [Pause(), Resize(3)])
        await settle(pilot, "k", "p")
        await until(pilot, lambda: train.requests == [Pause()])
        assert thumbs.requests == [Pause(), Resize(3)]
        await settle(pilot, "j", "T")
        assert "Type its name, thumbs" in screen_text(app)


async def test_each_keeps_its_place() -> None:
    """A pool that one comes back to has the cursor, the filter and the marks that it had; the other has its own."""
    jobs = tuple(make_job(number) for number in range(1, 30))
    app = PoolmgrApp(fleet_of(pool("train", jobs=jobs), pool("thumbs", jobs=jobs)))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, "3", "j", "j", "space", *"/key-1", "enter")
        table = app.screen.query_one(JobsTable)
        place, marks = table.cursor, set(table.marks)
        await settle(pilot, "O")
        assert isinstance(app.screen, JobsView)
        other = app.screen.query_one(JobsTable)
        assert other is not table
        assert (other.cursor, other.filter_text, other.marks) == (0, "", set())
        assert "thumbs" in head(app)
        await settle(pilot, "O")
        assert app.screen.query_one(JobsTable) is table
        assert (table.cursor, table.filter_text, table.marks) == (place, "key-1", marks)


async def test_enter_goes_to_the_pool() -> None:
    """Enter opens the dashboard of the pool under the cursor, and 5 comes back to its line."""
    app = PoolmgrApp(fleet_of(pool("train"), pool("thumbs")))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, "5", "j", "enter")
        assert isinstance(app.screen, Dashboard)
        assert "thumbs" in head(app)
        await settle(pilot, "tab", "enter")
        assert isinstance(app.screen, JobDetail)
        await settle(pilot, "5")
        assert app.screen.query_one(PoolsTable).cursor == 1


async def test_alerts_and_undo_are_the_pools_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was taken out of one pool's queue is not put back into another."""
    # Going there and back may take longer than there is time to undo.
    monkeypatch.setattr("poolmgr.tui.undo.UNDO", 1000.0)
    jobs = tuple(make_job(number, JobState.QUEUED) for number in (7, 8))
    train, thumbs = pool("train", jobs=jobs), pool("thumbs", jobs=jobs)
    app = PoolmgrApp(fleet_of(train, thumbs))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, "3", "x")
        await until(pilot, lambda: len(train.requests) == 1)
        assert isinstance(train.requests[0], Cancel)
        await settle(pilot, "O", "u")
        assert thumbs.requests == []
        await settle(pilot, "O", "u")
        await until(pilot, lambda: len(train.requests) == 2)


async def test_size_is_the_pools_own() -> None:
    """What was just asked of one pool, and is on no picture yet, says nothing of another."""
    train, thumbs = pool("train", size=2), pool("thumbs", size=5)
    app = PoolmgrApp(fleet_of(train, thumbs))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, "5", "plus", "j", "plus")
        await settle(pilot, "k", "plus")
        await until(pilot, lambda: len(train.requests) == 2)
        assert (train.requests, thumbs.requests) == ([Resize(3), Resize(3)], [Resize(6)])


async def test_filter_and_sort() -> None:
    """The list of pools is filtered and sorted as any other."""
    app = PoolmgrApp(fleet_of(pool("train"), pool("thumbs", state=PoolState.ENDED), pool("nightly")))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, "5", *"/state:run", "enter")
        table = app.screen.query_one(PoolsTable)
        assert [row.name for row in table.kept] == ["train", "nightly"]
        assert "2 pass filter: state:run" in screen_text(app)
        await settle(pilot, "escape", "s", "j", "enter")
        assert [row.name for row in table.kept] == ["nightly", "thumbs", "train"]


async def test_pools_come_and_go() -> None:
    """A fleet may be empty at first; a pool that comes is shown, one that goes stays until another one comes."""
    fleet = Fleet(empty="the program has opened no pool yet")
    app = PoolmgrApp(fleet)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        assert "the program has opened no pool yet" in screen_text(app)
        await settle(pilot, "x", "p", "d", "5", "enter", "1")
        first = fleet.add(pool("train"))
        await until(pilot, lambda: "train [RUN]" in screen_text(app))
        fleet.remove(first)
        await until(pilot, lambda: "the pool is over" in screen_text(app))
        assert "train" in head(app)
        await settle(pilot, "p")
        await until(pilot, lambda: "nothing was sent" in screen_text(app))
        app._typed = 0.0
        fleet.add(pool("thumbs"))
        await until(pilot, lambda: "thumbs [RUN]" in screen_text(app))
        assert isinstance(app.screen, Dashboard)
        await settle(pilot, "5")
        assert [row.name for row in app.screen.query_one(PoolsTable).rows] == ["thumbs"]
        assert "pools" not in head(app)


async def test_no_switch_under_a_dialog() -> None:
    """While a detail is open, the pool that it is of stays, though it is over and another one works."""
    train = pool("train")
    fleet = fleet_of(train, pool("thumbs"))
    app = PoolmgrApp(fleet)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, "tab", "enter")
        app._typed = 0.0
        fleet.remove(fleet.members[0])
        await until(pilot, lambda: "the pool is over" in screen_text(app))
        app.pull()
        await settle(pilot)
        assert isinstance(app.screen, JobDetail)
        assert "train" in head(app)
        await settle(pilot, "escape")
        app._typed = 0.0
        await until(pilot, lambda: "thumbs" in head(app))
        assert train.listeners == []


async def test_a_row_that_goes_takes_no_act_with_it() -> None:
    """In the view of all pools, the pool under the cursor stays there when it is over: no act means its neighbour."""
    train, thumbs = pool("train"), pool("thumbs")
    fleet = fleet_of(train, thumbs)
    app = PoolmgrApp(fleet)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, "5")
        fleet.remove(fleet.members[0])
        await until(pilot, lambda: "OVER" in screen_text(app))
        await settle(pilot, "p")
        assert train.requests == thumbs.requests == []
        await settle(pilot, "j", "p")
        await until(pilot, lambda: thumbs.requests == [Pause()])
        await until(pilot, lambda: "OVER" not in screen_text(app))


async def test_views_of_a_pool_that_is_over_are_dropped() -> None:
    """A program that opens pool after pool does not fill the memory with their views."""
    fleet = fleet_of(pool("first"))
    app = PoolmgrApp(fleet)
    async with app.run_test(size=SIZE) as pilot:
        for number in range(3):
            member = fleet.add(pool(f"pool-{number}"))
            app.pull()
            await settle(pilot, "O", "3", "2")
            fleet.remove(member)
            app.pull()
            await settle(pilot, "O")
        await until(pilot, lambda: list(app.watched) == [1])
        assert {name for name in app._installed_screens if not name.endswith("-1")} == set()


async def test_opens_another() -> None:
    """o asks for name, workers and start method, says what is wrong where it was typed, and shows the new pool."""
    asked: list[Opening] = []

    def opener(opening: Opening) -> Member:
        asked.append(opening)
        if opening.name == "train":
            raise UsageError("there is a pool 'train' here already: call it otherwise")
        return fleet.add(pool(opening.name))

    fleet = fleet_of(
        pool("train"), opener=opener, suggestion=Opening("train", 4, "fork"), start_methods=("fork", "spawn")
    )
    app = PoolmgrApp(fleet)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, "o")
        form = app.screen
        assert isinstance(form, OpenPoolScreen)
        form.query_one("#pool-workers", Input).value = "none"
        await settle(pilot, "enter")
        assert "1 or more, not 'none'" in screen_text(app)
        form.query_one("#pool-workers", Input).value = "2"
        form.query_one("#pool-method", Input).value = "clone"
        await settle(pilot, "enter")
        assert "no start method 'clone'" in screen_text(app)
        form.query_one("#pool-method", Input).value = "spawn"
        await settle(pilot, "enter")
        await until(pilot, lambda: "call it otherwise" in " ".join(screen_text(app).split()))
        form.query_one("#pool-name", Input).value = "thumbs"
        await settle(pilot, "enter")
        await until(pilot, lambda: "thumbs [RUN]" in screen_text(app))
        assert "2 of 2 pools" in screen_text(app)
        assert asked == [Opening("train", 2, "spawn"), Opening("thumbs", 2, "spawn")]


async def test_a_pool_is_opened_with_an_initializer() -> None:
    """It is completed and checked as a function to submit, and refused where it is wrong, with the cursor there."""
    asked: list[Opening] = []

    def opener(opening: Opening) -> Member:
        asked.append(opening)
        return fleet.add(pool(opening.name))

    def look(request: CheckCall | Complete) -> Reply:
        if isinstance(request, Complete):
            return Reply(True, "", lines=(f"{jobs.__name__}:initialize", f"{jobs.__name__}:initialized_value"))
        try:
            return check_call(request)
        except UsageError as error:
            return Reply(False, str(error))

    fleet = fleet_of(
        pool("train"), opener=opener, suggestion=Opening("new", 1, "fork"), start_methods=("fork",), looker=look
    )
    app = PoolmgrApp(fleet)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, "o")
        target, initargs = (app.screen.query_one(f"#pool-{name}", Input) for name in ("initializer", "initargs"))
        target.focus()
        await settle(pilot, *"tests", "tab")
        await until(pilot, lambda: "initialize  initialized_value" in screen_text(app))
        target.value = f"{jobs.__name__}:initialize"
        await until(pilot, lambda: "missing a required argument" in " ".join(screen_text(app).split()))
        initargs.value = "7"
        await until(pilot, lambda: "pickles to" in screen_text(app))
        for value, words, field in (
            ("value=7", "Initargs have no names", initargs),
            ("soon", "soon", initargs),
            ("7, 8", "too many positional arguments", None),
        ):
            initargs.value = value
            await settle(pilot, "enter")
            await until(pilot, lambda words=words: words in " ".join(screen_text(app).split()))  # type: ignore[misc]
            # The focus follows the words.
            await until(pilot, lambda field=field: field is None or app.focused is field)  # type: ignore[misc]
        target.value, initargs.value = "", "7"
        await settle(pilot, "enter")
        await until(pilot, lambda: "no initializer that takes them" in " ".join(screen_text(app).split()))
        target.value = f"{jobs.__name__}:initialize"
        await settle(pilot, "enter")
        await until(pilot, lambda: "new [RUN]" in screen_text(app))
        assert asked == [Opening("new", 1, "fork", f"{jobs.__name__}:initialize", (7,))]


async def test_a_form_submits_to_the_pool_that_is_chosen() -> None:
    """With several pools the form has a choice of those that take jobs, and asks there what the call is."""
    train, thumbs, far, over = pool("train"), pool("thumbs"), pool("far"), pool("over", state=PoolState.CLOSE)
    thumbs.answer = lambda request: Reply(True, "job 1 submitted", 1)
    fleet = fleet_of(train, thumbs, over)
    fleet.add(far, attached=True, read_only=True)
    app = PoolmgrApp(fleet)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await settle(pilot, "a")
        choice = app.screen.query_one("#pool", Select)
        assert choice.value == 1
        app.screen.query_one("#target", Input).value = "m:f"
        choice.focus()
        await settle(pilot, "enter")
        text = screen_text(app)
        assert "thumbs" in text
        assert "far" not in text
        assert "over" not in text
        await settle(pilot, "down", "enter")
        await until(pilot, lambda: choice.value == 2 and thumbs.checks)
        await settle(pilot, "ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, JobDetail))
        assert thumbs.requests == [Submit("m:f")]
        assert train.requests == []
        # On the stack it is before there is anything in it.
        await until(pilot, lambda: "thumbs [RUN]" in head(app))


async def test_a_form_over_one_pool_has_no_choice() -> None:
    """With one pool nothing says that there could be others."""
    app = PoolmgrApp(pool("train"))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, "a")
        assert not app.screen.query("#pool")


async def test_quit_asks_about_all_that_have_work() -> None:
    """The quit dialog tells of each pool of one's own that has work, and what leaving costs in all."""
    idle = Counts(submitted=4, done=4)
    fleet = fleet_of(pool("train"), pool("thumbs", counts=idle), pool("nightly"))
    fleet.add(pool("far"), attached=True)
    app = PoolmgrApp(fleet)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, "q")
        assert isinstance(app.screen, QuitScreen)
        text = screen_text(app)
        assert "train: 1 job runs, 1 waits." in text
        assert "nightly: 1 job runs, 1 waits." in text
        assert "thumbs: " not in text
        assert "far: " not in text
        assert "Terminate now: 2 killed, 2 cancelled." in text
        await settle(pilot, "l")
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value is QuitChoice.LEAVE


async def test_attached_pools_are_left_without_a_question() -> None:
    """Where all pools are other programs', leaving asks nothing."""
    fleet = Fleet()
    fleet.add(pool("far"), attached=True, read_only=True)
    app = PoolmgrApp(fleet)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "READ-ONLY" in screen_text(app)
        await settle(pilot, "q")
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value is QuitChoice.LEAVE


async def test_all_freeze_together() -> None:
    """Freeze holds the pictures of all pools, and going to another one does not let it go on."""
    train, thumbs = pool("train"), pool("thumbs")
    app = PoolmgrApp(fleet_of(train, thumbs))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, "z")
        thumbs.picture = replace(thumbs.picture, state=PoolState.HELD, time=NOW + 1)
        await settle(pilot, "5", "j", "enter")
        assert "thumbs [RUN]" in screen_text(app)
        assert "FROZEN" in screen_text(app)
        await settle(pilot, "z")
        assert "thumbs [HELD]" in screen_text(app)


async def test_trouble_of_one_is_no_trouble_of_another() -> None:
    """A pool that gives no picture is marked in the list; the others go on."""
    train, thumbs = pool("train"), pool("thumbs")
    app = PoolmgrApp(fleet_of(train, thumbs))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, "5")
        thumbs.error = RuntimeError("gone fishing")
        app.pull()
        await settle(pilot)
        assert "STALE" in screen_text(app)
        assert "LIVE" in head(app)
        assert isinstance(app.screen, PoolsView)
        await settle(pilot, "j")
        assert "gone fishing" in head(app)
