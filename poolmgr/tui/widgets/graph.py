"""A graph of one value a second in braille: two values a cell, four heights a cell, with its scale at the left.

Runs in the app's thread. The picture is computed when values come, not for every line that is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.segment import Segment
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget

from poolmgr.tui.format import rate
from poolmgr.tui.ink import ink
from poolmgr.tui.repaint import regions, retitle

#: Cells at the left for the scale.
SCALE = 6
#: Dots of a braille character by column and by height from the bottom.
_DOTS = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
#: Tops of scales that people can halve in their heads.
_NICE = (1.0, 2.0, 4.0, 5.0, 8.0, 10.0)


def nice_top(value: float) -> float:
    """The lowest round number that is not below ``value``; 1 for nothing."""
    if value <= 0 or not math.isfinite(value):
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    for step in _NICE:
        # A hair of tolerance: 3 times 0.1 is more than 0.3.
        if value <= step * power * (1 + 1e-9):
            return step * power
    return 10.0 * power


def braille(values: Sequence[float], width: int, height: int, top: float, *, area: bool = True) -> list[str]:
    """Lines of braille, the newest value at the right; where there is no value yet there is a blank.

    Args:
        values: One for each column of dots, oldest first; the last ones are shown.
        width: Cells of a line.
        height: Lines.
        top: What reaches the upper edge.
        area: Fill what is below the values, or draw their line alone.
    """
    columns, dots = width * 2, height * 4
    shown = list(values[-columns:]) if columns > 0 else []
    heights = [_dots(value, top, dots) for value in shown]
    if len(heights) % 2:
        heights.insert(0, 0)
    cells = len(heights) // 2
    lines = []
    for line in range(height):
        base = (height - 1 - line) * 4
        text = "".join(
            chr(0x2800 + _column(heights, 2 * cell, base, area) + _column(heights, 2 * cell + 1, base, area))
            for cell in range(cells)
        )
        # An empty braille character is drawn with faint rings by some fonts.
        lines.append(text.replace("\u2800", " ").rjust(width))
    return lines


def resample(values: Sequence[float], columns: int, span: int) -> list[float]:
    """``values``, of which ``span`` fill the width, as at most ``columns`` means; newest last."""
    if columns <= 0 or span <= 0:
        return []
    shown = values[-span:]
    if span <= columns:
        # Too few values for the width: each is drawn as often as it has room.
        return [shown[min(len(shown) - 1, place * span // columns)] for place in _places(len(shown), columns, span)]
    means = []
    for column in range(columns):
        first, last = column * span // columns, (column + 1) * span // columns
        first, last = (edge - (span - len(shown)) for edge in (first, last))
        if last > 0:
            part = shown[max(0, first) : last]
            means.append(sum(part) / len(part))
    return means


def _places(known: int, columns: int, span: int) -> range:
    return range(math.ceil(known * columns / span)) if span else range(0)


def _dots(value: float, top: float, dots: int) -> int:
    if top <= 0 or value <= 0 or not math.isfinite(value):
        return 0
    # A trace of something is seen, however small.
    return max(1, min(dots, round(value / top * dots)))


def _column(heights: Sequence[int], place: int, base: int, area: bool) -> int:
    height = heights[place] - base
    dots = _DOTS[place % 2]
    if area:
        return sum(dots[: max(0, min(4, height))])
    before = (heights[place - 1] if place else heights[place]) - base
    low, high = sorted((height, before))
    # A line that jumps is drawn as an upright stroke, so that it does not break up into dots.
    low = low if low == high else low + 1
    return sum(dot for level, dot in enumerate(dots, 1) if level == height or low <= level <= high)


class Graph(Widget):
    """Draws values of one series, with its top and its zero at the left and the last value in the title."""

    DEFAULT_CSS = """
    Graph > .graph--line { color: $text-accent; }
    Graph > .graph--scale { color: $text-muted; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"graph--line", "graph--scale"}

    def __init__(
        self,
        *,
        id: str | None = None,
        span: int = 120,
        top: float | None = None,
        area: bool = True,
        label: Callable[[float], str] = rate,
        empty: str = "nothing yet",
    ) -> None:
        """Make a graph.

        Args:
            id: As every widget has it.
            span: Values that fill the width.
            top: The fixed top of the scale; a round number above the values if None.
            area: Fill what is below the values.
            label: Writes a value in at most five cells.
            empty: What is said where there is no value.
        """
        super().__init__(id=id)
        self._span, self._top, self._area, self._label, self._empty = span, top, area, label, empty
        self._values: tuple[float, ...] = ()
        self._lines: list[str] = []
        self._scale = 1.0

    def take(self, title: str, values: Sequence[float]) -> None:
        """Show these values, one a second, oldest first."""
        retitle(self, Content(title))
        shown = tuple(values)
        if shown != self._values:
            self._values = shown
            self._draw()

    def on_resize(self) -> None:
        """Another size, another picture."""
        self._lines = []
        self._draw()

    def _draw(self) -> None:
        """Compute the lines, and repaint those that differ."""
        width, height = self.size.width - SCALE, self.size.height
        before, scale = self._lines, self._scale
        values = resample(self._values, width * 2, self._span)
        # By the values themselves: the means of columns would have the scale jump as they shift.
        self._scale = self._top if self._top is not None else nice_top(max(self._values[-self._span :], default=0.0))
        self._lines = braille(values, width, height, self._scale, area=self._area) if width > 0 else []
        if len(before) != len(self._lines) or scale != self._scale:
            self.refresh()
            return
        changed = [y for y, line in enumerate(self._lines) if line != before[y]]
        if changed:
            self.refresh(*regions(changed, self.size.width))

    def render_line(self, y: int) -> Strip:
        """The scale at the left, the dots beside it."""
        base, width = self.rich_style, self.size.width
        scale = base + ink(self, "graph--scale")
        if not self._values:
            text = self._empty if y == 0 else ""
            return Strip([Segment(text[:width], scale)]).adjust_cell_length(width, base)
        line = self._lines[y] if y < len(self._lines) else ""
        dots = base + ink(self, "graph--line")
        return Strip([Segment(self._mark(y), scale), Segment(line, dots)]).adjust_cell_length(width, base)

    def _mark(self, y: int) -> str:
        height = self.size.height
        if y == 0:
            text = self._label(self._scale)
        elif y == height - 1:
            text = "0"
        elif height >= 5 and height % 2 == 0 and y == height // 2:
            # The middle line's upper edge is the half: only an even height has one there.
            text = self._label(self._scale / 2)
        else:
            text = ""
        return f"{text:>{SCALE - 1}} "
