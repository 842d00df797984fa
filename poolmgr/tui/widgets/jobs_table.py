"""The jobs: those that run, then those that ended badly, then the queue, then the done ones."""

from __future__ import annotations

from collections.abc import Hashable

from textual.content import Content

from poolmgr.model.snapshot import JobSnapshot, PoolSnapshot
from poolmgr.tui.filter import Matcher, matcher
from poolmgr.tui.format import count, duration, harmless, short_name
from poolmgr.tui.marks import job_mark
from poolmgr.tui.widgets.virtual_table import Cell, Column, VirtualTable

#: From this width on, arguments and message have a column each.
ROOMY = 96


class JobsTable(VirtualTable[JobSnapshot]):
    """The jobs of the snapshot that pass the filter, in the snapshot's order."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.filter_text = ""
        self._matcher: Matcher | None = None
        self._snapshot: PoolSnapshot | None = None
        self._now = 0.0
        self.columns = (
            Column("job", 7, lambda job, width: str(job.id), right=True),
            Column("st", 2, lambda job, width: job_mark(job.state)),
            Column("function", 12, _function, grow=2),
            Column("arguments / result", 12, _either, grow=5, needs=44, up_to=ROOMY - 1),
            Column("arguments", 16, _arguments, grow=4, needs=ROOMY),
            Column("w", 3, lambda job, width: "" if job.slot is None else f"w{job.slot + 1}", needs=40),
            Column("try", 3, lambda job, width: str(job.attempt) if job.attempt > 1 else "", right=True, needs=60),
            Column("queued", 7, self._queued, right=True, needs=ROOMY),
            Column("elapsed", 7, self._elapsed, right=True),
            Column("result", 16, _message, grow=4, needs=ROOMY),
        )
        self.border_title = Content("Jobs")

    def key_of(self, row: JobSnapshot) -> Hashable:
        """The job's id."""
        return row.id

    def take(self, snapshot: PoolSnapshot) -> None:
        """Show this picture's jobs, filtered."""
        self._snapshot = snapshot
        self._now = snapshot.time
        matches = self._matcher
        jobs = snapshot.jobs if matches is None else tuple(job for job in snapshot.jobs if matches(job))
        title = Content(_title(len(jobs), snapshot.counts.submitted, self.filter_text))
        if title != self._border_title:
            self.border_title = title
        self.show(jobs)

    def set_filter(self, text: str) -> None:
        """Show only jobs that this text keeps; an empty one keeps all."""
        self.filter_text = harmless(text.strip())
        self._matcher = matcher(text)
        if self._snapshot is not None:
            self.take(self._snapshot)

    def _elapsed(self, job: JobSnapshot, width: int) -> Cell:
        return duration(job.elapsed(self._now))

    def _queued(self, job: JobSnapshot, width: int) -> Cell:
        until = job.started if job.started is not None else job.ended if job.ended is not None else self._now
        return duration(max(0.0, until - job.submitted)), "dim"


def _title(shown: int, submitted: int, filter_text: str) -> str:
    of = f"{count(shown)} of {count(submitted)}" if shown != submitted else count(shown)
    return f"Jobs  {of}  filter: {filter_text}" if filter_text else f"Jobs  {of}"


def _function(job: JobSnapshot, width: int) -> Cell:
    return harmless(job.name) if job.name else short_name(harmless(job.function))


def _arguments(job: JobSnapshot, width: int) -> Cell:
    return harmless(job.args)


def _message(job: JobSnapshot, width: int) -> Cell:
    if job.tasks > 1 and not job.state.ended:
        return f"{count(job.tasks_done)}/{count(job.tasks)} tasks", "accent"
    _, style = job_mark(job.state)
    # The row names the job and the worker already: what became of them comes first in a narrow column.
    text = job.message.removeprefix(f"job {job.id}: ").removeprefix(f"worker {job.pid} ")
    return harmless(text), style if job.state.ended else ""


def _either(job: JobSnapshot, width: int) -> Cell:
    # Where there is room for one of the two: the outcome once there is one, the arguments until then.
    return _message(job, width) if job.message or (job.tasks > 1 and not job.state.ended) else _arguments(job, width)
