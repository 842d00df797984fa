"""A screen that may only look: every act on the pool is greyed, the others are not, and leaving asks nothing."""

from __future__ import annotations

from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.keys import KEYS, STEERS
from poolmgr.tui.quit_choice import QuitChoice
from poolmgr.tui.screens.job_detail import JobDetail
from tests.helpers.fake_control import FakeControl
from tests.helpers.pilot import until

#: Acts that ask nothing of the pool, though they belong to its groups.
HARMLESS = {"job_log", "copy_job", "show_worker", "app.open_pool", "app.next_pool"}


def test_every_act_on_job_or_pool_steers() -> None:
    """Whatever is added to the groups Job, Worker and Pool is greyed too, but for what only looks."""
    acts = {key.action.partition("(")[0] for key in KEYS if key.group in ("Job", "Worker", "Pool")}
    assert acts == STEERS | HARMLESS


async def test_acts_are_greyed_and_keys_do_nothing() -> None:
    """Under a read-only screen no key sends a request, on the dashboard and in a job's detail."""
    control = FakeControl()
    app = PoolmgrApp(control, attached=True, read_only=True)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        assert "READ-ONLY" in app.words
        for screen in (app.screen, JobDetail(1)):
            if screen is not app.screen:
                app.push_screen(screen)
                await pilot.pause()
            for action in sorted(STEERS):
                assert app.screen.check_action(action, ()) is None
            for key in KEYS:
                if key.action.partition("(")[0] in STEERS:
                    await pilot.press(key.key.split(",")[0])
                    assert app.screen is screen
    assert control.requests == []


async def test_leaving_an_attached_screen_asks_nothing() -> None:
    """q leaves at once while jobs run: they are another program's."""
    app = PoolmgrApp(FakeControl(), attached=True)
    async with app.run_test() as pilot:
        await pilot.press("q")
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value is QuitChoice.LEAVE
