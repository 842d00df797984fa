"""A worker ends, or is frozen, at every step of the protocol, one step after the other.

Whatever the step: every job ends exactly once, none runs twice, a death costs the task that was begun and not
committed and no other, and the pool heals.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import poolmgr
from poolmgr.engine import returns
from poolmgr.engine.handle import Handle
from poolmgr.engine.job import Job
from poolmgr.errors import WorkerDied
from tests.engine.conftest import MakePool
from tests.engine.test_large import wake
from tests.helpers import jobs, stop_points
from tests.helpers.stop_points import Stop, left_tokens, numbers, put_tokens, stopped_pids
from tests.helpers.wait import wait_until

LONG = 20
JOBS = 240

#: Step, side, how often a worker must have come to it, and how many jobs a death costs there.
Point = tuple[str, str, int, int]
Steps = dict[str, tuple[str, ...]]

#: The steps and their sides.  Once a task, which is not begun or is committed already:
OUTSIDE: Steps = {"START": ("before",), "COMMIT": ("after",)}
#: Once a batch:
BETWEEN: Steps = dict.fromkeys(
    ("learn", "run", "_run", "BEGAN=0", "BUSY", "ACK", "tell", "_is_taken", "wake", "read NOTIFY", "spin", "read SENT"),
    ("before", "after"),
)
#: Once a task, between its begin and its commit:
INSIDE: Steps = {
    "START": ("after",),
    "COMMIT": ("before",),
    **dict.fromkeys(("read LIMIT", "BEGAN", "began", "ended", "kind"), ("before", "after")),
}
#: The same, for jobs whose call or result is of some kind:
SOME: Steps = dict.fromkeys(
    ("_call", "_store_value", "_store_failure", "_store", "value", "real", "area", "read TAIL", "SERIAL"),
    ("before", "after"),
)
SENDING: Steps = {"send LARGE": ("before", "half", "after")}
#: Once in a worker's life:
ONCE: Steps = {"_read": ("before", "after")}
STARTING: Steps = {"send READY": ("before", "half", "after")}


def _points(steps: Steps, times: tuple[int, ...], lost: int) -> list[Point]:
    return [(step, side, at, lost) for step, sides in steps.items() for side in sides for at in times]


POINTS = [
    *_points(OUTSIDE, (1, 30), 0),
    *_points(BETWEEN, (1, 3), 0),
    *_points(INSIDE, (1, 30), 1),
    *_points(SOME, (1, 9), 1),
    *_points(SENDING, (1, 5), 1),
    *_points(ONCE, (1,), 1),
    *_points(STARTING, (1,), 0),
]
#: Those in the middle of a worker's life, where it has one.
MIDDLE = [point for point in POINTS if point[2] > 1 or point[0] in ONCE | STARTING]
#: Those that show the transport of each start method.
FEW = [point for point in POINTS if point[:2] in {
    ("START", "after"), ("COMMIT", "before"), ("COMMIT", "after"), ("ACK", "before"), ("wake", "before"),
    ("send LARGE", "half"), ("send READY", "half"), ("area", "after"),
} and point[2] != 1] + _points(STARTING, (1,), 0)  # fmt: skip


def _name(point: Point) -> str:
    step, side, at, _ = point
    return f"{side} {step} {at}"


each_point = pytest.mark.parametrize("point", POINTS, ids=_name)
only_fork = pytest.mark.parametrize("method", ["fork"])
no_fork = pytest.mark.parametrize("method", ["spawn", "forkserver"])

Submit = Callable[[poolmgr.Pool, str], "Ends"]


class Ends:
    """How each job has ended, and how often."""

    def __init__(self) -> None:
        self.times: Counter[int] = Counter()
        self.values: dict[int, Any] = {}

    def take(self, i: int, value: Any) -> None:
        self.times[i] += 1
        self.values[i] = value

    @property
    def lost(self) -> set[int]:
        return {i for i, value in self.values.items() if isinstance(value, WorkerDied)}


def make_stop(folder: Path, point: Point, number: int = signal.SIGKILL) -> Stop:
    """The stop of a point, with no token yet."""
    tokens = folder / "tokens"
    tokens.mkdir()
    return Stop(point[0], point[1], point[2], str(tokens), number)


def submit(pool: poolmgr.Pool, path: str, ends: Ends, function: Any = stop_points.work) -> list[Job]:
    """Submit JOBS jobs, every other one with keyword arguments, so that it travels as a pickle."""
    return [
        pool.apply_async(
            function,
            (path,) if i % 3 == 0 else (path, i),
            {"i": i} if i % 3 == 0 else {},
            callback=partial(ends.take, i),
            error_callback=partial(ends.take, i),
        )
        for i in range(JOBS)
    ]


def check(ends: Ends, path: str, lost: int, exactly: bool = True) -> None:
    """Every job has ended once, with its own result or as lost, and none ran twice."""
    assert ends.times == Counter(range(JOBS)), "not every job ended exactly once"
    assert len(ends.lost) == lost if exactly else len(ends.lost) <= lost
    for i, value in ends.values.items():
        if i not in ends.lost:
            right = stop_points.result(i)
            assert type(value) is type(right)
            assert str(value) == str(right)
    ran = Counter(numbers(path))
    assert not [i for i, times in ran.items() if times > 1], "a job ran twice"
    assert set(range(JOBS)) - set(ran) <= ends.lost, "a job has a result and never ran"


def check_healed(pool: poolmgr.Pool, size: int) -> None:
    """All workers are there and work."""
    wait_until(lambda: len(pool.snapshot().workers) == size)
    assert pool.map_async(jobs.double, range(50), 3).get(LONG) == [2 * x for x in range(50)]


def run_jobs(pool: poolmgr.Pool, path: str) -> Ends:
    ends = Ends()
    for job in submit(pool, path, ends):
        job.wait(LONG)
    return ends


def run_stream(pool: poolmgr.Pool, path: str) -> Ends:
    """The same jobs as items of an ``imap``: its place in the order tells which one ended."""
    ends = Ends()
    stream = pool.imap(stop_points.work_item, [f"{path}:{i}" for i in range(JOBS)])
    for i in range(JOBS):
        try:
            ends.take(i, stream.next(LONG))
        except Exception as error:
            ends.take(i, error)
    with pytest.raises(StopIteration):
        next(stream)
    return ends


def die_at(make_pool: MakePool, folder: Path, point: Point, run: Submit) -> None:
    """Run jobs in a pool of which one worker ends at ``point``, and check all that was promised."""
    stop = make_stop(folder, point)
    put_tokens(stop)
    pool = make_pool(2, initializer=stop_points.install, initargs=(stop,))
    path = str(folder / "ran")
    check(run(pool, path), path, point[3])
    assert left_tokens(stop) == 0, "no worker came to the step"
    check_healed(pool, 2)


@pytest.fixture
def no_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is taken back from workers, so that what a death costs is known exactly, however slow the machine."""
    monkeypatch.setattr(returns, "TICK", 3600.0)


@only_fork
@each_point
@pytest.mark.usefixtures("no_returns")
def test_death_at_a_step_costs_the_task_begun_and_not_committed(
    make_pool: MakePool, tmp_path: Path, point: Point
) -> None:
    """A worker killed at any step loses the one task that it had begun and not committed, or nothing."""
    die_at(make_pool, tmp_path, point, run_jobs)


@no_fork
@pytest.mark.parametrize("point", FEW, ids=_name)
@pytest.mark.usefixtures("no_returns")
def test_death_at_a_step_under_other_start_methods(make_pool: MakePool, tmp_path: Path, point: Point) -> None:
    """The protocol holds over memory that is not inherited."""
    die_at(make_pool, tmp_path, point, run_jobs)


@only_fork
@pytest.mark.parametrize("point", [point for point in MIDDLE if point[0] not in ("_call", "_read")], ids=_name)
@pytest.mark.usefixtures("no_returns")
def test_death_at_a_step_of_a_stream_costs_one_item(make_pool: MakePool, tmp_path: Path, point: Point) -> None:
    """An imap whose worker is killed at any step gives all items but the one in hand, in order."""
    die_at(make_pool, tmp_path, point, run_stream)


def one_by_one(pool: poolmgr.Pool) -> int:
    """Run jobs, each waited for before the next; returns how many were lost."""
    lost = 0
    for i in range(20):
        try:
            assert pool.apply_async(jobs.double, (i,)).get(LONG) == 2 * i
        except WorkerDied:
            lost += 1
    return lost


@only_fork
@pytest.mark.parametrize("main_thread", [True, False])
@pytest.mark.parametrize("point", [
    point for point in POINTS if point[2] == 1 and point[0] in OUTSIDE | BETWEEN | INSIDE | {"value": ()}
], ids=_name)  # fmt: skip
@pytest.mark.usefixtures("no_returns")
def test_caller_that_takes_its_own_result_is_told_of_the_death(
    make_pool: MakePool, tmp_path: Path, point: Point, main_thread: bool
) -> None:
    """A get() that waits for the worker itself returns, or raises WorkerDied, when the worker is killed at any step."""
    stop = make_stop(tmp_path, point)
    pool = make_pool(1, initializer=stop_points.install, initargs=(stop,))
    run = one_by_one if main_thread else partial(in_thread, one_by_one)
    ledger = pool._dispatcher.ledger
    # The worker knows the function then, and the dispatcher has nothing to do.
    wait_until(lambda: run(pool) == 0 and ledger.taken_out > 0, what="a caller that takes its own result")
    put_tokens(stop)
    lost = run(pool)
    # A worker whose caller comes for the result by itself need not ring.
    if point[0] not in ("wake", "_is_taken"):
        wait_until(lambda: left_tokens(stop) == 0)
    assert lost == point[3]
    check_healed(pool, 1)


def in_thread(function: Callable[[poolmgr.Pool], int], pool: poolmgr.Pool) -> int:
    """Call ``function`` in a thread, and give what it returns."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(function, pool).result()


@only_fork
@pytest.mark.parametrize("point", MIDDLE, ids=_name)
def test_death_at_a_step_while_work_is_taken_back(make_pool: MakePool, tmp_path: Path, point: Point) -> None:
    """Workers killed at any step, while others' unstarted tasks change hands, cost one job each at the most."""
    stop = make_stop(tmp_path, point)
    put_tokens(stop, 3)
    pool = make_pool(3, initializer=stop_points.install, initargs=(stop,))
    path, ends = str(tmp_path / "ran"), Ends()
    for job in submit(pool, path, ends, stop_points.work_unevenly):
        job.wait(LONG)
    check(ends, path, 3 - left_tokens(stop), exactly=False)
    check_healed(pool, 3)


@only_fork
@each_point
def test_freeze_at_a_step_holds_up_one_task(make_pool: MakePool, tmp_path: Path, point: Point) -> None:
    """What a worker frozen at any step has not begun runs elsewhere, and not again when the worker goes on."""
    stop = make_stop(tmp_path, point, signal.SIGSTOP)
    put_tokens(stop)
    pool = make_pool(2, initializer=stop_points.install, initargs=(stop,))
    path, ends = str(tmp_path / "ran"), Ends()
    waiting = submit(pool, path, ends)
    wait_until(lambda: stopped_pids(stop), what="a worker to come to the step")
    wait_until(lambda: len(numbers(path)) >= JOBS - 1, what="the others to be run elsewhere")
    wake(stop)
    for job in waiting:
        job.wait(LONG)
    check(ends, path, lost=0)
    check_healed(pool, 2)


@only_fork
@pytest.mark.parametrize("step", ["START", "read LIMIT"])
@pytest.mark.parametrize("side", ["before", "after"])
def test_worker_frozen_between_start_and_limit_does_not_run_what_was_taken_back(
    make_pool: MakePool, tmp_path: Path, step: str, side: str
) -> None:
    """A worker that stops where its next task was taken back leaves it alone, however long the owner looked at it."""
    stop = make_stop(tmp_path, (step, side, 1, 0), signal.SIGSTOP)
    pool = make_pool(2, initializer=stop_points.install, initargs=(stop,))
    path = str(tmp_path / "ran")
    quick = [pool.apply_async(stop_points.work_and_set_trap, (str(tmp_path / "before"), 8 * i)) for i in range(200)]
    assert [job.get(LONG) for job in quick] == [8 * i for i in range(200)]
    pool.pause()
    jobs_here = [
        pool.apply_async(stop_points.work_and_set_trap, (path, 8 * i, "" if i else stop.tokens)) for i in range(60)
    ]
    pool.resume()
    wait_until(lambda: stopped_pids(stop), what="a worker to stop behind the slow job")
    wait_until(lambda: len(numbers(path)) >= 59, what="the others to be run elsewhere")
    # Time for the owner to look at the frozen worker again and again.
    assert pool.apply_async(jobs.sleep, (0.1,)).get(LONG) == 0.1
    wake(stop)
    assert [job.get(LONG) for job in jobs_here] == [8 * i for i in range(60)]
    check_healed(pool, 2)
    assert sorted(numbers(path)) == [8 * i for i in range(60)]


@only_fork
def test_no_picture_shows_a_worker_without_its_process(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker is never shown as process 0, not while it is being started: a signal there would reach everybody."""
    pool = make_pool(2)
    seen: list[int] = []
    watch = Handle.watch

    def look_and_watch(handle: Handle) -> int:
        seen.extend(worker.pid for worker in pool.snapshot().workers)
        return watch(handle)

    monkeypatch.setattr(Handle, "watch", look_and_watch)
    os.kill(pool.snapshot().workers[0].pid, signal.SIGKILL)
    wait_until(lambda: len(seen) == 2, what="a new worker to be started")
    assert 0 not in seen
    check_healed(pool, 2)


def test_large_argument_is_sent_once(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that makes room for a large argument, and does not read meanwhile, is given the time for it."""
    monkeypatch.setattr(returns, "STUCK", 0.0)
    monkeypatch.setattr(returns, "STUCK_EACH", 1e-6)
    pool = make_pool(1)
    assert pool.apply(jobs.length, (b"x",)) == 1
    handle = pool._dispatcher.crew.handles[0]
    sent = handle.sent
    assert pool.apply_async(jobs.length, (bytes(150_000_000),)).get(LONG) == 150_000_000
    assert handle.sent == sent + 1
