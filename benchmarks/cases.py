"""What is measured of an engine. Each case runs in an interpreter of its own and gives one number."""

from __future__ import annotations

import gc
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import peers

#: A job that is later than this makes the case fail.
LATE = 150.0


@dataclass(frozen=True, slots=True)
class Setting:
    """How a case is run."""

    workers: int = 2
    method: str = "fork"
    #: Jobs of the case; each has its own default.
    jobs: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to measure."""

    title: str
    unit: str
    higher_is_better: bool
    jobs: int
    measure: Callable[[Callable[[int], Any], Setting], float]
    #: The start method, where the case is about that.
    method: str = ""
    #: The engines, where the case is about these.
    engines: tuple[str, ...] = ()
    #: The engine that the others are compared with.
    against: str = peers.STOCK

    def has(self, engine: str) -> bool:
        """Whether the engine has an interface for the case."""
        return engine != "joblib" or self.measure not in NOT_JOBLIB


def _open(make: Callable[[int], Any], setting: Setting, warm: bool = True) -> Any:
    engine = make(setting.workers)
    if warm:
        for get in [engine.submit(peers.same, i) for i in range(4 * setting.workers)]:
            get()
    return engine


class _Countdown:
    """A callback that tells when it was called so many times."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._zero = threading.Event()

    def __call__(self, _: object) -> None:
        self._left -= 1
        if not self._left:
            self._zero.set()

    def wait(self) -> None:
        if not self._zero.wait(LATE):
            raise TimeoutError(f"{self._left} callbacks are missing")


class _Stopwatch(_Countdown):
    """A countdown that knows when it began: at its first call."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.begun = 0.0

    def __call__(self, result: object) -> None:
        self.begun = self.begun or time.perf_counter()
        super().__call__(result)


def calls(make: Callable[[int], Any], setting: Setting) -> float:
    """Jobs a second: all submitted with a callback, handles kept, until the last callback."""
    engine = _open(make, setting)
    countdown = _Countdown(setting.jobs)
    begun = time.perf_counter()
    kept = [engine.submit_with_callback(peers.same, i, countdown) for i in range(setting.jobs)]
    countdown.wait()
    took = time.perf_counter() - begun
    assert len(kept) == setting.jobs
    return setting.jobs / took


def round_trip(make: Callable[[int], Any], setting: Setting) -> float:
    """Microseconds from a submission to its result, one job at a time; the median."""
    engine = _open(make, setting)
    times = []
    for i in range(setting.jobs):
        begun = time.perf_counter()
        engine.submit(peers.same, i)()
        times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1e6


def round_trip_busy(make: Callable[[int], Any], setting: Setting) -> float:
    """The same while every core has something else to do too."""
    for _ in range(len(os.sched_getaffinity(0))):
        if not os.fork():
            while True:  # Ended with the session of this measurement.
                pass
    return round_trip(make, setting)


def _map(make: Callable[[int], Any], setting: Setting, items: Any) -> float:
    engine = make(setting.workers)
    # By the way that is measured: one engine mixes up what it was called with when both ways are used.
    engine.map(peers.same, range(4 * setting.workers))
    begun = time.perf_counter()
    results = engine.map(peers.same, items)
    took = time.perf_counter() - begun
    assert results == list(items)
    return setting.jobs / took


def map_range(make: Callable[[int], Any], setting: Setting) -> float:
    """Items a second of a map over a range."""
    return _map(make, setting, range(setting.jobs))


def map_list(make: Callable[[int], Any], setting: Setting) -> float:
    """Items a second of a map over a list."""
    return _map(make, setting, list(range(setting.jobs)))


def stream(make: Callable[[int], Any], setting: Setting) -> float:
    """Items a second of an unordered stream, one task an item."""
    engine = make(setting.workers)
    assert len(list(engine.stream(peers.same, range(4 * setting.workers)))) == 4 * setting.workers
    begun = time.perf_counter()
    total = sum(engine.stream(peers.same, range(setting.jobs)))
    took = time.perf_counter() - begun
    assert total == setting.jobs * (setting.jobs - 1) // 2
    return setting.jobs / took


def _repeat(engine: Any, jobs: int, fn: Any, x: Any, check: Callable[[Any], bool]) -> float:
    times = []
    for _ in range(jobs):
        begun = time.perf_counter()
        assert check(engine.submit(fn, x)())
        times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1e3


#: Length of an array of 100 MB.
HUNDRED_MB = 100 * (1 << 20) // 8


def array_argument(make: Callable[[int], Any], setting: Setting) -> float:
    """Milliseconds of a job that is sent an array of 100 MB and reads it."""
    import numpy

    engine = _open(make, setting)
    array = numpy.ones(HUNDRED_MB)
    return _repeat(engine, setting.jobs, peers.touch_all, array, lambda total: total == HUNDRED_MB // 512)


def array_result(make: Callable[[int], Any], setting: Setting) -> float:
    """Milliseconds of a job that makes an array of 100 MB, until the caller has read it."""
    import numpy  # noqa: F401  # imported before workers are forked, as a program that uses it would

    engine = _open(make, setting)

    def whole(array: Any) -> bool:
        return peers.touch_all(array) == HUNDRED_MB // 512

    return _repeat(engine, setting.jobs, peers.make_array, HUNDRED_MB, whole)


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def pending(make: Callable[[int], Any], setting: Setting) -> float:
    """Bytes of the caller's memory that a waiting job takes, handle included."""
    engine = _open(make, setting)
    with tempfile.TemporaryDirectory() as folder:
        go = os.path.join(folder, "go")
        held = [engine.submit(peers.wait_for_file, go) for _ in range(setting.workers)]
        time.sleep(0.3)
        gc.collect()
        before = _resident()
        kept = [engine.keep(peers.same, i) for i in range(setting.jobs)]
        # The threads of some engines move what they were given a moment later.
        time.sleep(1.0)
        took = (_resident() - before) / setting.jobs
        assert len(kept) == setting.jobs
        assert len(held) == setting.workers
        open(go, "w").close()
        return took


def drained(make: Callable[[int], Any], setting: Setting) -> float:
    """The rate at which a pool does so many waiting jobs over that for a hundredth of them."""
    many, few = (_rate(make, setting, number) for number in (setting.jobs, setting.jobs // 100))
    return many / few


def _rate(make: Callable[[int], Any], setting: Setting, number: int) -> float:
    engine = _open(make, setting)
    with tempfile.TemporaryDirectory() as folder:
        go = os.path.join(folder, "go")
        held = [engine.submit(peers.wait_for_file, go) for _ in range(setting.workers)]
        countdown = _Stopwatch(number)
        kept = [engine.submit_with_callback(peers.same, i, countdown) for i in range(number)]
        open(go, "w").close()
        countdown.wait()
        # From the first result on: how soon the workers see that they may go is another matter.
        took = time.perf_counter() - countdown.begun
        for get in held:
            get()
    assert len(kept) == number
    engine.close()
    return number / took


def short_jobs(make: Callable[[int], Any], setting: Setting) -> float:
    """Jobs of 100 us a second."""
    engine = _open(make, setting)
    countdown = _Countdown(setting.jobs)
    begun = time.perf_counter()
    kept = [engine.submit_with_callback(peers.spin, 1e-4, countdown) for _ in range(setting.jobs)]
    countdown.wait()
    took = time.perf_counter() - begun
    assert len(kept) == setting.jobs
    return setting.jobs / took


def startup(make: Callable[[int], Any], setting: Setting) -> float:
    """Milliseconds from no pool to eight workers of which each has done a job; the imports are done."""
    workers = 8
    begun = time.perf_counter()
    engine = make(workers)
    pids: set[int] = set()
    while len(pids) < workers:
        pids.update(get() for get in [engine.submit(peers.nap, 0.01) for _ in range(2 * workers)])
        if time.perf_counter() - begun > 30:
            raise TimeoutError(f"only {len(pids)} workers have worked")
    return (time.perf_counter() - begun) * 1e3


def _makespan(make: Callable[[int], Any], setting: Setting, naps: Iterable[float], ideal: float) -> float:
    engine = _open(make, setting)
    jobs = list(naps)
    countdown = _Countdown(len(jobs))
    begun = time.perf_counter()
    kept = [engine.submit_with_callback(peers.nap if nap else peers.same, nap, countdown) for nap in jobs]
    countdown.wait()
    took = time.perf_counter() - begun
    assert len(kept) == len(jobs)
    return took / ideal


def slow_in_a_row(make: Callable[[int], Any], setting: Setting) -> float:
    """Time over the ideal: tiny jobs, and in their middle 20 of 0.5 s in a row."""
    half = [0.0] * (setting.jobs // 2)
    return _makespan(make, setting, [*half, *[0.5] * 20, *half], 20 * 0.5 / setting.workers)


def slow_at_the_end(make: Callable[[int], Any], setting: Setting) -> float:
    """Time over the ideal: tiny jobs, and two of 0.5 s shortly before the last of them."""
    return _makespan(make, setting, [*[0.0] * setting.jobs, 0.5, 0.5, *[0.0] * 50], 0.5 * 2 / min(2, setting.workers))


CASES = {
    "calls": Case("apply_async with a callback", "jobs/s", True, 50_000, calls),
    "round_trip": Case("round trip of one job, median", "us", False, 2_000, round_trip),
    "round_trip_busy": Case("round trip, all cores busy, median", "us", False, 1_000, round_trip_busy),
    "map_range": Case("map of a range", "items/s", True, 500_000, map_range),
    "map_list": Case("map of a list", "items/s", True, 500_000, map_list),
    "stream": Case("imap_unordered, one task an item", "items/s", True, 50_000, stream),
    "array_argument": Case("array of 100 MB as argument", "ms", False, 7, array_argument),
    "array_result": Case("array of 100 MB as result", "ms", False, 7, array_result),
    "pending": Case("memory of a waiting job", "bytes", False, 300_000, pending),
    "drained": Case(
        "jobs/s with 1,000,000 waiting against 10,000", "x", True, 1_000_000, drained, engines=(peers.OURS,)
    ),
    "short_jobs": Case(
        "jobs of 100 us, watched and not",
        "jobs/s",
        True,
        # Seconds, of which the start of the board's process is a small part.
        100_000,
        short_jobs,
        engines=(peers.OURS, "poolmgr-watched", peers.STOCK),
        against=peers.OURS,
    ),
    "startup": Case("start of 8 workers, each has done a job", "ms", False, 1, startup),
    "startup_forkserver": Case(
        "start of 8 workers under forkserver, each has done a job", "ms", False, 1, startup, method="forkserver"
    ),
    "startup_spawn": Case(
        "start of 8 workers under spawn, each has done a job", "ms", False, 1, startup, method="spawn"
    ),
    "slow_in_a_row": Case("10,000 tiny jobs, 20 slow ones in a row", "x ideal", False, 10_000, slow_in_a_row),
    "slow_at_the_end": Case("10,000 tiny jobs, 2 slow ones near the end", "x ideal", False, 10_000, slow_at_the_end),
}
#: What joblib has no interface for: nothing is called back, and nothing is submitted without being waited for.
NOT_JOBLIB = frozenset({calls, pending, drained, short_jobs, startup, slow_in_a_row, slow_at_the_end})
