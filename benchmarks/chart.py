"""A line chart as SVG: both axes logarithmic, a band from the lowest to the highest measurement of each point."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 130, 40, 50
#: Colours that people with any kind of sight can tell apart (Okabe and Ito).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


class Point(NamedTuple):
    """One measured point: the median, and the lowest and highest value."""

    x: float
    y: float
    low: float
    high: float


class Scale(NamedTuple):
    """Maps values to places on the drawing."""

    lowest: int
    highest: int
    begin: float
    end: float

    def __call__(self, value: float) -> float:
        share = (math.log10(value) - self.lowest) / max(1, self.highest - self.lowest)
        return self.begin + share * (self.end - self.begin)

    @property
    def decades(self) -> range:
        return range(self.lowest, self.highest + 1)


def _scale(values: Sequence[float], begin: float, end: float) -> Scale:
    return Scale(math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))), begin, end)


def draw(title: str, x_title: str, y_title: str, series: Mapping[str, Sequence[Point]]) -> str:
    """The chart; a series is named at its last point."""
    every = [point for points in series.values() for point in points]
    x = _scale([point.x for point in every], LEFT, WIDTH - RIGHT)
    y = _scale([value for point in every for value in (point.low, point.high)], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12" fill="#333"><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="20" font-size="14" font-weight="bold">{escape(title)}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(x_title)}</text>',
        f'<text transform="translate(16 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">'
        f"{escape(y_title)}</text>",
        *_grid(x, lambda at: ((at, TOP), (at, HEIGHT - BOTTOM), (at, HEIGHT - BOTTOM + 16)), "middle"),
        *_grid(y, lambda at: ((LEFT, at), (WIDTH - RIGHT, at), (LEFT - 6, at + 4)), "end"),
    ]
    places = _spread([y(points[-1].y) for points in series.values()])
    for (name, points), colour, place in zip(series.items(), COLOURS, places, strict=False):
        line = " ".join(f"{x(point.x):.1f},{y(point.y):.1f}" for point in points)
        band = [(point.x, point.low) for point in points] + [(point.x, point.high) for point in reversed(points)]
        area = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in band)
        parts += [
            f'<polygon points="{area}" fill="{colour}" opacity="0.15"/>',
            f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>',
            *(f'<circle cx="{x(point.x):.1f}" cy="{y(point.y):.1f}" r="3" fill="{colour}"/>' for point in points),
            f'<text x="{x(points[-1].x) + 8:.1f}" y="{place + 4:.1f}" fill="{colour}">{escape(name)}</text>',
        ]
    return "\n".join([*parts, "</svg>\n"])


Place = tuple[float, float]


def _grid(scale: Scale, places: Callable[[float], tuple[Place, Place, Place]], anchor: str) -> list[str]:
    parts = []
    for decade in scale.decades:
        (x1, y1), (x2, y2), (text_x, text_y) = places(scale(10.0**decade))
        parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{text_x:.1f}" y="{text_y:.1f}" text-anchor="{anchor}">{_short(decade)}</text>')
    return parts


def _short(decade: int) -> str:
    """10**decade as people write it."""
    if decade < 0:
        return f"{10.0**decade:g}"
    return f"{10 ** (decade % 3)}{'kMGTPE'[decade // 3 - 1] if decade >= 3 else ''}"


def _spread(places: Sequence[float], apart: float = 14.0) -> list[float]:
    """Move texts apart that would lie on one another."""
    moved = list(places)
    last = -math.inf
    for i in sorted(range(len(moved)), key=moved.__getitem__):
        moved[i] = last = max(moved[i], last + apart)
    return moved
