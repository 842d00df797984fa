"""The states of jobs, workers and pools, each with the letter that every screen shows for it."""

from __future__ import annotations

from enum import StrEnum


class JobState(StrEnum):
    """Where a job is. The value is the word that screens, JSON and the status dict use."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    KILLED = "killed"
    LOST = "lost"
    CANCELLED = "cancelled"

    @property
    def letter(self) -> str:
        """One letter, so that no screen depends on colour."""
        return _JOB_LETTERS[self]

    @property
    def ended(self) -> bool:
        """True once nothing more will happen to the job."""
        return self not in (JobState.QUEUED, JobState.RUNNING)

    @property
    def retryable(self) -> bool:
        """True for an end that a retry may mend."""
        return self in (JobState.FAILED, JobState.KILLED, JobState.LOST, JobState.CANCELLED)


_JOB_LETTERS = {
    JobState.QUEUED: "Q",
    JobState.RUNNING: "R",
    JobState.DONE: "D",
    JobState.FAILED: "F",
    JobState.KILLED: "K",
    JobState.LOST: "L",
    JobState.CANCELLED: "C",
}


class WorkerState(StrEnum):
    """What a worker process does now."""

    STARTING = "starting"
    IDLE = "idle"
    RUNNING = "running"
    FROZEN = "frozen"
    LEAVING = "leaving"
    DYING = "dying"

    @property
    def letter(self) -> str:
        """One letter, so that no screen depends on colour."""
        return _WORKER_LETTERS[self]


_WORKER_LETTERS = {
    WorkerState.STARTING: "S",
    WorkerState.IDLE: "I",
    WorkerState.RUNNING: "R",
    WorkerState.FROZEN: "Z",
    WorkerState.LEAVING: "V",
    WorkerState.DYING: "X",
}


class PoolState(StrEnum):
    """The life of a pool: RUN, then CLOSE (drains) or TERMINATE, then ENDED."""

    RUN = "run"
    HELD = "held"
    CLOSE = "close"
    TERMINATE = "terminate"
    ENDED = "ended"

    @property
    def word(self) -> str:
        """The word in the header of the screens."""
        return _POOL_WORDS[self]


_POOL_WORDS = {
    PoolState.RUN: "RUN",
    PoolState.HELD: "HELD",
    PoolState.CLOSE: "DRAIN",
    PoolState.TERMINATE: "TERM",
    PoolState.ENDED: "ENDED",
}
