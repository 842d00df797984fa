"""Makes the snapshot of a pool, from any thread, without a lock.

Copies are taken in one piece (see ``ledger.py``), single attributes are read as they are: a picture may be a
microsecond askew between two of its parts, and never waits for anybody.  What needs psutil is left for the monitor.
"""

from __future__ import annotations

import os
import time
from itertools import islice

from poolmgr.engine.dispatcher import Dispatcher
from poolmgr.engine.handle import Handle
from poolmgr.engine.job import AnyJob
from poolmgr.engine.ledger import describe
from poolmgr.model.brief import function_name
from poolmgr.model.snapshot import JobSnapshot, PoolSnapshot, WorkerSnapshot
from poolmgr.model.states import PoolState, WorkerState

#: Jobs that wait and are shown: those that come next.
QUEUED_SHOWN = 100
#: Jobs that ended badly and are shown, the newest first.
BAD_SHOWN = 300


def take(dispatcher: Dispatcher, name: str, start_method: str, started: float, submitted: int) -> PoolSnapshot:
    """The picture of the pool now."""
    now = time.time()
    handles = sorted(dispatcher.crew.handles.copy().values(), key=lambda handle: handle.slot)
    return PoolSnapshot(
        name=name,
        pid=os.getpid(),
        state=_state(dispatcher),
        start_method=start_method,
        size=dispatcher.scheduler.size,
        started=started,
        time=now,
        counts=dispatcher.ledger.counts(submitted),
        workers=tuple(_worker(handle, now) for handle in handles),
        jobs=_jobs(dispatcher, handles),
        log=tuple(dispatcher.ledger.lines),
    )


def _state(dispatcher: Dispatcher) -> PoolState:
    if dispatcher.ended:
        return PoolState.ENDED
    if dispatcher.terminating:
        return PoolState.TERMINATE
    if dispatcher.closing:
        return PoolState.CLOSE
    return PoolState.HELD if dispatcher.scheduler.held else PoolState.RUN


def _worker(handle: Handle, now: float) -> WorkerSnapshot:
    task = handle.task
    if handle.killed_for is not None:
        state = WorkerState.DYING
    elif handle.leaving:
        state = WorkerState.LEAVING
    elif task is not None:
        state = WorkerState.RUNNING
    else:
        state = WorkerState.IDLE if handle.ready else WorkerState.STARTING
    return WorkerSnapshot(
        slot=handle.slot,
        pid=handle.pid,
        state=state,
        started=handle.started,
        generation=handle.generation,
        job_id=None if task is None else task.job.id,
        function="" if task is None else function_name(task.job.call[0]),
        elapsed=max(0.0, now - handle.since),
        done=handle.done,
        failed=handle.failed,
    )


def _jobs(dispatcher: Dispatcher, handles: list[Handle]) -> tuple[JobSnapshot, ...]:
    where: dict[int, Handle] = {}
    for handle in handles:
        task = handle.task
        if task is not None:
            where.setdefault(task.job.id, handle)
    ledger = dispatcher.ledger
    shown = [_active(job, where.get(job.id)) for job in list(ledger.active.values())]
    bad = tuple(ledger.bad)
    shown += reversed(bad[-BAD_SHOWN:])
    # islice over a deque, consumed by tuple(), runs in one piece too.
    waiting = dict.fromkeys(task.job for task in tuple(islice(dispatcher.backlog, QUEUED_SHOWN)))
    shown += [describe(job) for job in waiting if job.started is None and not job.state.ended]
    shown += reversed(tuple(ledger.done))
    return tuple(shown)


def _active(job: AnyJob, handle: Handle | None) -> JobSnapshot:
    if handle is None:
        return describe(job)
    return describe(job, slot=handle.slot, pid=handle.pid)
