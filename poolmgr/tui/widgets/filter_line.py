"""The line in which a filter is typed, and the one below that says what of it cannot be read, and where."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from poolmgr.tui.filter import Filter
from poolmgr.tui.format import harmless


class FilterLine(Vertical):
    """Hidden until somebody wants to filter, and again once there is no filter."""

    DEFAULT_CSS = """
    FilterLine { display: none; height: auto; }
    FilterLine.-open { display: block; }
    FilterLine #filter-problem { display: none; height: auto; color: $text-error; }
    FilterLine.-wrong #filter-problem { display: block; }
    """

    def __init__(self, hint: str) -> None:
        super().__init__(id="filter-line")
        self._hint = hint

    def compose(self) -> ComposeResult:
        """The field and the complaint."""
        yield Input(placeholder=self._hint, id="filter", compact=True, select_on_focus=False)
        yield Static(id="filter-problem", markup=False)

    def open(self) -> None:
        """Show the line and type there."""
        self.add_class("-open")
        self.query_one(Input).focus()

    def complain(self, read: Filter[Any, Any]) -> None:
        """Say what could not be read, under the place where it was typed."""
        self.set_class(bool(read.problems), "-wrong")
        if read.problems:
            first = read.problems[0]
            marks = " " * first.at + "^" * first.length
            self.query_one("#filter-problem", Static).update(Content(f"{marks} {harmless(read.complaint)}"))

    def done(self) -> None:
        """Enter: the line stays as long as it says anything."""
        self.set_class(bool(self.query_one(Input).value.strip()), "-open")

    def close(self) -> bool:
        """Take the filter away; whether there was a line."""
        was_open = self.has_class("-open")
        self.query_one(Input).value = ""
        self.remove_class("-open", "-wrong")
        return was_open
