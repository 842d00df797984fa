"""The collector: one picture of the pool a frame, for screens, headless runs and the board.

    pool.snapshot() + sampler + histories + rates + record --> latest() --> board.publish()
                                                       |
                              listeners, if somebody had asked for a frame out of turn

Thread: "poolmgr-collector", one for each pool, owns all the state here.  latest(), request_frame() and subscribe() are
for any thread.
Never: lets an error end it.  An error goes to the pool's log, once, and the next frame is tried.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable

from poolmgr.model.buckets import History
from poolmgr.model.listeners import Listener, Listeners
from poolmgr.model.requests import FASTEST_PACE, USUAL_PACE, WISH
from poolmgr.model.snapshot import PoolSnapshot, WorkerSnapshot
from poolmgr.model.states import PoolState, WorkerState
from poolmgr.monitor.board import Board
from poolmgr.monitor.histories import Histories
from poolmgr.monitor.ports import Watchable
from poolmgr.monitor.rates import Rate, remaining_seconds
from poolmgr.monitor.record import Record
from poolmgr.monitor.sampler import MachineSampler, Sample, Sampler

#: Seconds between two frames: four a second is what a person can follow.
INTERVAL = 1 / USUAL_PACE
#: Least seconds between two frames however often somebody asks: a flood of news must not become a flood of frames.
SHORTEST = 0.05
#: Seconds between two frames of a pool that has ended: nothing changes, but a board that died is still replaced.
ENDED_INTERVAL = 1.0


class Collector:
    """Takes frames of a pool until it is stopped.

    Args:
        pool: What to watch.
        interval: Seconds between two frames.
        board: Where frames are published; its owner closes it, after the collector.
    """

    def __init__(self, pool: Watchable, *, interval: float = INTERVAL, board: Board | None = None) -> None:
        self._pool = pool
        #: Seconds between two frames while nobody wishes for more.
        self._usual = interval
        #: Wishes for more by the moment until which they hold.  A new dict for each change: any thread may write.
        self._wishes: dict[float, float] = {}
        self._board = board
        self._listeners = Listeners()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._requested = False
        #: Jobs that there will be.  Written under the lock, from any thread; read by the collector's.
        self._expected: int | None = None
        self._until: float | None = None
        self._expected_lock = threading.Lock()
        self._reported = ""
        self._sampler = Sampler()
        self._machine = MachineSampler()
        clock = time.monotonic_ns()
        self._record = Record(pool.record(), clock, time.time() - clock / 1e9)
        self._histories = Histories()
        self._rate = Rate()
        #: When the board got its last frame.
        self._published = 0.0
        self._latest = pool.snapshot()
        self._thread = threading.Thread(target=self._run, name="poolmgr-collector", daemon=True)

    def start(self) -> None:
        """Start the thread, once."""
        self._thread.start()

    def stop(self) -> None:
        """Take a last frame, publish it, and end the thread. Stopping twice, or before the start, does no harm."""
        self._stop.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join()

    def latest(self) -> PoolSnapshot:
        """The newest picture; any thread, never waits."""
        return self._latest

    def history(self) -> History:
        """The history up to the newest picture; any thread, never waits."""
        return self._record.history

    def request_frame(self) -> None:
        """Have a frame taken now and the listeners told, at most every :data:`SHORTEST` seconds; any thread, cheap."""
        self._requested = True
        self._wake.set()

    def wish(self, hertz: float) -> float:
        """Take so many frames a second for the next :data:`WISH` seconds; any thread.

        Returns:
            How many there are now: the fastest wish, within bounds.
        """
        now = time.monotonic()
        with self._expected_lock:
            kept = {until: wished for until, wished in self._wishes.items() if until > now and wished > hertz}
            self._wishes = {**kept, now + WISH: min(hertz, FASTEST_PACE)}
        self._wake.set()
        return 1 / self._interval

    @property
    def _interval(self) -> float:
        """Seconds between two frames now."""
        wishes = self._wishes
        if not wishes:
            return self._usual
        now = time.monotonic()
        fastest = max((hertz for until, hertz in wishes.items() if until > now), default=0.0)
        return min(self._usual, 1 / fastest) if fastest > 0 else self._usual

    def expect(self, jobs: int | None, until: float | None = None) -> None:
        """Say what is to come, from any thread; without either, that nobody knows any more.

        Args:
            jobs: How many jobs there will be, those submitted included.
            until: Or when the last one will have been submitted, in seconds since the epoch.
        """
        with self._expected_lock:
            self._expected, self._until = jobs, until
        self.request_frame()

    def expect_one_more(self) -> None:
        """A job was submitted that nobody had reckoned with; any thread."""
        with self._expected_lock:
            if self._expected is not None:
                self._expected += 1

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have ``listener`` called after each requested frame, from this thread; what is returned ends that."""
        return self._listeners.subscribe(listener)

    def _run(self) -> None:
        while not self._stop.is_set():
            taken = time.monotonic()
            # Cleared before the picture is taken: news that comes meanwhile asks for another.
            self._wake.clear()
            requested, self._requested = self._requested, False
            self._guarded_frame(requested)
            self._await_next(taken)
        # The last one is published whenever the one before was.
        self._published = 0.0
        self._guarded_frame(requested=True)

    def _await_next(self, taken: float) -> None:
        interval = ENDED_INTERVAL if self._latest.state is PoolState.ENDED else self._interval
        if not self._stop.is_set():
            # stop() wakes too; were it lost to the clear() above, it would cost one interval.
            self._wake.wait(max(0.0, taken + interval - time.monotonic()))
            self._stop.wait(max(0.0, taken + SHORTEST - time.monotonic()))

    def _guarded_frame(self, requested: bool) -> None:
        try:
            self._take_frame()
            self._publish(requested)
            if requested:
                self._listeners.tell()
        except Exception as error:  # the thread's top: without it the screens would freeze in silence
            text = f"monitor: {type(error).__name__}: {error}"
            if text != self._reported:
                self._reported = text
                self._pool.log(text, level="error")

    def _publish(self, requested: bool) -> None:
        """Viewers get the regular frames only: to them a quarter of a second is soon enough, and it costs a tenth."""
        now = time.monotonic()
        if self._board is not None and not (requested and now - self._published < self._interval):
            self._published = now
            self._board.publish(self._latest, self._record.history)

    def _take_frame(self) -> None:
        snapshot = self._pool.snapshot()
        latest = self._latest
        if latest.state is PoolState.ENDED and snapshot.state is PoolState.ENDED and snapshot.log == latest.log:
            # The picture of the end stands: its time, rates and histories are those of the end.
            self._latest = dataclasses.replace(latest, board_pid=self._board_pid(), viewers=self._viewers())
            return
        now = time.monotonic()
        samples = self._sampler.sample([worker.pid for worker in snapshot.workers])
        self._histories.feed(now, snapshot, samples, self._cost())
        rate = self._rate.feed(now, snapshot.counts.tasks_done)
        # A pool that was closed gets none of those that were still to come.
        open_ = snapshot.state in (PoolState.RUN, PoolState.HELD)
        expected, until = (self._expected, self._until) if open_ else (None, None)
        coming = max(0, (expected or 0) - snapshot.counts.submitted)
        eta = remaining_seconds(snapshot.counts, snapshot.jobs, rate, coming=coming)
        if until is not None and until > snapshot.time:
            eta = until - snapshot.time
        self._record.feed(time.monotonic_ns(), snapshot, samples)
        full = dataclasses.replace(
            snapshot,
            workers=tuple(self._merge(worker, samples.get(worker.pid)) for worker in snapshot.workers),
            history=self._histories.pool(),
            rate=rate,
            eta=eta,
            expected=expected,
            until=until,
            monitor_percent=self._histories.monitor_percent,
            board_pid=self._board_pid(),
            machine=self._machine.sample(now),
            viewers=self._viewers(),
        )
        self._latest = self._record.complete(full)

    def _merge(self, worker: WorkerSnapshot, sample: Sample | None) -> WorkerSnapshot:
        if sample is None:
            return dataclasses.replace(worker, cpu_history=self._histories.worker(worker.slot))
        return dataclasses.replace(
            worker,
            # Stopped from outside: the engine cannot know it.  One that dies is that before all.
            state=WorkerState.FROZEN if sample.frozen and worker.state is not WorkerState.DYING else worker.state,
            cpu_percent=sample.cpu_percent,
            rss=sample.rss,
            cpu_history=self._histories.worker(worker.slot),
        )

    def _board_pid(self) -> int | None:
        return None if self._board is None else self._board.pid

    def _viewers(self) -> int:
        return 0 if self._board is None else self._board.viewers

    def _cost(self) -> float:
        """CPU seconds of this thread and of the board's, so far."""
        return time.thread_time() + (0.0 if self._board is None else self._board.seconds)
