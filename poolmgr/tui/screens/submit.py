"""The form that submits jobs. What was typed stays until the pool has taken it, and is there the next time.

Runs in the app's thread. While one types, the pool is asked what it would make of the call: nothing is called for that,
but the module is imported, so it is asked only once the function's name is complete.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Button, Input, Label, Static

from poolmgr.errors import UsageError
from poolmgr.model.literals import parse_call, parse_target
from poolmgr.model.requests import CheckCall, Reply, Submit
from poolmgr.model.snapshot import JobSnapshot
from poolmgr.tui.format import harmless

if TYPE_CHECKING:
    from poolmgr.tui.app import PoolmgrApp

#: Seconds after the last key before the pool is asked.  Less would ask about half a word, more would come after Enter.
PAUSE = 0.3


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the form."""

    target: str = ""
    arguments: str = ""
    name: str = ""
    repeat: str = "1"
    priority: str = "0"
    #: What whoever fills in the form should know.
    note: str = ""


def draft_of(job: JobSnapshot) -> Draft:
    """The form for the same call again, as far as a picture knows it."""
    module, dot, function = job.function.rpartition(".")
    home = module if dot else "builtins" if hasattr(builtins, job.function) else "__main__"
    arguments = job.args[1:-1].strip() if job.args.startswith("(") and job.args.endswith(")") else job.args
    note = ""
    try:
        parse_call(arguments)
        cut = "…" in arguments
    except UsageError:
        cut = True
    if job.tasks > 1:
        arguments, note = "", f"Job {job.id} was a map: this submits one call. Write its arguments."
    elif cut:
        note = f"The arguments of job {job.id} are not known in full: write them out."
    return Draft(f"{home}:{function}", arguments, job.name, note=note)


class SubmitScreen(ModalScreen[None]):
    """Asks for ``module:function`` and literal arguments; errors are shown in the form."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", id="submit.back"),
        Binding("ctrl+j", "send", "Submit", id="submit.send"),
    ]

    def __init__(self, draft: Draft | None = None, title: str = "Submit a job", *, editing: bool = False) -> None:
        """With ``editing``, the first key adds to the arguments; else it replaces what was typed last time."""
        super().__init__()
        self._editing = editing
        self._draft = draft or Draft()
        self._title = title
        self._waiting = False
        self._asking: Timer | None = None

    def compose(self) -> ComposeResult:
        """The fields, what the pool would say, a line for what is wrong, and two buttons."""
        draft = self._draft
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(self._title)
            yield Label("function, as module:function")
            yield Input(draft.target, placeholder="math:factorial", id="target", compact=True)
            yield Label("arguments, as in a call: literals only")
            yield Input(draft.arguments, placeholder="20, 'text', name=[1, 2]", id="arguments", compact=True)
            with Horizontal(classes="fields"):
                yield Label("name ")
                yield Input(draft.name, id="name", compact=True)
                yield Label(" times ")
                yield Input(draft.repeat, id="repeat", compact=True)
                yield Label(" priority ")
                yield Input(draft.priority, id="priority", compact=True)
            yield Static(Content(harmless(draft.note)), id="check")
            yield Static("", id="problem", classes="problem")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("Submit", id="send", variant="primary", compact=True)

    def on_mount(self) -> None:
        """Typing starts at the function, or at the arguments of a call that is edited."""
        if not self._editing:
            self.query_one("#target", Input).focus()
            return
        for each in self.query(Input):
            each.select_on_focus = False
        field = self.query_one("#arguments", Input)
        field.cursor_position = len(field.value)
        field.focus()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Say what Enter does from here."""
        name = str(event.widget.id)
        says = {"target": "Enter: to the arguments", "cancel": "Enter leaves"}.get(name, "Enter submits")
        self.query_one(".dialog").border_subtitle = Content(says)
        if name != "target":
            self._ask_soon()

    def on_input_changed(self, event: Input.Changed) -> None:
        """What was wrong may be right now; and the pool may have something to say about it."""
        self._show_problem("")
        if event.input.id == "arguments" and event.input.has_focus:
            self._ask_soon()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes on to the arguments, and from there it submits."""
        if event.input.id == "target":
            self.query_one("#arguments", Input).focus()
        else:
            self.action_send()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Submit or cancel."""
        if event.button.id == "send":
            self.action_send()
        else:
            self.dismiss(None)

    # --- what the pool would say

    def _ask_soon(self) -> None:
        if self._asking is not None:
            self._asking.stop()
        self._asking = self.set_timer(PAUSE, self._ask)

    def _ask(self) -> None:
        try:
            module, function = parse_target(self._value("target"))
            args, kwargs = parse_call(self._value("arguments"))
        except UsageError:
            # Said when it is submitted: half a word is no mistake.
            return
        cast("PoolmgrApp", self.app).send(CheckCall(f"{module}:{function}", args, kwargs), self._answered)

    def _answered(self, reply: Reply) -> None:
        if self.is_attached and not self._waiting:
            style = "$text-success" if reply.ok else "$text-warning"
            self.query_one("#check", Static).update(Content.styled(harmless(reply.text), style))

    # --- submitting

    def _value(self, field: str) -> str:
        return self.query_one(f"#{field}", Input).value

    def _number(self, field: str, what: str, least: int | None) -> int:
        typed = self._value(field).strip()
        try:
            number = int(typed)
        except ValueError:
            number = None
        if number is None or (least is not None and number < least):
            self.query_one(f"#{field}", Input).focus()
            raise UsageError(
                f"{what} is a whole number{'' if least is None else f' of {least} or more'}, not {typed!r}"
            )
        return number

    def _read(self) -> Submit:
        module, function = parse_target(self._value("target"))
        args, kwargs = parse_call(self._value("arguments"))
        repeat = self._number("repeat", "times", 1)
        priority = self._number("priority", "priority", None)
        return Submit(f"{module}:{function}", args, kwargs, self._value("name").strip(), repeat, priority)

    def action_send(self) -> None:
        """Read the fields and ask the pool; the answer closes the form or is shown in it."""
        if self._waiting:
            return
        try:
            request = self._read()
        except UsageError as error:
            self._show_problem(str(error))
            return
        cockpit = cast("PoolmgrApp", self.app)
        fields = ("target", "arguments", "name", "repeat", "priority")
        cockpit.last_submit = Draft(*(self._value(field) for field in fields))
        self._waiting = True
        self._show_problem("")
        cockpit.send(request, self._replied)

    def _replied(self, reply: Reply) -> None:
        self._waiting = False
        if not self.is_current:
            cast("PoolmgrApp", self.app).tell_reply(reply)
        elif reply.ok:
            cast("PoolmgrApp", self.app).tell_reply(reply)
            self.dismiss(None)
        else:
            self._show_problem(reply.text)

    def _show_problem(self, text: str) -> None:
        self.query_one("#problem", Static).update(Content(harmless(text)))
