"""Back in time: all views show one moment, acts are refused, and nothing that comes meanwhile changes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from poolmgr.model.buckets import SECOND, WIDTHS
from poolmgr.model.fleet import Fleet
from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.screens.export import ExportScreen
from poolmgr.tui.widgets.jobs_table import JobsTable
from poolmgr.tui.widgets.stream import StreamView
from tests.helpers.busy_pool import busy_history, busy_snapshot
from tests.helpers.fake_control import NOW, FakeControl
from tests.helpers.pilot import screen_text, until

SIZE = (80, 24)
BACK, FAR = "left_square_bracket", "left_curly_bracket"
#: Keys that would change the pool, from the dashboard.
ACTS = ("x", "X", "r", "R", "e", "u", "K", "p", "P", "S", "plus", "minus", "equals_sign", "d", "T", "a", "B")


def busy(name: str = "train") -> FakeControl:
    """A pool in full swing, with its past."""
    control = FakeControl(replace(busy_snapshot(), name=name))
    control.past = busy_history()
    return control


async def settle(pilot: Pilot[Any], *keys: str) -> None:
    """Press keys, and wait until what they do is done."""
    await pilot.press(*keys)
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def test_the_head_says_that_it_is_the_past() -> None:
    """The first lines say which moment is shown, how long ago it was, and how to come back."""
    control = busy()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, FAR, FAR)
        head = screen_text(app).splitlines()[:4]
        assert "[PAST]" in head[0]
        assert "-00:05" in head[0]
        assert "LIVE" not in head[0]
        assert ":55.00  the pool as it was" in head[1]
        assert ". the present" in head[3]
        assert "WHY" not in "".join(head)
        await settle(pilot, "full_stop")
        assert "[RUN]" in screen_text(app)
        assert "LIVE" in screen_text(app).splitlines()[0]


async def test_steps() -> None:
    """[ and ] go one slice back and forth, { and } ten; past the newest slice is the present."""
    control = busy()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE) as pilot:
        quarter, now = WIDTHS[0], control.past.now
        for key, moment in (
            (BACK, now - quarter), (FAR, now - 11 * quarter), ("right_square_bracket", now - 10 * quarter),
            ("right_curly_bracket", None), (BACK, now - quarter), ("right_square_bracket", None),
        ):  # fmt: skip
            await settle(pilot, key)
            assert app.moment == moment


async def test_every_view_is_of_the_moment() -> None:
    """Workers, jobs, log, functions, pools and details show the moment; the stream marks it."""
    control = busy()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, *[FAR] * 7)
        assert app.snapshot is not None
        assert app.snapshot.time == pytest.approx(NOW - 17.5)
        await settle(pilot, "6")
        assert "replaced" not in screen_text(app)
        await settle(pilot, "4")
        assert app.screen.query_one(StreamView)._picture.selected == 70
        await settle(pilot, "8")
        assert "p95" not in screen_text(app)
        assert "share" in screen_text(app)
        await settle(pilot, "5")
        assert "fail" not in screen_text(app).splitlines()[5]
        await settle(pilot, "2", "enter")
        assert app.screen.query("#stack")
        assert "no stack is kept of the past" in screen_text(app)
        await settle(pilot, "3", "enter")
        assert app.screen.query("#job")
        assert "[PAST]" in screen_text(app)


async def test_acts_are_refused_with_a_sentence() -> None:
    """No key changes anything while the past is shown; each says why, and nothing opens."""
    control = busy()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await settle(pilot, BACK, "tab")
        before = app.screen
        for key in ACTS:
            app.clear_notifications()
            await settle(pilot, key)
            await until(pilot, lambda: any("the past" in note.message for note in app._notifications))
            assert app.screen is before, key
        assert control.requests == []
        await settle(pilot, "full_stop", "p")
        await until(pilot, lambda: len(control.requests) == 1)


async def test_looking_is_not_refused() -> None:
    """Filter, sort, export, help and freeze work in the past as ever."""
    app = PoolmgrApp(busy())
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, BACK, "3", *"/state:F", "enter")
        assert "filter: state:F" in screen_text(app)
        await until(pilot, lambda: app.focused is app.screen.query_one(JobsTable))
        await settle(pilot, "w")
        await until(pilot, lambda: isinstance(app.screen, ExportScreen))


async def test_what_comes_meanwhile_changes_nothing() -> None:
    """New pictures are taken and not shown; back in the present the newest is there."""
    control = busy()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, FAR)
        before = app.snapshot
        control.change(time=NOW + 60, rate=1234.0)
        app.pull()
        await settle(pilot)
        assert app.snapshot == before
        assert "-01:02" in screen_text(app).splitlines()[0]
        await settle(pilot, "full_stop")
        assert "1,234" in screen_text(app)


async def test_nothing_is_kept() -> None:
    """Without a history there is nothing to go back to, and the operator is told."""
    app = PoolmgrApp(FakeControl())
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await settle(pilot, BACK)
        assert app.moment is None
        # What is told comes on the screen a few messages after the key.
        await until(pilot, lambda: "nothing is kept of the past" in screen_text(app))
        await settle(pilot, "right_square_bracket")
        await until(pilot, lambda: "this is the present" in screen_text(app))


async def test_the_earliest_moment() -> None:
    """At the earliest slice one more step says so and stays."""
    app = PoolmgrApp(busy())
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await settle(pilot, *[FAR] * 26)
        assert app.moment is not None
        assert app.moment <= SECOND
        await until(pilot, lambda: "the earliest moment" in screen_text(app))


async def test_all_pools_are_of_the_same_moment() -> None:
    """Another pool of the same app is shown at the same moment."""
    fleet = Fleet()
    for name in ("train", "thumbs"):
        fleet.add(busy(name))
    app = PoolmgrApp(fleet)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, FAR, "O")
        assert "thumbs [PAST]" in screen_text(app)
        assert app.snapshot is not None
        assert app.snapshot.time == NOW - 2.5


async def test_from_a_frozen_screen() -> None:
    """Whoever has frozen the screen goes back from the picture at which it stands, and comes back to it."""
    control = busy()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, "z")
        control.change(time=NOW + 60, rate=1234.0)
        app.pull()
        await settle(pilot, FAR)
        assert app.snapshot is not None
        assert app.snapshot.time == NOW - 2.5
        await settle(pilot, "full_stop")
        assert app.snapshot.time == NOW
        assert "FROZEN" in screen_text(app)
