"""What a run came to, from the pictures that were seen of it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from poolmgr.cli.headless import summary
from poolmgr.cli.progress import line
from poolmgr.model.snapshot import Counts, JobSnapshot, PoolSnapshot, WorkerSnapshot
from poolmgr.model.states import JobState, PoolState, WorkerState
from poolmgr.runners.outcome import NAMED, Tally, exit_code

WORKER = WorkerSnapshot(slot=0, pid=11, state=WorkerState.RUNNING, started=100.0)
FRAME = PoolSnapshot("p", 1, PoolState.RUN, "fork", 1, started=100.0, time=104.0, workers=(WORKER,))


def test_worker_is_the_mean_of_its_samples() -> None:
    """CPU is the mean of the samples seen, RSS the last one, and frames before the first sample count for nothing."""
    tally = Tally()
    for cpu, rss, done in ((None, None, 0), (50.0, 10, 3), (100.0, 20, 5)):
        tally.see(replace(FRAME, workers=(replace(WORKER, cpu_percent=cpu, rss=rss, done=done, failed=1),)))
    (worker,) = tally.outcome(replace(FRAME, workers=())).workers
    assert (worker.cpu_percent, worker.rss, worker.jobs) == (75.0, 20, 6)


def test_worker_that_was_replaced_is_kept() -> None:
    """A process that is gone by the end is in the outcome beside the one that took its place."""
    tally = Tally()
    tally.see(replace(FRAME, workers=(replace(WORKER, done=4),)))
    last = replace(FRAME, workers=(replace(WORKER, pid=12, generation=2, done=7),))
    outcome = tally.outcome(last)
    assert [(worker.pid, worker.jobs, worker.cpu_percent) for worker in outcome.workers] == [
        (11, 4, None),
        (12, 7, None),
    ]


def test_json_has_plain_values() -> None:
    """The object can be written as JSON, and its numbers are those of the last picture."""
    counts = Counts(submitted=6, done=1, failed=2, killed=1, lost=1, cancelled=1)
    said = json.loads(json.dumps(Tally().outcome(replace(FRAME, counts=counts)).to_json()))
    assert said["seconds"] == 4.0
    assert [said[key] for key in ("jobs", "done", "failed", "lost", "killed", "cancelled")] == [6, 1, 2, 1, 1, 1]
    assert said["workers"] == [{"pid": 11, "cpu_percent": None, "rss": None, "jobs": 0}]


@pytest.mark.parametrize("bad", ["failed", "lost", "killed", "cancelled"])
def test_exit_code_is_1_unless_all_is_done(bad: str) -> None:
    """Every end of a job but a good one makes the exit code 1; no job at all is no failure."""
    assert exit_code(Counts()) == 0
    assert exit_code(Counts(submitted=3, done=3)) == 0
    assert exit_code(replace(Counts(submitted=3, done=2), **{bad: 1})) == 1


def test_bad_jobs_are_named_up_to_a_limit() -> None:
    """Jobs that ended badly are told, the newest first, and no more than a few."""
    bad = [JobSnapshot(n, JobState.FAILED, "f") for n in range(NAMED + 3)]
    jobs = (JobSnapshot(100, JobState.DONE, "f"), *bad)
    assert [job.id for job in Tally().outcome(replace(FRAME, jobs=jobs)).bad] == list(range(NAMED))


def test_lines_say_what_is_there() -> None:
    """Progress and summary name bad ends only where there are some, except those that everybody asks for."""
    counts = Counts(submitted=2000, done=1500, failed=2)
    frame = replace(FRAME, counts=counts, rate=1234.5, workers=(replace(WORKER, cpu_percent=97.4),))
    assert line(frame) == "4 s: 1,500 jobs done, 2 failed, 1,234 a second, CPU 97%, 1 worker"
    assert line(replace(frame, expected=7000)).startswith("4 s: 1,500 of 7,000 jobs done, 2 failed")
    assert summary(Tally().outcome(frame)) == "2,000 jobs: 1,500 done, 2 failed, 0 lost, in 4.0 s"
