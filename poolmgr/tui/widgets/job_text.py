"""One job in words: for the pane beside the tables, for the detail screen, and for the clipboard."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from poolmgr.model.snapshot import JobSnapshot, PoolSnapshot, WorkerSnapshot
from poolmgr.model.states import JobState
from poolmgr.tui.format import count, duration, harmless, harmless_lines, size, time_of_day
from poolmgr.tui.marks import JOB_STYLES, job_mark

Part = tuple[str, str]


class JobText(Static):
    """Draws one job of a snapshot; says so when the pool has forgotten it."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self._shown: Content | None = None

    def take(self, content: Content) -> None:
        """Show this text, if it is another one than before."""
        if content != self._shown:
            self._shown = content
            # A layout draws the whole screen anew: for another height alone, and not for each second that a job runs.
            width, height = self.size
            self.update(content, layout=not width or content.get_height({}, width) != height)


def describe(job: JobSnapshot, snapshot: PoolSnapshot) -> Content:
    """Everything a snapshot knows about a job."""
    mark, style = job_mark(job.state)
    parts: list[Part] = [(f"{mark} {job.state}", f"bold {JOB_STYLES[style]}"), (_where(job, snapshot.time), "")]
    parts.append((f"\n{harmless(job.function)}{harmless(job.args)}\n\n", "bold"))
    if job.name:
        parts += _field("name", harmless(job.name))
    parts += _field("time", _times(job, snapshot.time))
    if job.tasks > 1:
        parts += _field("tasks", f"{count(job.tasks_done)} of {count(job.tasks)} done")
    if job.attempt > 1 or job.retry_of is not None:
        again = f", retries job {job.retry_of}" if job.retry_of is not None else ""
        parts += _field("try", f"{job.attempt}{again}")
    worker = next((worker for worker in snapshot.workers if worker.job_id == job.id), None)
    if worker is not None and job.state is JobState.RUNNING:
        parts += _field("worker", _worker(worker))
    if job.message:
        parts += _field("result" if job.state is JobState.DONE else "error", harmless(job.message))
    if job.traceback:
        parts.append(("\n", ""))
        parts += [(f"{line}\n", "") for line in harmless_lines(job.traceback.rstrip("\n"))]
    return Content.assemble(*parts)


def plain(job: JobSnapshot) -> str:
    """The call and what came of it, for the clipboard."""
    lines = [f"job {job.id} {job.state}: {harmless(job.function)}{harmless(job.args)}"]
    if job.message and not job.traceback:
        lines.append(harmless(job.message))
    return "\n".join([*lines, *(harmless_lines(job.traceback.rstrip("\n")) if job.traceback else [])]) + "\n"


def _where(job: JobSnapshot, now: float) -> str:
    elapsed = job.elapsed(now)
    text = "" if elapsed is None else f" {'' if job.state is JobState.RUNNING else 'after '}{duration(elapsed)}"
    if job.slot is not None:
        text += f" on w{job.slot + 1}"
    if job.pid is not None:
        text += f" (pid {job.pid})"
    return text + "\n"


def _times(job: JobSnapshot, now: float) -> str:
    parts = [f"submitted {time_of_day(job.submitted)}"]
    until = job.started if job.started is not None else job.ended if job.ended is not None else now
    parts.append(f"queued {duration(max(0.0, until - job.submitted))}")
    if job.started is not None:
        parts.append(f"started {time_of_day(job.started)}")
    if job.ended is not None:
        parts.append(f"ended {time_of_day(job.ended)}")
    return ", ".join(parts)


def _worker(worker: WorkerSnapshot) -> str:
    parts = [f"{worker.name} pid {worker.pid}, {worker.state}"]
    if worker.cpu_percent is not None:
        parts.append(f"cpu {worker.cpu_percent:.0f}%")
    if worker.rss is not None:
        parts.append(f"rss {size(worker.rss)}")
    parts.append(f"{count(worker.done)} done, {count(worker.failed)} failed")
    if worker.generation > 1:
        parts.append(f"process {worker.generation} of this slot")
    return ", ".join(parts)


def _field(name: str, text: str) -> list[Part]:
    return [(f"{name:<7}", "$text-muted"), (f"{text}\n", "")]
