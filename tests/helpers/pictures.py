"""Snapshots with something in every field, for tests that move them about."""

from __future__ import annotations

import os

from poolmgr.model.durations import Distribution
from poolmgr.model.log import LogLine
from poolmgr.model.snapshot import (
    Counts,
    Death,
    FunctionSnapshot,
    JobSnapshot,
    Machine,
    PoolSnapshot,
    Progress,
    Rule,
    Trends,
    Verdict,
    WorkerSnapshot,
)
from poolmgr.model.states import JobState, PoolState, WorkerState
from poolmgr.model.times import Times
from tests.helpers.locked import locked

DURATIONS = Distribution(2, 9, 5, ((4, 1), (5, 1)))
TIMES = Times(81.0, 6.0, 9.0, 1.0, 3.0)


def full_snapshot(name: str = "train", *, time: float = 1000.5, tasks_done: int = 40) -> PoolSnapshot:
    """A pool of two workers in full swing."""
    return PoolSnapshot(
        name=name,
        pid=os.getpid(),
        state=PoolState.RUN,
        start_method="fork",
        size=2,
        started=990.0,
        time=time,
        counts=Counts(60, 15, 2, 36, 3, 1, 2, 1, tasks_done),
        workers=(
            WorkerSnapshot(
                0,
                101,
                WorkerState.RUNNING,
                990.0,
                2,
                7,
                "resize",
                1.5,
                20,
                1,
                97.5,
                1 << 20,
                (90.0, 97.5),
                TIMES,
                Progress(3.0, 12.0, "page 3"),
            ),
            WorkerSnapshot(1, 102, WorkerState.IDLE, 990.1),
        ),
        jobs=(
            JobSnapshot(
                7, JobState.RUNNING, "resize", "('a.png',)", 0, 101, 999.0, 999.5, name="first", progress=Progress(0.5)
            ),
            JobSnapshot(
                5, JobState.FAILED, "fetch", "(1,)", 1, 102, 991.0, 992.0, 993.0, "KeyError: 'x'", "Traceback", 2, 3
            ),
            JobSnapshot(
                6,
                JobState.LOST,
                "encode",
                death=Death("SIGKILL", 3, 4, ("net.py:7 read",), 2.5, ("GET a.png", "GET b.png")),
            ),
            JobSnapshot(8, JobState.QUEUED, "work", "100 items", submitted=999.9, tasks=25, tasks_done=4),
        ),
        log=(
            LogLine(1, 990.0, "event", "opened"),
            LogLine(2, 995.0, "err", "warning: deep", slot=1, pid=102, job_id=5, level="warning"),
        ),
        history=Trends((4.0, 5.0), (180.0, 190.0)),
        rate=4.5,
        eta=9.5,
        monitor_percent=0.7,
        board_pid=4242,
        viewers=2,
        expected=80,
        until=1200.0,
        functions=(
            FunctionSnapshot(
                "resize",
                20,
                1,
                1,
                30,
                0.04,
                0.09,
                0.1,
                0.4,
                2.0,
                61_000.5,
                58.0,
                Distribution(2, 9, 5, ((4, 1), (5, 1))),
            ),
            FunctionSnapshot("fetch"),
        ),
        times=TIMES,
        verdict=Verdict(Rule.STRAGGLER, "job 7 has run for 41s", "stop it", 7, 0),
        machine=Machine(8, 2.5, 16 << 30, 8 << 30),
        sync=locked(1000.5),
    )
