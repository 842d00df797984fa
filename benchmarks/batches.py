"""How much work a batch should aim at: jobs of 100 us a second, watched and not, and the time of a few naps.

    python benchmarks/batches.py [ROUNDS] [MS,MS,...]

7 rounds and 2, 4 and 8 ms if nothing is said.  In each round all kinds come in random order; the medians are told, with
the least and the most of them, and the naps as multiples of the ideal time.
"""

from __future__ import annotations

import random
import statistics
import sys
import time

import poolmgr
from poolmgr.engine import scheduler
from poolmgr.monitor.board import Board
from poolmgr.monitor.collector import Collector

JOBS = 60_000
#: Workers, naps, and seconds of each.
NAPS = ((8, 16, 0.003), (8, 40, 0.003), (8, 100, 0.003), (2, 7, 0.002), (2, 20, 0.003), (4, 30, 0.001), (8, 60, 0.006))


def spin(nanoseconds: int) -> None:
    """Be busy."""
    end = time.perf_counter_ns() + nanoseconds
    while time.perf_counter_ns() < end:
        pass


def rate(watched: bool) -> float:
    """Jobs of 100 us a second, with two workers."""
    with poolmgr.Pool(2) as pool:
        board = Board(pool.name, pool.log) if watched else None
        collector = Collector(pool, board=board) if watched else None
        if collector is not None:
            collector.start()
        for count in (JOBS // 10, JOBS):
            begun = time.perf_counter()
            for job in [pool.apply_async(spin, (100_000,)) for _ in range(count)]:
                job.get()
            took = time.perf_counter() - begun
        if collector is not None and board is not None:
            collector.stop()
            board.close()
    return JOBS / took


def naps(workers: int, count: int, seconds: float) -> float:
    """The time of so many naps over the ideal one."""
    times = []
    with poolmgr.Pool(workers) as pool:
        for number in (4 * workers, *[count] * 5):
            begun = time.perf_counter()
            for job in [pool.apply_async(time.sleep, (seconds,)) for _ in range(number)]:
                job.get()
            times.append(time.perf_counter() - begun)
    return statistics.median(times[1:]) / (seconds * -(-count // workers))


def told(values: list[float], digits: int) -> str:
    """Median, least and most."""
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    aims = [int(ms) for ms in (sys.argv[2] if len(sys.argv) > 2 else "2,4,8").split(",")]
    found: dict[tuple[int, object], list[float]] = {}
    kinds = [(aim, what) for aim in aims for what in (False, True, *NAPS)]
    for _ in range(rounds):
        for aim, what in random.sample(kinds, len(kinds)):
            scheduler.BATCH_NS = aim * 1_000_000
            value = rate(what) if isinstance(what, bool) else naps(*what)
            found.setdefault((aim, what), []).append(value)
    for aim in aims:
        bare, watched = found[aim, False], found[aim, True]
        ratio = statistics.median(watched) / statistics.median(bare)
        print(f"{aim} ms: {told(bare, 0)} jobs/s, watched {told(watched, 0)}, ratio {ratio:.3f}")
        for what in NAPS:
            print(f"    {what[1]:3} naps of {what[2] * 1000:.0f} ms, {what[0]} workers: {told(found[aim, what], 3)}")


if __name__ == "__main__":
    main()
