"""A pool in full swing, the same at each call: for pictures of screens and for what is exported."""

from __future__ import annotations

import random
from dataclasses import replace

from poolmgr.model.buckets import FINE, SECOND, WIDTHS, History
from poolmgr.model.durations import Histogram
from poolmgr.model.log import LogLine
from poolmgr.model.recording import Recording
from poolmgr.model.snapshot import Counts, FunctionSnapshot, JobSnapshot, PoolSnapshot, Trends, WorkerSnapshot
from poolmgr.model.states import JobState, WorkerState
from poolmgr.model.times import Times
from tests.helpers.fake_control import NOW, make_job, make_snapshot, make_worker

#: Workers, and seconds that their history goes back.
WORKERS, SPAN = 8, 60
#: Functions with the mean ns that they take, and how often they are called.
FUNCTIONS = (("pipeline.resize", 0.08, 6), ("pipeline.encode", 0.31, 2), ("pipeline.fetch", 0.9, 1))
#: The slot that has run one job for long, and the one that has just begun anew.
STRAGGLER, REBORN, IDLE = 4, 7, 6


def busy_history() -> History:
    """A minute of eight workers: one sits on a job, one was killed and started again, one is idle now."""
    draw = random.Random(5)
    end = SPAN * SECOND
    recording = Recording(0, NOW - SPAN)
    numbers = [recording.function(name) for name, _, _ in FUNCTIONS]
    for moment in range(0, end + 1, WIDTHS[FINE]):
        # Slices are completed as time goes by: what is told later would come too late.
        for slot in range(WORKERS):
            recording.slot(slot)
        recording.picture(moment)
        if moment < end:
            for slot in range(WORKERS):
                _one_slice(recording, draw, numbers, slot, moment)
    return recording.picture(end)


def _one_slice(recording: Recording, draw: random.Random, numbers: list[int], slot: int, moment: int) -> None:
    width, ago = WIDTHS[FINE], SPAN - moment / SECOND
    recorder = recording.slot(slot)
    if slot == STRAGGLER and ago <= 41:
        recorder.run(moment, moment + width, numbers[2])
        recorder.gauge(moment, cpu=20, rss=1_900 << 20)
        return
    recorder.gauge(moment, cpu=draw.randrange(900, 1000), rss=(200 + slot) << 20)
    if slot == REBORN and ago <= 15:
        if ago > 14.75:
            recorder.mark(moment, "killed")
        elif ago > 3:
            recorder.spend(moment, moment + width, "start")
        else:
            recorder.run(moment, moment + width, numbers[0], done=1)
        return
    if slot == IDLE and ago <= 4:
        return
    function = draw.choices(range(len(FUNCTIONS)), [often for _, _, often in FUNCTIONS])[0]
    edge = moment + draw.randrange(1, 8) * width // 8
    failed = int(draw.random() < 0.02)
    recorder.run(moment, edge, numbers[function], done=1 - failed, failed=failed)
    if draw.random() < 0.8:
        recorder.run(edge, moment + width, numbers[draw.randrange(len(FUNCTIONS))])


def busy_functions() -> tuple[FunctionSnapshot, ...]:
    """What is told of each function."""
    draw = random.Random(7)
    found = []
    for name, mean, often in FUNCTIONS:
        histogram = Histogram()
        known = [int(SECOND * draw.lognormvariate(0, 0.4) * mean / 2) for _ in range(often * 100)]
        histogram.add(known, count=len(known), total=sum(known))
        durations = histogram.picture()
        p50, p95, p99 = (durations.quantile(share) / SECOND for share in (0.5, 0.95, 0.99))
        found.append(
            FunctionSnapshot(
                name, often * 5000, often, 1, often * 6000, p50, p95, p99, durations.longest / SECOND, 7.0 * often,
                61_000.0 / often, 100 * often / 9, durations,
            )
        )  # fmt: skip
    return tuple(found)


def busy_snapshot() -> PoolSnapshot:
    """The picture of that pool."""
    draw = random.Random(9)
    return make_snapshot(
        _workers(draw),
        _jobs(draw),
        counts=Counts(60_000, 11_868, 6, 48_112, 9, 2, 1, 2, tasks_done=48_122),
        log=_log(),
        history=Trends(
            tuple(60 + 12 * draw.random() if second % 40 else 4.0 for second in range(120)),
            tuple(700 + 60 * draw.random() for _ in range(120)),
        ),
        size=WORKERS,
        start_method="forkserver",
        monitor_percent=0.7,
        board_pid=4119,
        expected=60_000,
        functions=busy_functions(),
        times=Times(work=81, serialise=6, wait=9, start=1, idle=3),
    )


def _workers(draw: random.Random) -> list[WorkerSnapshot]:
    workers = []
    for slot in range(WORKERS):
        cpu = tuple(draw.uniform(80, 100) for _ in range(60))
        workers.append(
            make_worker(slot, 48_107 + slot, cpu_history=cpu, cpu_percent=cpu[-1], done=6000 + slot, elapsed=0.08)
        )
    workers[STRAGGLER] = replace(
        workers[STRAGGLER], function="pipeline.fetch", elapsed=41.0, cpu_percent=2.0, rss=1_900 << 20, failed=7
    )
    workers[IDLE] = make_worker(IDLE, None, elapsed=0.4, cpu_percent=0.0, done=6066)
    workers[REBORN] = make_worker(
        REBORN, None, state=WorkerState.STARTING, pid=4391, generation=2, done=0, cpu_history=(36.0,), cpu_percent=36.0
    )
    return workers


def _jobs(draw: random.Random) -> list[JobSnapshot]:
    jobs = [
        make_job(48_107 + slot, slot=slot, pid=4121 + slot, started=NOW - (41 if slot == STRAGGLER else 0.08))
        for slot in range(WORKERS - 2)
    ]
    trace = "Traceback (most recent call last):\n  File \"pipeline.py\", line 61, in head\nKeyError: 'etag'"
    fetch = {"function": "pipeline.fetch", "message": "KeyError: 'etag'", "traceback": trace}
    jobs += [make_job(47_991 - 13 * number, JobState.FAILED, slot=number % 8, **fetch) for number in range(9)]
    jobs += [
        make_job(45_733, JobState.KILLED, function="pipeline.encode", message="killed by the operator"),
        make_job(45_730, JobState.LOST, function="pipeline.encode", message="worker 4128 was killed by SIGKILL"),
        make_job(45_700, JobState.CANCELLED, function="pipeline.encode", started=None, message="cancelled"),
    ]
    jobs += [make_job(48_200 + number, JobState.QUEUED) for number in range(40)]
    jobs += [
        make_job(48_000 - number, JobState.DONE, message=str(draw.randrange(10**6)), ended=NOW - 9.9)
        for number in range(40)
    ]
    return jobs


def _log() -> tuple[LogLine, ...]:
    return (
        LogLine(1, NOW - 761, "event", "pool train opened, 8 workers"),
        LogLine(2, NOW - 40, "out", "GET s3://b/key-48111.png", slot=4, pid=4125, job_id=48_111),
        LogLine(3, NOW - 30, "err", "warning: 204 without headers", slot=1, pid=4122, job_id=47_991, level="warning"),
        LogLine(4, NOW - 15, "event", "worker w8 (pid 4128) was killed by SIGKILL, replaced", level="error"),
    )
