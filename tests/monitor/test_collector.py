"""The collector: pictures of a real pool, complete, in time, and for other processes too."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import forkserver, get_context

import pytest

import poolmgr
from poolmgr.model.snapshot import PoolSnapshot, WorkerSnapshot
from poolmgr.model.states import JobState, PoolState, WorkerState
from poolmgr.monitor.board import Board
from poolmgr.monitor.collector import Collector
from tests.helpers.pictures import full_snapshot
from tests.helpers.programs import line, program
from tests.helpers.wait import wait_until

#: Reads the status dict for as long as it is told to, and says what it saw.
READER = """
    import sys, time
    import poolmgr
    from poolmgr.monitor.status import from_status
    status = poolmgr.connect("watched")
    for command in sys.stdin:
        snapshot = from_status(status.copy())
        print(snapshot.counts.done, len(snapshot.workers), snapshot.board_pid or 0, flush=True)
"""


def spin(flag: str) -> str:
    """Compute until the file of this name is there."""
    while not os.path.exists(flag):
        sum(range(10_000))
    return flag


def square(number: int) -> int:
    """A short job."""
    return number * number


@pytest.fixture(scope="module", autouse=True)
def _fork_server() -> None:
    """The fork server lasts as long as the process; have it before the first test is watched."""
    forkserver.ensure_running()


def test_a_wish_for_more_pictures_is_kept_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fastest wish that holds counts, up to ten a second; none is slower than usual, and none lasts for ever."""
    with watched(interval=0.25) as (_, collector, _board):
        assert collector.wish(1) == 4
        assert collector.wish(5) == 5
        assert collector.wish(100) == 10
        assert collector.wish(5) == 10
        monkeypatch.setattr("poolmgr.monitor.collector.WISH", -1.0)
        collector._wishes = {}
        assert collector.wish(10) == 4


@pytest.mark.parametrize("board", [False, True])
def test_pictures_come_as_often_as_somebody_wishes(board: bool) -> None:
    """With a wish, pictures come that a pool alone would not take for a long time; so they do on the board."""
    with watched(interval=600.0) as (_, collector, published):
        first = collector.latest().time
        collector.wish(10)
        if board:
            wait_until(lambda: published.published is not None and published.published > first + 0.2)
        else:
            wait_until(lambda: collector.latest().time > first + 0.2)


@contextmanager
def watched(method: str = "fork", *, interval: float = 0.1) -> Iterator[tuple[poolmgr.Pool, Collector, Board]]:
    """A pool of two with its monitor and board."""
    with poolmgr.Pool(2, context=get_context(method), name="watched") as pool:
        board = Board("watched", pool.log)
        collector = Collector(pool, interval=interval, board=board)
        collector.start()
        try:
            yield pool, collector, board
        finally:
            pool.terminate()
            pool.join()
            collector.stop()
            board.close()


def _fail() -> None:
    raise ZeroDivisionError


class FakePool:
    """A pool whose pictures the test makes."""

    def __init__(self) -> None:
        self.picture = full_snapshot()
        self.error: Exception | None = None
        self.lines: list[str] = []
        self.asked = 0

    def snapshot(self) -> PoolSnapshot:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.picture

    def record(self) -> None:
        return None

    def log(self, text: str, *, kind: str = "event", level: str = "info", job_id: int | None = None) -> None:
        self.lines.append(text)


@contextmanager
def started(collector: Collector) -> Iterator[Collector]:
    """Start a collector and stop it."""
    collector.start()
    try:
        yield collector
    finally:
        collector.stop()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_another_process_reads_while_jobs_run(method: str) -> None:
    """A second process follows the counts of a pool at work, under every start method."""
    with watched(method) as (pool, _, board), program(READER) as reader:
        assert reader.stdin is not None

        def ask() -> list[int]:
            assert reader.stdin is not None
            print("look", file=reader.stdin, flush=True)
            return [int(word) for word in line(reader).split()]

        assert pool.map(square, range(20), 1) == [n * n for n in range(20)]
        wait_until(lambda: ask()[0] == 1)
        assert pool.map(square, range(20), 1) == [n * n for n in range(20)]
        wait_until(lambda: ask()[0] == 2)
        assert ask()[1:] == [2, board.pid]


def test_picture_shows_what_workers_cost(tmp_path: os.PathLike[str]) -> None:
    """CPU of a worker that computes rises, memory is there, and histories grow by the second."""
    flag = os.path.join(tmp_path, "flag")
    with watched() as (pool, collector, _):
        job = pool.apply_async(spin, (flag,))

        def busy() -> bool:
            return any((worker.cpu_percent or 0) > 20 for worker in collector.latest().workers)

        wait_until(busy)
        assert all((worker.rss or 0) > 1_000_000 for worker in collector.latest().workers)
        wait_until(lambda: any(worker.cpu_history for worker in collector.latest().workers))
        wait_until(lambda: sum(collector.latest().history.cpu) > 0)
        wait_until(lambda: collector.latest().monitor_percent > 0)
        open(flag, "w").close()
        assert job.get() == flag


def test_rate_and_eta_follow_the_work(tmp_path: os.PathLike[str]) -> None:
    """Finished tasks make a rate, and what waits behind them gets an ETA."""
    flag = os.path.join(tmp_path, "flag")
    with watched() as (pool, collector, _):
        begun = collector.latest()
        # What is done before the first picture is no growth: there would be no rate until something else is done.
        wait_until(lambda: collector.latest() is not begun)
        pool.map(square, range(10), 1)
        jobs = [pool.apply_async(spin, (flag,)) for _ in range(3)]
        wait_until(lambda: collector.latest().rate > 0 and collector.latest().counts.running == 2)
        latest = collector.latest()
        assert latest.eta is not None
        assert latest.eta > 0
        open(flag, "w").close()
        for job in jobs:
            job.get()
        wait_until(lambda: collector.latest().eta == 0.0)


def test_pool_does_not_notice_that_its_board_was_killed() -> None:
    """SIGKILL to the board while a map runs: all results come, and the log tells of the new board."""
    with watched() as (pool, collector, board):
        pid = wait_until(lambda: collector.latest().board_pid or 0)
        result = pool.map_async(square, range(2000), 1)
        os.kill(pid, signal.SIGKILL)
        assert result.get() == [n * n for n in range(2000)]
        wait_until(lambda: any("status board restarted" in entry.text for entry in collector.latest().log))
        assert wait_until(lambda: board.pid) != pid
        wait_until(lambda: poolmgr.connect("watched")["counts"]["done"] == 1)


def test_jobs_still_to_come_are_in_the_picture() -> None:
    """What somebody expects is shown, one more for each job that nobody had reckoned with, and can be taken back."""
    fake = FakePool()
    with started(Collector(fake, interval=60.0)) as collector:
        collector.expect_one_more()
        collector.expect(100)
        wait_until(lambda: collector.latest().expected == 100)
        collector.expect_one_more()
        collector.request_frame()
        wait_until(lambda: collector.latest().expected == 101)
        assert collector.latest().whole == 101
        collector.expect(None)
        wait_until(lambda: collector.latest().expected is None)
        assert collector.latest().whole == fake.picture.counts.submitted


def test_time_that_sets_the_end_is_the_eta() -> None:
    """Where jobs are added until a moment, that moment says how long it will take, and no number of jobs does."""
    fake = FakePool()
    with started(Collector(fake, interval=60.0)) as collector:
        collector.expect(None, until=fake.picture.time + 50.0)
        wait_until(lambda: collector.latest().until == fake.picture.time + 50.0)
        assert (collector.latest().eta, collector.latest().expected) == (50.0, None)
        collector.expect(None)
        wait_until(lambda: collector.latest().until is None)


@pytest.mark.parametrize("state", [PoolState.CLOSE, PoolState.TERMINATE, PoolState.ENDED])
def test_closed_pool_expects_no_more(state: PoolState) -> None:
    """Once a pool takes no more jobs, those that were still to come are not waited for."""
    fake = FakePool()
    with started(Collector(fake, interval=60.0)) as collector:
        collector.expect(100)
        wait_until(lambda: collector.latest().expected == 100)
        fake.picture = replace(full_snapshot(time=2000.0), state=state)
        collector.request_frame()
        wait_until(lambda: collector.latest().time == 2000.0)
        assert collector.latest().expected is None


def test_stopped_worker_is_frozen_until_it_goes_on(tmp_path: os.PathLike[str]) -> None:
    """SIGSTOP to a worker shows as frozen, with its job; after SIGCONT it runs as before."""
    flag = os.path.join(tmp_path, "flag")
    with watched() as (pool, collector, _):
        job = pool.apply_async(spin, (flag,))

        def worker() -> WorkerSnapshot | None:
            return next((each for each in collector.latest().workers if each.job_id == job.id), None)

        def state() -> WorkerState | None:
            return None if (found := worker()) is None else found.state

        busy = wait_until(worker)
        assert busy is not None
        os.kill(busy.pid, signal.SIGSTOP)
        try:
            wait_until(lambda: state() is WorkerState.FROZEN)
        finally:
            os.kill(busy.pid, signal.SIGCONT)
        wait_until(lambda: state() is WorkerState.RUNNING)
        open(flag, "w").close()
        assert job.get() == flag


def test_last_frame_shows_how_it_ended() -> None:
    """stop() takes one more picture, and it stays."""
    with poolmgr.Pool(1) as pool:
        collector = Collector(pool, interval=60.0)
        collector.start()
        pool.map(square, range(3))
        pool.close()
        pool.join()
        collector.stop()
        assert collector.latest().state is PoolState.ENDED
        assert collector.latest().counts.done == 1
        collector.stop()


def test_ended_pools_picture_stands() -> None:
    """Once the pool has ended its last picture does not age, but a board would still be kept."""
    fake = FakePool()
    fake.picture = replace(full_snapshot(), state=PoolState.ENDED)
    with started(Collector(fake, interval=0.01)) as collector:
        first = collector.latest()
        asked = fake.asked
        collector.request_frame()
        wait_until(lambda: fake.asked > asked)
        assert collector.latest().time == first.time


def test_news_reach_listeners_after_the_picture() -> None:
    """A listener that was called finds the news in latest(), though the next frame is far away."""
    fake, seen, called = FakePool(), [], threading.Event()
    collector = Collector(fake, interval=60.0)

    def listener() -> None:
        seen.append(collector.latest().time)
        called.set()

    leave = collector.subscribe(listener)
    with started(collector):
        wait_until(lambda: fake.asked == 2)
        fake.picture = full_snapshot(time=2000.0)
        collector.request_frame()
        assert called.wait(15)
        assert seen[0] == 2000.0
        leave()
    assert len(seen) == 1


def test_flood_of_news_is_no_flood_of_frames() -> None:
    """Thousands of requests make a few frames."""
    fake = FakePool()
    with started(Collector(fake, interval=60.0)) as collector:
        for _ in range(20_000):
            collector.request_frame()
        wait_until(lambda: fake.asked >= 3)
    assert fake.asked < 2000


def test_error_is_told_once_and_does_not_end_it() -> None:
    """A picture that cannot be taken is reported in the pool's log, once, and the next one is tried."""
    fake = FakePool()
    with started(Collector(fake, interval=0.01)) as collector:
        fake.error = RuntimeError("no picture")
        asked = fake.asked
        wait_until(lambda: fake.asked > asked + 3)
        assert fake.lines == ["monitor: RuntimeError: no picture"]
        fake.picture, fake.error = full_snapshot(time=3000.0), None
        wait_until(lambda: collector.latest().time == 3000.0)


def test_listener_that_raises_is_told_and_does_not_end_it() -> None:
    """A screen's error does not stop the pictures."""
    fake = FakePool()
    collector = Collector(fake, interval=0.01)
    collector.subscribe(_fail)
    with started(collector):
        collector.request_frame()
        wait_until(lambda: fake.lines)
        fake.picture = full_snapshot(time=4000.0)
        wait_until(lambda: collector.latest().time == 4000.0)
    assert "ZeroDivisionError" in fake.lines[0]


def test_bad_ends_are_in_the_picture() -> None:
    """A job that raised is shown with its error."""
    with watched() as (pool, collector, _):
        job = pool.apply_async(square, ("x",))
        with pytest.raises(TypeError):
            job.get()
        wait_until(lambda: collector.latest().counts.failed == 1)
        # The picture that counts it first may still show it as one that runs.
        wait_until(lambda: (shown := collector.latest().job(job.id)) is not None and shown.state is JobState.FAILED)
