"""The question for a number of workers."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static


class SizeScreen(ModalScreen[int | None]):
    """Asks how many workers there shall be; None is to leave it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back", id="size.back")]

    def __init__(self, size: int) -> None:
        super().__init__()
        self._present = size

    def compose(self) -> ComposeResult:
        """One field and a line for what is wrong with it."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content("Workers")
            yield Static("How many workers?  Enter sets it, Esc leaves it as it is.")
            yield Input(str(self._present), id="size", compact=True)
            yield Static("", id="problem", classes="problem")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take a number of 1 or more; say what is wrong with anything else."""
        try:
            size = int(event.value)
        except ValueError:
            size = 0
        if size < 1:
            self.query_one("#problem", Static).update(Content("Write a whole number of 1 or more."))
            return
        self.dismiss(size)
