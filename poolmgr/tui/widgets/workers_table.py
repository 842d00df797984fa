"""The workers: one line each, with what it does now and how it did in the last minute."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from textual.content import Content

from poolmgr.model.snapshot import PoolSnapshot, WorkerSnapshot
from poolmgr.model.states import WorkerState
from poolmgr.tui.filter_fields import WORKERS, Moment
from poolmgr.tui.format import (
    bar,
    clock,
    count,
    duration,
    harmless,
    plural,
    short_count,
    short_name,
    size,
    spark,
    time_of_day,
)
from poolmgr.tui.keys import bindings
from poolmgr.tui.marks import worker_mark
from poolmgr.tui.repaint import retitle
from poolmgr.tui.widgets.columns import Cell, Column
from poolmgr.tui.widgets.list_table import ListTable


class WorkersTable(ListTable[WorkerSnapshot]):
    """The workers by slot. A slot keeps its line when its process is replaced."""

    BINDINGS = bindings("list")
    HELP: ClassVar[str] = "Workers"
    LANGUAGE = WORKERS

    def __init__(self, *, id: str | None = None, name: str | None = None, every: bool = False) -> None:
        """With ``every``, all columns that have room, not the dashboard's few."""
        super().__init__(id=id, name=name)
        self._snapshot: PoolSnapshot | None = None
        self.columns = self._columns(every)
        self.border_title = Content("Workers")

    def key_of(self, row: WorkerSnapshot) -> Hashable:
        """The slot."""
        return row.slot

    def group_of(self, row: WorkerSnapshot) -> str:
        """The function that it runs."""
        return row.function or f"({row.state})"

    def group_text(self, name: str, rows: Sequence[WorkerSnapshot]) -> str:
        """The function, and how many workers are at it with how much CPU."""
        known = [worker.cpu_percent for worker in rows if worker.cpu_percent is not None]
        cpu = f", cpu {sum(known):.0f}%" if known else ""
        return f"{harmless(name)}  {plural(len(rows), 'worker')}{cpu}"

    def is_like(self, row: WorkerSnapshot, other: WorkerSnapshot) -> bool:
        """At the same function, or in the same state without one."""
        return self.group_of(row) == self.group_of(other)

    def take(self, snapshot: PoolSnapshot) -> None:
        """Show this picture's workers."""
        self._snapshot = snapshot
        test, moment = self.filter, Moment.of(snapshot)
        shown = self.show_arranged(snapshot.workers, None if test.empty else lambda worker: test(worker, moment))
        title = f"Workers  {plural(len(snapshot.workers), 'process')}"
        known = [worker.cpu_percent for worker in snapshot.workers if worker.cpu_percent is not None]
        if known:
            title += f"  cpu {sum(known):.0f}%"
        sizes = [worker.rss for worker in snapshot.workers if worker.rss is not None]
        if sizes:
            title += f"  rss {size(sum(sizes))}"
        if self.filter_text:
            title += f"  {count(shown)} pass filter: {harmless(self.filter_text)}"
        title += self.words
        retitle(self, Content(title))

    def retake(self) -> None:
        """Show the picture once more."""
        if self._snapshot is not None:
            self.take(self._snapshot)

    def _columns(self, every: bool) -> tuple[Column[WorkerSnapshot], ...]:
        def started(worker: WorkerSnapshot, width: int) -> Cell:
            return (time_of_day(worker.started), "dim") if worker.started else ""

        def age(worker: WorkerSnapshot, width: int) -> Cell:
            if not worker.started:
                return ""
            now = worker.started if self._snapshot is None else self._snapshot.time
            return clock(max(0.0, now - worker.started))

        own: tuple[Column[WorkerSnapshot], ...] = (
            Column("gen", 3, lambda worker, width: _number(worker.generation), right=True, needs=80, usual=every,
                   sort=lambda worker: worker.generation),
            Column("up", 8, age, right=True, needs=90, usual=every, most_first=False,
                   sort=lambda worker: worker.started),
            Column("started", 8, started, needs=100, usual=every, sort=lambda worker: worker.started),
        )  # fmt: skip
        return (*COLUMNS, *own)


def _cpu(worker: WorkerSnapshot, width: int) -> Cell:
    percent = worker.cpu_percent
    if percent is None:
        return ""
    # A worker with threads of its own may use more than one core: the bar is full then, the number tells.
    return f"{bar(percent, 100, width - 4)}{percent:4.0f}", "meter"


def _minute(worker: WorkerSnapshot, width: int) -> Cell:
    return spark(worker.cpu_history, width, 100), "meter"


def _function(worker: WorkerSnapshot, width: int) -> Cell:
    if worker.job_id is None and not worker.function:
        return ("", "") if worker.state in (WorkerState.IDLE, WorkerState.RUNNING) else (f"({worker.state})", "dim")
    return short_name(harmless(worker.function)), "" if worker.state is WorkerState.RUNNING else "warn"


def _elapsed(worker: WorkerSnapshot, width: int) -> Cell:
    return duration(worker.elapsed), "" if worker.job_id is not None else "dim"


def _job(worker: WorkerSnapshot, width: int) -> Cell:
    return "" if worker.job_id is None else str(worker.job_id)


def _number(number: int) -> str:
    """Nothing for 0: in a picture of the past nobody knows it."""
    return str(number) if number else ""


def _done(worker: WorkerSnapshot, width: int) -> Cell:
    return "" if worker.done < 0 else short_count(worker.done)


def _failed(worker: WorkerSnapshot, width: int) -> Cell:
    if worker.failed < 0:
        return ""
    return short_count(worker.failed), "bad" if worker.failed else "dim"


COLUMNS: tuple[Column[WorkerSnapshot], ...] = (
    Column("w", 3, lambda worker, width: (worker.name, "strong"), sort=lambda worker: worker.slot, most_first=False),
    Column("pid", 7, lambda worker, width: _number(worker.pid), right=True, needs=47, sort=lambda worker: worker.pid),
    Column("st", 2, lambda worker, width: worker_mark(worker.state), sort=lambda worker: worker.state.letter),
    Column("CPU%", 9, _cpu, right=True, grow=1, sort=lambda worker: worker.cpu_percent),
    Column("60s", 8, _minute, grow=2, right=True, needs=74),
    Column("RSS", 5, lambda worker, width: size(worker.rss), right=True, needs=60, sort=lambda worker: worker.rss),
    Column("job", 6, _job, right=True, needs=39, sort=lambda worker: worker.job_id),
    Column("function", 8, _function, grow=3, sort=lambda worker: worker.function, most_first=False),
    Column("elapsed", 7, _elapsed, right=True, sort=lambda worker: worker.elapsed),
    Column("done", 5, _done, right=True, needs=54, sort=lambda worker: worker.done),
    Column("fail", 4, _failed, right=True, needs=65, sort=lambda worker: worker.failed),
)
