"""What is put together of a program's pool from what the hook wrote, look by look, without any program."""

from __future__ import annotations

from dataclasses import replace

import pytest

from poolmgr.engine.tape import Happened, Ran
from poolmgr.hook.site.poolmgr_hook import layout
from poolmgr.model.states import JobState, PoolState, WorkerState
from poolmgr.monitor.observed import End, Failure, ObservedPool, ObservedTask, ObservedWorker, Submission
from poolmgr.monitor.observed_pool import ProgramPool
from poolmgr.monitor.observed_tape import ObservedTape, spans
from poolmgr.monitor.observed_workers import Slots
from poolmgr.monitor.run_log import RunLog

OWNER, PIPE = 100, 7
MS = 1_000_000


def record(**changed: object) -> ObservedPool:
    """A pool of two workers that was given nothing."""
    zeros = dict.fromkeys(
        ("submitted", "finished", "tasks", "items", "unsized", "good", "bad", "beat_ns", "lost", "deaths"), 0
    )
    facts = {"kind": "Pool", "site": "x.py:3", "start_method": "fork", "reason": ""}
    pool = ObservedPool(
        key="100.1", pid=OWNER, pipe=PIPE, born_ns=0, facts=facts, wanted=2, workers=2, state=layout.OPEN,
        submissions=(), ends=(), **zeros,
    )  # fmt: skip
    return replace(pool, **changed)  # type: ignore[arg-type]


def worker(pid: int, **changed: object) -> ObservedWorker:
    """A worker that waits for its first task."""
    idle = ObservedWorker(
        pid=pid, pipe=PIPE, born_ns=pid, ready_ns=pid + 1, running=None, task=0, sending=False, done=0, failed=0,
        items_done=0, busy_ns=0, finished=(), left_ns=None, stacks_fd=-1, soft_signal=0, stopped=0, held=False,
    )  # fmt: skip
    return replace(idle, **changed)  # type: ignore[arg-type]


def task(
    job: int, *, sequence: int = -1, outcome: int | None = None, function: str = "m.f", items: int = 1
) -> ObservedTask:
    """A task of 5 ms that began at as many ms as its job's number, which is its argument and its result."""
    ended = None if outcome is None else (job + 5) * MS
    result = str(job) if outcome == layout.OK else ""
    return ObservedTask(job, 0, function, items, job * MS, ended, outcome, sequence, f"({job})", result)


def submitted(*jobs: int, tasks: int = 1) -> tuple[Submission, ...]:
    return tuple(Submission(job, job, tasks, tasks, "m.f", layout.APPLY, place) for place, job in enumerate(jobs))


def opened() -> tuple[ProgramPool, ObservedTape, RunLog]:
    tape, log = ObservedTape(), RunLog()
    return ProgramPool(record(), Slots(), tape, log, 0.0), tape, log


ALL = {OWNER, 1, 2, 3}


def test_running_waiting_done_and_failed() -> None:
    """Jobs are running, waiting, done and failed as the record and the cells say, and are counted so."""
    pool, _, log = opened()
    finished = (task(0, sequence=0, outcome=layout.OK), task(1, sequence=1, outcome=layout.ERROR))
    ends = (End(0, 5, layout.OK, 0), End(1, 6, layout.ERROR, 1))
    busy = worker(1, running=task(2), done=1, failed=1, finished=finished)
    pool.take(record(submitted=5, finished=2, submissions=submitted(0, 1, 2, 3, 4), ends=ends), [busy, worker(2)], ALL)
    snapshot = pool.snapshot("x")
    counts = snapshot.counts
    assert (counts.submitted, counts.running, counts.queued, counts.done, counts.failed) == (5, 1, 2, 1, 1)
    assert {job.id: job.state for job in snapshot.jobs} == {
        0: JobState.DONE, 1: JobState.FAILED, 2: JobState.RUNNING, 3: JobState.QUEUED, 4: JobState.QUEUED
    }  # fmt: skip
    assert [each.state for each in snapshot.workers] == [WorkerState.RUNNING, WorkerState.IDLE]
    assert snapshot.engine == "stock Pool"
    assert any(line.job_id == 1 and "failed" in line.text for line in log.lines())


def test_jobs_have_arguments_results_and_errors() -> None:
    """What a job was called with is shown from when it runs; then its result, or its error with the traceback."""
    pool, _, log = opened()
    finished = (task(0, sequence=0, outcome=layout.OK), task(1, sequence=1, outcome=layout.ERROR))
    error = Failure("ValueError: 1", "Traceback\nValueError: 1\n")
    ends = (End(0, 5, layout.OK, 0), End(1, 6, layout.ERROR, 1, 0, error))
    busy = worker(1, running=task(2), done=1, failed=1, finished=finished)
    pool.take(record(submitted=4, finished=2, submissions=submitted(0, 1, 2, 3), ends=ends), [busy], ALL)
    jobs = {job.id: (job.args, job.message, job.traceback) for job in pool.snapshot("x").jobs}
    assert jobs == {
        0: ("(0)", "0", ""),
        1: ("(1)", "ValueError: 1", "Traceback\nValueError: 1\n"),
        2: ("(2)", "", ""),
        3: ("", "", ""),
    }
    assert any(line.text == "job 1 failed: m.f: ValueError: 1" for line in log.lines())


def test_job_whose_end_is_known_before_its_worker_tells() -> None:
    """It has ended, and does not run as well; what it gave is added when the worker has told it."""
    pool, _, _ = opened()
    ends = (End(0, 5, layout.OK, 0), End(1, 6, layout.ERROR, 1, 0, Failure("ValueError: 1", "")))
    told = record(submitted=2, finished=2, submissions=submitted(0, 1), ends=ends)
    pool.take(told, [worker(1, running=task(0)), worker(2, running=task(1))], ALL)
    jobs = {job.id: (job.state, job.args, job.message) for job in pool.snapshot("x").jobs}
    assert jobs == {0: (JobState.DONE, "(0)", ""), 1: (JobState.FAILED, "(1)", "ValueError: 1")}
    good = worker(1, done=1, finished=(task(0, sequence=0, outcome=layout.OK),))
    bad = worker(2, failed=1, finished=(task(1, sequence=0, outcome=layout.ERROR),))
    pool.take(told, [good, bad], ALL)
    jobs = {job.id: (job.state, job.args, job.message) for job in pool.snapshot("x").jobs}
    assert jobs == {0: (JobState.DONE, "(0)", "0"), 1: (JobState.FAILED, "(1)", "ValueError: 1")}


def test_map_tells_where_it_is_and_where_it_failed() -> None:
    """A map has the number of its items for arguments, and those of the chunk that runs or has failed."""
    pool, _, _ = opened()
    (given,) = submitted(0, tasks=4)
    given = replace(given, kind=layout.MAP, items=12)
    running = worker(1, running=task(0, items=3))
    pool.take(record(submitted=1, submissions=(given,)), [running], ALL)
    job = pool.snapshot("x").job(0)
    assert job is not None
    assert job.args == "(12 items, now (3 items from (0)))"
    failed = worker(1, failed=1, finished=(task(0, sequence=0, outcome=layout.ERROR, items=3),))
    ends = (End(0, 5, layout.ERROR, 0, 0, Failure("ValueError: 1", "")),)
    pool.take(record(submitted=1, finished=1, submissions=(given,), ends=ends), [failed], ALL)
    job = pool.snapshot("x").job(0)
    assert job is not None
    assert (job.args, job.message) == ("(12 items, failed at (3 items from (0)))", "ValueError: 1")


def test_a_look_is_not_counted_twice() -> None:
    """What was seen at the look before is neither a job nor a span again."""
    pool, tape, _ = opened()
    done = worker(1, done=1, busy_ns=5 * MS, finished=(task(0, sequence=0, outcome=layout.OK),))
    seen = record(submitted=1, finished=1, submissions=submitted(0), ends=(End(0, 5, layout.OK, 0),))
    pool.take(seen, [done], ALL)
    assert sum(span.done for span in tape.take() if isinstance(span, Ran)) == 1
    pool.take(seen, [done], ALL)
    assert tape.take() == []
    assert pool.snapshot("x").counts.tasks_done == 1
    assert len(pool.snapshot("x").jobs) == 1


def test_dead_worker_loses_its_job_and_its_slot_goes_on() -> None:
    """A worker that died inside a job is told in log and history; the one after it takes its slot."""
    pool, tape, log = opened()
    pool.take(record(submitted=1, submissions=submitted(0)), [worker(1, running=task(0)), worker(2)], ALL)
    tape.take()
    lost = record(submitted=1, finished=1, submissions=submitted(0), ends=(End(0, 9, layout.WORKER_LOST, 0),))
    pool.take(lost, [worker(1, running=task(0)), worker(2), worker(3)], {OWNER, 2, 3})
    snapshot = pool.snapshot("x")
    assert (snapshot.counts.lost, snapshot.counts.running) == (1, 0)
    job = snapshot.job(0)
    assert job is not None
    assert (job.args, job.function, job.slot, job.pid) == ("(0)", "m.f", 0, 1)
    assert {each.pid for each in snapshot.workers} == {2, 3}
    what = [span.what for span in tape.take() if isinstance(span, Happened)]
    assert what.count("lost") == 1
    assert what.count("died") == 1
    assert any("w1 died inside job 0" in line.text for line in log.lines())
    pool.take(lost, [worker(2), worker(3)], {OWNER, 2, 3})
    by_slot = {each.slot: (each.pid, each.generation) for each in pool.snapshot("x").workers}
    assert by_slot[1] == (2, 1)
    assert len(by_slot) == 2


def test_worker_that_came_and_went_between_two_looks_is_counted_once() -> None:
    """What a worker did that lived for less than a look is told, with its jobs; its cells may stay for a while."""
    pool, tape, _ = opened()
    brief = worker(3, done=1, busy_ns=5 * MS, finished=(task(0, sequence=0, outcome=layout.OK),), left_ns=9)
    seen = record(submitted=1, finished=1, submissions=submitted(0), ends=(End(0, 5, layout.OK, 0),))
    pool.take(seen, [worker(1), brief], {OWNER, 1})
    pool.take(seen, [worker(1), brief], {OWNER, 1})
    assert sum(span.done for span in tape.take() if isinstance(span, Ran)) == 1
    snapshot = pool.snapshot("x")
    job = snapshot.job(0)
    assert job is not None
    assert (job.args, job.message, job.pid) == ("(0)", "0", 3)
    assert (snapshot.counts.tasks_done, [each.pid for each in snapshot.workers]) == (1, [1])


@pytest.mark.parametrize(
    ("state", "pending", "alive", "over"),
    [
        (layout.TERMINATED, 1, {OWNER}, True),
        (layout.TERMINATED, 1, {OWNER, 1}, False),
        (layout.CLOSED, 0, {OWNER}, True),
        (layout.CLOSED, 1, {OWNER}, False),
        (layout.OPEN, 0, {OWNER}, False),
        (layout.GONE, 1, {OWNER, 1}, True),
    ],
)
def test_pool_that_its_program_keeps_is_over(state: int, pending: int, alive: set[int], over: bool) -> None:
    """A pool of which nothing more will come has ended, though its program lives and may keep the object."""
    pool, _, _ = opened()
    pool.take(record(state=state, submitted=1, finished=1 - pending), [worker(1)], alive)
    assert pool.ended is over


def test_job_that_was_to_die_is_killed_and_not_lost() -> None:
    """A job whose kill was asked for is told as killed."""
    pool, _, _ = opened()
    pool.jobs.kill_asked(0)
    lost = record(submitted=1, finished=1, submissions=submitted(0), ends=(End(0, 9, layout.WORKER_LOST, 0),))
    pool.take(lost, [], ALL)
    counts = pool.snapshot("x").counts
    assert (counts.killed, counts.lost) == (1, 0)


def test_map_runs_until_its_last_task() -> None:
    """A job of many tasks runs between two of them, and says how many are done."""
    pool, _, _ = opened()
    done = worker(1, done=1, finished=(task(0, sequence=0, outcome=layout.OK),))
    pool.take(record(submitted=1, submissions=submitted(0, tasks=4)), [done], ALL)
    job = pool.snapshot("x").job(0)
    assert job is not None
    assert (job.state, job.tasks, job.tasks_done) == (JobState.RUNNING, 4, 1)


@pytest.mark.parametrize(("finished", "waits"), [(1, True), (2, False)])
def test_tasks_of_a_map_that_runs_wait(finished: int, waits: bool) -> None:
    """Of four tasks one or two are done and two in hand: what is then left has not been taken by anybody."""
    pool, tape, _ = opened()
    ends = tuple(task(0, sequence=place, outcome=layout.OK) for place in range(finished))
    first = worker(1, done=finished, finished=ends, running=task(0))
    pool.take(record(submitted=1, submissions=submitted(0, tasks=4)), [first, worker(2, running=task(0))], ALL)
    assert tape.look().queued is waits


def test_owner_gone_is_the_end() -> None:
    """A pool whose process is gone has ended; what had not ended is counted as cancelled."""
    pool, _, _ = opened()
    pool.take(record(submitted=3, finished=1, ends=(End(0, 5, layout.OK, 0),)), [worker(1)], ALL)
    pool.take(None, [], set())
    snapshot = pool.snapshot("x")
    assert snapshot.state is PoolState.ENDED
    assert (snapshot.workers, snapshot.counts.cancelled, snapshot.counts.done) == ((), 2, 1)


def test_tasks_that_fell_out_of_the_ring_are_counted() -> None:
    """More tasks than the ring holds are counted in full, and their time is the worker's busy time."""
    known = [task(number, sequence=number, outcome=layout.OK) for number in (90, 96)]
    (span,) = spans(0, known, done=50, failed=1, busy=300 * MS)
    assert (span.done, span.failed, span.busy) == (50, 1, 300 * MS)
    assert span.end - span.begin >= span.busy
    assert spans(0, [], 0, 0, 0) == []
