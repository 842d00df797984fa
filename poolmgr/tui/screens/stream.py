"""The task stream on the whole screen.  Runs in the app's thread."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.tui.keys import bindings
from poolmgr.tui.screens.base import Target
from poolmgr.tui.screens.view import Filtered, View
from poolmgr.tui.widgets.stream import StreamView


class StreamScreen(View):
    """What each worker did in each slice of the last time."""

    AUTO_FOCUS = "#stream"
    SCOPES: ClassVar[tuple[str, ...]] = ("view",)
    FOOT: ClassVar[tuple[str, ...]] = ("view", "move")
    BINDINGS: ClassVar[list[BindingType]] = bindings("view")

    def compose_body(self) -> ComposeResult:
        """The stream."""
        yield StreamView(id="stream")

    def take(self, snapshot: PoolSnapshot) -> None:
        """Show a picture."""
        self.take_stream(self.query_one(StreamView), snapshot)

    def on_resize(self) -> None:
        """More columns go back further."""
        self.call_after_refresh(self.take_newest)

    def filtered(self) -> Filtered | None:
        """Nothing: all workers are seen."""
        return None

    def target(self) -> Target | None:
        """None."""
        return None
