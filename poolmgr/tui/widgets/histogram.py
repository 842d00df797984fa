"""How long tasks take, on a log scale: all functions in a high picture, each function in a line on the same scale.

The parts are pure functions; the widget runs in the app's thread.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget

from poolmgr.model.durations import Distribution
from poolmgr.model.snapshot import FunctionSnapshot
from poolmgr.tui import palette
from poolmgr.tui.format import fine, fit, harmless, short_name
from poolmgr.tui.ink import ink

#: Cells at the left for a name, and at the right for two quantiles.
NAME = 9
QUANTILES = 20
#: A widget narrower than this tells no quantiles.
ROOMY = 44
#: Lines of the high picture, at the least.
HIGH = 2
_HEIGHTS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class FunctionDurations:
    """One function: its number gives the colour."""

    number: int
    name: str
    durations: Distribution


def by_function(functions: Sequence[FunctionSnapshot], names: Sequence[str]) -> list[FunctionDurations]:
    """What a snapshot tells of its functions, those with the most tasks first.

    Args:
        functions: The snapshot's.
        names: The history's: a function's place among them is its number, which gives its colour.
    """
    numbers = {name: number for number, name in enumerate(names)}
    known = [function for function in functions if function.durations.bins]
    known.sort(key=lambda function: -(function.done + function.failed))
    return [FunctionDurations(numbers.get(each.name, 0), each.name, each.durations) for each in known]


def log_edges(shortest: float, longest: float, columns: int) -> list[float]:
    """``columns`` + 1 edges from the power of ten below ``shortest`` to the one above ``longest``, evenly in logs."""
    low = math.floor(math.log10(max(1.0, shortest)))
    high = max(low + 1, math.ceil(math.log10(max(1.0, longest))))
    return [10.0 ** (low + (high - low) * place / columns) for place in range(columns + 1)]


def pile(counts: Sequence[float], height: int) -> list[str]:
    """Columns in eighths, the highest count full; the least that there is shows."""
    top = max(counts, default=0.0)
    steps = [max(1, round(count / top * height * 8)) if count > 0 else 0 for count in counts]
    return [
        "".join(_HEIGHTS[max(0, min(8, step - (height - 1 - line) * 8))] for step in steps) for line in range(height)
    ]


def scale_line(edges: Sequence[float], marks: Sequence[tuple[str, float]], *, marker: str = "▲") -> str:
    """The line below a pile: its first and its last edge, and where each of ``marks`` is."""
    columns = len(edges) - 1
    line = [" "] * columns
    _write(line, 0, fine(edges[0] / 1e9))
    last = fine(edges[-1] / 1e9)
    _write(line, columns - len(last), last)
    places = [next((place for place in range(columns) if value < edges[place + 1]), columns - 1) for _, value in marks]
    for place in places:
        line[place] = marker
    for (name, _), place in zip(marks, places, strict=True):
        # What would not be read as a whole is not begun.
        if line[place + 1 : place + 1 + len(name)] == [" "] * len(name):
            _write(line, place + 1, name)
    return "".join(line)


def _write(line: list[str], place: int, text: str) -> None:
    for offset, character in enumerate(text):
        if 0 <= place + offset < len(line):
            line[place + offset] = character


class HistogramView(Widget):
    """Draws a distribution and, as far as there is room, those of the functions that it is made of."""

    DEFAULT_CSS = f"""
    HistogramView > .histogram-view--all {{ color: $text-primary; }}
    HistogramView > .histogram-view--scale {{ color: $text-muted; }}
    {palette.css("HistogramView", "histogram-view")}
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"histogram-view--{name}" for name in ("all", "scale", *palette.STYLES)}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._whole: Distribution | None = None
        self._functions: tuple[FunctionDurations, ...] = ()
        self._lines: list[list[tuple[str, str]]] = []

    def take(self, whole: Distribution | None, functions: Sequence[FunctionDurations] = ()) -> None:
        """Show this distribution, and below it these functions, the most important first."""
        if self._border_title is None:
            self.border_title = Content("Durations, log scale")
        if (whole, tuple(functions)) != (self._whole, self._functions):
            self._whole, self._functions = whole, tuple(functions)
            self._compose_lines()
            self.refresh()

    def on_resize(self) -> None:
        """Another size, another picture."""
        self._compose_lines()
        self.refresh()

    def _compose_lines(self) -> None:
        width, height = self.size
        whole = self._whole
        if whole is None or not whole.bins or width <= NAME:
            self._lines = [[("no task has ended yet", "scale")]]
            return
        quantiles = width >= ROOMY
        columns = width - NAME - (QUANTILES if quantiles else 0)
        edges = log_edges(whole.quantile(0.0), whole.longest, columns)
        below = max(0, min(len(self._functions), height - HIGH - 1))
        piles = pile(whole.columns(edges), max(1, height - 1 - below))
        blank, told = " " * NAME, _quantiles(whole) if quantiles else ""
        lines = [[(fit("all", NAME) if not place else blank, ""), (line, "all")] for place, line in enumerate(piles)]
        lines[0].append((told, ""))
        marks = [("p50", whole.quantile(0.5)), ("p95", whole.quantile(0.95))]
        lines.append([(blank, ""), (scale_line(edges, marks), "scale")])
        for each in self._functions[:below]:
            colour = palette.style_of(each.number)
            line = pile(each.durations.columns(edges), 1)[0]
            name = fit(short_name(harmless(each.name)), NAME - 1)
            lines.append([(f"{name} ", ""), (line, colour), (_quantiles(each.durations) if quantiles else "", "")])
        self._lines = lines

    def render_line(self, y: int) -> Strip:
        """One line of what was composed."""
        base = self.rich_style
        parts = self._lines[y] if y < len(self._lines) else []
        segments = [Segment(text, base + self._ink(name)) for text, name in parts]
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _ink(self, name: str) -> Style:
        return ink(self, f"histogram-view--{name}") if name else Style()


def _quantiles(durations: Distribution) -> str:
    if not durations.bins:
        return ""
    middle, high = fine(durations.quantile(0.5) / 1e9), fine(durations.quantile(0.95) / 1e9)
    return f" p50 {middle:<5} p95 {high:<5}"
