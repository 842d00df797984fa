"""The jobs: those that run, then those that ended badly, then the queue, then the done ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import ClassVar

from textual.content import Content

from poolmgr.model.snapshot import JobSnapshot, PoolSnapshot
from poolmgr.tui.filter_fields import JOBS, Moment, job_error
from poolmgr.tui.format import count, duration, harmless, plural, progress_bar, short_name, size, time_of_day
from poolmgr.tui.keys import bindings
from poolmgr.tui.marks import job_mark
from poolmgr.tui.repaint import retitle
from poolmgr.tui.widgets.columns import Cell, Column
from poolmgr.tui.widgets.list_table import ListTable

#: From this width on, arguments and message have a column each.
ROOMY = 96


class JobsTable(ListTable[JobSnapshot]):
    """The jobs of the snapshot that pass the filter, in the snapshot's order or in one of one's own."""

    BINDINGS = bindings("list")
    HELP: ClassVar[str] = "Jobs"
    LANGUAGE = JOBS

    def __init__(self, *, id: str | None = None, name: str | None = None) -> None:
        super().__init__(id=id, name=name)
        self._snapshot: PoolSnapshot | None = None
        self._moment = Moment()
        self.columns = self._columns()
        self.border_title = Content("Jobs")

    def key_of(self, row: JobSnapshot) -> Hashable:
        """The job's id."""
        return row.id

    def group_of(self, row: JobSnapshot) -> str:
        """Its function."""
        return row.function

    def group_text(self, name: str, rows: Sequence[JobSnapshot]) -> str:
        """The function, and how many of its jobs are where."""
        states = Counter(job.state for job in rows)
        where = ", ".join(f"{number} {state}" for state, number in states.items())
        return f"{harmless(name)}  {plural(len(rows), 'job')}: {where}"

    def is_like(self, row: JobSnapshot, other: JobSnapshot) -> bool:
        """Of the same function, and with the same error or, without one, in the same state."""
        return row.function == other.function and row.state == other.state and job_error(row) == job_error(other)

    def take(self, snapshot: PoolSnapshot) -> None:
        """Show this picture's jobs, filtered."""
        self._snapshot = snapshot
        self._moment = moment = Moment.of(snapshot)
        test = self.filter
        shown = self.show_arranged(snapshot.jobs, None if test.empty else lambda job: test(job, moment))
        submitted = snapshot.counts.submitted
        # How many there were in the past, nobody knows.
        of = f"{count(shown)} of {count(submitted)}" if shown < submitted else count(shown)
        filtered = f"  filter: {harmless(test.text.strip())}" if self.filter_text else ""
        title = Content(f"Jobs  {of}{filtered}{self.words}")
        retitle(self, title)

    def retake(self) -> None:
        """Show the picture once more."""
        if self._snapshot is not None:
            self.take(self._snapshot)

    # --- columns

    def _columns(self) -> tuple[Column[JobSnapshot], ...]:
        return (
            Column("job", 7, lambda job, width: str(job.id), right=True, sort=lambda job: job.id),
            Column("st", 2, lambda job, width: job_mark(job.state), sort=_state, most_first=False),
            Column("function", 12, _function, grow=2, sort=lambda job: job.function, most_first=False),
            Column("name", 10, _name, grow=1, sort=lambda job: job.name, most_first=False, usual=False),
            Column("arguments / result", 12, self._either, grow=5, needs=44, up_to=ROOMY - 1),
            Column("arguments", 16, _arguments, grow=4, needs=ROOMY),
            Column("w", 3, _worker, needs=40, sort=lambda job: job.slot, most_first=False),
            Column("pid", 7, _pid, right=True, sort=lambda job: job.pid, usual=False),
            Column("try", 3, _try, right=True, needs=60, sort=lambda job: job.attempt),
            Column("tasks", 9, _tasks, right=True, sort=lambda job: job.tasks, usual=False),
            Column("submitted", 9, _submitted, sort=lambda job: job.submitted, usual=False),
            Column("queued", 7, self._queued, right=True, needs=ROOMY, sort=self._queued_seconds),
            Column("elapsed", 7, self._elapsed, right=True, sort=lambda job: job.elapsed(self._moment.now)),
            Column("cpu%", 5, self._cpu, right=True, sort=self._cpu_percent, usual=False),
            Column("rss", 5, self._rss, right=True, sort=self._rss_bytes, usual=False),
            Column("result", 16, _message, grow=4, needs=ROOMY, sort=lambda job: job.message, most_first=False),
        )

    def _either(self, job: JobSnapshot, width: int) -> Cell:
        # Where there is room for one of the two: the outcome once there is one, the arguments until then.
        told = job.message or ((job.tasks > 1 or job.progress) and not job.state.ended)
        return _message(job, width) if told else _arguments(job, width)

    def _elapsed(self, job: JobSnapshot, width: int) -> Cell:
        return duration(job.elapsed(self._moment.now))

    def _queued_seconds(self, job: JobSnapshot) -> float | None:
        return job.queued(self._moment.now)

    def _queued(self, job: JobSnapshot, width: int) -> Cell:
        return duration(self._queued_seconds(job)), "dim"

    def _cpu_percent(self, job: JobSnapshot) -> float | None:
        worker = self._moment.workers.get(job.id)
        return None if worker is None else worker.cpu_percent

    def _cpu(self, job: JobSnapshot, width: int) -> Cell:
        percent = self._cpu_percent(job)
        return "" if percent is None else f"{percent:.0f}"

    def _rss_bytes(self, job: JobSnapshot) -> int | None:
        worker = self._moment.workers.get(job.id)
        return None if worker is None else worker.rss

    def _rss(self, job: JobSnapshot, width: int) -> Cell:
        return size(self._rss_bytes(job))


def _state(job: JobSnapshot) -> str:
    return job.state.letter


def _function(job: JobSnapshot, width: int) -> Cell:
    return harmless(job.name) if job.name else short_name(harmless(job.function))


def _name(job: JobSnapshot, width: int) -> Cell:
    return harmless(job.name)


def _worker(job: JobSnapshot, width: int) -> Cell:
    return "" if job.slot is None else f"w{job.slot + 1}"


def _pid(job: JobSnapshot, width: int) -> Cell:
    return "" if job.pid is None else str(job.pid)


def _try(job: JobSnapshot, width: int) -> Cell:
    return str(job.attempt) if job.attempt > 1 else ""


def _tasks(job: JobSnapshot, width: int) -> Cell:
    return f"{job.tasks_done}/{job.tasks}" if job.tasks > 1 and job.tasks_done >= 0 else ""


def _submitted(job: JobSnapshot, width: int) -> Cell:
    return time_of_day(job.submitted), "dim"


def _arguments(job: JobSnapshot, width: int) -> Cell:
    return harmless(job.args)


def _message(job: JobSnapshot, width: int) -> Cell:
    if job.tasks > 1 and not job.state.ended:
        if job.tasks_done < 0:
            return ""
        return f"{count(job.tasks_done)}/{count(job.tasks)} tasks", "accent"
    if job.progress is not None and not job.state.ended:
        return progress_bar(job.progress, width).rstrip(), "accent"
    _, style = job_mark(job.state)
    # The row names the job and the worker already: what became of them comes first in a narrow column.
    text = job.message.removeprefix(f"job {job.id}: ").removeprefix(f"worker {job.pid} ")
    return harmless(text), style if job.state.ended else ""
