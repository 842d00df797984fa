"""Jobs that wait for the ends of others.

    submitted with after=5         5 runs or waits: the job is held, and 5 is watched
    5 is done                      the job goes to the end of its priority in the queue
    5 has ended badly              the job is cancelled, with PredecessorFailed, and so is what waits for it
    5 is tried again by itself     that is no end
    the job is set aside           it stays held until it is taken back or cancelled; if 5 ends badly it is cancelled
    5 was retried by somebody      what is submitted or retried after 5 from then on waits for the newest retry

Nothing runs while a job is held: who settles the other one leaves a step for the dispatcher.  A pool that is closed
goes on until nothing is held, and since a job can wait only for one that is older, that always comes.

Thread: the dispatcher, under the feed lock.  Pictures read :attr:`After.held` from any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from poolmgr.engine.accounts import Accounts
from poolmgr.engine.backlog import Backlog
from poolmgr.engine.job import AnyJob, Job, Task
from poolmgr.engine.waiting import Waitable
from poolmgr.errors import PredecessorFailed
from poolmgr.model.states import JobState


class After:
    """The jobs that are held, and whom they wait for."""

    def __init__(self, backlog: Backlog, accounts: Accounts, tell: Callable[[Callable[[], object]], None]) -> None:
        """Make it; ``tell`` has a step run on the dispatcher's thread under the feed lock, and may be called by any."""
        self._backlog = backlog
        self._accounts = accounts
        self._tell = tell
        #: The jobs by their ids, and how many others each waits for.
        self._held: dict[int, Job] = {}
        self._left: dict[int, int] = {}
        #: Those that may yet be cancelled, with what tells this time from others: they stay held meanwhile.
        self._aside: dict[int, object] = {}
        #: Who waits for a job that is watched; some may be held no more.
        self._followers: dict[AnyJob, list[Job]] = {}

    def __bool__(self) -> bool:
        return bool(self._held)

    @property
    def held(self) -> list[Job]:
        """The jobs that are held, in the order of their submission."""
        return list(self._held.values())

    def hold(self, job: Job, others: Sequence[AnyJob]) -> None:
        """Have the job wait for the others, of which some may have ended badly."""
        failed = next((other for other in others if other._ended not in (None, JobState.DONE)), None)
        if failed is not None:
            self._cancel(job, failed)
            return
        if not others:
            self._backlog.put(job)
            return
        self._left[job.id] = len(others)
        self._held[job.id] = job
        for other in others:
            followers = self._followers.get(other)
            if followers is not None:
                followers.append(job)
                continue
            self._followers[other] = [job]
            self._watch(other)

    def _watch(self, other: AnyJob) -> None:
        def ended() -> None:
            self._tell(lambda: self._over(other))

        if isinstance(other, Waitable):
            # Also where a caller waits as its leader, and would settle it without anybody else's knowing.
            other._watch(ended)
            return
        other.on_end = ended
        if other._ended is not None:
            ended()

    def _over(self, other: AnyJob) -> None:
        """Another job has ended."""
        for job in self._followers.pop(other, ()):
            if job.id not in self._held:
                continue
            if other._ended is not JobState.DONE:
                self.withdraw(job)
                self._cancel(job, other)
                continue
            self._left[job.id] -= 1
            self._release(job)

    def _release(self, job: Job) -> None:
        """Have the job in the queue if it waits for nobody any more."""
        if self._left[job.id] or job.id in self._aside:
            return
        # First there, then gone from here: a picture that is taken meanwhile has it in one place at least.
        self._backlog.put(job)
        self.withdraw(job)

    def _cancel(self, job: Job, other: AnyJob) -> None:
        how = JobState.CANCELLED if other._ended is None else other._ended
        self._accounts.failed(job._task(), PredecessorFailed(job.id, other.id, how.value))

    # -- set aside

    def set_aside(self, job: AnyJob) -> object | None:
        """Keep a job that is held from running, whatever comes. Returns its ticket, None if it is not held."""
        if job.id not in self._held:
            return None
        return self._aside.setdefault(job.id, object())

    def ticket(self, job_id: int) -> object | None:
        """What :meth:`set_aside` has returned for the job, None if it is not set aside. From any thread."""
        return self._aside.get(job_id)

    def restore(self, job_id: int) -> Job | None:
        """Let a job go on that was set aside. None if it is not."""
        if self._aside.pop(job_id, None) is None:
            return None
        job = self._held[job_id]
        self._release(job)
        return job

    # -- looked up, taken out

    def find(self, job_id: int) -> Job | None:
        """The job of this id, if it is held."""
        return self._held.get(job_id)

    def withdraw(self, wanted: AnyJob | None = None) -> list[Task]:
        """Hold a job no more, or none at all any more; returns their tasks, for whoever ends them."""
        found = None if wanted is None else self.find(wanted.id)
        jobs = self.held if wanted is None else [] if found is None else [found]
        for job in jobs:
            del self._held[job.id], self._left[job.id]
            self._aside.pop(job.id, None)
        return [job._task() for job in jobs]
