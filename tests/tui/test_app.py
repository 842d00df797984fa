"""The app: how it pulls, how it listens, how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from poolmgr.model.snapshot import Counts
from poolmgr.model.states import PoolState
from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.quit_choice import QuitChoice
from poolmgr.tui.screens.dashboard import Dashboard
from poolmgr.tui.screens.quit import QuitScreen
from tests.helpers.fake_control import NOW, FakeControl, make_log, make_snapshot
from tests.helpers.pilot import screen_text, until

SIZE = (80, 24)
#: One frame in a thousand seconds: what shows, shows because of news.
NEVER = 0.001


async def test_frames_come_by_themselves() -> None:
    """The screen follows the pool without any key or news."""
    control = FakeControl()
    app = PoolmgrApp(control, refresh_hz=20)
    async with app.run_test(size=SIZE) as pilot:
        control.change(log=make_log(1, 7), time=NOW + 1)
        await until(pilot, lambda: "line 7" in screen_text(app))


async def test_news_from_another_thread_are_shown_at_once() -> None:
    """A listener called in a thread of the pool brings the next picture long before its frame is due."""
    control = FakeControl()
    app = PoolmgrApp(control, refresh_hz=NEVER)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: control.listeners)
        control.change(log=make_log(1, 7), time=NOW + 1)
        thread = threading.Thread(target=control.listeners[0])
        thread.start()
        thread.join()
        await until(pilot, lambda: "line 7" in screen_text(app))


async def test_a_storm_of_news_is_a_few_pulls() -> None:
    """A hundred thousand news become a handful of pictures, the last of which is the newest."""
    control = FakeControl()
    app = PoolmgrApp(control, refresh_hz=NEVER)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: control.listeners)
        before = control.pulls

        def storm() -> None:
            for _ in range(100_000):
                control.listeners[0]()
            control.change(log=make_log(1, 7), time=NOW + 1)
            control.listeners[0]()

        threads = [threading.Thread(target=storm) for _ in range(2)]
        for thread in threads:
            thread.start()
        await until(pilot, lambda: not any(thread.is_alive() for thread in threads))
        await until(pilot, lambda: "line 7" in screen_text(app))
        assert control.pulls - before < 1000


async def test_trouble_is_shown_and_the_last_picture_kept() -> None:
    """A control that raises does not end the screen: the header says why it stands still, until it moves again."""
    control = FakeControl()
    app = PoolmgrApp(control, refresh_hz=NEVER)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        control.error = ConnectionError("[bold] owner is gone")
        app.pull()
        await pilot.pause()
        text = screen_text(app)
        assert "STALE ConnectionError: [bold] owner is gone" in text
        assert "w1     4121" in text
        control.error = None
        app.pull()
        await pilot.pause()
        assert "STALE" not in screen_text(app)


async def test_no_picture_from_the_start() -> None:
    """With no picture at all the screen says so, and every key is harmless."""
    control = FakeControl()
    control.error = ConnectionError("nobody there")
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press(*"xXrypdTajkgG", "plus", "minus", "equals_sign", "enter", "tab", "slash", "escape")
        await pilot.pause()
        assert "ConnectionError: nobody there" in screen_text(app)
        assert control.requests == []
        await pilot.press("q")
        await pilot.pause()
        assert "nobody can say what runs" in screen_text(app)


@pytest.mark.parametrize(
    "state", [make_snapshot(counts=Counts(submitted=5, done=5)), make_snapshot(state=PoolState.ENDED)]
)
@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_quit_leaves_at_once_with_nothing_to_lose(key: str, state: object) -> None:
    """Where no job runs or waits, there is nothing to ask."""
    app = PoolmgrApp(FakeControl(state))  # type: ignore[arg-type]
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press(key)
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value is QuitChoice.TERMINATE


@pytest.mark.parametrize(
    ("keys", "choice"),
    [
        (["d"], QuitChoice.DRAIN),
        (["l"], QuitChoice.LEAVE),
        (["T"], QuitChoice.TERMINATE),
        (["right", "enter"], QuitChoice.DRAIN),
    ],
)
async def test_quit_dialog_gives_the_choice(keys: list[str], choice: QuitChoice) -> None:
    """The dialog says what each way costs, and each has a key."""
    control = FakeControl()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("q")
        await pilot.pause()
        text = screen_text(app)
        assert "1 job runs, 1 waits." in text
        assert "Terminate now: 1 killed, 1 cancelled." in text
        control.change(counts=Counts(submitted=9, running=3, queued=5, done=1), time=NOW + 1)
        app.pull()
        await pilot.pause()
        assert "3 jobs run, 5 wait." in screen_text(app)
        await pilot.press(*keys)
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value is choice


async def test_drain_is_reckoned_without_the_jobs_still_to_come() -> None:
    """The time that a drain takes is that of the jobs in the pool: it takes no others."""
    counts = Counts(submitted=20, running=2, queued=8, done=10)
    app = PoolmgrApp(FakeControl(make_snapshot(counts=counts, expected=100, eta=90.0)))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("q")
        await pilot.pause()
        assert "finish 10 jobs, then end, about 00:00:10." in screen_text(app)


async def test_drain_of_a_run_for_a_time_is_reckoned_by_the_rate() -> None:
    """Where jobs are added until a moment, the drain takes as long as the jobs that are there."""
    counts = Counts(submitted=20, running=2, queued=8, done=10)
    picture = make_snapshot(counts=counts, rate=2.0, eta=90.0)
    app = PoolmgrApp(FakeControl(replace(picture, until=picture.time + 90.0)))
    async with app.run_test(size=SIZE) as pilot:
        assert "10 jobs" in screen_text(app).splitlines()[1]
        await pilot.press("q")
        await pilot.pause()
        assert "finish 10 jobs, then end, about 00:00:05." in screen_text(app)


@pytest.mark.parametrize("answer", ["enter", "escape", "s"])
async def test_staying_is_the_default(answer: str) -> None:
    """Enter and Esc in the quit dialog stay, and a second q does not leave by accident."""
    app = PoolmgrApp(FakeControl())
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("q", "ctrl+q", "q")
        assert isinstance(app.screen, QuitScreen)
        await pilot.press(answer)
        await pilot.pause()
        assert isinstance(app.screen, Dashboard)
        assert app.return_value is None


async def test_the_subscription_ends_with_the_screen() -> None:
    """A pool that goes on without the screen is not slowed by it, and a late call is harmless."""
    control = FakeControl()
    app = PoolmgrApp(control)
    late: list[Callable[[], None]] = []
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: control.listeners)
        late += control.listeners
    assert control.listeners == []
    late[0]()


@pytest.mark.parametrize(("environment", "frames"), [({}, "20"), ({"TEXTUAL_FPS": "7"}, "7")])
def test_redraws_are_limited_unless_the_user_says_otherwise(environment: dict[str, str], frames: str) -> None:
    """Twenty redraws a second are enough, the user's own number wins, and workers inherit nothing."""
    code = (
        "import os, poolmgr.tui.app, textual.constants;"
        "print(textual.constants.MAX_FPS, os.environ.get('TEXTUAL_FPS', 'unset'))"
    )
    clean = {name: value for name, value in os.environ.items() if name != "TEXTUAL_FPS"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean | environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [frames, environment.get("TEXTUAL_FPS", "unset")]
