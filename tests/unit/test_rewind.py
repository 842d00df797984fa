"""A picture of the past: what rings, jobs and log keep of a moment, and nothing else."""

from __future__ import annotations

import pytest

from poolmgr.model.buckets import FINE, MINUTES, SECOND, SECONDS, TENS, WIDTHS, History
from poolmgr.model.recording import Recording
from poolmgr.model.rewind import rewound, ring_of, stepped
from poolmgr.model.snapshot import Counts
from poolmgr.model.states import JobState, WorkerState
from tests.helpers.busy_pool import busy_history, busy_snapshot
from tests.helpers.fake_control import NOW, make_job, make_log, make_snapshot, make_worker

QUARTER = WIDTHS[FINE]


def long_history(seconds: int) -> History:
    """One worker that ends a task each second, for so long."""
    recording = Recording(0, NOW - seconds)
    number = recording.function("work")
    for second in range(seconds):
        recorder = recording.slot(0)
        recorder.run(second * SECOND, second * SECOND + SECOND // 2, number, done=1)
        recorder.gauge(second * SECOND, cpu=500, rss=second << 20)
        recording.picture((second + 1) * SECOND)
    return recording.picture(seconds * SECOND)


def test_steps_are_slices() -> None:
    """A step is a slice of what is kept so far back: 0.25 s within a minute, then 1 s, 10 s, 60 s."""
    history = long_history(3000)
    at = stepped(history, None, -1)
    assert at == history.now - QUARTER
    assert stepped(history, at, -10) == history.now - 11 * QUARTER
    widths: list[int] = []
    while True:
        before = stepped(history, at, -1)
        assert before is not None
        assert at is not None
        if before == at:
            break
        widths.append(at - before)
        at = before
    # Where a ring ends, one step goes to the next whole slice of the coarser one.
    assert {QUARTER, SECOND, 10 * SECOND, 60 * SECOND} <= set(widths)
    assert widths[0] == QUARTER
    assert widths[-1] == 60 * SECOND
    assert at <= 60 * SECOND


def test_forward_ends_in_the_present() -> None:
    """As many steps forward as back lead to the present, and more of them stay there."""
    history = long_history(400)
    at = stepped(history, None, -500)
    assert at is not None
    assert stepped(history, at, 5000) is None
    assert stepped(history, stepped(history, None, -7), 7) is None
    assert stepped(history, stepped(history, None, -7), 6) == history.now - QUARTER
    assert stepped(history, None, 3) is None


def test_never_before_the_beginning() -> None:
    """Before the first slice there is nothing to go to."""
    history = long_history(5)
    at = stepped(history, None, -100)
    assert at == QUARTER
    assert stepped(history, at, -1) == at


@pytest.mark.parametrize(("ago", "ring"), [(1, FINE), (59, FINE), (61, SECONDS), (310, TENS), (2000, MINUTES)])
def test_finest_ring(ago: int, ring: int) -> None:
    """A moment is looked at in the finest slices that are kept of it."""
    history = long_history(3000)
    assert ring_of(history, history.now - ago * SECOND) == ring


def test_workers_are_those_of_the_slices() -> None:
    """Who was busy with what, CPU, memory and how many tasks had ended are those of the moment."""
    history = long_history(100)
    snapshot = make_snapshot(workers=(make_worker(0, started=NOW - 100, done=100),), jobs=())
    for ago in (10, 80):
        then = rewound(snapshot, history, history.now - ago * SECOND + QUARTER)
        (worker,) = then.workers
        assert (worker.state, worker.function) == (WorkerState.RUNNING, "work")
        assert worker.job_id is None
        assert worker.pid == snapshot.workers[0].pid
        # In slices of a second, the whole one that the moment is in has ended.
        assert worker.done in (100 - ago, 101 - ago)
        assert worker.cpu_percent == 50.0
        assert worker.rss in ((99 - ago) << 20, (100 - ago) << 20)
        assert then.rate == pytest.approx(1.0, abs=0.11)
    idle = rewound(snapshot, history, history.now - 9 * SECOND - QUARTER)
    assert idle.workers[0].state is WorkerState.IDLE
    assert idle.workers[0].function == ""


def test_jobs_are_as_their_times_say() -> None:
    """A job that ended later runs, one that started later waits, and one that was submitted later is not there."""
    history = long_history(30)
    jobs = (
        make_job(1, submitted=NOW - 20, started=NOW - 15),
        make_job(2, JobState.FAILED, submitted=NOW - 20, started=NOW - 15, ended=NOW - 5, message="boom"),
        make_job(3, JobState.DONE, submitted=NOW - 20, started=NOW - 8, ended=NOW - 7, message="42"),
        make_job(4, JobState.DONE, submitted=NOW - 20, started=NOW - 19, ended=NOW - 18, message="43"),
        make_job(5, submitted=NOW - 2, started=NOW - 1),
        make_job(6, JobState.DONE, submitted=NOW - 20, started=NOW - 3, ended=NOW - 1, attempt=2),
        make_job(7, JobState.CANCELLED, submitted=NOW - 20, started=None, ended=NOW - 1),
    )
    then = rewound(make_snapshot(jobs=jobs), history, history.now - 10 * SECOND)
    assert [(job.id, job.state) for job in then.jobs] == [
        (1, JobState.RUNNING), (2, JobState.RUNNING), (3, JobState.QUEUED), (7, JobState.QUEUED), (4, JobState.DONE)
    ]  # fmt: skip
    failed = then.job(2)
    assert failed is not None
    assert (failed.message, failed.ended, failed.elapsed(then.time)) == ("", None, 5.0)


def test_what_nobody_keeps_is_left_out() -> None:
    """Counts, verdict, expectations and the pid of a process that came later are not told."""
    history = long_history(30)
    snapshot = make_snapshot(workers=(make_worker(0, started=NOW - 2, done=3),), log=make_log(1, 3), expected=80)
    then = rewound(snapshot, history, history.now - 10 * SECOND)
    assert then.counts == Counts(running=then.counts.running)
    assert (then.eta, then.expected, then.verdict, then.machine, then.until) == (None,) * 5
    assert then.log == ()
    (worker,) = then.workers
    assert (worker.pid, worker.generation, worker.done, worker.failed) == (0, 0, -1, -1)


def test_a_slot_that_came_later_is_not_there() -> None:
    """A pool that has grown since was smaller then."""
    history = long_history(30)
    workers = (make_worker(0, started=NOW - 30), make_worker(1, started=NOW - 3))
    then = rewound(make_snapshot(workers=workers), history, history.now - 10 * SECOND)
    assert [worker.slot for worker in then.workers] == [0]


def test_functions_and_times() -> None:
    """Whose time it was is known of each moment; where it went, as long as the finest slices reach back."""
    history, snapshot = busy_history(), busy_snapshot()
    then = rewound(snapshot, history, history.now - 5 * SECOND)
    assert {function.name for function in then.functions} <= set(history.names)
    assert sum(function.share for function in then.functions) == pytest.approx(100)
    assert then.times is not None
    assert rewound(snapshot, history, history.now - 55 * SECOND).times is None
    assert len(then.history.throughput) == 55
