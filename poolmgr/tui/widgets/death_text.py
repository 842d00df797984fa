"""The death card of a lost job: how its worker died, and what it did before.  Pure; drawn by the job's detail."""

from __future__ import annotations

from poolmgr.model.buckets import FINE, NONE, SECONDS, WIDTHS, History, without_gaps
from poolmgr.model.snapshot import Death, JobSnapshot
from poolmgr.model.stacks import frame_line, frame_of
from poolmgr.tui.format import duration, harmless, size, spark
from poolmgr.tui.sources import NO_SOURCES, Part, Sources, line_of

#: Seconds before the end over which memory is shown, and the cells for them.
SPAN, CELLS = 60, 30


def death_card(job: JobSnapshot, death: Death, history: History | None, sources: Sources = NO_SOURCES) -> list[Part]:
    """Everything that is known of the end of its worker."""
    parts = _field("death", _how(death))
    memory = [] if history is None else memory_before(job, history)
    if memory:
        low, high = memory[0], memory[-1]
        change = f"{size(low)} to {size(high)}" if low != high else size(high)
        curve = spark(memory, CELLS, max(memory), span=len(memory))
        parts += _field("memory", f"{curve} {change} in the last {len(memory)} s, at most {size(max(memory))}")
    if death.stack:
        age = "" if death.stack_age is None else f", as it was {duration(death.stack_age)} before"
        parts += _field("stack", f"the last that was taken{age}")
        parts += [_told(line, sources) for line in death.stack]
    if death.output:
        parts += _field("said", harmless(death.output[0]))
        parts += [(f"        {harmless(line)}\n", "") for line in death.output[1:]]
    return parts


def memory_before(job: JobSnapshot, history: History) -> list[int]:
    """Resident bytes of its worker in each second before its end, oldest first; empty if nobody remembers."""
    track = None if job.slot is None else history.tracks.get(job.slot)
    if track is None or job.ended is None:
        return []
    for ring in (FINE, SECONDS):
        last = int((job.ended - history.epoch) * 1e9) // WIDTHS[ring]
        each = max(1, 1_000_000_000 // WIDTHS[ring])
        read = [NONE if cell is None else cell.rss for cell in track.cells(ring, last, SPAN * each)]
        seconds = without_gaps(max(read[first : first + each]) for first in range(0, len(read), each))
        if seconds:
            return seconds
    return []


def _how(death: Death) -> str:
    if death.for_memory:
        return (
            f"{death.how}: killed by the kernel for lack of memory (its count rose from {death.oom_before} to "
            f"{death.oom_after})"
        )
    if death.oom_after is not None:
        return f"{death.how}; not by the kernel for lack of memory, whose count stayed at {death.oom_after}"
    return death.how


def _told(line: str, sources: Sources) -> Part:
    frame = frame_of(line)
    if frame is None:
        return f"          {harmless(line)}\n", ""
    place = frame.file, frame.line
    return f"          {harmless(frame_line(frame, line_of(sources, place)))}\n", "", place


def _field(name: str, text: str) -> list[Part]:
    return [(f"{name:<7} ", "$text-muted"), (f"{text}\n", "")]
