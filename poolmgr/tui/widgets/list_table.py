"""A table that a person arranges: filter, sort, groups, columns, marks; and that stands still while one aims.

Runs in the app's thread.  What it arranges are a picture's rows, whose number is bounded whatever the pool has done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from textual.message import Message

from poolmgr.tui.filter import Filter, Language
from poolmgr.tui.screens.columns import ColumnsScreen
from poolmgr.tui.screens.pick import PickScreen
from poolmgr.tui.widgets.columns import Column, Group, Row, in_order
from poolmgr.tui.widgets.virtual_table import VirtualTable

#: Seconds after a move of the cursor during which no row changes its place.  Less and the row slips away between the
#: last move and the key that acts on it; more and one looks at an old order without knowing it.
HOLD = 1.5


@dataclass(frozen=True, slots=True)
class Layout:
    """How a person arranged a table: what settings remember of it."""

    #: Id of the column that it is sorted by, empty for the order of the picture.
    sort: str = ""
    descending: bool = False
    grouped: bool = False
    #: Ids of the chosen columns, None for the usual ones.
    columns: tuple[str, ...] | None = None


class ListTable(VirtualTable[Row]):
    """Rows of the newest picture, arranged."""

    #: What help calls the pane.
    HELP: ClassVar[str] = "List"
    #: What its filter is written in.
    LANGUAGE: ClassVar[Language[Any, Any]]

    class Arranged(Message):
        """A person changed the layout of a table."""

        def __init__(self, table: ListTable[Any]) -> None:
            super().__init__()
            self.table = table

    class Marked(Message):
        """There are other marks."""

    def __init__(self, *, id: str | None = None, name: str | None = None) -> None:
        """``name`` is what settings call the table."""
        super().__init__(id=id)
        self.layout_name = name or id or ""
        self.layout_now = Layout()
        self.filter: Filter[Row, Any] = self.LANGUAGE.parse("")
        self.marks: set[Hashable] = set()
        #: Seconds of :data:`HOLD`.
        self.hold = HOLD
        #: The rows that pass the filter, in order, folded ones too.
        self.kept: Sequence[Row] = ()
        self._source: Sequence[Row] = ()
        self._keep: Callable[[Row], bool] | None = None
        self._folded: set[str] = set()
        self._moved_at = float("-inf")

    # --- what a kind of table says of its rows

    def group_of(self, row: Row) -> str:
        """The group that a row belongs to; the empty string for a table without groups."""
        return ""

    def group_text(self, name: str, rows: Sequence[Row]) -> str:
        """What stands above a group's rows."""
        return f"{name}  {len(rows)}"

    def is_like(self, row: Row, other: Row) -> bool:
        """Whether ``A`` marks both."""
        return False

    def retake(self) -> None:
        """Show the picture once more, if there is one: the filter is another."""
        raise NotImplementedError

    # --- the filter

    @property
    def filter_text(self) -> str:
        """What was typed, empty if there is no filter."""
        return self.filter.text.strip()

    def set_filter(self, text: str) -> None:
        """Show only rows that this text keeps; an empty one keeps all."""
        self.filter = self.LANGUAGE.parse(text)
        self.release()
        self.retake()

    # --- arranging

    def show_arranged(self, rows: Sequence[Row], keep: Callable[[Row], bool] | None = None) -> int:
        """Show those of ``rows`` that ``keep`` keeps, as the layout says; how many that are."""
        self._source, self._keep = rows, keep
        return self._arrange()

    def set_layout(self, layout: Layout) -> None:
        """Arrange as ``layout`` says; what it names and the table does not have is left out."""
        ids = [column.id for column in self.columns]
        columns = None if layout.columns is None else tuple(name for name in ids if name in layout.columns)
        sort = layout.sort if any(column.id == layout.sort and column.sort for column in self.columns) else ""
        grouped = layout.grouped and self.can_group
        self.layout_now = replace(layout, sort=sort, columns=columns or None, grouped=grouped)
        self.chosen = self.layout_now.columns
        self.release()
        self._arrange()
        self.rearranged()

    def _change(self, **changes: Any) -> None:
        self.set_layout(replace(self.layout_now, **changes))
        self.post_message(self.Arranged(self))

    def _arrange(self) -> int:
        keep = self._keep
        kept = list(self._source) if keep is None else [row for row in self._source if keep(row)]
        if self.held:
            self.kept = kept
            self.show(self._as_they_stand(kept))
            return len(kept)
        sort = next((column.sort for column in self.columns if column.id == self.layout_now.sort), None)
        if sort is not None:
            kept = in_order(kept, sort, descending=self.layout_now.descending)
        self.kept = kept
        self.show(self._in_groups(kept) if self.layout_now.grouped else kept)
        return len(kept)

    @property
    def held(self) -> bool:
        """Whether the order stands still: the cursor has just moved, or a dialog is open above."""
        if not self.rows:
            return False
        return time.monotonic() < self._moved_at + self.hold or (
            self.is_attached and self.app.screen is not self.screen
        )

    def release(self) -> None:
        """Hold the order no longer."""
        self._moved_at = float("-inf")

    def _as_they_stand(self, kept: Iterable[Row]) -> list[Row | Group]:
        """Each row at its place, in its newest state; one that is gone as it was, new ones at the end."""
        newest = {self.key_of(row): row for row in self._source}
        lines: list[Row | Group] = []
        seen: set[Hashable] = set()
        for entry in self.rows:
            if isinstance(entry, Group):
                lines.append(entry)
                continue
            key = self.key_of(entry)
            seen.add(key)
            lines.append(newest.get(key, entry))
        if not self.layout_now.grouped:
            lines += [row for row in kept if self.key_of(row) not in seen]
        return lines

    def _in_groups(self, rows: Iterable[Row]) -> list[Row | Group]:
        groups: dict[str, list[Row]] = {}
        for row in rows:
            groups.setdefault(self.group_of(row), []).append(row)
        lines: list[Row | Group] = []
        for name, members in groups.items():
            folded = name in self._folded
            lines.append(Group(name, self.group_text(name, members), folded))
            lines += [] if folded else members
        return lines

    @property
    def can_group(self) -> bool:
        """Whether the rows of this table have groups."""
        return type(self).group_of is not ListTable.group_of

    def title_of(self, column: Column[Row]) -> str:
        """The column that the table is sorted by has an arrow."""
        if column.id != self.layout_now.sort:
            return column.title
        arrow = "v" if self.layout_now.descending else "^"
        return f"{column.title}{arrow}" if len(column.title) < column.width else f"{column.title[:-1]}{arrow}"

    @property
    def words(self) -> str:
        """What the title says of the arrangement."""
        words = (
            f"  sort: {self.layout_now.sort} {'v' if self.layout_now.descending else '^'}"
            if self.layout_now.sort
            else ""
        )
        if self.marks:
            words += f"  {len(self.marks)} marked"
        return words if self.follow else f"{words}  follow off"

    # --- marks

    def is_marked(self, row: Row) -> bool:
        """Whether the row has a mark."""
        return self.key_of(row) in self.marks

    @property
    def marked(self) -> list[Row]:
        """The rows of the newest picture that have a mark, whether the filter shows them or not."""
        return [row for row in self._source if self.key_of(row) in self.marks] if self.marks else []

    def _marks_changed(self) -> None:
        self.show(self.rows)
        self.post_message(self.Marked())

    def mark_all(self, rows: Iterable[Row]) -> None:
        """Mark these rows too."""
        self.marks |= {self.key_of(row) for row in rows}
        self._marks_changed()

    def action_mark(self) -> None:
        """Mark the row under the cursor, or take its mark away, and go on; on a group, all of its rows."""
        entry = self.cursor_entry
        if entry is None:
            return
        members = (
            [row for row in self._source if self.group_of(row) == entry.name] if isinstance(entry, Group) else [entry]
        )
        keys = {self.key_of(row) for row in members}
        self.marks = self.marks - keys if keys <= self.marks else self.marks | keys
        self._marks_changed()
        self.action_cursor_down()

    def action_mark_like(self) -> None:
        """Mark all rows like the one under the cursor."""
        row = self.cursor_row
        if row is not None:
            self.mark_all(other for other in self._source if self.is_like(row, other))

    def action_unmark(self) -> None:
        """Take all marks away."""
        self.marks.clear()
        self._marks_changed()

    # --- keys

    def _move_to(self, place: int) -> None:
        self._moved_at = time.monotonic()
        super()._move_to(place)

    def action_cursor_top(self) -> None:
        """To the top, where no order is held: who goes there wants to see what comes."""
        super().action_cursor_top()
        self.release()

    def action_open(self) -> None:
        """Open the row under the cursor; fold or unfold a group."""
        entry = self.cursor_entry
        if not isinstance(entry, Group):
            super().action_open()
            return
        self._folded ^= {entry.name}
        self.release()
        self._arrange()

    def header_clicked(self, column: Column[Row]) -> None:
        """Sort by the column, or the other way round."""
        if column.sort is not None:
            self._sort_by(column.id)

    def _sort_by(self, name: str) -> None:
        if name and name == self.layout_now.sort:
            self.action_invert()
            return
        column = next((column for column in self.columns if column.id == name), None)
        self._change(sort=name, descending=column is not None and column.most_first)

    def action_sort(self) -> None:
        """Ask what to sort by."""
        choices = [("", "as the pool gives them")]
        choices += [(column.id, column.title) for column in self.columns if column.sort is not None]

        def answered(name: str | None) -> None:
            if name is not None:
                self._sort_by(name)

        self.app.push_screen(PickScreen("Sort by", choices, self.layout_now.sort), answered)

    def action_invert(self) -> None:
        """Turn the order round."""
        if self.layout_now.sort:
            self._change(descending=not self.layout_now.descending)

    def action_group(self) -> None:
        """Put rows that belong together under one line, or stop doing so."""
        self._change(grouped=not self.layout_now.grouped)

    def action_columns(self) -> None:
        """Ask which columns to show."""
        shown = self.chosen or tuple(column.id for column in self.columns if column.usual)
        choices = list(dict.fromkeys(column.id for column in self.columns))

        def answered(names: tuple[str, ...] | None) -> None:
            if names is not None:
                self._change(columns=names or None)

        self.app.push_screen(ColumnsScreen("Columns", choices, shown), answered)

    def action_follow(self) -> None:
        """Have the cursor move with its row, or stay at its place."""
        self.follow = not self.follow
        self._resting = not self.follow
        self.bind_here()
        self.post_message(self.Marked())

    def able(self, action: str) -> bool:
        """Whether one of the table's own acts can do something now."""
        if action == "group":
            return self.can_group
        if action == "invert":
            return bool(self.layout_now.sort)
        if action == "unmark":
            return bool(self.marks)
        if action in ("mark", "mark_like", "follow"):
            return self.cursor_entry is not None
        return True
