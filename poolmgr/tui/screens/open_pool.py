"""The form for another pool. What was typed stays until the pool is open; what is wrong is said in the form.

Runs in the app's thread; opening a pool takes a moment, and has a thread for it.
"""

from __future__ import annotations

from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static

from poolmgr.errors import PoolmgrError, UsageError
from poolmgr.model.fleet import Member, Opener, Opening
from poolmgr.tui.format import harmless

#: What is said of each field.
_SAYS = {
    "pool-name": "what it is called, here and in other terminals; Enter opens it",
    "pool-workers": "how many processes; Enter opens it",
    "pool-method": "how they start; Enter opens it",
    "cancel": "Enter leaves",
}


class OpenPoolScreen(ModalScreen[Member | None]):
    """Asks for a name, a number of workers and a start method; gives the pool that was opened, or None."""

    # At once, not after the next message: who types ahead has the first key in the right field.
    AUTO_FOCUS = "#pool-name"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", id="open.back"),
        Binding("ctrl+j", "send", "Open", id="open.send"),
    ]

    def __init__(self, opener: Opener, suggestion: Opening, start_methods: tuple[str, ...]) -> None:
        super().__init__()
        self._opener, self._suggestion, self._start_methods = opener, suggestion, start_methods
        self._waiting = False

    def compose(self) -> ComposeResult:
        """The fields, a line for what is wrong, and two buttons."""
        begin = self._suggestion
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content("Open another pool")
            yield Label("name")
            yield Input(begin.name, id="pool-name", compact=True)
            with Horizontal(classes="fields"):
                yield Label("workers ")
                yield Input(str(begin.workers), id="pool-workers", compact=True)
                yield Label(" start method ")
                yield Input(begin.start_method, id="pool-method", compact=True)
            yield Static(Content(f"Start methods here: {', '.join(self._start_methods)}."), id="check")
            yield Static("", id="problem", classes="problem")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("Open", id="send", variant="primary", compact=True)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Say what is asked for here, and what Enter does."""
        says = _SAYS.get(str(event.widget.id), "Enter opens it")
        self.query_one(".dialog").border_subtitle = Content(says)

    def on_input_changed(self) -> None:
        """What was wrong may be right now."""
        self._say("")

    def on_input_submitted(self) -> None:
        """Enter opens it from any field."""
        self.action_send()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Open or cancel."""
        if event.button.id == "send":
            self.action_send()
        else:
            self.dismiss(None)

    def action_send(self) -> None:
        """Read the fields and have the pool opened."""
        if self._waiting:
            return
        try:
            opening = self._read()
        except UsageError as error:
            self._say(str(error))
            return
        self._waiting = True
        self._say("")
        self.query_one("#check", Static).update("Opening ...")
        self._open(opening)

    def _read(self) -> Opening:
        name, workers, method = (
            self.query_one(f"#pool-{field}", Input).value.strip() for field in ("name", "workers", "method")
        )
        if not name or not name.isprintable():
            raise self._wrong("name", "A pool has a name of characters that can be shown.")
        if not workers.isascii() or not workers.isdigit() or int(workers[:6]) < 1:
            raise self._wrong("workers", f"Workers is a whole number of 1 or more, not {workers!r}.")
        if method not in self._start_methods:
            raise self._wrong("method", f"There is no start method {method!r} here.")
        return Opening(name, int(workers[:6]), method)

    def _wrong(self, field: str, sentence: str) -> UsageError:
        self.set_focus(self.query_one(f"#pool-{field}", Input))
        return UsageError(sentence)

    @work(thread=True, group="open-pool")
    def _open(self, opening: Opening) -> None:
        try:
            answer: Member | str = self._opener(opening)
        except PoolmgrError as error:
            answer = str(error)
        except Exception as error:  # the thread's top: the form is the only one to tell
            answer = f"{type(error).__name__}: {error}"
        self.app.call_from_thread(self._opened, answer)

    def _opened(self, answer: Member | str) -> None:
        # Who has left the form meanwhile finds the pool in the list.
        if not self.is_attached:
            return
        self._waiting = False
        if isinstance(answer, str):
            self.query_one("#check", Static).update("")
            self._say(answer)
        elif self.is_current:
            self.dismiss(answer)

    def _say(self, text: str) -> None:
        self.query_one("#problem", Static).update(Content(harmless(text)))
