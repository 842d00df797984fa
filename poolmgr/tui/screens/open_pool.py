"""The form for another pool. What was typed stays until the pool is open; what is wrong is said in the form.

Runs in the app's thread; opening a pool takes a moment, and has a thread for it.
"""

from __future__ import annotations

from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Button, Input, Label, Static

from poolmgr.errors import PoolmgrError, UsageError
from poolmgr.model.fleet import Looker, Member, Opener, Opening
from poolmgr.model.literals import parse_call
from poolmgr.model.parameters import FieldError
from poolmgr.model.requests import CheckCall, Complete, Reply
from poolmgr.tui.draft import read_target
from poolmgr.tui.format import harmless
from poolmgr.tui.presence import is_there
from poolmgr.tui.screens.submit import PAUSE
from poolmgr.tui.widgets.target_input import NamesLine, TargetInput

#: What is said of each field.
_SAYS = {
    "pool-name": "what it is called, here and in other terminals; Enter opens it",
    "pool-workers": "how many processes; Enter opens it",
    "pool-method": "how they start; Enter opens it",
    "pool-initializer": "Tab completes; Enter opens it",
    "pool-initargs": "what it is called with; Enter opens it",
    "cancel": "Enter leaves",
}


class OpenPoolScreen(ModalScreen[Member | None]):
    """Asks for a name, workers, a start method and an initializer; gives the pool that was opened, or None."""

    # At once, not after the next message: who types ahead has the first key in the right field.
    AUTO_FOCUS = "#pool-name"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", id="open.back"),
        Binding("ctrl+j", "send", "Open", id="open.send"),
    ]

    def __init__(
        self, opener: Opener, suggestion: Opening, start_methods: tuple[str, ...], looker: Looker | None = None
    ) -> None:
        """Ask, and have the pool opened by ``opener``; without a ``looker`` there is no field for an initializer."""
        super().__init__()
        self._opener, self._suggestion, self._start_methods = opener, suggestion, start_methods
        self._looker = looker
        self._waiting = False
        self._asking: Timer | None = None
        #: The call of the initializer that was asked about last: only its answer counts.
        self._asked: CheckCall | None = None

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
            if self._looker is not None:
                yield Label("initializer, called in each worker before its first job")
                yield TargetInput(begin.initializer, id="pool-initializer", placeholder="none, or module:function")
                yield NamesLine("", id="names")
                with Horizontal(classes="fields"):
                    yield Label("initargs ")
                    yield Input(id="pool-initargs", placeholder="literals, as in a call: 4, 'text'", compact=True)
            yield Static(Content(self._methods), id="check")
            yield Static("", id="problem", classes="problem")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("Open", id="send", variant="primary", compact=True)

    @property
    def _methods(self) -> str:
        return f"Start methods here: {', '.join(self._start_methods)}."

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Say what is asked for here, and what Enter does."""
        says = _SAYS.get(str(event.widget.id), "Enter opens it")
        self.query_one(".dialog").border_subtitle = Content(says)

    def on_input_changed(self, event: Input.Changed) -> None:
        """What was wrong may be right now, and there may be something to say about the initializer."""
        self._say("")
        if event.input.id in ("pool-initializer", "pool-initargs"):
            if self._asking is not None:
                self._asking.stop()
            self._asking = self.set_timer(PAUSE, self._ask)

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
        except FieldError as error:
            self._say(str(error))
            self.query_one(error.field, Input).focus()
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
            raise FieldError("#pool-name", "A pool has a name of characters that can be shown.")
        if not workers.isascii() or not workers.isdigit() or int(workers[:6]) < 1:
            raise FieldError("#pool-workers", f"Workers is a whole number of 1 or more, not {workers!r}.")
        if method not in self._start_methods:
            raise FieldError("#pool-method", f"There is no start method {method!r} here.")
        call = self._initializer()
        return Opening(name, int(workers[:6]), method, *(() if call is None else (call.target, call.args)))

    def _initializer(self) -> CheckCall | None:
        """The call that each worker begins with, None for none.

        Raises:
            FieldError: It is written wrongly.
        """
        if self._looker is None:
            return None
        target, initargs = (self.query_one(f"#pool-{field}", Input).value for field in ("initializer", "initargs"))
        if not target.strip():
            if initargs.strip():
                raise FieldError("#pool-initializer", "There are initargs, and no initializer that takes them.")
            return None
        try:
            target = read_target(target)
        except UsageError as error:
            raise FieldError("#pool-initializer", str(error)) from error
        try:
            args, named = parse_call(initargs)
        except UsageError as error:
            raise FieldError("#pool-initargs", str(error)) from error
        if named:
            raise FieldError("#pool-initargs", f"Initargs have no names: write the value of {next(iter(named))} alone.")
        return CheckCall(target, args)

    # --- what would become of the initializer

    def _ask(self) -> None:
        try:
            self._asked = self._initializer()
        except FieldError:
            # Said when the pool is to be opened: half a word is no mistake.
            return
        if self._asked is None:
            self.query_one("#check", Static).update(Content(self._methods))
        else:
            self._look(self._asked)

    @work(thread=True, group="looks")
    def _look(self, call: CheckCall) -> None:
        assert self._looker is not None
        reply = self._looker(call)
        self.app.call_from_thread(self._looked, call, reply)

    def _looked(self, call: CheckCall, reply: Reply) -> None:
        if is_there(self) and not self._waiting and call is self._asked:
            style = "$text-success" if reply.ok else "$text-warning"
            self.query_one("#check", Static).update(Content.styled(harmless(reply.text), style))

    @on(TargetInput.Wanted)
    def _names_wanted(self, event: TargetInput.Wanted) -> None:
        self._complete(event.text)

    @work(thread=True, group="looks")
    def _complete(self, text: str) -> None:
        assert self._looker is not None
        reply = self._looker(Complete(text))
        self.app.call_from_thread(self._offer, text, reply)

    def _offer(self, text: str, reply: Reply) -> None:
        if is_there(self):
            self.query_one(TargetInput).offer(text, list(reply.lines))

    # --- opening

    @work(thread=True, group="open-pool")
    def _open(self, opening: Opening) -> None:
        try:
            answer: Member | str = self._refusal(opening) or self._opener(opening)
        except PoolmgrError as error:
            answer = str(error)
        except Exception as error:  # the thread's top: the form is the only one to tell
            answer = f"{type(error).__name__}: {error}"
        self.app.call_from_thread(self._opened, answer)

    def _refusal(self, opening: Opening) -> str:
        """Why workers cannot begin with that, as far as a look at the function tells; empty if they can."""
        if self._looker is None or not opening.initializer:
            return ""
        reply = self._looker(CheckCall(opening.initializer, opening.initargs))
        return "" if reply.ok else reply.text

    def _opened(self, answer: Member | str) -> None:
        # Who has left the form meanwhile finds the pool in the list.
        if not is_there(self):
            return
        self._waiting = False
        if isinstance(answer, str):
            self.query_one("#check", Static).update(Content(self._methods))
            self._say(answer)
        elif self.is_current:
            self.dismiss(answer)

    def _say(self, text: str) -> None:
        self.query_one("#problem", Static).update(Content(harmless(text)))
