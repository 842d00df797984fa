"""A table on the Line API: it draws only the rows that are seen, and repaints only the lines that changed.

It costs the same for a thousand and for a million rows. Runs in the app's thread; rows are read, never changed.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar, Generic

from rich.style import Style
from textual import events
from textual.cache import LRUCache
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from poolmgr.tui.format import fit
from poolmgr.tui.ink import ink
from poolmgr.tui.keys import bindings
from poolmgr.tui.repaint import regions
from poolmgr.tui.strips import strip_of
from poolmgr.tui.widgets.columns import GUTTER, Column, Group, Line, Row, fitting

#: Component classes for cells: colours come from the theme, meaning never from colour alone.
STYLES = ("dim", "good", "bad", "warn", "accent", "meter", "strong")

#: Rows around the old place that are searched for the cursor's row.  A job that jumps further between two frames
#: counts as gone; searching a million rows each frame would cost more than drawing them.
REACH = 2000


class VirtualTable(ScrollView, Generic[Row], can_focus=True):
    """Rows of a sequence under a cursor that stays on its row, not on its place.

    Until somebody moves it, and after a move to the top, the cursor rests at the first row. Otherwise it is bound to a
    row's key: when the row moves, the list scrolls so that the row stays where it is seen. When the row leaves the
    cursor's place, as it may in a table with focus, ``lost`` says whose place it was, until the next move.
    """

    BINDINGS = bindings("move")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "virtual-table--header",
        "virtual-table--cursor",
        "virtual-table--cursor-blurred",
        *(f"virtual-table--{name}" for name in STYLES),
    }

    class CursorMoved(Message):
        """The cursor is on another row, or its row changed places."""

        def __init__(self, table: VirtualTable[Any]) -> None:
            super().__init__()
            self.table = table

        def can_replace(self, message: Message) -> bool:
            """Only the last place counts."""
            return isinstance(message, VirtualTable.CursorMoved) and message.table is self.table

    class Opened(Message):
        """Enter or a second click on a row."""

        def __init__(self, table: VirtualTable[Any]) -> None:
            super().__init__()
            self.table = table

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        #: What is shown, line by line: rows, and groups above theirs.
        self.rows: Sequence[Row | Group] = ()
        self.columns: tuple[Column[Row], ...] = ()
        #: Ids of the columns that somebody chose, None for the usual ones.
        self.chosen: tuple[str, ...] | None = None
        #: Ids of the columns that say nothing of what is shown now.
        self.left_out: frozenset[str] = frozenset()
        #: Key of the row that the cursor left the list with, None after the next move.
        self.lost: Hashable | None = None
        self._cursor = 0
        self._bound: Hashable | None = None
        #: Whether the cursor stays at the top whatever is there: until somebody moves it to a row.
        self._resting = True
        self._widths: list[tuple[Column[Row], int]] = []
        self._widths_for = -1
        #: What each visible line shows now, so that a new frame repaints only what differs.
        self._painted: dict[int, tuple[Line, str]] = {}
        #: Lines that were made to see whether they changed, and that are about to be drawn.
        self._made: dict[int, tuple[Line, str]] = {}
        self._strips: LRUCache[tuple[Line, str], Strip] = LRUCache(1024)
        self._styles: dict[str, Style] = {}
        #: Whether the cursor moves with its row, or stays at its place on the screen.
        self.follow = True

    def key_of(self, row: Row) -> Hashable:
        """What the cursor is bound to: the same for the same thing in every frame."""
        raise NotImplementedError

    def is_marked(self, row: Row) -> bool:
        """Whether the row has a mark."""
        return False

    def title_of(self, column: Column[Row]) -> str:
        """What stands above a column."""
        return column.title

    def header_clicked(self, column: Column[Row]) -> None:
        """A click on a column's title."""

    # --- what others ask

    @property
    def cursor(self) -> int:
        """Place of the cursor, from 0."""
        return self._cursor

    @property
    def cursor_row(self) -> Row | None:
        """The row under the cursor, None in an empty table and on a group."""
        entry = self.cursor_entry
        return None if isinstance(entry, Group) else entry

    @property
    def cursor_entry(self) -> Row | Group | None:
        """The row or group under the cursor."""
        return self.rows[self._cursor] if self._cursor < len(self.rows) else None

    def key_at(self, place: int) -> Hashable:
        """The key of the row or group at a place."""
        entry = self.rows[place]
        return ("group", entry.name) if isinstance(entry, Group) else self.key_of(entry)

    def show(self, rows: Sequence[Row | Group]) -> None:
        """Show these rows from now on, and repaint the lines that differ."""
        self.rows = rows
        size = Size(1, len(rows) + 1)
        if size != self.virtual_size:
            self.virtual_size = size
        self._follow_row()
        self._repaint_changed()

    def aim_at(self, key: Hashable) -> bool:
        """Put the cursor on the row with this key; whether there is one."""
        place = self._find(key, self._cursor)
        if place is not None and place != self._cursor:
            VirtualTable._move_to(self, place)
        return place is not None

    def bind_here(self) -> None:
        """Bind the cursor to the row that it is on."""
        self._bound = self.key_at(self._cursor) if self._cursor < len(self.rows) else None
        self.lost = None

    def leave_out(self, columns: frozenset[str]) -> None:
        """Show these columns no longer, or again those that are not among them."""
        if columns != self.left_out:
            self.left_out = columns
            self.rearranged()

    def rearranged(self) -> None:
        """Columns or their titles are others: draw everything again."""
        self._widths_for = -1
        self._forget_lines()
        self.refresh()

    # --- the cursor

    def _follow_row(self) -> None:
        before = self._cursor
        last = max(0, len(self.rows) - 1)
        if self._bound is None:
            self._cursor = min(before, last)
        elif self._resting:
            self._rest()
        else:
            found = self._find(self._bound, before)
            if found is None:
                self.lost = self._bound if self.lost is None else self.lost
                self._cursor = min(before, last)
                self._bound = self.key_at(self._cursor) if self.rows else self._bound
            else:
                self._cursor = found
        if self._cursor != before:
            top = self.scroll_offset.y
            # Who is at the top wants to see what comes there: the row moves down the screen as long as it fits.
            self._scroll_rows(top + self._cursor - before if top else self._cursor - self._page + 1)
            self.post_message(self.CursorMoved(self))

    def _rest(self) -> None:
        self._cursor = min(self._cursor, max(0, len(self.rows) - 1))
        key = self.key_at(self._cursor) if self.rows else None
        if key != self._bound:
            self.lost = self._bound if self.lost is None else self.lost
            self._bound = self._bound if key is None else key

    def _find(self, key: Hashable, near: int) -> int | None:
        length = len(self.rows)
        for step in range(min(REACH, length + 1)):
            for place in {near + step, near - step}:
                if 0 <= place < length and self.key_at(place) == key:
                    return place
        return None

    def _move_to(self, place: int) -> None:
        place = max(0, min(place, len(self.rows) - 1))
        self._cursor = place
        self._resting = not self.follow
        self.bind_here()
        top = self.scroll_offset.y
        if place < top:
            self._scroll_rows(place)
        elif place >= top + self._page:
            self._scroll_rows(place - self._page + 1)
        self._repaint_changed()
        self.post_message(self.CursorMoved(self))

    def _scroll_rows(self, top: int) -> None:
        # Forced: Textual refuses to scroll what has no scroll bar yet, and it gets that only at the next layout.
        self.scroll_to(y=max(0, min(top, self.max_scroll_y)), animate=False, force=True)

    @property
    def _page(self) -> int:
        return max(1, self.scrollable_content_region.height - 1)

    def action_cursor_down(self) -> None:
        """One row down."""
        self._move_to(self._cursor + 1)

    def action_cursor_up(self) -> None:
        """One row up."""
        self._move_to(self._cursor - 1)

    def action_cursor_page_down(self) -> None:
        """One page down."""
        self._move_to(self._cursor + self._page)

    def action_cursor_page_up(self) -> None:
        """One page up."""
        self._move_to(self._cursor - self._page)

    def action_cursor_half_down(self) -> None:
        """Half a page down."""
        self._move_to(self._cursor + max(1, self._page // 2))

    def action_cursor_half_up(self) -> None:
        """Half a page up."""
        self._move_to(self._cursor - max(1, self._page // 2))

    def action_cursor_top(self) -> None:
        """To the top, and stay there."""
        self._move_to(0)
        self._resting = True

    def action_cursor_bottom(self) -> None:
        """To the last row."""
        self._move_to(len(self.rows) - 1)

    def action_open(self) -> None:
        """Open the row under the cursor."""
        if self.cursor_row is not None:
            self.post_message(self.Opened(self))

    def on_focus(self) -> None:
        """Who comes here aims at something: from now on the table knows if it is no longer there."""
        if self._bound is None:
            self.bind_here()
        self._repaint_changed()
        self.post_message(self.CursorMoved(self))

    def on_blur(self) -> None:
        """The cursor's line looks different without focus."""
        self._repaint_changed()

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor on a row, a second one opens it."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.y < 1:
            column = self._column_at(offset.x)
            if column is not None:
                self.header_clicked(column)
            return
        place = self.scroll_offset.y + offset.y - 1
        if place < len(self.rows):
            self._move_to(place)
            if event.chain == 2:
                self.action_open()

    def _column_at(self, x: int) -> Column[Row] | None:
        end = GUTTER
        for column, width in self._widths:
            end += width + 1
            if x < end:
                return column
        return None

    # --- drawing

    def render_line(self, y: int) -> Strip:
        """One line: the header, a row, or nothing."""
        width = self.scrollable_content_region.width
        if width != self._widths_for:
            self._fit_columns(width)
        if y == 0:
            titles = tuple(
                (fit(self.title_of(column), size, right=column.right), "header") for column, size in self._widths
            )
            return self._strip(((" " * GUTTER, "header"), *titles), "header")
        made = self._made.pop(y) if y in self._made else self._line_at(y, self.scroll_offset.y)
        self._painted[y] = made
        return self._strip(*made)

    def notify_style_update(self) -> None:
        """A new theme: nothing drawn before is right any more."""
        super().notify_style_update()
        self._styles.clear()
        self._strips.clear()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Another part is seen: what was painted where is no longer true."""
        if round(old_value) != round(new_value):
            self._forget_lines()
        super().watch_scroll_y(old_value, new_value)

    def _repaint_changed(self) -> None:
        width = self.scrollable_content_region.width
        if width != self._widths_for:
            return  # the coming resize paints everything
        top = self.scroll_offset.y
        lines = {y: self._line_at(y, top) for y in self._painted}
        self._made = {y: line for y, line in lines.items() if line != self._painted[y]}
        if self._made:
            self.refresh(*regions(self._made, width))

    def _forget_lines(self) -> None:
        self._painted.clear()
        self._made.clear()

    def _line_at(self, y: int, top: int) -> tuple[Line, str]:
        place = top + y - 1
        if place >= len(self.rows):
            return (), ""
        row = self.rows[place]
        here = place == self._cursor
        mode = "" if not here else "cursor" if self.has_focus else "cursor-blurred"
        if isinstance(row, Group):
            return ((">" if here else " ", ""), (f"{'+' if row.folded else '-'} {row.text}", "strong")), mode
        cells = [(_gutter(here, self.is_marked(row)), "warn")]
        for column, width in self._widths:
            cell = column.cell(row, width)
            text, style = (cell, "") if isinstance(cell, str) else cell
            cells.append((fit(text, width, right=column.right), style))
        return tuple(cells), mode

    def _strip(self, line: Line, mode: str) -> Strip:
        strip = self._strips.get((line, mode))
        if strip is None:
            strip = self._draw(line, mode)
            self._strips[(line, mode)] = strip
        return strip

    def _draw(self, line: Line, mode: str) -> Strip:
        base = self._style(mode)
        cells = ((text, self._cell_style(name, mode) if name and name != mode else base) for text, name in line)
        return strip_of(cells, base, self._widths_for)

    def _style(self, mode: str) -> Style:
        style = self._styles.get(mode)
        if style is None:
            style = self.rich_style + (ink(self, f"virtual-table--{mode}") if mode else Style())
            self._styles[mode] = style
        return style

    def _cell_style(self, name: str, mode: str) -> Style:
        # On the focused cursor's background the theme's own text colour is the one that can be read.
        if mode == "cursor":
            return self._style(mode)
        key = f"{name} {mode}"
        style = self._styles.get(key)
        if style is None:
            style = self._style(mode) + ink(self, f"virtual-table--{name}")
            self._styles[key] = style
        return style

    def _fit_columns(self, width: int) -> None:
        self._widths = fitting(
            [column for column in self.columns if column.id not in self.left_out], width, self.chosen
        )
        self._widths_for = width
        self._strips.clear()
        self._forget_lines()


def _gutter(here: bool, marked: bool) -> str:
    if marked:
        return "#" if here else "*"
    return ">" if here else " "
