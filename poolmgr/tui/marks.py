"""The mark and the style of each state: letter and glyph say it without colour, the style says it again."""

from __future__ import annotations

from poolmgr.model.states import JobState, PoolState, WorkerState
from poolmgr.model.sync import SyncState

_JOB_GLYPHS = {
    JobState.QUEUED: ("·", "dim"),
    JobState.RUNNING: ("▸", "good"),
    JobState.DONE: ("✓", "dim"),
    JobState.FAILED: ("✗", "bad"),
    JobState.KILLED: ("×", "warn"),
    JobState.LOST: ("!", "bad"),
    JobState.CANCELLED: ("-", "dim"),
}
_WORKER_GLYPHS = {
    WorkerState.STARTING: ("◌", "accent"),
    WorkerState.IDLE: ("·", "dim"),
    WorkerState.RUNNING: ("▸", "good"),
    WorkerState.FROZEN: ("‖", "warn"),
    WorkerState.LEAVING: ("↓", "warn"),
    WorkerState.DYING: ("×", "bad"),
}
_LOCK_MARKS = {
    SyncState.FREE: ("·", "dim"),
    SyncState.HELD: ("H▸", "good"),
    SyncState.WAITED: ("W‖", "warn"),
    SyncState.DEADLOCK: ("D!", "bad"),
    SyncState.ABANDONED: ("A!", "bad"),
}
#: Style of the pool's word in the header, as Textual's theme variables.
POOL_STYLES = {
    PoolState.RUN: "$text-success",
    PoolState.HELD: "$text-warning",
    PoolState.CLOSE: "$text-warning",
    PoolState.TERMINATE: "$text-error",
    PoolState.ENDED: "$text-muted",
}
#: The same for a job's word in the detail.
JOB_STYLES = {
    "dim": "$text-muted",
    "good": "$text-success",
    "bad": "$text-error",
    "warn": "$text-warning",
    "accent": "$text-accent",
}


def job_mark(state: JobState) -> tuple[str, str]:
    """``("F✗", "bad")``: two cells and the style's name."""
    glyph, style = _JOB_GLYPHS[state]
    return state.letter + glyph, style


def worker_mark(state: WorkerState) -> tuple[str, str]:
    """``("R▸", "good")``: two cells and the style's name."""
    glyph, style = _WORKER_GLYPHS[state]
    return state.letter + glyph, style


def lock_mark(state: SyncState) -> tuple[str, str]:
    """``("A!", "bad")``: two cells and the style's name."""
    return _LOCK_MARKS[state]
