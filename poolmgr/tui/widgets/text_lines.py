"""Texts that are drawn line by line: what did not change is neither made nor drawn again.  In the app's thread.

Textual makes a text anew as a whole, and where its height changes it lays out and draws the whole screen: in each
frame, for one number that has changed.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.visual import Visual
from textual.widget import Widget

from poolmgr.tui.repaint import regions


class TextLines:
    """The strips of a widget's text, made anew for lines that changed alone."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._lines: Sequence[Content] = ()
        self._strips: list[Strip] = []
        #: The number of the first strip of each line.
        self._rows: list[int] = []
        #: The strips of the present lines, by what makes a line look as it does.
        self._known: dict[tuple[object, ...], list[Strip]] = {}
        #: The width and the style that they were made for.
        self._made_for: tuple[int, Style] | None = None

    def __len__(self) -> int:
        return len(self._strips)

    @property
    def width(self) -> int:
        """The columns that they were made for, 0 if they were not yet."""
        return self._made_for[0] if self._made_for else 0

    @property
    def content(self) -> Content:
        """All of the text."""
        return Content("\n").join(self._lines)

    def take(self, lines: Sequence[Content], width: int) -> list[int]:
        """Have these lines, wrapped to a width, and return the numbers of the strips that are others than before."""
        self._lines = lines
        made_for = (width, self._widget.visual_style)
        if self._made_for != made_for:
            self._made_for = made_for
            self._known, self._strips = {}, []
        known, self._known = self._known, {}
        before, self._strips, self._rows = self._strips, [], []
        for number, line in enumerate(lines):
            # Its place is part of how it looks: what the mouse selects is told by that.
            key = (number, line.plain, *line.spans)
            self._known[key] = strips = known.get(key) or self._made(line, number, width)
            self._rows.append(len(self._strips))
            self._strips += strips
        return [
            place
            for place in range(max(len(before), len(self._strips)))
            if not (place < len(before) and place < len(self._strips) and before[place] is self._strips[place])
        ]

    def row_of(self, line: int) -> int:
        """The number of a line's first strip."""
        return self._rows[line]

    def strip(self, place: int, width: int) -> Strip:
        """One strip, blank below the last."""
        widget = self._widget
        if widget.text_selection is not None:
            return self._at(self._whole(self.content, width), place, width)
        if self._made_for != (width, widget.visual_style):
            self.take(self._lines, width)
        return self._at(self._strips, place, width)

    def forget(self) -> None:
        """Make all anew when it is drawn next: colours are others."""
        self._made_for = None

    def _at(self, strips: list[Strip], place: int, width: int) -> Strip:
        if place < len(strips):
            return strips[place]
        return Strip.blank(width, self._widget.visual_style.background_style.rich_style)

    def _made(self, line: Content, number: int, width: int) -> list[Strip]:
        strips, column = [], 0
        for strip in self._whole(line, width):
            strips.append(strip.apply_offsets(column, number) if number else strip)
            column += len(strip.text.rstrip()) + 1
        return strips

    def _whole(self, content: Content, width: int) -> list[Strip]:
        widget = self._widget
        paper = widget.visual_style.background_style.rich_style
        strips = Visual.to_strips(widget, content, max(1, width), None, widget.visual_style)
        return [strip.extend_cell_length(width, paper) for strip in strips] or [Strip.blank(width, paper)]


class TextPane(ScrollView, can_focus=False):
    """A text that scrolls where it is longer than its pane."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._lines = TextLines(self)
        self._content = Content()

    def take(self, content: Content) -> None:
        """Show this text."""
        if content.is_same(self._content):
            return
        self._content = content
        self._show()

    def lines_drawn(self) -> Sequence[Content]:
        """The lines of the text, as they are to be drawn now."""
        return self._content.split("\n", allow_blank=True)

    def _show(self) -> None:
        lines, width = self.lines_drawn(), self.scrollable_content_region.width
        changed = self._lines.take(lines, width)
        self._resize_text()
        if self.scrollable_content_region.width != width:
            # A scrollbar came or went, and took or left a column.
            changed = self._lines.take(lines, self.scrollable_content_region.width)
            self._resize_text()
        top, height = self.scroll_offset.y, self.scrollable_content_region.height
        seen = [place - top for place in changed if 0 <= place - top < height]
        if seen:
            self.refresh(*regions(seen, self.size.width))

    def _resize_text(self) -> None:
        size = Size(1, len(self._lines))
        if size != self.virtual_size:
            # Not by assignment, which lays out the whole screen: that is due only where the scrollbar comes or goes.
            self.set_reactive(Widget.virtual_size, size)
            self._scroll_update(size)

    def on_resize(self) -> None:
        """Other widths wrap at other places."""
        self._show()

    def render_line(self, y: int) -> Strip:
        """One line of the pane."""
        return self._lines.strip(y + self.scroll_offset.y, self.scrollable_content_region.width)

    def notify_style_update(self) -> None:
        """Another theme has other colours."""
        self._lines.forget()
        super().notify_style_update()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """What the mouse has selected."""
        return selection.extract(self._content.plain), "\n"
