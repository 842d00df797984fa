"""A text in which lines stand for places in files: the cursor goes from one to the next, and Enter opens it.

Runs in the app's thread.  Where the next such line is out of sight, a move scrolls towards it instead: all of the text
can be read, whatever stands in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual import events
from textual.actions import SkipAction
from textual.content import Content
from textual.message import Message

from poolmgr.tui.keys import bindings
from poolmgr.tui.sources import Place
from poolmgr.tui.widgets.text_lines import TextPane

CURSOR, BLURRED = "bold $block-cursor-foreground on $block-cursor-background", "on $panel-lighten-1"


class SourcePane(TextPane, can_focus=True):
    """The text of a job or a stack. Nothing is under its cursor until somebody moves it, or who shows it says so."""

    BINDINGS = bindings("move")

    class Opened(Message):
        """Enter or a second click on a line that stands for a place."""

        def __init__(self, place: Place) -> None:
            super().__init__()
            self.place = place

    class CursorMoved(Message):
        """Another line is under the cursor, or none any more."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._places: Mapping[int, Place] = {}
        #: The line under the cursor, and which of those with a place it is.
        self._cursor: int | None = None
        self._number = 0
        self._moved = False

    def show(self, content: Content, places: Mapping[int, Place], begin: int | None = None) -> None:
        """Show a text.

        Args:
            content: The text.
            places: The places that its lines stand for, by their numbers from 0.
            begin: The line under the cursor while nobody has moved it.
        """
        before, line, self._places = self.place, self._cursor, places
        if not self._moved:
            self._cursor = begin
        elif self._cursor is not None:
            self._cursor = self._nearest(before)
        self._remember()
        if content.is_same(self._content) and self._cursor != line:
            self._show()
        self.take(content)

    def _nearest(self, place: Place | None) -> int | None:
        """The line of the same place that is next to where it was; if it is gone, what is there now."""
        lines = sorted(self._places)
        same = [number for number, line in enumerate(lines) if self._places[line] == place]
        number = min(same, key=lambda each: abs(each - self._number), default=min(self._number, len(lines) - 1))
        return lines[number] if lines else None

    def _remember(self) -> None:
        if self._cursor is not None:
            self._number = sorted(self._places).index(self._cursor)

    @property
    def place(self) -> Place | None:
        """The place under the cursor."""
        return None if self._cursor is None else self._places.get(self._cursor)

    def lines_drawn(self) -> Sequence[Content]:
        """The one under the cursor stands out, also without colours."""
        lines = list(super().lines_drawn())
        if self._cursor is not None and self._cursor < len(lines):
            line = lines[self._cursor]
            marked = Content(">") + line[1:] if line.plain.startswith(" ") else line
            lines[self._cursor] = marked.stylize(CURSOR if self.has_focus else BLURRED)
        return lines

    # --- moving

    def _go(self, way: int) -> None:
        """To the next place that is in sight, else by a line."""
        top, height = self.scroll_offset.y, self.scrollable_content_region.height
        rows = {self._lines.row_of(line): line for line in self._places}
        at = -1 if self._cursor is None else self._lines.row_of(self._cursor)
        seen = top <= at < top + height
        start = at if seen else top - 1 if way > 0 else top + height
        ahead = [row for row in rows if (row - start) * way > 0]
        nearest = min(ahead, key=lambda row: abs(row - start), default=None)
        if nearest is not None and top <= nearest < top + height:
            self._put(rows[nearest])
        elif nearest is None and way < 0 and seen and top == 0:
            self._put(None)
        else:
            self.scroll_relative(y=way, animate=False)

    def _put(self, line: int | None) -> None:
        self._cursor, self._moved = line, True
        self._remember()
        self._show()
        self.post_message(self.CursorMoved())

    def action_cursor_down(self) -> None:
        """To the next place, or a line down."""
        self._go(1)

    def action_cursor_up(self) -> None:
        """To the place before, or a line up; from the first one to none."""
        self._go(-1)

    def action_cursor_page_down(self) -> None:
        """One page down."""
        self.scroll_page_down(animate=False)

    def action_cursor_page_up(self) -> None:
        """One page up."""
        self.scroll_page_up(animate=False)

    def action_cursor_half_down(self) -> None:
        """Half a page down."""
        self.scroll_relative(y=max(1, self.scrollable_content_region.height // 2), animate=False)

    def action_cursor_half_up(self) -> None:
        """Half a page up."""
        self.scroll_relative(y=-max(1, self.scrollable_content_region.height // 2), animate=False)

    def action_cursor_top(self) -> None:
        """To the first line of the text."""
        self.scroll_home(animate=False)

    def action_cursor_bottom(self) -> None:
        """To its last line."""
        self.scroll_end(animate=False)

    def action_open(self) -> None:
        """Open the place under the cursor; without one, Enter means what it means to the screen."""
        if self.place is None:
            raise SkipAction
        self.post_message(self.Opened(self.place))

    def on_focus(self) -> None:
        """The cursor stands out."""
        self._show()

    def on_blur(self) -> None:
        """It stands out less."""
        self._show()

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor on a line, a second one opens it."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        row = self.scroll_offset.y + offset.y
        line = next((line for line in self._places if self._lines.row_of(line) == row), None)
        if line is not None:
            self._put(line)
            if event.chain == 2:
                self.action_open()
