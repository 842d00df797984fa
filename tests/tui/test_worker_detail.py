"""The worker's own screen: its facts, its graphs, its stack as it changes, and what becomes of it."""

from __future__ import annotations

import threading
from dataclasses import replace

from poolmgr.model.requests import Inspect, Kill, Profile, Reply, Stack, Suspend, WorkerLook
from poolmgr.model.states import JobState, WorkerState
from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.screens.job_detail import JobDetail
from poolmgr.tui.screens.worker_detail import WorkerDetail
from tests.helpers.busy_pool import busy_history, busy_snapshot
from tests.helpers.fake_control import NOW, FakeControl, make_job
from tests.helpers.pilot import screen_text, until


def look(request: WorkerLook) -> Reply:
    """A stack, a process, a profile."""
    if isinstance(request, Stack):
        return Reply(True, "the stack of w5", lines=("net.py:7   read   sock.recv(\x1b[31m1)", "net.py:31  fetch"))
    if isinstance(request, Inspect):
        return Reply(True, "the process of w5", lines=("nice 0   CPUs 0-7   threads 3", "child 99 sh   sleeping"))
    return Reply(True, "5 s of w5", lines=("100 looks", "   100%  100%  net.py:7 read"))


def busy_control() -> FakeControl:
    """A pool whose fifth worker sits on a job."""
    control = FakeControl(busy_snapshot())
    control.past = busy_history()
    control.look = look
    jobs = [make_job(7, JobState.DONE, slot=4, pid=4125), *control.picture.jobs]
    control.change(jobs=tuple(jobs))
    return control


async def test_worker_is_shown_with_all_that_is_known_of_it() -> None:
    """State, job, process, children, graphs, times, last jobs and the stack, in which nothing is drawn as code."""
    control = busy_control()
    app = PoolmgrApp(control)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await pilot.press("2", "j", "j", "j", "j", "enter")
        await until(pilot, lambda: "net.py:31  fetch" in screen_text(app))
        await until(pilot, lambda: "child 99 sh" in screen_text(app))
        text = screen_text(app)
        for part in ("w5  pid 4125", "job 48111, fetch, 41", "nice 0   CPUs 0-7", "CPU 2%, 5 min", "RSS 1.9G, 5 min"):
            assert part in text
        for part in ("last jobs  7 D", "live stack"):
            assert part in text
        assert "\x1b" not in text
        await pilot.press("P")
        await until(pilot, lambda: Suspend(4, 1) in control.requests)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, JobDetail))
        await pilot.press("escape", "X", "y")
        await until(pilot, lambda: Kill(48_111) in control.requests)


async def test_stack_goes_on_and_a_profile_stays() -> None:
    """The stack is asked for again and again; a profile stands until b, and is not asked for twice at once."""
    control = busy_control()
    let_go = threading.Event()

    def slow(request: WorkerLook) -> Reply:
        if isinstance(request, Profile):
            let_go.wait(15)
        return look(request)

    control.look = slow
    app = PoolmgrApp(control)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.press("2", "enter")
        await until(pilot, lambda: sum(isinstance(each, Stack) for each in control.looks) >= 3)
        await pilot.press("B", "B")
        await until(pilot, lambda: "sampling for 5 s" in screen_text(app))
        let_go.set()
        await until(pilot, lambda: "100 looks" in screen_text(app))
        assert [each for each in control.looks if isinstance(each, Profile)] == [Profile(0, 5.0, 1)]
        asked = len([each for each in control.looks if isinstance(each, Stack)])
        inspected = len([each for each in control.looks if isinstance(each, Inspect)])
        await until(pilot, lambda: len([each for each in control.looks if isinstance(each, Inspect)]) > inspected + 1)
        assert len([each for each in control.looks if isinstance(each, Stack)]) == asked
        assert "100 looks" in screen_text(app)
        await pilot.press("b")
        await until(pilot, lambda: "net.py:31  fetch" in screen_text(app))


async def test_worker_that_is_gone_is_asked_nothing() -> None:
    """When another process has taken its place, the screen says so, and no act means the new one."""
    control = busy_control()
    app = PoolmgrApp(control)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.press("2", "enter")
        await until(pilot, lambda: control.looks)
        workers = control.picture.workers
        control.change(workers=(replace(workers[0], generation=2, pid=9999), *workers[1:]), time=NOW + 1)
        app.pull()
        await until(pilot, lambda: "gone: this is how it was last" in screen_text(app))
        assert "9999" not in screen_text(app)
        await pilot.press("P", "S", "X", "x", "B")
        assert control.requests == []
        assert isinstance(app.screen, WorkerDetail)


async def test_why_there_is_no_stack_is_said() -> None:
    """A refusal stands where the stack would."""
    control = busy_control()
    control.look = lambda request: Reply(False, "w1 has no stack to tell: it stands still")
    workers = control.picture.workers
    control.change(workers=(replace(workers[0], state=WorkerState.FROZEN), *workers[1:]))
    app = PoolmgrApp(control)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.press("2", "enter")
        await until(pilot, lambda: "w1 has no stack to tell: it stands still" in screen_text(app))


async def test_small_terminal_keeps_the_stack() -> None:
    """At 40x10 there is no room for graphs, and the stack is there."""
    app = PoolmgrApp(busy_control())
    async with app.run_test(size=(40, 10), notifications=True) as pilot:
        await pilot.press("2", "enter")
        await until(pilot, lambda: "net.py:7" in screen_text(app))
        assert "net.py:31" in screen_text(app)
        assert "w1  pid 4121" in screen_text(app)
