"""Colours of functions: the same function has the same colour in the stream, the tables and the legends.

Pure. A function is known by its number in the history, where 0 is all those that are not told apart. The first ones
have a colour each, the rest share a grey. Every colour stands out from the
background of every theme; on a terminal with colours of its own, its own are used.
"""

from __future__ import annotations

#: For dark themes, for light ones, and from the terminal's own sixteen.  Neighbours differ in hue and lightness; red
#: is left to what went wrong.
_COLOURS = (
    ("#4e9ee8", "#1f6fbf", "ansi_blue"),
    ("#f5953d", "#b05400", "ansi_yellow"),
    ("#5fc26a", "#2a7d36", "ansi_green"),
    ("#e377c2", "#b0308a", "ansi_magenta"),
    ("#35c4d0", "#0b7481", "ansi_cyan"),
    ("#e0c341", "#7a6400", "ansi_bright_yellow"),
    ("#a98bf0", "#6a4bc4", "ansi_bright_blue"),
    ("#d9896a", "#a0452f", "ansi_white"),
    ("#a3d14f", "#507000", "ansi_bright_green"),
    ("#c9a97c", "#7d5226", "ansi_bright_cyan"),
    ("#9db8d9", "#46617f", "ansi_bright_magenta"),
    ("#f2a3b3", "#a8476a", "ansi_bright_white"),
)
_OTHER = ("#8f96a0", "#6b6f76", "ansi_bright_black")

#: Functions with a colour of their own.
DISTINCT = len(_COLOURS)
#: The style of all the others.
OTHER = "other"
#: Names of the styles: ``f0`` to ``f11``, and ``other``.
STYLES = (*(f"f{number}" for number in range(DISTINCT)), OTHER)

#: Without colours a function is a letter.  ``x`` and ``k`` mark what failed and what was killed, ``z`` is the rest.
_LETTERS = "abcdefghijlmnopqrstuvwy"


def style_of(function: int) -> str:
    """The style's name of the function with this number."""
    return STYLES[function - 1] if 1 <= function <= DISTINCT else OTHER


def letter_of(function: int) -> str:
    """The letter of the function with this number."""
    return _LETTERS[function - 1] if 1 <= function <= len(_LETTERS) else "z"


def light(function: int) -> str:
    """The colour of the function with this number on white."""
    return _COLOURS[function - 1][1] if 1 <= function <= DISTINCT else _OTHER[1]


def css(widget: str, prefix: str) -> str:
    """The rules that give ``widget``'s component classes ``prefix--f0`` and so on their colours."""
    rules = []
    for place, scope in enumerate((widget, f"{widget}:light", f"{widget}:ansi")):
        for name, colours in zip(STYLES, (*_COLOURS, _OTHER), strict=True):
            rules.append(f"{scope} > .{prefix}--{name} {{ color: {colours[place]}; }}")
    return "\n".join(rules)
