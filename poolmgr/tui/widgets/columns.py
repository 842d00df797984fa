"""Columns of a table, and the lines that stand between rows.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Row = TypeVar("Row")

#: Text of a cell and the name of its style, or the text alone.
Cell = str | tuple[str, str]
Line = tuple[tuple[str, str], ...]

#: Cells left of the first column: the cursor and marks, so that neither depends on colour.
GUTTER = 1


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """One column: what it shows, how much room it has, and what it is sorted by."""

    title: str
    #: Cells it has at least.
    width: int
    #: Makes the cell from the row and the width at hand.
    cell: Callable[[Row, int], Cell]
    right: bool = False
    #: Share of the room that is left over.
    grow: int = 0
    #: The column is left out of a table narrower than this, or wider than that.
    needs: int = 0
    up_to: int = 100_000
    #: What rows are sorted by; None where an order would say nothing.  A row without it comes last.
    sort: Callable[[Row], Any] | None = None
    #: Whether a first sort by it has the most on top.
    most_first: bool = True
    #: False for what only those see who choose it.
    usual: bool = True

    @property
    def id(self) -> str:
        """What settings call it."""
        return self.title


@dataclass(frozen=True, slots=True)
class Group:
    """A line above the rows that have something in common."""

    name: str
    text: str
    folded: bool = False


def fitting(
    columns: Sequence[Column[Row]], width: int, chosen: Collection[str] | None = None
) -> list[tuple[Column[Row], int]]:
    """The columns that have a place in ``width`` cells, and how many cells each gets.

    Those that somebody chose are shown as far as there is room, from the left; without a choice the table itself knows
    what gives way.
    """
    if chosen is None:
        kept = [column for column in columns if column.usual and column.needs <= width <= column.up_to]
    else:
        kept = _as_room_allows([column for column in columns if column.id in chosen], width)
    left = width - GUTTER - sum(column.width for column in kept) - (len(kept) - 1)
    shares = sum(column.grow for column in kept) or 1
    return [
        (column, column.width + max(0, left) * column.grow // shares if column.grow else column.width)
        for column in kept
    ]


def _as_room_allows(columns: list[Column[Row]], width: int) -> list[Column[Row]]:
    kept: list[Column[Row]] = []
    room = width - GUTTER
    for column in columns:
        if column.width > room and kept:
            break
        kept.append(column)
        room -= column.width + 1
    return kept


def in_order(rows: Iterable[Row], sort: Callable[[Row], Any], *, descending: bool) -> list[Row]:
    """The rows sorted, those without a value last; equal ones keep their order."""
    with_value: list[tuple[Any, Row]] = []
    without: list[Row] = []
    for row in rows:
        value = sort(row)
        if value is None or value == "":
            without.append(row)
        else:
            with_value.append((value, row))
    # A reversed stable sort turns equal rows round; sorting what is reversed keeps them.
    if descending:
        with_value.reverse()
    with_value.sort(key=lambda pair: pair[0])
    if descending:
        with_value.reverse()
    return [row for _, row in with_value] + without
