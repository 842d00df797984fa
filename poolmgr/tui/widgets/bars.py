"""Where the workers' time goes, as one stacked bar: each kind has a shade of its own, so that it reads without colour.

The parts are pure functions; the widget runs in the app's thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.content import Content
from textual.widget import Widget

Piece = tuple[str, str]

#: Kinds of time in the order in which they are drawn, with shade and style.
KINDS: dict[str, Piece] = {
    "work": ("█", "$text-success"),
    "ser": ("▓", "$text-warning"),
    "wait": ("▒", "$text-accent"),
    "start": ("░", "$text-secondary"),
    "idle": (" ", "$text-disabled"),
}


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


def stacked(times: Mapping[str, float], width: int) -> list[Piece]:
    """The bar itself: as many cells of each kind as its share of the time."""
    known = [kind for kind in KINDS if kind in times]
    cells = shares([max(0.0, times[kind]) for kind in known], width)
    return [(KINDS[kind][0] * count, KINDS[kind][1]) for kind, count in zip(known, cells, strict=True) if count]


def percents(times: Mapping[str, float]) -> list[Piece]:
    """``work 81 ser 6 wait 9 start 1 idle 3``, whole percents that sum to 100."""
    known = [kind for kind in KINDS if kind in times]
    numbers = shares([max(0.0, times[kind]) for kind in known], 100)
    return [(f"{kind} {number} ", KINDS[kind][1]) for kind, number in zip(known, numbers, strict=True)]


class TimeBar(Widget):
    """One line: the percents, and the bar in what room is left."""

    DEFAULT_CSS = "TimeBar { height: 1; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._times: dict[str, float] = {}

    def take(self, times: Mapping[str, float]) -> None:
        """Show these seconds or percents by kind, the kinds of :data:`KINDS`; one that is not known is left out."""
        if times != self._times:
            self._times = dict(times)
            self.refresh()

    def render(self) -> Content:
        """The line; nothing before anything is known."""
        if sum(self._times.values()) <= 0:
            return Content("")
        text = percents(self._times)
        room = self.size.width - sum(len(part) for part, _ in text)
        return Content.assemble(*text, *(stacked(self._times, room) if room >= 5 else []))
