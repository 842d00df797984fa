"""Deadlines: sees to it that tasks keep their time limits.

Thread: the dispatcher, under the feed lock.  Only workers that were sent tasks with limits are looked at, and only
while they have them: when the first limit may be reached, and now and then before, in case a worker is stopped.  What
is due is decided in ``limits.py``.

    soft limit    SOFT = the task, SIGINT; again at the next look, until TOLD says that it was raised inside the task
    hard limit    the task is killed with its worker (see ``aim.py``); if it ends meanwhile, its result counts
"""

from __future__ import annotations

import signal
import time

from poolmgr.engine import aim, limits
from poolmgr.engine.backlog import Batch, Segment
from poolmgr.engine.drain import Drain
from poolmgr.engine.feeding import Feeding
from poolmgr.engine.handle import Handle
from poolmgr.engine.job import Task
from poolmgr.engine.limits import Due, Stopwatch
from poolmgr.engine.returns import Returns
from poolmgr.errors import JobTimedOut
from poolmgr.runtime.cells import BEGAN, MASK, NONE, SOFT, SOFT_NS, TOLD
from poolmgr.runtime.procfs import stopped


class _Watch:
    """What is known of a worker that has tasks with limits."""

    __slots__ = ("ran", "sequence", "shortest")

    def __init__(self, shortest: float) -> None:
        #: The shortest limit among all that it was sent (s): none of them can reach its own sooner than that.
        self.shortest = shortest
        #: The task that was last looked at, and how long it has run.
        self.sequence = NONE
        self.ran: Stopwatch | None = None


class Deadlines:
    """The time limits of what workers hold."""

    def __init__(self, feeding: Feeding, drain: Drain, returns: Returns) -> None:
        self._feeding = feeding
        self._drain = drain
        self._returns = returns
        #: When the next look is due (CLOCK_MONOTONIC, s), None if none is needed.
        self.due: float | None = None
        self._watches: dict[Handle, _Watch] = {}

    def sent(self, handle: Handle, batch: Batch) -> None:
        """Tasks were sent to a worker."""
        shortest = _shortest(batch)
        if shortest is None:
            return
        watch = self._watches.setdefault(handle, _Watch(shortest))
        watch.shortest = min(watch.shortest, shortest)
        self._look_again(time.monotonic() + limits.pace(shortest))

    def frozen(self, handle: Handle) -> float:
        """Seconds for which the worker was stopped during the task that it is at, as far as it was looked at."""
        watch = self._watches.get(handle)
        return 0.0 if watch is None or watch.ran is None else watch.ran.frozen

    def tick(self, now: float) -> None:
        """Look at all workers that have limits, if it is time to."""
        if self.due is None or now < self.due:
            return
        self.due = None
        for handle, watch in list(self._watches.items()):
            again = self._look(handle, watch, now)
            if again is None:
                del self._watches[handle]
            else:
                self._look_again(now + again)

    def _look_again(self, moment: float) -> None:
        self.due = moment if self.due is None else min(self.due, moment)

    def _look(self, handle: Handle, watch: _Watch, now: float) -> float | None:
        """See to one worker. Returns after how many seconds to look again, None if it has nothing any more."""
        if handle.dead or handle.killed_for is not None:
            return None
        with handle.lock:
            self._drain.collect(handle)
        if handle.empty:
            # Its results are taken, so it need not ring for them: nobody else would notice that it is free.
            self._feeding.freed(handle)
        task = handle.current()
        if task is None or all(_shortest(batch) is None for batch in tuple(handle.inflight)):
            return None
        options = task.job.options
        sequence = handle.drained
        began = self._began(handle, sequence) if handle.began else None
        if began is None or options.shortest is None:
            # Nothing with a limit runs just now; what begins from here on has its whole limit before it.
            return limits.pace(watch.shortest)
        if watch.sequence != sequence or watch.ran is None:
            watch.sequence, watch.ran = sequence, Stopwatch(began)
        still = stopped(handle.pid)
        ran = watch.ran.look(now, still)
        told = int(handle.cells.view[TOLD]) == sequence
        due, again = limits.judge(options, ran, told=told, stopped=still)
        if due is Due.KILL:
            return self._kill(handle, task, ran, now)
        if due is Due.SOFTEN:
            self._soften(handle, sequence, options.soft_timeout or 0.0)
        return again

    def _began(self, handle: Handle, sequence: int) -> float | None:
        """When the worker began the task of START (CLOCK_MONOTONIC, s), None if it has not told yet."""
        began = int(handle.cells.view[BEGAN])
        # It names the task first and tells the time then: until it has, the time of the task before stands there.
        if began in (0, handle.cells.began[(sequence - 1) & MASK]):
            return None
        return began / 1e9

    def _soften(self, handle: Handle, sequence: int, limit: float) -> None:
        handle.cells.view[SOFT_NS] = int(limit * 1e9)
        handle.cells.view[SOFT] = sequence
        handle.signal(signal.SIGINT)

    def _kill(self, handle: Handle, task: Task, ran: float, now: float) -> float | None:
        limit = task.job.options.timeout or 0.0
        fate = JobTimedOut(task.job.id, round(ran, 3), limit, handle.pid)
        return None if aim.shoot(handle, self._returns, task.job.id, fate, now) else aim.AGAIN


def _shortest(batch: Batch) -> float | None:
    """The shortest limit of its tasks (s), None if none has one."""
    jobs = [batch.job] if isinstance(batch, Segment) else batch
    return min((job.options.shortest for job in jobs if job.options.shortest is not None), default=None)
