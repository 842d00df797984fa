"""What tracking costs a program: locks, queues, shared values and pool jobs with and without it, in one run.

    python benchmarks/locks.py [--rounds 7]

Each round starts an interpreter with the hook and one with the hook and POOLMGR_RUN_LOCKS=0, one after the other, in an
order that alternates.  The table has the medians.  Compare within a line only.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from poolmgr.hook import environment
from poolmgr.runtime.run_folder import RunFolder

ROWS = (
    ("lock", "Lock: acquire and release"),
    ("with", "`with` Lock"),
    ("rlock", "RLock: acquire and release"),
    ("semaphore", "Semaphore: acquire and release"),
    ("event", "Event: set and clear"),
    ("increment", "`Value` += 1 under its lock"),
    ("queue", "Queue: put and get"),
    ("simple", "SimpleQueue: put and get"),
    ("contended", "Lock between 2 processes: acquire and release"),
    ("pool", "Pool: one job of a map, chunksize 1"),
    ("make_lock", "make a Lock"),
    ("make_queue", "make a Queue"),
)

#: Of which the best is taken, in each round.
REPEATS = 5


def best(step: Callable[[], object], number: int) -> float:
    """Microseconds of one step: the best of some repeats."""
    times = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        for _ in range(number):
            step()
        times.append((time.perf_counter() - begin) / number)
    return min(times) * 1e6


def nothing(value: int) -> int:
    """A job."""
    return value


def contend(lock: Any, number: int, go: Any) -> None:
    """Take a lock many times while another process does the same."""
    go.wait()
    for _ in range(number):
        lock.acquire()
        lock.release()


def contended(ctx: Any) -> float:
    """Microseconds of one acquire and release while two processes want the lock."""
    number, lock, go = 30_000, ctx.Lock(), ctx.Barrier(3)
    workers = [ctx.Process(target=contend, args=(lock, number, go)) for _ in range(2)]
    for worker in workers:
        worker.start()
    go.wait()
    begin = time.perf_counter()
    for worker in workers:
        worker.join()
    return (time.perf_counter() - begin) / (2 * number) * 1e6


def measure() -> dict[str, float]:
    """All of it in this interpreter, whatever it has inside."""
    ctx = multiprocessing.get_context("fork")
    lock, rlock, semaphore, event = ctx.Lock(), ctx.RLock(), ctx.Semaphore(1), ctx.Event()
    value, queue, simple = ctx.Value("q", 0), ctx.Queue(), ctx.SimpleQueue()

    def with_lock() -> None:
        with lock:
            pass

    def increment() -> None:
        with value.get_lock():
            value.value += 1

    found = {
        "lock": best(lambda: (lock.acquire(), lock.release()), 50_000),
        "with": best(with_lock, 50_000),
        "rlock": best(lambda: (rlock.acquire(), rlock.release()), 50_000),
        "semaphore": best(lambda: (semaphore.acquire(), semaphore.release()), 50_000),
        "event": best(lambda: (event.set(), event.clear()), 5_000),
        "increment": best(increment, 20_000),
        "queue": best(lambda: (queue.put(1), queue.get()), 4_000),
        "simple": best(lambda: (simple.put(1), simple.get()), 20_000),
        "contended": contended(ctx),
        "make_lock": best(ctx.Lock, 2_000),
        "make_queue": best(ctx.Queue, 500),
    }
    with ctx.Pool(2) as pool:
        pool.map(nothing, range(1000), 1)
        found["pool"] = min(timed(lambda: pool.map(nothing, range(5000), 1)) for _ in range(4)) / 5000 * 1e6
    return found


def timed(step: Callable[[], object]) -> float:
    """Seconds of one step."""
    begin = time.perf_counter()
    step()
    return time.perf_counter() - begin


def one(tracked: bool) -> dict[str, float]:
    """The figures of a fresh interpreter."""
    with RunFolder() as folder:
        run = subprocess.run(
            [sys.executable, os.path.abspath(__file__), "--measure"],
            env=environment(folder.path, locks=tracked),
            stdout=subprocess.PIPE,
            check=True,
        )
    found: dict[str, float] = json.loads(run.stdout)
    return found


def main() -> None:
    """Measure in rounds, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure()))
        return
    figures: dict[bool, list[dict[str, float]]] = {True: [], False: []}
    for number in range(options.rounds):
        for tracked in (True, False) if number % 2 else (False, True):
            figures[tracked].append(one(tracked))
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, medians of {options.rounds} rounds\n")
    print("| operation | plain us | tracked us | more us |\n|---|---|---|---|")
    for key, words in ROWS:
        plain, tracked = (statistics.median(each[key] for each in figures[it]) for it in (False, True))
        print(f"| {words} | {plain:.2f} | {tracked:.2f} | {tracked - plain:.2f} |")


if __name__ == "__main__":
    main()
