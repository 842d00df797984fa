"""The screen in ASCII: what is drawn in blocks, braille and lines becomes plain characters, cell by cell.

A filter over finished lines, in the app's thread: no widget has to know of it, Textual's own included. Widgets that
say something by two colours in one cell ask the app for ``ascii`` and draw another way.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

#: Glyphs by the character that stands for them.
_STANDINS = {
    "#": "█■◼⬛",
    "*": "▇•●◆★☆",
    "+": "▆▓✚",
    "=": "▅▌▋▊▉‖",
    ":": "▄▒┊┆",
    "-": "▃▏▎▍▔−–—‐",
    ".": "▂░·․",
    "_": "▁",
    '"': "▀“”",
    "|": "▐▕🮇🮈",
    ">": "▸▶►→❯›",
    "<": "◂◀◄←❮‹",
    "^": "▴▲↑",
    "v": "▾▼↓",
    "o": "◌○◯⭘",
    "x": "✗✘×✕✖",
    "~": "…",
    "'": "‘’",
    "Y": "✓✔",
}
#: Dots of a braille character from bottom to top, in rows of two.
_DOT_ROWS = (0xC0, 0x24, 0x12, 0x09)


class AsciiFilter(LineFilter):
    """Turns each line into ASCII of the same width."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments with another text."""
        return [
            segment if segment.control or segment.text.isascii() else Segment(to_ascii(segment.text), segment.style)
            for segment in segments
        ]


@lru_cache(4096)
def to_ascii(text: str) -> str:
    """``text`` in ASCII, in as many cells as before."""
    if text.isascii():
        return text
    plain = text.translate(_TABLE)
    width = cell_len(text)
    # Characters that join with their neighbours take fewer cells together than one by one.
    return plain[:width].ljust(width)


class _Table(dict[int, str]):
    """Knows every character; what it is asked for once it remembers."""

    def __missing__(self, code: int) -> str:
        standin = _standin(chr(code))
        self[code] = standin
        return standin


def _standin(character: str) -> str:
    if character.isascii():
        return character
    code = ord(character)
    if 0x2800 <= code <= 0x28FF:
        return _braille(code - 0x2800)
    if 0x2500 <= code <= 0x257F:
        return _line(unicodedata.name(character))
    width = cell_len(character)
    # A letter with an accent is better read without it than as a question mark.
    base = unicodedata.normalize("NFKD", character)[:1]
    return base if width == 1 and base.isascii() else "?" * width


def _braille(dots: int) -> str:
    filled = [bool(dots & row) for row in _DOT_ROWS]
    count = dots.bit_count()
    if count == 0:
        return " "
    if filled[0]:
        return ".:+#"[(count - 1) // 2]
    # No dot at the bottom: a piece of a line, drawn where it is.
    return "-" if filled[1] or filled[2] else "'"


def _line(name: str) -> str:
    if "DIAGONAL" in name:
        return "X" if "CROSS" in name else "/" if "UPPER RIGHT TO LOWER LEFT" in name else "\\"
    flat = any(word in name for word in ("HORIZONTAL", "LEFT", "RIGHT"))
    upright = any(word in name for word in ("VERTICAL", "UP", "DOWN"))
    return "+" if flat and upright else "-" if flat else "|"


_TABLE = _Table({ord(glyph): standin for standin, glyphs in _STANDINS.items() for glyph in glyphs})
