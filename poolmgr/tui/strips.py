"""Lines of cells as strips of exactly one width, in as few segments as they make: each costs on its way out. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip


def strip_of(cells: Iterable[tuple[str, Style]], base: Style, width: int, *, together: int = 1) -> Strip:
    """One line.

    Args:
        cells: Text and style of each. The same style has to be the same object.
        base: The style of what is between them and behind the last.
        width: Cells of the line; what is beyond is cut off.
        together: So many of the first cells have no blank between them.
    """
    segments: list[Segment] = []
    text, last, length = "", base, 0
    for place, (cell, style) in enumerate(cells):
        length += cell_len(cell)
        if place > together:
            length += 1
            # The blank has no style of its own: it goes to whichever neighbour has none.
            if last is base:
                text += " "
            elif style is base:
                cell = " " + cell
            else:
                segments.append(Segment(text, last))
                text, last = " ", base
        if style is not last:
            if text:
                segments.append(Segment(text, last))
            text, last = "", style
        text += cell
    segments.append(Segment(text, last))
    if length < width:
        segments.append(Segment(" " * (width - length), base))
        length = width
    return Strip(segments, length).crop(0, width)
