"""The locks, queues and the like of a pool's program: who has each, who waits for it, and what it is now."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from textual.content import Content

from poolmgr.model.lock_rows import LockRow, rows, state_text, who
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.model.sync import SyncSnapshot
from poolmgr.tui.filter_fields import LOCKS
from poolmgr.tui.format import count, duration, harmless, plural, rate, short_count, size
from poolmgr.tui.keys import bindings
from poolmgr.tui.marks import lock_mark
from poolmgr.tui.repaint import retitle
from poolmgr.tui.widgets.columns import Cell, Column
from poolmgr.tui.widgets.list_table import ListTable


class LocksTable(ListTable[LockRow]):
    """The objects of a snapshot, those first that somebody is in trouble with."""

    BINDINGS = bindings("list")
    HELP: ClassVar[str] = "Locks"
    LANGUAGE = LOCKS

    def __init__(self, *, id: str | None = None, name: str | None = None) -> None:
        super().__init__(id=id, name=name)
        self._snapshot: PoolSnapshot | None = None
        self.columns = self._columns()
        self.border_title = Content("Locks")

    def key_of(self, row: LockRow) -> Hashable:
        """The object."""
        return row.each.id

    def group_of(self, row: LockRow) -> str:
        """Its kind, and who made it."""
        return row.each.machinery or row.each.kind

    def is_like(self, row: LockRow, other: LockRow) -> bool:
        """Of the same kind."""
        return row.each.kind == other.each.kind

    def take(self, snapshot: PoolSnapshot) -> None:
        """Show this picture's objects."""
        self._snapshot = snapshot
        test, sync = self.filter, snapshot.sync or SyncSnapshot()
        found = rows(sync)
        shown = self.show_arranged(found, None if test.empty else lambda row: test(row, snapshot))
        title = f"Locks  {plural(len(found), 'object')}"
        if sync.deadlocks:
            title += f"  {plural(len(sync.deadlocks), 'DEADLOCK')}"
        if sync.abandoned:
            title += f"  {len(sync.abandoned)} ABANDONED"
        if self.filter_text:
            title += f"  {count(shown)} pass filter: {harmless(self.filter_text)}"
        retitle(self, Content(title + self.words))

    def retake(self) -> None:
        """Show the picture once more."""
        if self._snapshot is not None:
            self.take(self._snapshot)

    def _columns(self) -> tuple[Column[LockRow], ...]:
        def holder(row: LockRow, width: int) -> Cell:
            if row.holder is None or self._snapshot is None:
                return ""
            name = who(self._snapshot, row.holder.pid, row.holder.thread)
            return (f"{name} DEAD", "bad") if row.holder.dead else name

        def held(row: LockRow, width: int) -> Cell:
            return duration(_held(row, self._snapshot))

        def waiters(row: LockRow, width: int) -> Cell:
            if not row.waiters or self._snapshot is None:
                return ""
            first = row.waiters[0]
            more = f" +{len(row.waiters) - 1}" if len(row.waiters) > 1 else ""
            what = f" {first.what}" if first.what else ""
            return f"{who(self._snapshot, first.pid, first.thread)}{what}{more}", lock_mark(row.state)[1]

        def waited(row: LockRow, width: int) -> Cell:
            return duration(_waited(row, self._snapshot))

        return (
            Column("st", 2, lambda row, width: lock_mark(row.state), sort=lambda row: row.state),
            Column("kind", 8, lambda row, width: row.each.kind, grow=1, sort=lambda row: row.each.kind,
                   most_first=False),
            Column("name", 10, _name, grow=2, sort=lambda row: row.each.name, most_first=False),
            Column("made at", 14, lambda row, width: (harmless(row.each.place), "dim"), grow=1, needs=96,
                   sort=lambda row: row.each.place, most_first=False),
            Column("now", 12, lambda row, width: harmless(state_text(row.each)), grow=2),
            Column("held by", 11, holder, grow=2),
            Column("held", 6, held, right=True, sort=lambda row: _held(row, self._snapshot)),
            Column("waiting", 11, waiters, grow=2),
            Column("waited", 6, waited, right=True, sort=lambda row: _waited(row, self._snapshot)),
            Column("wait%", 5, _share, right=True, needs=84, sort=lambda row: row.waiting),
            Column("taken", 6, _taken, right=True, needs=108, sort=lambda row: row.each.acquires or row.each.puts),
            Column("in/s", 6, lambda row, width: _rate(row.each.rate_in), right=True, needs=120,
                   sort=lambda row: row.each.rate_in),
            Column("out/s", 6, lambda row, width: _rate(row.each.rate_out), right=True, needs=120,
                   sort=lambda row: row.each.rate_out),
            Column("bytes", 5, lambda row, width: size(row.each.bytes_waiting), right=True, needs=132,
                   sort=lambda row: row.each.bytes_waiting),
            Column("change/s", 8, _change, right=True, needs=140, sort=lambda row: row.each.change),
        )  # fmt: skip


def _held(row: LockRow, snapshot: PoolSnapshot | None) -> float | None:
    return None if snapshot is None else row.held(snapshot.time)


def _waited(row: LockRow, snapshot: PoolSnapshot | None) -> float | None:
    return None if snapshot is None else row.waited(snapshot.time)


def _name(row: LockRow, width: int) -> Cell:
    if row.each.machinery:
        return f"({row.each.machinery})", "dim"
    return harmless(row.each.name), "strong"


def _share(row: LockRow, width: int) -> Cell:
    return "" if row.waiting is None else f"{100 * row.waiting:.0f}", "warn" if (row.waiting or 0) >= 0.5 else "dim"


def _taken(row: LockRow, width: int) -> Cell:
    number = row.each.puts if row.each.acquires is None else row.each.acquires
    return "" if number is None else short_count(number)


def _rate(value: float | None) -> str:
    return "" if value is None else rate(value)


def _change(row: LockRow, width: int) -> Cell:
    change = row.each.change
    return "" if change is None else f"{change:+,.3g}" if change else "0"
