"""Retries: tasks that did not end well are tried again, after a delay that grows, as often as their job allows.

    failed, timed out, worker died    another attempt is left: it waits for its delay, then for its turn, at the head
    its worker died under it twice    it is set aside, however many attempts are left
    stopped, killed, cancelled        final: somebody asked for it
    cannot be pickled or unpickled    final: it would not go better

Threads: :meth:`Retries.again` is called by whoever books the end of a task, the rest by the dispatcher.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from poolmgr.engine.backlog import Batch, Segment
from poolmgr.engine.job import AnyJob, Job, Task, Tries

if TYPE_CHECKING:
    from poolmgr.engine.feeding import Feeding
    from poolmgr.engine.ledger import Ledger

#: Seconds before the second attempt; each further one waits twice as long, up to the longest.  A short first wait costs
#: nothing where it was a hiccup, a long last one gives what is down the time to come up.
FIRST_DELAY, LONGEST_DELAY = 0.1, 30.0
#: Workers that may die under one task.  The first may have been an accident.
DEATHS = 2


def backoff(attempt: int) -> float:
    """Seconds to wait after this attempt, from 1. Without chance: who retries many at once spreads them by priority."""
    return float(min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(attempt - 1, 60)))


def delay(retries: int, tries: Tries) -> float | None:
    """Seconds until a task that has just failed is tried again, None if that was its last attempt."""
    if len(tries.errors) > retries or tries.deaths >= DEATHS:
        return None
    return backoff(len(tries.errors))


class Retries:
    """The tasks that wait to be tried again."""

    def __init__(self, feeding: Feeding, ledger: Ledger, later: Callable[[float, Callable[[], None]], None]) -> None:
        """Make it.

        Args:
            feeding: Gets them back.
            ledger: Is told of each retry.
            later: Has a step run on the dispatcher's thread after so many seconds; any thread may call it.
        """
        self._feeding = feeding
        self._ledger = ledger
        self._later = later
        #: Those that wait for their delay, by job and place.  Added to by whoever books, before the worker counts as
        #: empty, so that the pool does not take itself for done; taken from by the dispatcher.
        self.waiting: dict[tuple[AnyJob, int], Task] = {}
        #: True once nothing is tried again any more.
        self.closed = False

    def again(self, task: Task, line: str, died: bool) -> bool:
        """A task has failed in a way that may go better.

        Args:
            task: The task.
            line: Its error in one line.
            died: Whether its worker died under it.

        Returns:
            Whether it is tried again, so that this was not its end.
        """
        job, position = task.job, task.position
        retries = job.options.retries
        if not retries:
            return False
        with self._ledger.lock:
            tries = job.tries_of(position)
            tries.errors.append(line)
            tries.deaths += died
        seconds = delay(retries, tries)
        if seconds is None:
            return False
        self.waiting[job, position] = task
        # Put first, then looked: who cancels it or ends the pool finds it here, or is seen here.
        unwanted = self.closed or job in self._feeding.doomed or job._ended is not None
        if unwanted and self.waiting.pop((job, position), None) is not None:
            return False
        attempt = len(tries.errors)
        if isinstance(job, Job):
            job.attempt += 1
        which = f"job {job.id}" if isinstance(job, Job) else f"job {job.id}, task {position + 1}"
        text = f"{which}: attempt {attempt} of {retries + 1} failed ({line}); the next one in {seconds:g} s"
        self._ledger.log(text, level="warning", job_id=job.id)
        self._later(seconds, lambda: self._due((job, position)))
        return True

    # -- the dispatcher

    def _due(self, key: tuple[AnyJob, int]) -> None:
        with self._feeding.lock:
            task = self.waiting.pop(key, None)
            if task is not None:
                self._feeding.put_back([_batch(task)])

    def find(self, job_id: int) -> AnyJob | None:
        """The job of this id, if a task of it waits here."""
        return next((job for job, _ in list(self.waiting) if job.id == job_id), None)

    def withdraw(self, wanted: AnyJob | None = None) -> list[Task]:
        """Take out all tasks of a job, or all there are."""
        keys = [key for key in list(self.waiting) if wanted is None or key[0] is wanted]
        return [self.waiting.pop(key) for key in keys]


def _batch(task: Task) -> Batch:
    job = task.job
    return [job] if isinstance(job, Job) else Segment(job, task.position, task.func, list(task.args))
