"""How a pool ends for those who wait: what has not ended is failed.

Thread: the dispatcher; a caller or a feeder for what it has submitted to a pool that had ended already.
"""

from __future__ import annotations

from collections.abc import Callable

from poolmgr.engine.accounts import Accounts
from poolmgr.engine.backlog import tasks_of
from poolmgr.engine.crew import Crew
from poolmgr.engine.feeding import Feeding
from poolmgr.engine.job import ManyTasks
from poolmgr.engine.retries import Retries
from poolmgr.engine.stream import StreamJob
from poolmgr.errors import PoolTerminated


class Ending:
    """Fails what waits, and what nobody will run any more."""

    def __init__(
        self, crew: Crew, accounts: Accounts, feeding: Feeding, retries: Retries, cache: dict[int, ManyTasks]
    ) -> None:
        self._crew = crew
        self._accounts = accounts
        self._feeding = feeding
        self._retries = retries
        self._cache = cache

    def nudge_feeders(self) -> None:
        """Have feeders that wait for room look again."""
        for job in list(self._cache.values()):
            if isinstance(job, StreamJob):
                job.nudge()

    def fail_backlog(self, error: Callable[[int], BaseException] | None = None) -> None:
        """Fail all that waits, with what ``error`` makes of a job's id, or because the pool was terminated."""
        while True:
            with self._feeding.lock:
                self._feeding.places.restore_all()
                tasks = list(tasks_of(self._feeding.backlog.take(1000)))
                if error is None:
                    # Else what is held hears of it by those that it waits for.
                    tasks += self._feeding.after.withdraw()
            if not tasks:
                return
            for task in tasks:
                job_id = task.job.id
                self._accounts.failed(task, error(job_id) if error else PoolTerminated(job_id, started=False))

    def fail_retries(self) -> None:
        """Try nothing again any more: what waits for that is failed."""
        self._retries.closed = True
        for task in self._retries.withdraw():
            self._accounts.failed(task, PoolTerminated(task.job.id, started=True))

    def lose_workers(self) -> None:
        """Kill all workers, whatever they hold, and fail that too."""
        self._crew.kill()
        for handle in list(self._crew.handles.values()):
            handle.reap(sweep=True)
            self._crew.remove(handle)
            for batch in handle.take_back(handle.drained):
                for task in tasks_of(batch):
                    if task.job._ended is None:
                        self._accounts.failed(task, PoolTerminated(task.job.id, started=True))
            handle.close()

    def abandon_rest(self) -> None:
        """Fail all that is left: streams that were not read to their end, and, after a fault of ours, anything."""
        self.fail_backlog()
        self.fail_retries()
        self.nudge_feeders()
        for job in list(self._cache.values()):
            self._accounts.abandon(job)
