"""What of a widget is drawn again: lines that changed, in as few pieces as they make. In the app's thread."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content
from textual.geometry import Region
from textual.widget import Widget


def regions(lines: Iterable[int], width: int) -> list[Region]:
    """The regions of these lines; neighbours are one region, which costs Textual what a single line does."""
    found: list[Region] = []
    for y in sorted(lines):
        if found and found[-1].bottom == y:
            last = found.pop()
            found.append(Region(0, last.y, width, last.height + 1))
        else:
            found.append(Region(0, y, width, 1))
    return found


def retitle(widget: Widget, title: Content) -> None:
    """Write another title in a widget's frame, and draw that line alone; nothing for the same title.

    Textual draws the whole widget anew for its title, the same one too.
    """
    before = widget._border_title
    if before is None:
        widget.border_title = title
    elif title != before:
        widget._border_title = title
        offset = widget.content_offset
        widget.refresh(Region(-offset.x, -offset.y, widget.size.width + 2 * offset.x, 1))
