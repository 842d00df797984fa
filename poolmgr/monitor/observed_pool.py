"""One pool of a user's program, as the collector sees it: what the hook tells of it, put together over time.

    observer     take(), four times a second: the record and the cells (observed.py) -> slots, jobs, spans
    collector    snapshot(), record(): a picture of what was taken last

Threads: the observer's writes, the collector's reads; a lock keeps a picture whole.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Collection, Sequence

from poolmgr.hook.site.poolmgr_hook import layout
from poolmgr.model.snapshot import Counts, PoolSnapshot, WorkerSnapshot
from poolmgr.model.states import PoolState, WorkerState
from poolmgr.monitor.observed import ObservedPool, ObservedWorker
from poolmgr.monitor.observed_jobs import Jobs
from poolmgr.monitor.observed_tape import ObservedTape
from poolmgr.monitor.observed_workers import Seated, Slots
from poolmgr.monitor.run_log import RunLog

_STATES = {
    layout.OPEN: PoolState.RUN,
    layout.CLOSED: PoolState.CLOSE,
    layout.TERMINATED: PoolState.TERMINATE,
    layout.GONE: PoolState.ENDED,
}


class ProgramPool:
    """A pool of a program.

    Args:
        record: Its record when it was found.
        slots: Where its workers sit; shared with the pools that had this seat before it, so that slots go on.
        tape: What its workers do goes there.
        log: Takes a line for what is worth one.
        epoch: Seconds to add to CLOCK_MONOTONIC to get seconds since the epoch.
    """

    def __init__(self, record: ObservedPool, slots: Slots, tape: ObservedTape, log: RunLog, epoch: float) -> None:
        self.key = record.key
        self.record = record
        self.jobs = Jobs(epoch)
        self._slots = slots
        self._tape = tape
        self._log = log
        self._epoch = epoch
        self._lock = threading.Lock()
        self._state = PoolState.RUN
        #: Nothing new is begun.  Written by who asks for it.
        self.held = False
        #: When all this was seen, seconds since the epoch: what runs has run until then.
        self._looked = time.time()
        #: Tasks of workers that have gone.
        self._tasks_before = 0
        kind, place = record.facts.get("kind", "pool"), record.facts.get("site", "")
        log.add(
            f"{kind} of {record.wanted} workers" + f", made at {place}" * bool(place) + f", by process {record.pid}"
        )
        if reason := record.facts.get("reason"):
            log.add(f"this pool is only watched, or not all can be done to it: {reason}", level="warning")

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self._state is PoolState.ENDED

    @property
    def engine(self) -> str:
        """Whose engine runs it, as screens tell it."""
        kind = self.record.facts.get("kind", "")
        return "poolmgr" if kind == "poolmgr" else f"stock {kind}".rstrip()

    def take(self, record: ObservedPool | None, workers: Sequence[ObservedWorker], alive: Collection[int]) -> None:
        """Note what is there now.

        Args:
            record: Its record; None once that is gone.
            workers: Whose cells are there, oldest first.
            alive: Process ids of those that live, the owner's among them if it does.
        """
        now = time.monotonic_ns()
        with self._lock:
            self._looked = time.time()
            if record is not None:
                self.record = record
            over = record is None or record.pid not in alive or is_over(record, workers, alive)
            self._state = PoolState.ENDED if over else _STATES.get(self.record.state, PoolState.RUN)
            gone = self._slots.take(workers, alive)
            if self.ended:
                gone += self._slots.leave_all()
            for seated in (*gone, *self._slots.in_order()):
                self.jobs.ran(seated, self._tape.note(seated))
            self.jobs.in_hands((*gone, *self._slots.in_order()))
            for seated in gone:
                self._tasks_before += seated.done + seated.failed
                self._tell_gone(seated, now)
            self.jobs.take(self.record)
            self._tell_bad()
            self._set_now()

    def workers(self) -> list[Seated]:
        """All workers, by slot."""
        with self._lock:
            return self._slots.in_order()

    def seated(self, slot: int) -> Seated | None:
        """The worker in a slot."""
        with self._lock:
            return next((one for one in self._slots.in_order() if one.slot == slot), None)

    def seated_at(self, job_id: int) -> Seated | None:
        """The worker that runs a job, or a task of it."""
        with self._lock:
            for one in self._slots.in_order():
                if one.worker.running is not None and one.worker.running.job == job_id:
                    return one
        return None

    def snapshot(self, name: str) -> PoolSnapshot:
        """The picture of what was taken last."""
        now = time.time()
        with self._lock:
            seated = self._slots.in_order()
            record = self.record
            running = self.jobs.running(seated)
            tasks = self._tasks_before + sum(one.worker.done + one.worker.failed for one in seated)
            counts = self.jobs.counts(record, len(running), tasks)
            if self.ended:
                # What had not ended with its pool never will.
                counts = _dropped(counts)
                running = {}
            return PoolSnapshot(
                name=name,
                pid=record.pid,
                state=PoolState.HELD if self.held and self._state is PoolState.RUN else self._state,
                start_method=record.facts.get("start_method", ""),
                size=record.wanted,
                started=record.born_ns / 1e9 + self._epoch,
                time=now,
                counts=counts,
                workers=tuple(self._worker(one) for one in seated),
                jobs=self.jobs.shown(running, ended=self.ended),
                log=self._log.lines(),
                engine=self.engine,
            )

    def _worker(self, seated: Seated) -> WorkerSnapshot:
        worker = seated.worker
        task = worker.running
        if task is not None:
            state, since = WorkerState.RUNNING, task.began_ns
        elif worker.ready_ns is None:
            state, since = WorkerState.STARTING, worker.born_ns
        else:
            last = worker.finished[-1].ended_ns if worker.finished else None
            state, since = WorkerState.IDLE, last or worker.ready_ns
        return WorkerSnapshot(
            slot=seated.slot,
            pid=worker.pid,
            state=state,
            started=worker.born_ns / 1e9 + self._epoch,
            generation=seated.generation,
            job_id=None if task is None else task.job,
            function="" if task is None else task.function,
            elapsed=max(0.0, self._looked - since / 1e9 - self._epoch),
            done=worker.done,
            failed=worker.failed,
        )

    def _set_now(self) -> None:
        seated = self._slots.in_order()
        running = self.jobs.running(seated)
        hands = Counter(one.worker.running.job for one in seated if one.worker.running is not None)
        # Those of a map wait too, though it is one job that runs.
        queued = self.record.pending > len(running) or any(
            job.tasks - job.tasks_done > hands[job.id] for job in running.values()
        )
        self._tape.set_now(seated, self.jobs.waiting(self.record, running), queued=queued and not self.ended)

    def _tell_gone(self, seated: Seated, now: int) -> None:
        task = seated.worker.running
        if task is None:
            return
        if self._state in (PoolState.TERMINATE, PoolState.ENDED):
            # The program ends its pool, and its workers with it.
            return
        self._tape.died(seated, now)
        self._log.add(
            f"{seated.name} died inside job {task.job} ({task.function})",
            level="warning",
            slot=seated.slot,
            pid=seated.worker.pid,
            job_id=task.job,
        )

    def _tell_bad(self) -> None:
        for job in self.jobs.news():
            what = f"job {job.id} {job.state}: {job.function}" + f": {job.message}" * bool(job.message)
            self._log.add(what, level="warning", slot=job.slot, pid=job.pid, job_id=job.id)


def is_over(record: ObservedPool, workers: Sequence[ObservedWorker], alive: Collection[int]) -> bool:
    """Whether nothing more will come of a pool, though its program lives, and may keep the object."""
    if any(worker.pid in alive for worker in workers):
        return record.state == layout.GONE
    done = record.state == layout.CLOSED and not record.pending
    return done or record.state in (layout.TERMINATED, layout.GONE)


def _dropped(counts: Counts) -> Counts:
    return Counts(
        submitted=counts.submitted,
        done=counts.done,
        failed=counts.failed,
        lost=counts.lost,
        killed=counts.killed,
        cancelled=max(0, counts.submitted - counts.ended),
        tasks_done=counts.tasks_done,
    )
