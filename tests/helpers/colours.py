"""How well colours can be told apart."""

from __future__ import annotations

from textual.color import Color


def contrast(one: Color, other: Color) -> float:
    """How far two colours are apart in lightness, as WCAG reckons it: 1 for none, 21 for black on white."""

    def luminance(colour: Color) -> float:
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
