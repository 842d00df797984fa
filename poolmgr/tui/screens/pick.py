"""A question with many answers: a short list to pick one from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option


class PickScreen(ModalScreen[str | None]):
    """Gives the id of what was picked; None is to leave it as it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Back", id="pick.back"),
        Binding("j", "down", show=False, id="pick.down"),
        Binding("k", "up", show=False, id="pick.up"),
    ]

    def __init__(self, title: str, choices: Sequence[tuple[str, str]], present: str) -> None:
        """``choices`` are ids with what is shown for them; the one that is ``present`` has the cursor."""
        super().__init__()
        self._title, self._choices, self._present = title, tuple(choices), present

    def compose(self) -> ComposeResult:
        """The list in a frame."""
        with Vertical(classes="dialog narrow") as dialog:
            dialog.border_title = Content(f"{self._title}  (Esc)")
            yield OptionList(*(Option(Content(text)) for _, text in self._choices), compact=True)

    def on_mount(self) -> None:
        """The cursor is on what holds now."""
        options = self.query_one(OptionList)
        ids = [name for name, _ in self._choices]
        options.highlighted = ids.index(self._present) if self._present in ids else 0
        options.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter or a click."""
        self.dismiss(self._choices[event.option_index][0])

    def action_down(self) -> None:
        """One down."""
        self.query_one(OptionList).action_cursor_down()

    def action_up(self) -> None:
        """One up."""
        self.query_one(OptionList).action_cursor_up()
