"""A question for one value that is typed.  Runs in the app's thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

T = TypeVar("T")


class AskScreen(ModalScreen[T | None], Generic[T]):
    """Gives what ``read`` makes of the text; None is to leave all as it is. What is wrong with it is said below it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back", id="ask.back")]

    def __init__(self, title: str, question: str, read: Callable[[str], T], present: str = "") -> None:
        """``read`` raises ValueError with a sentence for what cannot be meant."""
        super().__init__()
        self._title, self._question, self._read, self._present = title, question, read, present

    def compose(self) -> ComposeResult:
        """One field, and a line for what is wrong with it."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(f"{self._title}  (Esc)")
            yield Static(Content(self._question))
            yield Input(self._present, id="answer", compact=True)
            yield Static("", id="problem", classes="problem")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take what can be meant."""
        try:
            answer = self._read(event.value.strip())
        except ValueError as error:
            self.query_one("#problem", Static).update(Content(str(error)))
            return
        self.dismiss(answer)
