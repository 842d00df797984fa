"""The columns chooser of a table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import SelectionList, Static
from textual.widgets.selection_list import Selection


class ColumnsScreen(ModalScreen[tuple[str, ...] | None]):
    """Gives the ids of the columns to show, none of them for the usual ones; None is to leave it as it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Back", id="columns.back"),
        # Before the list, in which Enter is the same as Space.
        Binding("enter", "take", "Take", id="columns.take", priority=True),
        Binding("u", "usual", "Usual", id="columns.usual"),
        Binding("j", "down", show=False, id="columns.down"),
        Binding("k", "up", show=False, id="columns.up"),
    ]

    def __init__(self, title: str, choices: Sequence[str], shown: Collection[str]) -> None:
        super().__init__()
        self._title, self._choices, self._shown = title, tuple(choices), frozenset(shown)

    def compose(self) -> ComposeResult:
        """The list, and what its keys do."""
        with Vertical(classes="dialog narrow") as dialog:
            dialog.border_title = Content(f"{self._title}  (Esc)")
            yield SelectionList(
                *(Selection(Content(name), name, name in self._shown) for name in self._choices), compact=True
            )
            yield Static(Content("Space: on or off   Enter: take   u: the usual ones"))

    def on_mount(self) -> None:
        """The list has the keys."""
        self.query_one(SelectionList).focus()

    def action_take(self) -> None:
        """Show what is chosen, in the table's own order."""
        chosen = self.query_one(SelectionList).selected
        self.dismiss(tuple(name for name in self._choices if name in chosen))

    def action_usual(self) -> None:
        """Show what is shown when nobody has chosen."""
        self.dismiss(())

    def action_down(self) -> None:
        """One down."""
        self.query_one(SelectionList).action_cursor_down()

    def action_up(self) -> None:
        """One up."""
        self.query_one(SelectionList).action_cursor_up()
