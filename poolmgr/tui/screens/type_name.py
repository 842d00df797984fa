"""The question before a whole pool is ended: whoever means it types its name."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from poolmgr.tui.format import harmless
from poolmgr.tui.screens.confirm import Text


class TypeNameScreen(ModalScreen[bool]):
    """True once the name was typed; Esc, and Enter on anything else, do no harm."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(False)", "Back", id="type-name.back")]

    def __init__(self, title: str, text: Text, name: str) -> None:
        """Ask ``text``, which may change with each picture, until ``name`` is typed."""
        super().__init__()
        self._title, self._text, self._wanted = title, text, name

    def compose(self) -> ComposeResult:
        """What is lost, one field, and a line for what is wrong with it."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(self._title)
            yield Static(id="question")
            yield Static(Content(f"Type its name, {harmless(self._wanted)}, and Enter.  Esc goes back."))
            yield Input(id="name", compact=True)
            yield Static("", id="problem", classes="problem")

    def on_mount(self) -> None:
        """The text follows the pool."""
        self.watch(self.app, "snapshot", self._say)

    def _say(self) -> None:
        text = self._text if isinstance(self._text, str) else self._text()
        self.query_one("#question", Static).update(Content(text))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The name, or a word about what was typed in its place."""
        if event.value.strip() == self._wanted:
            self.dismiss(True)
            return
        self.query_one("#problem", Static).update(Content(f"That is not {harmless(self._wanted)}: nothing was done."))
