"""The form that submits jobs. What was typed stays until the pool has taken it, and is there the next time.

Runs in the app's thread. While one types, the pool is asked what it would make of the call: nothing is called for that,
and a module that is not imported yet is imported by a process of its own, so it is asked only once the function's name
is complete. The answer has the function's parameters, and then each has a field; before, and where a function
does not say what it takes, there is one field for the arguments as in a call.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Button, Input, Label, OptionList, Select, Static

from poolmgr.errors import UsageError
from poolmgr.model.parameters import FieldError, signature_of, spread
from poolmgr.model.requests import CheckCall, Complete, Reply, Submit
from poolmgr.tui.draft import OPTIONS, Draft, read_count, read_ids, read_limit, read_path, read_target
from poolmgr.tui.format import harmless
from poolmgr.tui.presence import is_there
from poolmgr.tui.screens.call_form import CallForm
from poolmgr.tui.watched import Watched
from poolmgr.tui.widgets.target_input import NamesLine, TargetInput

if TYPE_CHECKING:
    from poolmgr.tui.app import PoolmgrApp

#: Seconds after the last key before the pool is asked.  Less would ask about half a word, more would come after Enter.
PAUSE = 0.3


class SubmitScreen(CallForm):
    """Asks for ``module:function`` and its arguments; errors are shown in the form, with the cursor where they are."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", id="submit.back"),
        Binding("ctrl+j", "send", "Submit", id="submit.send"),
        Binding("ctrl+o", "send(True)", "Submit and open", id="submit.open"),
    ]

    def __init__(self, draft: Draft | None = None, title: str = "Submit a job", *, editing: bool = False) -> None:
        """With ``editing``, the first key adds to the arguments; else it replaces what was typed last time."""
        super().__init__(editing)
        self._draft = draft or Draft()
        self._title = title
        self._waiting = False
        self._asking: Timer | None = None
        #: The call that the pool was asked about last: only its answer counts.
        self._asked: CheckCall | None = None
        #: The function whose parameters are shown.
        self._described = self._draft.target if self._draft.parameters is not None else ""
        #: What stood in the fields when it was said what is wrong.
        self._wrong: dict[Input, str] = {}
        #: Whether the form is to be sent, and opened then, once it is known what the function takes.
        self._then_send: bool | None = None

    def compose(self) -> ComposeResult:
        """The fields, what the pool would say, a line for what is wrong, and the buttons."""
        draft = self._draft
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(self._title)
            with Horizontal(classes="fields"):
                yield Label("function ")
                yield TargetInput(draft.target, id="target")
            yield NamesLine("", id="names")
            yield from self.compose_arguments(draft.arguments)
            with Horizontal(classes="fields options"):
                yield from _option("name", draft.name)
                yield from _option("times", draft.repeat, "repeat")
                yield from _option("priority", draft.priority)
            with Horizontal(classes="fields"):
                yield from _option("time limit", draft.timeout, "timeout", "none, or 30s")
                yield from _option("soft", draft.soft, placeholder="none, or 25s")
                yield from _option("retries", draft.retries)
            with Horizontal(classes="fields"):
                yield from _option("after", draft.after, placeholder="job ids")
                yield from _option("file", draft.items, "items", "a job for each line; .jsonl: JSON")
            if len(self._pools) > 1:
                with Horizontal(classes="fields"):
                    yield Label("pool ")
                    yield self._pool_choice()
            yield Static(Content(harmless(draft.note)), id="check")
            yield Static("", id="problem", classes="problem")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("Submit and open", id="open", compact=True)
                yield Button("Submit", id="send", variant="primary", compact=True)

    def _pool_choice(self) -> Select[int]:
        numbers = {watched.member.number: Content(harmless(watched.name)) for watched in self._pools}
        current = self._cockpit.current
        options = [(name, number) for number, name in numbers.items()]
        begin = options[0][1] if current is None or current.member.number not in numbers else current.member.number
        return Select(options, value=begin, allow_blank=False, compact=True, id="pool")

    async def on_mount(self) -> None:
        """Typing starts at the function, or at the arguments of a call that is edited."""
        self._show_fields(False)
        if self._draft.parameters is not None:
            await self._show_parameters(self._draft.parameters, self._draft.typed)
        if not self._editing:
            self.query_one("#target", Input).focus()
            return
        for each in self.query(Input):
            each.select_on_focus = False
        field = self.query_one("#arguments", Input)
        field.cursor_position = len(field.value)
        field.focus()

    # --- the pool

    @cached_property
    def _pools(self) -> list[Watched]:
        """The pools that may take jobs, as they were when the form was opened."""
        return [
            watched
            for watched in self._cockpit.watched.values()
            if not watched.gone and not watched.member.read_only and watched.takes_jobs
        ]

    @property
    def _pool(self) -> Watched | None:
        """The pool that was chosen; None means the current one."""
        choice: Any = next(iter(self.query("#pool").results(Select)), None)
        return None if choice is None else self._cockpit.watched.get(choice.value)

    @on(Select.Changed, "#pool")
    def _pool_changed(self) -> None:
        # Another program may have other modules.
        self._asked = None
        self._ask_soon()

    # --- moving

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Say what Enter does from here."""
        name = "pool" if isinstance(event.widget, OptionList) else str(event.widget.id)
        says = {
            "target": "Enter: to the arguments   Tab: complete",
            "pool": "Enter, then arrows: choose the pool",
            "cancel": "Enter leaves",
            "open": "Enter submits, and opens the job",
        }
        self.query_one(".dialog").border_subtitle = Content(says.get(name, "Enter submits"))
        if name != "target":
            self.query_one(NamesLine).tell("")
            self._ask_soon()

    async def on_input_changed(self, event: Input.Changed) -> None:
        """What was wrong may be right now; and the pool may have something to say about it."""
        # A field that was just made says what stands in it, too.
        if self._wrong.get(event.input) != event.value:
            self._show_problem("")
        if event.input.id == "arguments" and self._parameters is not None:
            # Typed before its field was hidden, and read after.
            self._fields.put(spread(self._parameters, event.value) or {})
        elif event.input.id == "target" and event.value.strip() != self._described:
            # An answer that is on its way is about the one before.
            self._asked = None
            await self._forget_parameters()
        elif event.input.has_focus and event.input.id not in ("target", *OPTIONS[:-1]):
            self._ask_soon()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes on to the arguments, and from there it submits."""
        if event.input.id == "target":
            self._focus_arguments()
        else:
            self.action_send()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Submit or cancel."""
        if event.button.id == "cancel":
            self.dismiss(None)
        else:
            self.action_send(event.button.id == "open")

    @on(TargetInput.Wanted)
    def _names_wanted(self, event: TargetInput.Wanted) -> None:
        field = self.query_one("#target", TargetInput)

        def answered(reply: Reply) -> None:
            if is_there(self):
                field.offer(event.text, list(reply.lines))

        self._cockpit.look(Complete(event.text), answered, self._pool)

    # --- the arguments

    @property
    def _cockpit(self) -> PoolmgrApp:
        return cast("PoolmgrApp", self.app)

    # --- what the pool would say

    def _ask_soon(self) -> None:
        if self._asking is not None:
            self._asking.stop()
        self._asking = self.set_timer(PAUSE, self._ask)

    def _ask(self) -> None:
        items = read_path(self._value("items"))
        try:
            target = read_target(self._value("target"))
        except UsageError:
            # Said when it is submitted: half a word is no mistake.
            return
        try:
            args, kwargs = self._arguments(items)
        except UsageError:
            if self._forgotten is None and (self._parameters is None or target == self._described):
                return
            # Another function's fields are to be had, whatever was typed.
            args, kwargs = (), {}
        self._asked = CheckCall(target, args, kwargs, items)
        asked = self._asked
        self._cockpit.look(asked, lambda reply: self._answered(asked, reply), self._pool)

    def _answered(self, asked: CheckCall, reply: Reply) -> None:
        if is_there(self) and not self._waiting and asked is self._asked:
            self.call_later(self._take_answer, asked, reply)

    async def _take_answer(self, asked: CheckCall, reply: Reply) -> None:
        if asked is not self._asked:
            return
        await self._take_parameters(reply.parameters)
        self._described = asked.target
        style = "$text-success" if reply.ok else "$text-warning"
        text = reply.text
        if self._parameters is not None:
            # The fields say what it takes.
            name = asked.target.partition(":")[2]
            text = text.removeprefix(f"{name}{signature_of(self._parameters)}").lstrip(" :")
        self.query_one("#check", Static).update(Content.styled(harmless(text), style))
        if self._then_send is not None:
            self.action_send(self._then_send)

    # --- submitting

    def _value(self, field: str) -> str:
        return self.query_one(f"#{field}", Input).value

    def _read(self) -> Submit:
        target = read_target(self._value("target"))
        items = read_path(self._value("items"))
        args, kwargs = self._arguments(items)
        return Submit(
            target,
            args,
            kwargs,
            self._value("name").strip(),
            read_count("repeat", "times", self._value("repeat"), 1),
            read_count("priority", "priority", self._value("priority"), None),
            read_limit("timeout", "time limit", self._value("timeout")),
            read_count("retries", "retries", self._value("retries"), 0),
            items,
            read_ids(self._value("after")),
            read_limit("soft", "soft time limit", self._value("soft")),
        )

    def action_send(self, opening: bool = False) -> None:
        """Read the fields and ask the pool; the answer closes the form or is shown in it.

        Args:
            opening: Show the job's own screen then.
        """
        if self._waiting:
            return
        waited, self._then_send = self._then_send, None
        try:
            target = read_target(self._value("target"))
            changed = self._parameters is not None and target != self._described
            if (changed or self._forgotten is not None) and waited is None:
                # It is not known yet what this one takes, and something may have been typed for it.
                self._then_send = opening
                self._ask()
                return
            request = self._read()
        except FieldError as error:
            self._show_problem(str(error))
            field = None if error.field.startswith("#") else self._fields.field(error.field)
            field = field or self.query_one(error.field, Input)
            self._wrong = {each: each.value for each in self.query(Input)}
            field.focus()
            return
        fields: dict[str, Any] = {field: self._value(field) for field in ("target", "arguments", *OPTIONS)}
        # Whom it waits for is this job's alone: the next one is not to wait for it by oversight.
        fields["after"] = ""
        self._cockpit.last_submit = replace(Draft(**fields), parameters=self._parameters, typed=self._fields.typed)
        self._waiting = True
        self._show_problem("")
        pool = self._pool
        self._cockpit.send(request, lambda reply: self._replied(reply, opening, pool), pool)

    def _replied(self, reply: Reply, opening: bool, pool: Watched | None) -> None:
        self._waiting = False
        if not self.is_current:
            self._cockpit.tell_reply(reply)
        elif not reply.ok:
            self._show_problem(reply.text)
        else:
            self._cockpit.tell_reply(reply)
            self.dismiss(None)
            if opening and reply.job_id is not None:
                self._cockpit.open_job_of(pool, reply.job_id)

    def _show_problem(self, text: str) -> None:
        self.query_one("#problem", Static).update(Content(harmless(text)))


def _option(title: str, value: str, id: str = "", placeholder: str = "") -> ComposeResult:
    yield Label(f"{title} ")
    yield Input(value, id=id or title, placeholder=placeholder, compact=True)
