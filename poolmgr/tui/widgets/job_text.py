"""One job in words: for the pane beside the tables, for the detail screen, and for the clipboard."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from poolmgr.model.buckets import History
from poolmgr.model.lock_rows import blocked_text, holding_text
from poolmgr.model.snapshot import JobSnapshot, PoolSnapshot, Progress, WorkerSnapshot
from poolmgr.model.states import JobState
from poolmgr.tui.filter_fields import job_error
from poolmgr.tui.format import (
    amount,
    bar,
    count,
    duration,
    harmless,
    harmless_lines,
    plural,
    short_name,
    size,
    time_of_day,
)
from poolmgr.tui.marks import JOB_STYLES, job_mark
from poolmgr.tui.sources import NO_SOURCES, Part, Sources, assembled, with_source
from poolmgr.tui.widgets.death_text import death_card

#: Cells of the bar of where a job's time went.
BAR = 30
#: Tries that are told of one call.
CHAIN = 20


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


def describe(job: JobSnapshot, snapshot: PoolSnapshot, history: History | None = None) -> Content:
    """As :func:`job_parts`, as one text."""
    return assembled(job_parts(job, snapshot, history))


def job_parts(
    job: JobSnapshot, snapshot: PoolSnapshot, history: History | None = None, sources: Sources = NO_SOURCES
) -> list[Part]:
    """Everything a snapshot knows about a job, and of a lost one what the history knows of its worker.

    Args:
        job: The job.
        snapshot: The picture that it is in.
        history: What workers did.
        sources: Source lines around the places that its traceback and its worker's last stack name.
    """
    mark, style = job_mark(job.state)
    parts: list[Part] = [(f"{mark} {job.state}", f"bold {JOB_STYLES[style]}"), (_where(job, snapshot.time), "")]
    parts.append((f"\n{harmless(job.function)}{harmless(job.args)}\n\n", "bold"))
    if job.name:
        parts += _field("name", harmless(job.name))
    parts += _field("time", _times(job, snapshot.time))
    parts += _spent(job, snapshot.time)
    if job.progress is not None:
        parts += _field("so far", how_far(job.progress))
    if job.tasks > 1 and job.tasks_done >= 0:
        parts += _field("tasks", f"{count(job.tasks_done)} of {count(job.tasks)} done")
    if job.attempt > 1 or job.retry_of is not None:
        again = f", retries job {job.retry_of}" if job.retry_of is not None else ""
        parts += _field("try", f"{job.attempt}{again}")
    if job.after:
        parts += _field("after", f"job{'s' * (len(job.after) > 1)} {', '.join(map(str, job.after))}")
    worker = next((worker for worker in snapshot.workers if worker.job_id == job.id), None)
    if worker is not None and job.state is JobState.RUNNING:
        parts += _field("worker", _worker(worker))
        locks = (blocked_text(snapshot, worker.pid), holding_text(snapshot, worker.pid))
        for line in filter(None, locks):
            parts += _field("lock", harmless(line))
    if job.message:
        what = "result" if job.state is JobState.DONE else "error" if job.state.ended else "note"
        parts += _field(what, harmless(job.message))
    if job.death is not None:
        parts += death_card(job, job.death, history, sources)
    parts += _tries(job, snapshot)
    parts += _like_it(job, snapshot)
    if job.traceback:
        parts.append(("\n", ""))
        parts += with_source(harmless_lines(job.traceback.rstrip("\n")), sources)
    return parts


def how_far(progress: Progress) -> str:
    """A bar, the numbers, and what the job says of it."""
    text = f"  {harmless(progress.text)}" if progress.text else ""
    share = progress.share
    if share is None:
        return f"{amount(progress.done)}{text}"
    numbers = f"{amount(progress.done)} of {amount(progress.total or 0)}"
    return f"{bar(share, 1, BAR)} {100 * share:.0f}%  {numbers}{text}"


def _spent(job: JobSnapshot, now: float) -> list[Part]:
    """How long it waited and how long it ran, as parts of one bar."""
    ran, waited = job.elapsed(now), job.queued(now)
    if ran is None or waited is None or waited + ran <= 0:
        return []
    cells = round(BAR * waited / (waited + ran))
    return [
        (f"{'spent':<7} ", "$text-muted"),
        (f"queued {duration(waited)} ", ""),
        ("▒" * cells, "$text-muted"),
        ("█" * (BAR - cells), "$text-accent"),
        (f" ran {duration(ran)}\n", ""),
    ]


def _tries(job: JobSnapshot, snapshot: PoolSnapshot) -> list[Part]:
    """The jobs that are the same call once more, in their order; nothing if it is the only one."""
    by_id = {each.id: each for each in snapshot.jobs}
    first = job
    while first.retry_of in by_id:
        first = by_id[first.retry_of]
    chain = [first]
    after = {each.retry_of: each for each in snapshot.jobs if each.retry_of is not None}
    while chain[-1].id in after and len(chain) < CHAIN:
        chain.append(after[chain[-1].id])
    if len(chain) == 1:
        return []
    told = (f"#{each.attempt} job {each.id} {each.state}" + (" (this)" if each.id == job.id else "") for each in chain)
    return _field("tries", ", ".join(told))


def _like_it(job: JobSnapshot, snapshot: PoolSnapshot) -> list[Part]:
    """How its function fares, and how many have the same error."""
    parts: list[Part] = []
    function = next((each for each in snapshot.functions if each.name == job.function), None)
    if function is not None and function.p50 is not None:
        text = f"{count(function.done)} done, {count(function.failed)} failed, p50 {duration(function.p50)}"
        if function.p95 is not None:
            text += f", p95 {duration(function.p95)}"
        ran = job.elapsed(snapshot.time)
        if ran is not None and function.p50 > 0:
            text += f"; this one {ran / function.p50:.1f} x p50"
        parts += _field("like it", text)
    if job.state.retryable and job.message:
        error = job_error(job)
        same = [each for each in snapshot.jobs if each.state is job.state and job_error(each) == error]
        if len(same) > 1:
            functions = {each.function for each in same}
            alone = f"all from {short_name(harmless(job.function))} (A marks them)"
            whose = alone if len(functions) == 1 else f"from {len(functions)} functions"
            parts += _field("same", f"{plural(len(same), 'job')} with {harmless(error)}, {whose}")
    return parts


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
    queued = job.queued(now)
    parts = [] if queued is None else [f"submitted {time_of_day(job.submitted)}", f"queued {duration(queued)}"]
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
    return [(f"{name:<7} ", "$text-muted"), (f"{text}\n", "")]
