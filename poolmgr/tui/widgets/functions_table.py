"""The functions: how many of their tasks are done, how long they take, and whose time they are."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from textual.content import Content

from poolmgr.model.snapshot import FunctionSnapshot, PoolSnapshot
from poolmgr.tui.filter_fields import FUNCTIONS
from poolmgr.tui.format import bar, count, duration, harmless, rate, short_count, short_name, size
from poolmgr.tui.keys import bindings
from poolmgr.tui.repaint import retitle
from poolmgr.tui.widgets.columns import Cell, Column
from poolmgr.tui.widgets.list_table import ListTable


class FunctionsTable(ListTable[FunctionSnapshot]):
    """The functions of the snapshot, those with most of the work first."""

    BINDINGS = bindings("list")
    HELP: ClassVar[str] = "Functions"
    LANGUAGE = FUNCTIONS

    def __init__(self, *, id: str | None = None, name: str | None = None) -> None:
        super().__init__(id=id, name=name)
        self._snapshot: PoolSnapshot | None = None
        self.columns = COLUMNS
        self.border_title = Content("Functions")

    def key_of(self, row: FunctionSnapshot) -> Hashable:
        """Its name."""
        return row.name

    def is_like(self, row: FunctionSnapshot, other: FunctionSnapshot) -> bool:
        """Of the same module."""
        return row.name.rpartition(".")[0] == other.name.rpartition(".")[0]

    def take(self, snapshot: PoolSnapshot) -> None:
        """Show this picture's functions."""
        self._snapshot = snapshot
        test = self.filter
        shown = self.show_arranged(snapshot.functions, None if test.empty else lambda row: test(row, None))
        filtered = f"  filter: {harmless(self.filter_text)}" if self.filter_text else ""
        retitle(self, Content(f"Functions  {count(shown)}{filtered}{self.words}"))

    def retake(self) -> None:
        """Show the picture once more."""
        if self._snapshot is not None:
            self.take(self._snapshot)


def _progress(row: FunctionSnapshot, width: int) -> Cell:
    if row.total is None:
        return ""
    return bar(row.done + row.failed, row.total, width).replace(" ", "░"), "meter"


def _failed(row: FunctionSnapshot, width: int) -> Cell:
    return short_count(row.failed), "bad" if row.failed else "dim"


COLUMNS: tuple[Column[FunctionSnapshot], ...] = (
    Column("function", 14, lambda row, width: short_name(harmless(row.name)), grow=2, sort=lambda row: row.name,
           most_first=False),
    Column("progress", 10, _progress, grow=4, needs=100),
    Column("done", 6, lambda row, width: short_count(row.done), right=True, sort=lambda row: row.done),
    Column("total", 6, lambda row, width: "" if row.total is None else short_count(row.total), right=True,
           sort=lambda row: row.total),
    Column("run", 3, lambda row, width: str(row.running), right=True, needs=60, sort=lambda row: row.running),
    Column("fail", 5, _failed, right=True, sort=lambda row: row.failed),
    Column("p50", 7, lambda row, width: duration(row.p50), right=True, sort=lambda row: row.p50),
    Column("p95", 7, lambda row, width: duration(row.p95), right=True, sort=lambda row: row.p95),
    Column("p99", 7, lambda row, width: duration(row.p99), right=True, needs=110, sort=lambda row: row.p99),
    Column("max", 7, lambda row, width: duration(row.longest), right=True, needs=70, sort=lambda row: row.longest),
    Column("tasks/s", 7, lambda row, width: rate(row.rate), right=True, sort=lambda row: row.rate),
    Column("bytes", 6, lambda row, width: "" if row.bytes_each is None else size(round(row.bytes_each)), right=True,
           needs=76, sort=lambda row: row.bytes_each),
    Column("share", 5, lambda row, width: f"{row.share:.0f}%", right=True, sort=lambda row: row.share),
)  # fmt: skip
