"""Keys that act: each sends its request, destructive ones ask first, and the harmless answer is the default."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import replace

import pytest
from textual.widgets import Input

from poolmgr.model.requests import (
    Cancel,
    CheckCall,
    Drain,
    Kill,
    Pause,
    Reply,
    Request,
    Resize,
    Resume,
    Retry,
    Submit,
    Terminate,
)
from poolmgr.model.states import JobState, PoolState
from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.draft import draft_of
from poolmgr.tui.screens.confirm import QuestionScreen
from poolmgr.tui.screens.dashboard import Dashboard
from poolmgr.tui.screens.help import HelpScreen
from poolmgr.tui.screens.kill import LadderScreen
from poolmgr.tui.screens.submit import SubmitScreen
from poolmgr.tui.screens.type_name import TypeNameScreen
from poolmgr.tui.undo import UNDO
from poolmgr.tui.widgets.jobs_table import JobsTable
from tests.helpers.fake_control import NOW, FakeControl, make_job, make_snapshot, make_worker
from tests.helpers.pilot import best_hit, screen_text, until
from tests.helpers.wait import DEADLINE

SIZE = (80, 24)
#: Seconds, more than any test takes.
EVER = 1000.0


@pytest.mark.parametrize(
    ("keys", "request_"),
    [
        (["plus"], Resize(3)),
        (["minus"], Resize(1)),
        (["equals_sign", "backspace", "7", "enter"], Resize(7)),
        (["p"], Pause()),
        (["x"], Cancel(1)),
        (["X", "y"], Kill(1)),
        (["X", "right", "enter"], Kill(1)),
        (["tab", "x"], Cancel(1)),
        (["tab", "j", "r"], Retry(2)),
        (["tab", "j", "j", "x"], Cancel(3, UNDO)),
        (["d", "y"], Drain()),
        ([*"Ttrain", "enter"], Terminate()),
        ([*"amath:factorial", "enter", *"20", "enter"], Submit("math:factorial", (20,))),
        (["a", *"m:f", "enter", *"1, x='y'", "ctrl+j"], Submit("m:f", (1,), {"x": "y"})),
    ],
)
async def test_key_sends_its_request(keys: list[str], request_: Request) -> None:
    """Each key, with its dialog answered by yes, asks the pool for exactly one thing."""
    control = FakeControl()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press(*keys)
        await until(pilot, lambda: control.requests)
        assert control.requests == [request_]
        await until(pilot, lambda: "taken" in screen_text(app))
        assert isinstance(app.screen, Dashboard)


@pytest.mark.parametrize("opener", ["X", "d"])
@pytest.mark.parametrize("answer", ["enter", "escape", "n"])
async def test_harmless_answer_is_the_default(opener: str, answer: str) -> None:
    """Enter, Esc and n in a question all destroy nothing."""
    control = FakeControl()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press(opener)
        assert isinstance(app.screen, QuestionScreen)
        await pilot.press(answer)
        await pilot.pause()
        assert isinstance(app.screen, Dashboard)
        assert control.requests == []


@pytest.mark.parametrize("typed", ["", "y", "trai", "train2"])
async def test_terminate_wants_the_name_of_the_pool(typed: str) -> None:
    """Anything but its name ends no pool, and is said; Esc goes back."""
    control = FakeControl()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("T", *typed, "enter")
        await pilot.pause()
        assert "That is not train: nothing was done." in screen_text(app)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, Dashboard)
        assert control.requests == []


@pytest.mark.parametrize("keys", [["a", "escape"], ["equals_sign", "escape"], ["equals_sign", "enter"]])
async def test_forms_can_be_left(keys: list[str]) -> None:
    """Leaving a form, or entering the size there is, asks for nothing."""
    control = FakeControl()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press(*keys)
        await pilot.pause()
        assert isinstance(app.screen, Dashboard)
        assert control.requests == []


@pytest.mark.parametrize("keys", ["X", "a", "d", "T", "q", "?", "=", "j?", "\t"])
async def test_dialogs_fit_a_small_terminal(keys: str) -> None:
    """At 40x10 every dialog opens with its title in view, and Esc leaves it."""
    control = FakeControl()
    app = PoolmgrApp(control)
    async with app.run_test(size=(40, 10), notifications=True) as pilot:
        await pilot.press(*("tab" if key == "\t" else key for key in keys), "escape")
        await pilot.pause()
        assert isinstance(app.screen, Dashboard)
        await pilot.press("q")
        await pilot.pause()
        assert "Quit?" in screen_text(app)
        assert "Stay [s]" in screen_text(app)
        assert control.requests == []


async def test_hold_goes_on_again() -> None:
    """p on a held pool resumes it."""
    control = FakeControl(make_snapshot(state=PoolState.HELD))
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("p")
        await until(pilot, lambda: control.requests)
        assert control.requests == [Resume()]


async def test_plus_three_times_means_three() -> None:
    """Keys faster than frames add up, in their order, and never run in the screen's thread."""
    control = FakeControl()
    pressed = threading.Event()

    def slow(request: Request) -> Reply:
        pressed.wait(DEADLINE)
        return Reply(True, "taken")

    control.answer = slow
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("plus", "plus", "plus", "minus")
        pressed.set()
        await until(pilot, lambda: len(control.requests) == 4)
        assert control.requests == [Resize(3), Resize(4), Resize(5), Resize(4)]
        assert threading.get_ident() not in control.senders


async def test_size_counts_from_what_was_asked_until_a_picture_shows_it() -> None:
    """A key pressed after the answer and before the next picture is one worker more; then the picture counts again."""
    control = FakeControl()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        for size in (3, 4):
            app.clear_notifications()
            await pilot.press("plus")
            await until(pilot, lambda: app._notifications)
            assert control.requests[-1] == Resize(size)
        control.change(size=2, time=time.time() + 60)
        app.pull()
        await pilot.press("plus")
        await until(pilot, lambda: len(control.requests) == 3)
        assert control.requests[-1] == Resize(3)


async def test_kill_asks_about_the_job_that_was_aimed_at() -> None:
    """While the question stands the worker goes on to another job; yes still means the first."""
    control = FakeControl()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("X")
        control.change(workers=(make_worker(0, 9), make_worker(1)), time=NOW + 1)
        app.pull()
        await pilot.pause()
        text = screen_text(app)
        assert "Kill job 1?" in text
        assert "w1 (pid 4121) will die" in text
        await pilot.press("y")
        await until(pilot, lambda: control.requests)
        assert control.requests == [Kill(1)]


@pytest.mark.parametrize(
    ("keys", "jobs"),
    [
        (["tab", "x"], [make_job(1, JobState.DONE)]),
        (["tab", "X"], [make_job(1, JobState.QUEUED)]),
        (["tab", "r"], [make_job(1)]),
        (["tab", "r"], [make_job(1, JobState.DONE)]),
        (["tab", "x", "r", "X", "enter", "y"], []),
        (["j", "x", "X", "r"], [make_job(1)]),
    ],
)
async def test_what_cannot_be_done_is_not_asked(keys: list[str], jobs: list[object]) -> None:
    """A key that makes no sense for the job under the cursor does nothing, and opens nothing."""
    control = FakeControl(make_snapshot(jobs=jobs))  # type: ignore[arg-type]
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press(*keys)
        await pilot.pause()
        assert isinstance(app.screen, Dashboard)
        assert control.requests == []


@pytest.mark.parametrize("state", [PoolState.CLOSE, PoolState.TERMINATE, PoolState.ENDED])
async def test_a_pool_that_ends_takes_no_acts(state: PoolState) -> None:
    """Size, hold, submit and drain are greyed once the pool is closed; terminate, once it is done."""
    control = FakeControl(make_snapshot(state=state))
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("plus", "minus", "equals_sign", "p", "a", "d")
        await pilot.pause()
        assert isinstance(app.screen, Dashboard)
        assert control.requests == []
        await pilot.press("T")
        assert isinstance(app.screen, TypeNameScreen) is (state is PoolState.CLOSE)


async def test_the_last_worker_stays() -> None:
    """- on a pool of one does nothing."""
    control = FakeControl(make_snapshot([make_worker(0, 1)]))
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("minus")
        await pilot.pause()
        assert control.requests == []


async def test_a_job_that_left_the_list_takes_its_aim_along() -> None:
    """When the job aimed at leaves the list, the key does nothing to the one that comes into its place."""
    control = FakeControl(make_snapshot(jobs=[make_job(n) for n in (1, 2, 3)]))
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("tab", "j")
        app.screen.query_one(JobsTable).hold = 0
        control.change(jobs=tuple(make_job(n) for n in (1, 3)), time=NOW + 1)
        app.pull()
        await pilot.press("x")
        await until(pilot, lambda: "has left the list" in screen_text(app))
        assert control.requests == []
        await pilot.press("x")
        await until(pilot, lambda: control.requests)
        assert control.requests == [Cancel(3)]


async def test_refusals_and_failures_are_told() -> None:
    """A reply that is no, and a control that raises, both come back as a sentence; brackets are text."""
    control = FakeControl()
    control.answer = lambda request: Reply(False, "no: [bold] pool is closed")
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("p")
        await until(pilot, lambda: "no: [bold] pool is closed" in screen_text(app))

        def broken(request: Request) -> Reply:
            raise ConnectionError("owner is gone")

        control.answer = broken
        await pilot.press("p")
        await until(pilot, lambda: "pause: ConnectionError: owner is gone" in screen_text(app))
        control.answer = lambda request: Reply(True, "held")
        await pilot.press("p")
        await until(pilot, lambda: "held" in screen_text(app))


@pytest.mark.parametrize(
    ("target", "arguments", "problem"),
    [("math", "", "is not module:function"), ("math:factorial", "x", "put text in quotes")],
)
async def test_submit_form_shows_what_is_wrong(target: str, arguments: str, problem: str) -> None:
    """A form that cannot be read stays open with what was typed, and nothing is sent."""
    control = FakeControl()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("a", *target, "enter", *arguments, "enter")
        await until(pilot, lambda: problem in screen_text(app))
        assert isinstance(app.screen, SubmitScreen)
        assert app.screen.query_one("#target", Input).value == target
        assert app.screen.query_one("#arguments", Input).value == arguments
        assert control.requests == []


async def test_submit_form_shows_the_pools_refusal() -> None:
    """What the pool cannot import is said in the form; the next try may succeed, and is remembered."""
    control = FakeControl()
    control.answer = lambda request: Reply(False, "No module named 'nope'")
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press(*"anope:f", "enter", "enter")
        await until(pilot, lambda: "No module named 'nope'" in screen_text(app))
        assert isinstance(app.screen, SubmitScreen)
        control.answer = lambda request: Reply(True, "job 5 submitted")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Dashboard))
        await until(pilot, lambda: "job 5 submitted" in screen_text(app))
        await pilot.press("a")
        assert app.screen.query_one("#target", Input).value == "nope:f"


async def test_size_form_wants_a_number() -> None:
    """0, a minus and a word are refused in the form."""
    control = FakeControl()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("equals_sign", "backspace")
        for typed in ("0", "-1", "many"):
            field = app.screen.query_one("#size", Input)
            field.value = ""
            await pilot.press(*typed, "enter")
            await until(pilot, lambda: "whole number of 1 or more" in screen_text(app))
        assert control.requests == []


async def test_copy_takes_the_whole_text() -> None:
    """y puts call and traceback on the clipboard."""
    app = PoolmgrApp(FakeControl())
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("tab", "j", "y")
        await pilot.pause()
        assert app.clipboard.startswith("job 2 failed: pipeline.resize('key-2.png',)\nTraceback\n  boom\n")


async def test_help_lists_every_key() -> None:
    """? shows the table, and Esc goes back."""
    app = PoolmgrApp(FakeControl())
    async with app.run_test(size=(80, 140)) as pilot:
        await pilot.press("question_mark")
        await pilot.pause()
        text = screen_text(app)
        for part in ("Kill the job with its worker", "^p ", "Q· queued", "Z‖ frozen", "state:FK"):
            assert part in text
        await pilot.press("j", "k", "escape")
        await pilot.pause()
        assert not isinstance(app.screen, HelpScreen)


async def test_palette_acts() -> None:
    """ctrl+p finds an act by name and does it; what cannot be done is not offered."""
    control = FakeControl()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("ctrl+p", *"hold")
        await until(pilot, lambda: best_hit(app).startswith("Hold (p)"))
        await pilot.press("enter")
        await until(pilot, lambda: control.requests == [Pause()])
        await pilot.press("ctrl+p", *"retry")
        await until(pilot, lambda: "Retry all (R)" in screen_text(app))
        assert "Retry (r)" not in screen_text(app)


async def test_a_click_on_the_footer_is_the_key() -> None:
    """The keys of the footer can be clicked."""
    control = FakeControl()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.pause()
        column = screen_text(app).split("\n")[-1].index("p Hold")
        await pilot.click("KeyBar", offset=(column + 1, 0))
        await until(pilot, lambda: control.requests == [Pause()])


async def test_footer_greys_what_cannot_be_done() -> None:
    """The footer changes with the job under the cursor."""
    control = FakeControl()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("tab")
        await pilot.pause()
        assert app.screen.check_action("retry_job", ()) is None
        assert app.screen.check_action("cancel_job", ()) is True
        await pilot.press("j")
        await pilot.pause()
        assert app.screen.check_action("retry_job", ()) is True
        assert app.screen.check_action("cancel_job", ()) is None
        control.picture = replace(control.picture, state=PoolState.ENDED, time=NOW + 1)
        app.pull()
        await pilot.pause()
        assert app.screen.check_action("submit", ()) is None


async def test_the_ladder_asks_first_and_kills_later() -> None:
    """i in the kill question raises JobStopped in the job at once, and kills it when the countdown is over."""
    control = FakeControl()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("X", "i")
        await until(pilot, lambda: control.requests == [Cancel(1)])
        # It counts down from five, however late it is looked at.
        await until(pilot, lambda: re.search(r"In [0-5] s", screen_text(app)))
        await pilot.press("escape")
        await until(pilot, lambda: "was asked to stop and is not killed" in screen_text(app))
        app.push_screen(LadderScreen(1, patience=0))
        await until(pilot, lambda: control.requests[1:] == [Cancel(1), Kill(1, 4.0)])
        # More patience than any machine needs to press a key.
        app.push_screen(LadderScreen(1, patience=EVER))
        await until(pilot, lambda: isinstance(app.screen, LadderScreen))
        await pilot.press("y")
        await until(pilot, lambda: control.requests[3:] == [Cancel(1), Kill(1)])


async def test_the_ladder_ends_when_the_job_does() -> None:
    """A job that stops when it is asked takes nobody with it."""
    control = FakeControl()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("X", "i")
        await until(pilot, lambda: control.requests == [Cancel(1)])
        control.change(jobs=(make_job(1, JobState.CANCELLED),), time=NOW + 1)
        app.pull()
        await until(pilot, lambda: "has stopped (cancelled): no worker was killed" in screen_text(app))
        assert isinstance(app.screen, Dashboard)
        assert control.requests == [Cancel(1)]


async def test_submit_form_says_what_the_pool_would_make_of_it() -> None:
    """The pool is asked once the function is typed, and its answer stands in the form; nothing is submitted."""
    control = FakeControl()
    control.check = lambda request: Reply(False, f"fetch(url): missing 'url', {len(request.args)} given")
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("a", *"pipe:fetch")
        await pilot.pause()
        assert control.checks == []
        await pilot.press("enter")
        await until(pilot, lambda: "missing 'url', 0 given" in screen_text(app))
        control.check = lambda request: Reply(True, "fetch(url)  pickles to 52 bytes")
        await pilot.press(*"'x'")
        await until(pilot, lambda: "pickles to 52 bytes" in screen_text(app))
        assert control.checks[-1] == CheckCall("pipe:fetch", ("x",))
        assert control.requests == []


async def test_submit_form_remembers_and_the_first_key_replaces() -> None:
    """What was typed last stands in the form, selected: one may submit it again, or type over it."""
    control = FakeControl()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("a", *"m:f", "enter", *"1", "enter")
        await until(pilot, lambda: control.requests == [Submit("m:f", (1,))])
        await until(pilot, lambda: isinstance(app.screen, Dashboard))
        await pilot.press("a", *"m:g", "enter", *"2", "enter")
        await until(pilot, lambda: control.requests[1:] == [Submit("m:g", (2,))])


async def test_submit_form_takes_name_times_and_priority() -> None:
    """The other fields go along, and a word where a number belongs is said."""
    control = FakeControl()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("a", *"m:f", "enter", "tab", *"night", "tab", "backspace", *"many", "enter")
        await until(pilot, lambda: "times is a whole number of 1 or more, not 'many'" in screen_text(app))
        assert app.focused is app.screen.query_one("#repeat")
        await pilot.press(*["backspace"] * 4, *"12", "tab", "backspace", *"-3", "enter")
        await until(pilot, lambda: control.requests == [Submit("m:f", (), {}, "night", 12, -3)])


@pytest.mark.parametrize(
    ("function", "args", "target", "arguments", "note"),
    [
        ("pipeline.fetch", "('a', t=3)", "pipeline:fetch", "'a', t=3", ""),
        ("print", "(1,)", "builtins:print", "1,", ""),
        ("work", "()", "__main__:work", "", ""),
        ("m.f", "(<ndarray 3x4>)", "m:f", "<ndarray 3x4>", "not known in full"),
        ("m.f", "('abc…xyz',)", "m:f", "'abc…xyz',", "not known in full"),
    ],
)
def test_a_draft_is_the_same_call_again(function: str, args: str, target: str, arguments: str, note: str) -> None:
    """What a picture knows of a call goes into the form, and what it does not know is said."""
    draft = draft_of(make_job(7, function=function, args=args))

    assert (draft.target, draft.arguments) == (target, arguments)
    assert note in draft.note
    assert bool(draft.note) is bool(note)
