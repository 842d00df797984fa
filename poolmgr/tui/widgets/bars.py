"""Where the workers' time goes, as one stacked bar: each kind has a shade of its own, so that it reads without colour.

The parts are pure functions; the widget runs in the app's thread.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widget import Widget

from poolmgr.model.times import Times

#: A text and its style.
Piece = tuple[str, str]

#: Name, shade and style of each kind, in the order of the fields of ``Times``.
KINDS = (
    ("work", "█", "$text-success"),
    ("ser", "▓", "$text-warning"),
    ("wait", "▒", "$text-accent"),
    ("start", "░", "$text-secondary"),
    ("idle", " ", "$text-muted"),
)


def shares(values: Sequence[float], cells: int) -> list[int]:
    """``cells`` shared out among ``values`` in proportion, all of them, the largest remainders first."""
    total = sum(values)
    if total <= 0 or cells <= 0:
        return [0] * len(values)
    exact = [value * cells / total for value in values]
    whole = [int(value) for value in exact]
    order = sorted(range(len(values)), key=lambda place: whole[place] - exact[place])
    for place in order[: cells - sum(whole)]:
        whole[place] += 1
    return whole


def stacked(times: Times, width: int) -> list[Piece]:
    """The bar itself: as many cells of each kind as its share of the time."""
    cells = shares(_values(times), width)
    return [(shade * count, style) for (_, shade, style), count in zip(KINDS, cells, strict=True) if count]


def percents(times: Times) -> list[Piece]:
    """``work 81 ser 6 wait 9 start 1 idle 3``, whole percents that sum to 100."""
    numbers = shares(_values(times), 100)
    return [(f"{name} {number} ", style) for (name, _, style), number in zip(KINDS, numbers, strict=True)]


def _values(times: Times) -> list[float]:
    return [max(0.0, each) for each in (times.work, times.serialise, times.wait, times.start, times.idle)]


class TimeBar(Widget):
    """One line: the percents, and the bar in what room is left."""

    DEFAULT_CSS = "TimeBar { height: 1; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._times: Times | None = None

    def take(self, times: Times | None) -> None:
        """Show these; None where nobody records them, and then there is nothing to see."""
        if times != self._times:
            self._times = times
            self.refresh()

    def render(self) -> Content:
        """The line."""
        if self._times is None:
            return Content("")
        text = percents(self._times)
        room = self.size.width - sum(len(part) for part, _ in text)
        return Content.assemble(*text, *(stacked(self._times, room) if room >= 5 else []))
