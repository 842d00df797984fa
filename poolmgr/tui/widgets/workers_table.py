"""The workers: one line each, with what it does now and how it did in the last minute."""

from __future__ import annotations

from collections.abc import Hashable

from textual.content import Content

from poolmgr.model.snapshot import PoolSnapshot, WorkerSnapshot
from poolmgr.model.states import WorkerState
from poolmgr.tui.format import bar, duration, harmless, plural, short_count, short_name, size, spark
from poolmgr.tui.marks import worker_mark
from poolmgr.tui.widgets.virtual_table import Cell, Column, VirtualTable


class WorkersTable(VirtualTable[WorkerSnapshot]):
    """The workers by slot. A slot keeps its line when its process is replaced."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.columns = COLUMNS
        self.border_title = Content("Workers")

    def key_of(self, row: WorkerSnapshot) -> Hashable:
        """The slot."""
        return row.slot

    def take(self, snapshot: PoolSnapshot) -> None:
        """Show this picture's workers."""
        title = f"Workers  {plural(len(snapshot.workers), 'process')}".replace("processs", "processes")
        known = [worker.cpu_percent for worker in snapshot.workers if worker.cpu_percent is not None]
        if known:
            title += f"  cpu {sum(known):.0f}%"
        sizes = [worker.rss for worker in snapshot.workers if worker.rss is not None]
        if sizes:
            title += f"  rss {size(sum(sizes))}"
        if Content(title) != self._border_title:
            self.border_title = Content(title)
        self.show(snapshot.workers)


def _cpu(worker: WorkerSnapshot, width: int) -> Cell:
    percent = worker.cpu_percent
    if percent is None:
        return ""
    # A worker with threads of its own may use more than one core: the bar is full then, the number tells.
    return f"{bar(percent, 100, width - 4)}{percent:4.0f}", "meter"


def _minute(worker: WorkerSnapshot, width: int) -> Cell:
    return spark(worker.cpu_history, width, 100), "meter"


def _function(worker: WorkerSnapshot, width: int) -> Cell:
    if worker.job_id is None:
        return ("", "") if worker.state in (WorkerState.IDLE, WorkerState.RUNNING) else (f"({worker.state})", "dim")
    return short_name(harmless(worker.function)), "" if worker.state is WorkerState.RUNNING else "warn"


def _elapsed(worker: WorkerSnapshot, width: int) -> Cell:
    return duration(worker.elapsed), "" if worker.job_id is not None else "dim"


def _job(worker: WorkerSnapshot, width: int) -> Cell:
    return "" if worker.job_id is None else str(worker.job_id)


def _failed(worker: WorkerSnapshot, width: int) -> Cell:
    return short_count(worker.failed), "bad" if worker.failed else "dim"


COLUMNS: tuple[Column[WorkerSnapshot], ...] = (
    Column("w", 3, lambda worker, width: (worker.name, "strong")),
    Column("pid", 7, lambda worker, width: str(worker.pid), right=True, needs=47),
    Column("st", 2, lambda worker, width: worker_mark(worker.state)),
    Column("CPU%", 9, _cpu, right=True, grow=1),
    Column("60s", 8, _minute, grow=2, right=True, needs=73),
    Column("RSS", 5, lambda worker, width: size(worker.rss), right=True, needs=59),
    Column("job", 6, _job, right=True, needs=39),
    Column("function", 8, _function, grow=3),
    Column("elapsed", 7, _elapsed, right=True),
    Column("done", 5, lambda worker, width: short_count(worker.done), right=True, needs=53),
    Column("fail", 4, _failed, right=True, needs=64),
)
