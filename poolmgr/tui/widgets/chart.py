"""A small chart of one value a second, from 0 to the highest that it shows."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widget import Widget

from poolmgr.tui.format import rate

_LEVELS = " ▁▂▃▄▅▆▇█"
#: Cells on the left for the scale.
_SCALE = 6


class Chart(Widget):
    """Columns of eighths, newest on the right; the scale starts at 0, so that heights compare."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._values: tuple[float, ...] = ()

    def take(self, title: str, values: Sequence[float]) -> None:
        """Show these values."""
        shown = tuple(values)
        if shown != self._values or self._border_title is None:
            self._values = shown
            self.border_title = Content(title)
            self.refresh()

    def render(self) -> Content:
        """As many lines as there is height, as many seconds as there is width."""
        width, height = self.size.width - _SCALE, self.size.height
        values = self._values[-width:] if width > 0 else ()
        top = max(values, default=0.0)
        if not values or top <= 0 or height < 1:
            return Content.styled("no task has finished in this time", "$text-muted")
        steps = [round(value / top * height * 8) for value in values]
        lines = []
        for line in range(height):
            below = (height - 1 - line) * 8
            marks = "".join(_LEVELS[max(0, min(8, step - below))] for step in steps)
            label = rate(top) if line == 0 else "0" if line == height - 1 else ""
            lines.append(
                Content.assemble((f"{label:>{_SCALE - 1}} ", "$text-muted"), (marks.rjust(width), "$text-accent"))
            )
        return Content("\n").join(lines)
