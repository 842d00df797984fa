"""A picture of a pool as it was at a moment of the past, put together of what its newest picture and its history keep.

    rings  ->  the workers: busy or not, with what, CPU, memory; the rate; the shares of functions
    jobs   ->  those that are still listed, as their times say they were
    log    ->  the lines until then

What nobody keeps is left out: the counts of the pool, its state, the verdict; of a worker whose process was replaced
since, its pid; jobs that are no longer listed.  A moment is the end of a slice of the finest ring that reaches back so
far, in CLOCK_MONOTONIC ns.

Pure: reads no clock.  For any thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from poolmgr.model.buckets import FINE, KEPT, MINUTES, NONE, SECOND, SECONDS, WIDTHS, Bucket, History, Track, merge
from poolmgr.model.snapshot import Counts, FunctionSnapshot, JobSnapshot, PoolSnapshot, Trends, WorkerSnapshot
from poolmgr.model.states import JobState, WorkerState
from poolmgr.model.times import RECENT, shares

#: Slices before the moment in which a worker's CPU and memory may have been read last.
GAUGE_SLICES = 8
#: Seconds of the small graphs of workers and pool.
WORKER_SECONDS, POOL_SECONDS = 60, 120


def ring_of(history: History, at: int) -> int:
    """The finest ring that still has the slice that ends at ``at``."""
    for ring, width in enumerate(WIDTHS):
        if at > (history.number(ring) - KEPT[ring] + 1) * width:
            return ring
    return MINUTES


def stepped(history: History, at: int | None, steps: int) -> int | None:
    """The moment so many slices later, or earlier where ``steps`` is negative.

    Args:
        history: What there is.
        at: The moment; None is now.
        steps: How many slices.

    Returns:
        The moment; None for now.  Before the first slice there is nothing: it is the earliest then.
    """
    for _ in range(abs(steps)):
        if steps > 0:
            at = None if at is None else _later(history, at)
        else:
            at = _earlier(history, history.now if at is None else at)
    return at


def _later(history: History, at: int) -> int | None:
    width = WIDTHS[ring_of(history, at)]
    following = (at // width + 1) * width
    return None if following >= history.now else following


def _earlier(history: History, at: int) -> int:
    width = WIDTHS[ring_of(history, at)]
    before = (-(-at // width) - 1) * width
    # Where the ring ends, the slices of the next one are longer.
    width = WIDTHS[ring_of(history, before)]
    before = before // width * width
    first = max(history.begun, (history.number(MINUTES) - KEPT[MINUTES] + 1) * WIDTHS[MINUTES])
    return before if before > first else at


def rewound(snapshot: PoolSnapshot, history: History, at: int) -> PoolSnapshot:
    """The picture at a moment.

    Args:
        snapshot: The newest picture.
        history: The history as it is in that picture.
        at: The moment.
    """
    ring = ring_of(history, at)
    time = at / SECOND + history.epoch
    past = history.at(time)
    jobs = tuple(sorted(filter(None, (_job_at(job, time) for job in snapshot.jobs)), key=_order))
    workers = _workers_at(snapshot, history, at, jobs)
    recent = _merged(history, ring, at)
    span = max(RECENT, WIDTHS[ring] / SECOND)
    return replace(
        snapshot,
        time=time,
        counts=Counts(running=sum(worker.state is WorkerState.RUNNING for worker in workers)),
        workers=workers,
        jobs=jobs,
        log=tuple(line for line in snapshot.log if line.time <= time),
        history=_trends(past, at),
        rate=(recent.done + recent.failed) / min(span, max(0.001, (at - history.begun) / SECOND)),
        eta=None,
        monitor_percent=0.0,
        expected=None,
        until=None,
        functions=_functions_at(history, recent, workers),
        times=shares(past)[0] if _is_fine(history, at) else None,
        verdict=None,
        machine=None,
        sync=None,
    )


def _is_fine(history: History, at: int) -> bool:
    """Whether the slices of 0.25 s reach back to ten seconds before."""
    return at - int(RECENT * SECOND) > (history.number() - KEPT[FINE]) * WIDTHS[FINE]


# --- jobs


def _job_at(job: JobSnapshot, time: float) -> JobSnapshot | None:
    """The job as it was; None if it was not there, or nobody knows how it was."""
    if job.submitted > time:
        return None
    if job.ended is not None and job.ended <= time:
        return job
    changed: dict[str, Any] = {"ended": None, "message": "", "traceback": "", "death": None, "progress": None}
    if job.tasks > 1 and job.ended is not None:
        changed["tasks_done"] = NONE
    if job.started is not None and job.started <= time:
        return job if job.ended is None else replace(job, state=JobState.RUNNING, **changed)
    if job.attempt > 1:
        # Its first try may have run then; only the times of the last one are kept.
        return None
    return replace(job, state=JobState.QUEUED, started=None, slot=None, pid=None, **changed)


def _order(job: JobSnapshot) -> tuple[int, float]:
    """As pictures have them: running, ended badly (newest first), queued, done (newest first)."""
    if job.state is JobState.RUNNING:
        return 0, 0.0
    if job.state is JobState.QUEUED:
        return 2, 0.0
    return 3 if job.state is JobState.DONE else 1, -(job.ended or 0.0)


# --- workers


def _workers_at(
    snapshot: PoolSnapshot, history: History, at: int, jobs: Sequence[JobSnapshot]
) -> tuple[WorkerSnapshot, ...]:
    time = at / SECOND + history.epoch
    now = {worker.slot: worker for worker in snapshot.workers}
    running = {job.slot: job for job in jobs if job.state is JobState.RUNNING and job.slot is not None}
    found = []
    for slot in sorted({*now, *history.tracks}):
        track, worker = history.tracks.get(slot, Track()), now.get(slot)
        if worker is not None and worker.started > time:
            worker = None
        if worker is None and not _was_there(track, at):
            continue
        found.append(_worker_at(slot, worker, track, history, at, running.get(slot)))
    return tuple(found)


def _was_there(track: Track, at: int) -> bool:
    """Whether the slot had done anything by then."""
    firsts = (ring[0].number * width for ring, width in zip(track.rings, WIDTHS, strict=True) if ring)
    opened = (bucket.number * WIDTHS[FINE] for bucket in track.open[:1])
    return min((*firsts, *opened), default=at) < at


def _worker_at(
    slot: int, worker: WorkerSnapshot | None, track: Track, history: History, at: int, job: JobSnapshot | None
) -> WorkerSnapshot:
    """A worker; ``worker`` is its process now, if that is the one that it had then."""
    ring = ring_of(history, at)
    last = (at - 1) // WIDTHS[ring]
    cells = track.cells(ring, last, GAUGE_SLICES)
    bucket = cells[-1] or Bucket(last)
    busy = bucket.function is not None
    state = WorkerState.RUNNING if busy else WorkerState.STARTING if bucket.start else WorkerState.IDLE
    known = [cell for cell in cells if cell is not None]
    cpu = next((cell.cpu / 10 for cell in reversed(known) if cell.cpu != NONE), None)
    rss = next((cell.rss for cell in reversed(known) if cell.rss != NONE), None)
    time = at / SECOND + history.epoch
    after = merge(0, (each for each in track.ring(ring) if each.number > last))
    ran = job is not None and busy
    return WorkerSnapshot(
        slot,
        pid=0 if worker is None else worker.pid,
        state=state,
        started=0.0 if worker is None else worker.started,
        generation=0 if worker is None else worker.generation,
        job_id=job.id if ran and job is not None else None,
        function="" if bucket.function is None else history.names[bucket.function],
        elapsed=time - job.started if ran and job is not None and job.started is not None else -1.0,
        done=NONE if worker is None else max(0, worker.done - after.done),
        failed=NONE if worker is None else max(0, worker.failed - after.failed),
        cpu_percent=cpu,
        rss=rss,
        cpu_history=_known_cpu(track, at),
    )


def _known_cpu(track: Track, at: int) -> tuple[float, ...]:
    cells = track.cells(SECONDS, (at - 1) // WIDTHS[SECONDS], WORKER_SECONDS)
    return tuple(cell.cpu / 10 for cell in cells if cell is not None and cell.cpu != NONE)


# --- the pool


def _merged(history: History, ring: int, at: int) -> Bucket:
    """What all workers did in the ten seconds before, or in the slice where slices are longer."""
    slices = max(1, int(RECENT * SECOND) // WIDTHS[ring])
    last = (at - 1) // WIDTHS[ring]
    parts = [
        merge(last, [cell for cell in track.cells(ring, last, slices) if cell is not None])
        for track in history.tracks.values()
    ]
    return merge(last, parts, side_by_side=True)


def _functions_at(history: History, recent: Bucket, workers: Sequence[WorkerSnapshot]) -> tuple[FunctionSnapshot, ...]:
    whole = recent.busy_ns
    return tuple(
        FunctionSnapshot(
            history.names[number],
            running=sum(worker.function == history.names[number] for worker in workers),
            share=100.0 * ns / whole,
        )
        for number, ns in recent.busy
        if whole
    )


def _trends(past: History, at: int) -> Trends:
    last = (at - 1) // SECOND
    sums = {bucket.number: bucket for bucket in past.sums(SECONDS)}
    if not sums:
        return Trends()
    first = max(min(sums), last - POOL_SECONDS + 1)
    cells = [sums.get(number, Bucket(number)) for number in range(first, last + 1)]
    return Trends(
        throughput=tuple(float(cell.done + cell.failed) for cell in cells),
        cpu=tuple(max(0, cell.cpu) / 10 for cell in cells),
    )
