"""What a run came to: its counts, its workers with their CPU, and the exit code that follows. Pure.

A worker's ``cpu_percent`` is the mean of its samples over its life, in percent of one core; None for a worker that
lived too briefly for two samples.  ``rss`` is its last sample, ``jobs`` the tasks that it finished, well or badly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from poolmgr.model.snapshot import Counts, JobSnapshot, PoolSnapshot, WorkerSnapshot

#: Jobs that ended badly which are told one by one.  More would hide the table under them.
NAMED = 5


@dataclass(slots=True)
class WorkerTotal:
    """One worker process over its life."""

    pid: int
    name: str
    jobs: int = 0
    rss: int | None = None
    #: Sum and number of the CPU samples seen.
    cpu_sum: float = 0.0
    samples: int = 0

    @property
    def cpu_percent(self) -> float | None:
        """The mean of the samples."""
        return round(self.cpu_sum / self.samples, 1) if self.samples else None

    def see(self, worker: WorkerSnapshot) -> None:
        """Add what one frame shows of the worker."""
        self.jobs = max(self.jobs, worker.done + worker.failed)
        if worker.rss is not None:
            self.rss = worker.rss
        if worker.cpu_percent is not None:
            self.cpu_sum += worker.cpu_percent
            self.samples += 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run that has ended."""

    counts: Counts
    seconds: float
    workers: tuple[WorkerTotal, ...]
    #: The newest jobs that ended badly, at most :data:`NAMED`.
    bad: tuple[JobSnapshot, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 if every job was done, else 1."""
        return exit_code(self.counts)

    def to_json(self) -> dict[str, Any]:
        """Plain values, the same keys every time."""
        counts = self.counts
        return {
            "jobs": counts.submitted,
            "done": counts.done,
            "failed": counts.failed,
            "lost": counts.lost,
            "killed": counts.killed,
            "cancelled": counts.cancelled,
            "seconds": round(self.seconds, 3),
            "workers": [
                {"pid": worker.pid, "cpu_percent": worker.cpu_percent, "rss": worker.rss, "jobs": worker.jobs}
                for worker in self.workers
            ],
        }


def exit_code(counts: Counts) -> int:
    """0 if every job was done, 1 if some failed, were lost, killed or cancelled."""
    return 0 if counts.done == counts.submitted else 1


class Tally:
    """Adds up, frame by frame, what each worker process did; workers that are gone are kept."""

    def __init__(self) -> None:
        self._totals: dict[int, WorkerTotal] = {}

    def see(self, snapshot: PoolSnapshot) -> None:
        """Add one frame."""
        for worker in snapshot.workers:
            if worker.pid not in self._totals:
                self._totals[worker.pid] = WorkerTotal(worker.pid, worker.name)
            self._totals[worker.pid].see(worker)

    def outcome(self, last: PoolSnapshot) -> Outcome:
        """The outcome at ``last``, a picture taken after the last job had ended."""
        for worker in last.workers:
            total = self._totals.setdefault(worker.pid, WorkerTotal(worker.pid, worker.name))
            total.jobs = max(total.jobs, worker.done + worker.failed)
        bad = [job for job in last.jobs if job.state.retryable]
        return Outcome(last.counts, last.uptime, tuple(self._totals.values()), tuple(bad[:NAMED]))
