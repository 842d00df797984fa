"""An app with one widget on it, for tests of what that widget draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

import pytest
from rich.style import Style
from textual.app import App, ComposeResult
from textual.filter import LineFilter
from textual.strip import Strip
from textual.widget import Widget

from poolmgr.tui.ascii import AsciiFilter

Drawn = TypeVar("Drawn", bound=Widget)


class Canvas(App[None], Generic[Drawn]):
    """Shows the widget on the whole screen, below a line for its title."""

    CSS = "Screen > * { width: 100%; height: 100%; border-top: solid $foreground; border-title-color: $foreground; }"

    def __init__(self, widget: Drawn, *, ascii: bool = False) -> None:
        super().__init__()
        self.widget = widget
        self.ascii = ascii

    def compose(self) -> ComposeResult:
        """The widget."""
        yield self.widget

    def get_line_filters(self) -> Sequence[LineFilter]:
        """As the real app has them."""
        filters = list(super().get_line_filters())
        return [*filters, AsciiFilter()] if self.ascii else filters

    def style_at(self, column: int, line: int) -> Style:
        """How a cell of the screen looks."""
        strip = self.screen._compositor.render_strips()[line]
        return next(iter(strip.crop(column, column + 1)._segments)).style or Style()


def watch_lines(widget: Widget, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the lines that the widget draws from now on, as they come."""
    drawn: list[int] = []
    render = widget.render_line

    def watched(y: int) -> Strip:
        drawn.append(y)
        return render(y)

    monkeypatch.setattr(widget, "render_line", watched)
    return drawn
