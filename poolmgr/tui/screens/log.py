"""The log on the whole screen, with a filter and a search.  Runs in the app's thread."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.tui.keys import bindings
from poolmgr.tui.screens.base import Target
from poolmgr.tui.screens.view import Filtered, View
from poolmgr.tui.widgets.filter_line import FilterLine
from poolmgr.tui.widgets.log_view import LogView


class LogScreen(View):
    """One log. There is no job under a cursor here."""

    AUTO_FOCUS = "#whole-log"
    SCOPES: ClassVar[tuple[str, ...]] = ("view",)
    FOOT: ClassVar[tuple[str, ...]] = ("view", "move", "log")
    BINDINGS: ClassVar[list[BindingType]] = bindings("view")

    def compose_body(self) -> ComposeResult:
        """The log and its filter."""
        yield LogView(id="whole-log")
        yield FilterLine("words, or w:3, job:17, kind:err, level:warning")

    def take(self, snapshot: PoolSnapshot) -> None:
        """Show a picture."""
        self.query_one(LogView).take(snapshot.log)

    def filtered(self) -> Filtered:
        """The log."""
        return self.query_one(LogView)

    def target(self) -> Target | None:
        """None."""
        return None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what cannot be done now."""
        if action == "find":
            return self.query_one(LogView).can_find or None
        return super().check_action(action, parameters)
