"""The pools that the app shows: one line each, with how far it is and how it fares."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.content import Content

from poolmgr.model.snapshot import PoolSnapshot, WorkerSnapshot
from poolmgr.tui.filter import Field, Language, contains
from poolmgr.tui.filter_fields import read_number, read_size
from poolmgr.tui.format import clock, count, harmless, plural, rate, short_count, size
from poolmgr.tui.keys import bindings
from poolmgr.tui.repaint import retitle
from poolmgr.tui.widgets.columns import Cell, Column
from poolmgr.tui.widgets.list_table import ListTable


@dataclass(frozen=True, slots=True)
class PoolRow:
    """One pool as the table shows it."""

    number: int
    name: str
    #: None until there is a picture.
    snapshot: PoolSnapshot | None
    #: Why there is no newer picture; empty while all is well.
    trouble: str = ""
    #: Whether it was taken out.
    gone: bool = False
    #: Another program's.
    attached: bool = False

    @property
    def word(self) -> str:
        """Its state in a word."""
        if self.gone:
            return "OVER"
        if self.snapshot is None:
            return "?"
        return "STALE" if self.trouble else self.snapshot.state.word

    @property
    def bad(self) -> int | None:
        """Jobs that ended badly."""
        if self.snapshot is None:
            return None
        counts = self.snapshot.counts
        return counts.failed + counts.lost + counts.killed

    @property
    def cpu(self) -> float | None:
        """Percent of one core, of all workers."""
        known = [worker.cpu_percent for worker in self._workers if worker.cpu_percent is not None]
        return sum(known) if known else None

    @property
    def rss(self) -> int | None:
        """Bytes, of all workers."""
        known = [worker.rss for worker in self._workers if worker.rss is not None]
        return sum(known) if known else None

    @property
    def _workers(self) -> tuple[WorkerSnapshot, ...]:
        return () if self.snapshot is None else self.snapshot.workers


_STATES = ("run", "held", "drain", "term", "ended", "stale", "over")


def _read_state(text: str) -> object:
    found = frozenset(word.upper() for word in _STATES if word.startswith(text.lower()))
    if not found:
        raise ValueError(f"one of {', '.join(_STATES)}")
    return found


POOLS: Language[PoolRow, None] = Language(
    {
        "name": Field(lambda row, _: row.name, contains),
        "state": Field(lambda row, _: row.word, _read_state),
        "run": Field(lambda row, _: row.snapshot and row.snapshot.counts.running, read_number, ordered=True),
        "wait": Field(lambda row, _: row.snapshot and row.snapshot.counts.queued, read_number, ordered=True),
        "done": Field(lambda row, _: row.snapshot and row.snapshot.counts.done, read_number, ordered=True),
        "fail": Field(lambda row, _: row.bad, read_number, ordered=True),
        "cpu": Field(lambda row, _: row.cpu, read_number, ordered=True, exact=False),
        "rss": Field(lambda row, _: row.rss, read_size, ordered=True, exact=False),
    },
    lambda row: f"{row.name} {row.word}",
)


class PoolsTable(ListTable[PoolRow]):
    """The pools in the order of their coming."""

    BINDINGS = bindings("list")
    HELP: ClassVar[str] = "Pools"
    LANGUAGE = POOLS

    def __init__(self, *, id: str | None = None, name: str | None = None) -> None:
        super().__init__(id=id, name=name)
        self._all: Sequence[PoolRow] = ()
        self.columns = COLUMNS
        self.border_title = Content("Pools")

    def key_of(self, row: PoolRow) -> Hashable:
        """Its number."""
        return row.number

    def take(self, rows: Sequence[PoolRow]) -> None:
        """Show these pools."""
        self._all = rows
        test = self.filter
        shown = self.show_arranged(rows, None if test.empty else lambda row: test(row, None))
        filtered = f"  {count(shown)} pass filter: {harmless(self.filter_text)}" if self.filter_text else ""
        retitle(self, Content(f"Pools  {plural(len(rows), 'pool')}{filtered}{self.words}"))

    def retake(self) -> None:
        """Show the picture once more."""
        self.take(self._all)

    def able(self, action: str) -> bool:
        """A mark would mean nothing here: acts are on one pool."""
        return action not in ("mark", "mark_like", "unmark") and super().able(action)


def _state(row: PoolRow, width: int) -> Cell:
    return row.word, {"RUN": "good", "ENDED": "dim", "?": "dim"}.get(row.word, "warn")


def _name(row: PoolRow, width: int) -> Cell:
    name = harmless(row.name)
    return f"{name} (attached)" if row.attached and len(name) + 11 <= width else name


def _workers(row: PoolRow, width: int) -> Cell:
    if row.snapshot is None:
        return ""
    there, size = len(row.snapshot.workers), row.snapshot.size
    return f"{there} of {size}", "" if there == size else "warn"


def _running(row: PoolRow, width: int) -> Cell:
    return "" if row.snapshot is None else short_count(row.snapshot.counts.running)


def _waiting(row: PoolRow, width: int) -> Cell:
    return "" if row.snapshot is None else short_count(row.snapshot.counts.queued)


def _done(row: PoolRow, width: int) -> Cell:
    return "" if row.snapshot is None else short_count(row.snapshot.counts.done)


def _failed(row: PoolRow, width: int) -> Cell:
    return "" if row.bad is None else (short_count(row.bad), "bad" if row.bad else "dim")


def _rate(row: PoolRow, width: int) -> Cell:
    return "" if row.snapshot is None else rate(row.snapshot.rate)


def _eta(row: PoolRow, width: int) -> Cell:
    snapshot = row.snapshot
    if snapshot is None or snapshot.eta is None or snapshot.counts.ended >= snapshot.whole:
        return ""
    return clock(snapshot.eta)


def _cpu(row: PoolRow, width: int) -> Cell:
    return "" if row.cpu is None else (f"{row.cpu:.0f}", "meter")


def _method(row: PoolRow, width: int) -> Cell:
    return "" if row.snapshot is None else (row.snapshot.start_method, "dim")


def _pid(row: PoolRow, width: int) -> Cell:
    return "" if row.snapshot is None else (str(row.snapshot.pid), "dim")


def _why(row: PoolRow, width: int) -> Cell:
    if row.trouble:
        return harmless(row.trouble), "warn"
    verdict = None if row.snapshot is None else row.snapshot.verdict
    return "" if verdict is None else harmless(f"{verdict.rule}: {verdict.text}")


COLUMNS: tuple[Column[PoolRow], ...] = (
    Column("pool", 9, _name, grow=2, sort=lambda row: row.name, most_first=False),
    Column("state", 5, _state, sort=lambda row: row.word, most_first=False),
    Column("workers", 7, _workers, needs=68, sort=lambda row: row.snapshot and row.snapshot.size),
    Column("run", 4, _running, right=True, sort=lambda row: row.snapshot and row.snapshot.counts.running),
    Column("wait", 6, _waiting, right=True, sort=lambda row: row.snapshot and row.snapshot.counts.queued),
    Column("done", 6, _done, right=True, sort=lambda row: row.snapshot and row.snapshot.counts.done),
    Column("fail", 4, _failed, right=True, sort=lambda row: row.bad),
    Column("tasks/s", 7, _rate, right=True, needs=60, sort=lambda row: row.snapshot and row.snapshot.rate),
    Column("ETA", 8, _eta, right=True, needs=77, sort=lambda row: row.snapshot and row.snapshot.eta, most_first=False),
    Column("CPU%", 5, _cpu, right=True, needs=46, sort=lambda row: row.cpu),
    Column("RSS", 5, lambda row, width: size(row.rss), right=True, needs=52, sort=lambda row: row.rss),
    Column("method", 10, _method, needs=96, sort=lambda row: row.snapshot and row.snapshot.start_method,
           most_first=False),
    Column("pid", 7, _pid, right=True, needs=96, sort=lambda row: row.snapshot and row.snapshot.pid),
    Column("why", 20, _why, grow=5, needs=120),
)  # fmt: skip
