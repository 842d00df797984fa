"""What it costs the owner to have it taken down what its workers do: CPU a task, without a monitor and with one.

    python benchmarks/tape.py [ROUNDS]

Each row is the median of ROUNDS runs, the two kinds alternating, and the least and the most of them. The clock is the
owner's CPU time, so that what else runs on the machine disturbs little.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import poolmgr
from poolmgr.monitor.collector import Collector

CASES: dict[str, tuple[int, Callable[[poolmgr.Pool, int], object]]] = {
    "apply_async with callback": (
        20_000,
        lambda pool, n: [job.wait() for job in [pool.apply_async(abs, (i,), callback=abs) for i in range(n)]],
    ),
    "imap_unordered": (100_000, lambda pool, n: sum(pool.imap_unordered(abs, range(n)))),
    "apply, one at a time": (5_000, lambda pool, n: [pool.apply(abs, (i,)) for i in range(n)]),
}


def measure(case: str, *, watched: bool) -> float:
    """Microseconds of the owner's CPU for a task."""
    count, work = CASES[case]
    with poolmgr.Pool(2) as pool:
        collector = Collector(pool) if watched else None
        if collector is not None:
            collector.start()
        work(pool, count // 10)
        begun = time.process_time()
        work(pool, count)
        spent = time.process_time() - begun
        pool.terminate()
        pool.join()
        if collector is not None:
            collector.stop()
    return spent / count * 1e6


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    print(f"{'us of CPU a task':28} {'alone':>24} {'with a monitor':>24}")
    for case in CASES:
        found: dict[bool, list[float]] = {False: [], True: []}
        for turn in range(rounds):
            for watched in (turn % 2 == 0, turn % 2 == 1):
                found[watched].append(measure(case, watched=watched))
        cells = [f"{statistics.median(x):.2f} ({min(x):.2f} to {max(x):.2f})" for x in (found[False], found[True])]
        print(f"{case:28} {cells[0]:>24} {cells[1]:>24}")


if __name__ == "__main__":
    main()
