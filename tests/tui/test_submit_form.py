"""The submit form: a field for each parameter, names that Tab completes, errors said where they were made."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from poolmgr.control.target import check_call
from poolmgr.errors import UsageError
from poolmgr.model.requests import CheckCall, Reply, Submit
from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.draft import Draft, draft_of, read_limit
from poolmgr.tui.screens.dashboard import Dashboard
from poolmgr.tui.screens.job_detail import JobDetail
from poolmgr.tui.screens.submit import SubmitScreen
from poolmgr.tui.widgets.parameter_fields import ParameterFields
from tests.helpers.fake_control import FakeControl, make_job
from tests.helpers.pilot import screen_text, until
from tests.helpers.wait import DEADLINE

SIZE = (80, 24)


def fetch(url: str, timeout: float = 30, *rest: int, mode: object = None, **options: object) -> None:
    """Is only looked at."""


FETCH = f"{__name__}:fetch"


def looking(control: FakeControl) -> FakeControl:
    """Have calls checked as a real pool checks them."""

    def check(request: CheckCall) -> Reply:
        try:
            return check_call(request)
        except UsageError as error:
            return Reply(False, str(error))

    control.check = check
    return control


async def open_on(app: PoolmgrApp, pilot: Pilot[Any], target: str) -> ParameterFields:
    """Type the function, and wait for its fields."""
    await pilot.press("a")
    app.screen.query_one("#target", Input).value = target
    await pilot.press("enter")
    fields = app.screen.query_one(ParameterFields)
    await until(pilot, lambda: fields.display and app.focused in fields.inputs)
    return fields


async def test_each_parameter_has_a_field() -> None:
    """Titles with stars and annotations, defaults in sight, and what is required."""
    app = PoolmgrApp(looking(FakeControl()))
    async with app.run_test(size=SIZE) as pilot:
        fields = await open_on(app, pilot, FETCH)
        text = screen_text(app)
        for words in ("url: str", "required, text", "= 30", "*rest: int", "1, 'a'", "mode: object", "x=1, y='a'"):
            assert words in text
        assert app.focused is fields.field("url")
        assert "literals only" not in text


async def test_fields_are_submitted() -> None:
    """What is typed goes where the parameter is, with the options of the job."""
    control = looking(FakeControl())
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        fields = await open_on(app, pilot, FETCH)
        await pilot.press(*"s3://b/x", "tab", "tab", "tab", *"[1]", "tab", *"k=2")
        await until(pilot, lambda: "pickles to" in screen_text(app))
        for field, value in (
            ("name", "night"),
            ("timeout", "1m30s"),
            ("retries", "2"),
            ("priority", "-1"),
            ("after", "7, 9"),
            ("soft", "80s"),
        ):
            app.screen.query_one(f"#{field}", Input).value = value
        assert fields.typed["url"] == "s3://b/x"
        await pilot.press("enter")
        await until(pilot, lambda: control.requests)
        assert control.requests == [
            Submit(
                FETCH,
                ("s3://b/x",),
                {"mode": [1], "k": 2},
                "night",
                1,
                -1,
                timeout=90.0,
                retries=2,
                after=(7, 9),
                soft_timeout=80.0,
            )
        ]
        await until(pilot, lambda: isinstance(app.screen, Dashboard))
        await pilot.press("a")
        fields = app.screen.query_one(ParameterFields)
        await until(pilot, lambda: fields.display)
        assert fields.typed["url"] == "s3://b/x"
        assert app.screen.query_one("#retries", Input).value == "2"
        assert app.screen.query_one("#after", Input).value == ""


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("parameter-0", "", "url has no default: give it a value"),
        ("parameter-1", "soon", "timeout, soon, is not a literal"),
        ("parameter-2", "x=1", "*rest takes values without names"),
        ("target", "fetch", "is not module:function"),
        ("repeat", "0", "times is a whole number of 1 or more"),
        ("priority", "high", "priority is a whole number"),
        ("timeout", "soon", "time limit is a duration such as 30s"),
        ("soft", "never", "soft time limit is a duration such as 30s"),
        ("timeout", "0", "time limit is a duration such as 30s"),
        ("retries", "-1", "retries is a whole number of 0 or more"),
        ("after", "7, soon", "after takes numbers of jobs, such as 7 or 7, 9, not '7, soon'"),
    ],
)
async def test_an_error_is_said_and_the_cursor_is_there(field: str, value: str, words: str) -> None:
    """One sentence, the cursor in the field, everything typed still there, nothing sent."""
    control = looking(FakeControl())
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        fields = await open_on(app, pilot, FETCH)
        for number, text in enumerate(("u", "3")):
            fields.inputs[number].value = text
        app.screen.query_one(f"#{field}", Input).value = value
        await pilot.press("ctrl+j")
        await until(pilot, lambda: words in screen_text(app))
        # The focus follows the words.
        await until(pilot, lambda: app.focused is app.screen.query_one(f"#{field}", Input))
        assert isinstance(app.screen, SubmitScreen)
        assert app.screen.query_one(f"#{field}", Input).value == value
        assert control.requests == []


async def test_another_function_keeps_what_fits() -> None:
    """With the function changed, fields of the same names keep what was typed; without parameters all of it stays."""
    control = looking(FakeControl())
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        fields = await open_on(app, pilot, FETCH)
        await pilot.press(*"u", "tab", *"3")
        control.check = lambda request: Reply(
            True, "fits", parameters=(("x", "KEYWORD_ONLY", "", ""), ("url", "KEYWORD_ONLY", "", ""))
        )
        app.screen.query_one("#target", Input).value = "m:f"
        # Sent before it is known what the function takes: that is asked for first.
        await pilot.press("ctrl+j")
        await until(pilot, lambda: "x has no default" in screen_text(app))
        assert [entry.value for entry in fields.inputs] == ["", "u"]
        control.check = lambda request: Reply(True, "it says nothing")
        await pilot.press("1")
        app.screen.query_one("#target", Input).value = "m:g"
        line = app.screen.query_one("#arguments", Input)
        await until(pilot, lambda: line.display and app.focused is line)
        await pilot.press("tab")
        await until(pilot, lambda: line.value == "x=1, url=u")
        assert control.requests == []


def hold_checks(control: FakeControl) -> threading.Event:
    """Have functions looked up only once the event is set."""
    looked_up = threading.Event()

    def slowly(request: CheckCall) -> Reply:
        looked_up.wait(DEADLINE)
        return check_call(request)

    control.check = slowly
    return looked_up


async def test_what_is_typed_for_another_function_is_kept() -> None:
    """The fields of the function before go at once: what is typed while the new one is looked up waits in a line."""
    control = looking(FakeControl())
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        fields = await open_on(app, pilot, FETCH)
        await pilot.press(*"before")
        looked_up = hold_checks(control)
        app.screen.query_one("#target", Input).focus()
        app.screen.query_one("#target", Input).value = "math:factorial"
        await pilot.press("enter", *"5")
        assert app.screen.query_one("#arguments", Input).value == "5"
        # Sent before it is known what the function takes.
        await pilot.press("enter")
        assert control.requests == []
        looked_up.set()
        await until(pilot, lambda: control.requests == [Submit("math:factorial", (5,))])
        assert fields.typed["url"] == "before"


async def test_what_cannot_be_read_for_another_function_is_said() -> None:
    """Also if it was sent before it is known what that takes: then as soon as it is."""
    control = looking(FakeControl())
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await open_on(app, pilot, FETCH)
        looked_up = hold_checks(control)
        app.screen.query_one("#target", Input).focus()
        app.screen.query_one("#target", Input).value = "math:factorial"
        await pilot.press("enter", *"1 +", "enter")
        looked_up.set()
        await until(pilot, lambda: str(app.screen.query_one("#problem", Static).render()) != "")
        assert app.screen.query_one("#arguments", Input).value == "1 +"


async def test_what_was_typed_before_the_fields_came_goes_into_them() -> None:
    """Arguments as in a call are spread over the fields, and typing goes on in the last of them."""
    control = FakeControl()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("a")
        app.screen.query_one("#target", Input).value = FETCH
        await pilot.press("enter", *"'u', 4")
        await until(pilot, lambda: control.checks)
        looking(control)
        await pilot.press("2")
        fields = app.screen.query_one(ParameterFields)
        await until(pilot, lambda: fields.display)
        assert [entry.value for entry in fields.inputs] == ["'u'", "42", "", "", ""]
        await pilot.press("0", "enter")
        await until(pilot, lambda: control.requests == [Submit(FETCH, ("u", 420))])


async def test_arguments_of_last_time_are_replaced_by_the_next_key_in_the_fields_too() -> None:
    """The line of a call that was sent before its fields came is selected as a whole, and so is its first field."""
    app = PoolmgrApp(looking(FakeControl()))
    async with app.run_test(size=SIZE) as pilot:
        app.last_submit = Draft(target="m:f", arguments="0.5, 7")
        await pilot.press("a")
        app.screen.query_one("#target", Input).value = FETCH
        await pilot.press("enter")
        fields = app.screen.query_one(ParameterFields)
        await until(pilot, lambda: fields.display and app.focused is fields.field("url"))
        await pilot.press("u")
        assert [entry.value for entry in fields.inputs[:2]] == ["u", "7"]


async def test_arguments_that_do_not_fit_stay_as_they_are() -> None:
    """What cannot be spread is left in its field, and what is wrong with it is said."""
    control = looking(FakeControl())
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("a")
        app.screen.query_one("#target", Input).value = "math:factorial"
        app.screen.query_one("#arguments", Input).value = "1, 2"
        await pilot.press("enter")
        await until(pilot, lambda: "too many positional arguments" in screen_text(app))
        assert app.screen.query_one("#arguments", Input).value == "1, 2"


async def test_tab_completes_the_function() -> None:
    """What names have in common, then the names in turn; a whole name, or an empty field, lets Tab go on."""
    control = FakeControl()
    control.names = {
        "pi": ("pipe:", "pip:"),
        "pipe": ("pipe:",),
        "pipe:": ("pipe:fetch", "pipe:fetch_all", "pipe:resize"),
        "pipe:f": ("pipe:fetch", "pipe:fetch_all"),
        "pipe:resize": ("pipe:resize",),
    }
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("a")
        field = app.screen.query_one("#target", Input)
        await pilot.press(*"pipe", "tab")
        await until(pilot, lambda: field.value == "pipe:")
        await pilot.press("tab")
        await until(pilot, lambda: "fetch  fetch_all  resize" in screen_text(app))
        await pilot.press(*"f", "tab")
        await until(pilot, lambda: field.value == "pipe:fetch")
        await pilot.press("tab")
        await until(pilot, lambda: field.value == "pipe:fetch_all")
        await pilot.press("tab")
        await until(pilot, lambda: field.value == "pipe:fetch")
        field.value = "pipe:resize"
        field.cursor_position = len(field.value)
        await pilot.press("tab")
        await until(pilot, lambda: app.focused is app.screen.query_one("#arguments"))
        await pilot.press("shift+tab", "end", *"x", "tab")
        await until(pilot, lambda: "nothing begins with pipe:resizex" in screen_text(app))
        assert app.focused is field
        await pilot.press("tab")
        assert app.focused is app.screen.query_one("#arguments")


async def test_a_file_gives_a_job_for_each_line(tmp_path: Path) -> None:
    """The file goes along by its whole path, and its first line is checked as the first argument."""
    (tmp_path / "numbers.jsonl").write_text("1\n2\n3\n")
    control = looking(FakeControl())
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        fields = await open_on(app, pilot, FETCH)
        field = app.screen.query_one("#items", Input)
        field.focus()
        field.value = str(tmp_path / "nothing.jsonl")
        await until(pilot, lambda: "cannot be read: No such file" in screen_text(app).replace("│    \n    │", ""))
        field.value = str(tmp_path / "numbers.jsonl")
        await until(pilot, lambda: "3 jobs, each pickles to" in screen_text(app))
        fields.inputs[1].value = "5"
        await pilot.press("enter")
        await until(pilot, lambda: control.requests)
        assert control.requests == [Submit(FETCH, (5,), items=str(tmp_path / "numbers.jsonl"))]


async def test_submit_and_open_shows_the_job() -> None:
    """ctrl+o submits, and opens the job's own screen."""
    control = FakeControl()
    control.answer = lambda request: Reply(True, "job 1 submitted", 1)
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("a", *"m:f", "ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, JobDetail))
        assert control.requests == [Submit("m:f")]


def test_a_job_is_edited_with_its_options() -> None:
    """The form of a job has its name, its time limit, its priority, its tries, and whom it was to run after."""
    draft = draft_of(
        make_job(
            7,
            function="m.f",
            args="(1,)",
            name="night",
            limit=1.5,
            priority=-2,
            retries=3,
            after=(5, 6),
            soft_limit=1.0,
        )
    )

    assert (draft.name, draft.timeout, draft.priority, draft.retries) == ("night", "1.5s", "-2", "3")
    assert (draft.after, draft.soft) == ("5, 6", "1s")
    assert read_limit("timeout", "limit", draft_of(make_job(7, limit=1234567.0)).timeout) == 1234567.0
