"""Places in the queue: moves what waits to another one, and keeps one for a job that may yet be taken out for good.

Thread: whoever holds the feed lock: the dispatcher.  Other threads append to the backlog meanwhile, but at the ends
only, so a place counted from the head stays what it is.  Every step on a lane is one call of C.
"""

from __future__ import annotations

from typing import Any

from poolmgr.engine.backlog import Backlog, Entry, Lane
from poolmgr.engine.job import AnyJob, Job
from poolmgr.model.states import JobState


def _nothing() -> None:
    """What a gap calls: it is never called."""


class _Gap(Job):
    """Stands where an entry was set aside. It looks like a job that has ended, which everybody passes over."""

    __slots__ = ()

    def __init__(self) -> None:
        self._job, self._pool, self._ended = 0, None, JobState.CANCELLED
        self.func, self.args, self.kwds = _nothing, (), None


class Places:
    """Moves entries of a backlog, and sets some aside."""

    def __init__(self, backlog: Backlog) -> None:
        self._backlog = backlog
        #: What is set aside, by job id: its gaps and its entries, in their order.
        self._aside: dict[int, tuple[AnyJob, list[tuple[_Gap, Entry]]]] = {}

    # -- set aside

    def __bool__(self) -> bool:
        return bool(self._aside)

    @property
    def aside(self) -> list[AnyJob]:
        """The jobs that are set aside. From any thread."""
        return [job for job, _ in list(self._aside.values())]

    def find(self, job_id: int) -> AnyJob | None:
        """The job of this id, if it is set aside."""
        found = self._aside.get(job_id)
        return None if found is None else found[0]

    def ticket(self, job_id: int) -> object | None:
        """What :meth:`set_aside` has returned for the job, None if it is not set aside."""
        return self._aside.get(job_id)

    def set_aside(self, job: AnyJob) -> object | None:
        """Take the job out and keep its place. Returns what tells this time from others, None if it does not wait."""
        lane, mine = self._entries(job)
        if not mine:
            return None
        kept = [(_Gap(), entry) for _, entry in mine]
        # First known here, then gone from there: a picture that is taken meanwhile has it in one place at least.
        self._aside[job.id] = job, kept
        for (place, _), (gap, _) in zip(mine, kept, strict=True):
            lane[place] = gap
        return self._aside[job.id]

    def restore(self, job_id: int) -> AnyJob | None:
        """Put a job back into its place, or at the head if its turn has come meanwhile. None if it is not set aside."""
        found = self._aside.get(job_id)
        if found is None:
            return None
        job, kept = found
        lane = self._backlog.lane_of(job)
        for gap, entry in reversed(kept):
            try:
                lane[lane.index(gap)] = entry
            except ValueError:
                lane.appendleft(entry)
        del self._aside[job_id]
        return job

    def restore_all(self) -> None:
        """Put all of them back."""
        for job_id in list(self._aside):
            self.restore(job_id)

    # -- moved

    def move(self, job_id: int, where: str) -> tuple[bool, int | None]:
        """Move a job that waits within its priority.

        Args:
            job_id: The job.
            where: ``up`` or ``down`` past one other job, or ``top``.

        Returns:
            Whether it waits here, and the job that it changed places with, or came before: None if it was there
            already.
        """
        job = self._waiting(job_id)
        if job is None:
            return False, None
        lane, mine = self._entries(job)
        other = self._neighbour(lane, mine, where)
        if other is None:
            return True, None
        for _, entry in mine:
            lane.remove(entry)
        theirs = [place for place, entry in enumerate(tuple(lane)) if _job_of(entry) is other]
        place = theirs[-1] + 1 if where == "down" else theirs[0]
        for _, entry in reversed(mine):
            lane.insert(place, entry)
        return True, other.id

    def _waiting(self, job_id: int) -> AnyJob | None:
        jobs = (_job_of(entry) for entry in self._backlog.entries())
        return next((job for job in jobs if job.id == job_id and job._ended is None), None)

    def _entries(self, job: AnyJob) -> tuple[Lane, list[tuple[int, Entry]]]:
        """The lane of a job, and its entries there with their places."""
        lane = self._backlog.lane_of(job)
        return lane, [(place, entry) for place, entry in enumerate(tuple(lane)) if _job_of(entry) is job]

    def _neighbour(self, lane: Lane, mine: list[tuple[int, Entry]], where: str) -> AnyJob | None:
        """The next job that waits in the direction of the move; for ``top``, the one at the head."""
        entries: list[Any] = list(lane)
        if where == "down":
            there = entries[mine[-1][0] + 1 :]
        else:
            there = entries[: mine[0][0]]
            if where == "up":
                there.reverse()
        return next((job for job in map(_job_of, there) if job._ended is None), None)


def _job_of(entry: Entry) -> AnyJob:
    return entry if isinstance(entry, Job) else entry.job
