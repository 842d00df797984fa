"""Makes the snapshot of a pool, from any thread, without a lock.

Copies are taken in one piece (see ``ledger.py``), single attributes are read as they are: a picture may be a
microsecond askew between two of its parts, and never waits for anybody.  What needs psutil is left for the monitor.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from poolmgr.engine.dispatcher import Dispatcher
from poolmgr.engine.handle import Handle
from poolmgr.engine.job import Job, Task
from poolmgr.engine.ledger import began_at, keep, said
from poolmgr.model.brief import function_name
from poolmgr.model.states import JobState, PoolState, WorkerState

if TYPE_CHECKING:
    from poolmgr.model.snapshot import JobSnapshot, PoolSnapshot, WorkerSnapshot

#: Jobs that wait and are shown: those that come next.
QUEUED_SHOWN = 100
#: What is said of a job that is taken out of the queue and may be put back.
ASIDE = "about to be cancelled: it can still be taken back"
#: Jobs that ended badly and are shown, the newest first.
BAD_SHOWN = 300


def take(dispatcher: Dispatcher, name: str, start_method: str, started: float, submitted: int) -> PoolSnapshot:
    """The picture of the pool now."""
    from poolmgr.model.snapshot import PoolSnapshot

    now = time.time()
    handles = sorted(dispatcher.crew.handles.copy().values(), key=lambda handle: handle.slot)
    current = {handle.slot: handle.current() for handle in handles}
    running = {task.job.id for task in current.values() if task is not None}
    running.update(list(dispatcher.ledger.active))
    return PoolSnapshot(
        name=name,
        pid=os.getpid(),
        state=_state(dispatcher),
        start_method=start_method,
        size=dispatcher.scheduler.size,
        started=started,
        time=now,
        counts=dispatcher.ledger.counts(submitted, len(running)),
        workers=tuple(_worker(handle, current[handle.slot], now) for handle in handles),
        jobs=_jobs(dispatcher, handles, current),
        log=tuple(dispatcher.ledger.lines),
    )


def _state(dispatcher: Dispatcher) -> PoolState:
    if dispatcher.ended:
        return PoolState.ENDED
    if dispatcher.terminating:
        return PoolState.TERMINATE
    if dispatcher.closing:
        return PoolState.CLOSE
    return PoolState.HELD if dispatcher.feeding.held else PoolState.RUN


def _worker(handle: Handle, task: Task | None, now: float) -> WorkerSnapshot:
    from poolmgr.model.snapshot import WorkerSnapshot

    if handle.killed_for is not None:
        state = WorkerState.DYING
    elif handle.suspended:
        state = WorkerState.FROZEN
    elif handle.leaving or handle.retired or handle.recycled:
        state = WorkerState.LEAVING
    elif task is not None:
        state = WorkerState.RUNNING
    else:
        state = WorkerState.IDLE if handle.ready else WorkerState.STARTING
    since = (began_at(handle.cells) if task is not None else None) or handle.since
    return WorkerSnapshot(
        slot=handle.slot,
        pid=handle.pid,
        state=state,
        started=handle.started,
        generation=handle.generation,
        job_id=None if task is None else task.job.id,
        function="" if task is None else function_name(task.job.call[0]),
        elapsed=max(0.0, now - since),
        done=handle.done,
        failed=handle.failed,
        progress=None if task is None else said(handle.cells, handle.drained),
    )


def _jobs(dispatcher: Dispatcher, handles: list[Handle], current: dict[int, Task | None]) -> tuple[JobSnapshot, ...]:
    ledger = dispatcher.ledger
    shown: dict[int, JobSnapshot] = {}
    for handle in handles:
        task = current[handle.slot]
        if task is not None and task.job.id not in shown:
            started = task.job.started or began_at(handle.cells) or handle.since
            shown[task.job.id] = keep(
                task.job,
                slot=handle.slot,
                pid=handle.pid,
                started=started,
                state=JobState.RUNNING,
                progress=said(handle.cells, handle.drained) if task.job.tasks == 1 else None,
            ).describe()
    for job in list(ledger.active.values()):
        if job.id not in shown:
            shown[job.id] = keep(job, state=JobState.RUNNING).describe()
    bad = tuple(ledger.bad)
    for record in reversed(bad[-BAD_SHOWN:]):
        shown.setdefault(record.id, record)
    for kept in dispatcher.feeding.places.aside[:QUEUED_SHOWN]:
        shown.setdefault(kept.id, keep(kept, message=ASIDE).describe())
    for held in dispatcher.feeding.after.held[:QUEUED_SHOWN]:
        others = ", ".join(map(str, held.options.after))
        aside = dispatcher.feeding.after.ticket(held.id) is not None
        words = ASIDE if aside else f"waits for job{'s' * (',' in others)} {others}"
        shown.setdefault(held.id, keep(held, message=words).describe())
    entries = dispatcher.feeding.backlog.entries(QUEUED_SHOWN)
    queued = [entry if isinstance(entry, Job) else entry.job for entry in entries]
    queued += [task.job for task in list(dispatcher.retries.waiting.values())]
    for waiting in queued[:QUEUED_SHOWN]:
        if waiting._ended is None and waiting.id not in shown:
            shown[waiting.id] = keep(waiting).describe()
    for done in reversed(tuple(ledger.done)):
        if done.id not in shown:
            shown[done.id] = done.describe()
    return tuple(shown.values())
