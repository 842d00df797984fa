"""The form that submits one job. What was typed stays until the pool has taken it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static

from poolmgr.errors import UsageError
from poolmgr.model.literals import parse_call, parse_target
from poolmgr.model.requests import Reply, Submit
from poolmgr.tui.format import harmless

if TYPE_CHECKING:
    from poolmgr.tui.app import PoolmgrApp


class SubmitScreen(ModalScreen[None]):
    """Asks for ``module:function`` and literal arguments; errors are shown in the form."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", id="submit.back"),
        Binding("ctrl+j", "send", "Submit", id="submit.send"),
    ]

    def __init__(self, target: str = "", arguments: str = "") -> None:
        super().__init__()
        self._target, self._arguments = target, arguments
        self._waiting = False

    def compose(self) -> ComposeResult:
        """Two fields, a line for what is wrong, and two buttons."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content("Submit a job")
            yield Label("function, as module:function")
            yield Input(self._target, placeholder="math:factorial", id="target", compact=True)
            yield Label("arguments, as in a call: literals only")
            yield Input(self._arguments, placeholder="20, 'text', name=[1, 2]", id="arguments", compact=True)
            yield Static("", id="problem", classes="problem")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("Submit", id="send", variant="primary", compact=True)

    def on_mount(self) -> None:
        """Typing starts at the function."""
        self.query_one("#target", Input).focus()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Say what Enter does from here."""
        says = {"target": "Enter: to the arguments", "arguments": "Enter submits", "send": "Enter submits"}
        self.query_one(".dialog").border_subtitle = Content(says.get(str(event.widget.id), "Enter leaves"))

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

    def action_send(self) -> None:
        """Read the fields and ask the pool; the answer closes the form or is shown in it."""
        if self._waiting:
            return
        target = self.query_one("#target", Input).value
        arguments = self.query_one("#arguments", Input).value
        try:
            module, function = parse_target(target)
            args, kwargs = parse_call(arguments)
        except UsageError as error:
            self._show_problem(str(error))
            return
        cockpit = cast("PoolmgrApp", self.app)
        cockpit.last_submit = (target, arguments)
        self._waiting = True
        self._show_problem("")
        cockpit.send(Submit(f"{module}:{function}", args, kwargs), self._replied)

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
