"""What the lifeline costs a worker, and how soon workers are gone when their owner is killed.

    python benchmarks/lifeline.py

Prints microseconds of ``protect()`` in a child, and for each start method the milliseconds from SIGKILL of an owner
until its last worker is gone; one worker of each owner holds the interpreter's lock in C meanwhile.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import select
import signal
import statistics
import subprocess
import sys
import time

import poolmgr
from poolmgr.runtime.lifeline import guard

WORKERS = 4


def compute(_: int) -> int:
    """Hold the interpreter's lock for very long."""
    return sum(range(10**12))


def owner(method: str) -> None:
    """Open a pool, tell its workers' ids, and wait to be killed."""
    pool = poolmgr.Pool(WORKERS, context=multiprocessing.get_context(method))
    pool.map(abs, range(100))
    pool.apply_async(compute, (0,))
    while not any(worker.state == "running" for worker in pool.snapshot().workers):
        time.sleep(0.01)
    print(*(worker.pid for worker in pool.snapshot().workers), flush=True)
    signal.pause()


def cost_of_protect() -> float:
    """Microseconds of protect(), in a forked child."""
    lifeline = guard()
    reader, writer = os.pipe()
    if os.fork() == 0:
        begun = time.perf_counter_ns()
        lifeline.protect()
        os.write(writer, str(time.perf_counter_ns() - begun).encode())
        os._exit(0)
    os.close(writer)
    os.wait()
    took = int(os.read(reader, 32)) / 1e3
    os.close(reader)
    return took


def until_gone(method: str) -> float:
    """Milliseconds from SIGKILL of an owner until all of its workers have ended."""
    command = [sys.executable, os.path.abspath(__file__), "--owner", method]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    ends = [os.pidfd_open(int(pid)) for pid in process.stdout.readline().split()]
    assert len(ends) == WORKERS
    begun = time.perf_counter()
    process.kill()
    waiting = set(ends)
    while waiting:
        ready = select.select(list(waiting), [], [], 10)[0]
        if not ready:
            raise TimeoutError(f"{len(waiting)} workers live on")
        waiting.difference_update(ready)
    took = (time.perf_counter() - begun) * 1e3
    for fd in ends:
        os.close(fd)
    process.stdout.close()
    process.wait()
    return took


def show(label: str, values: list[float], unit: str) -> None:
    """The median and the range."""
    print(f"{label}: {statistics.median(values):.1f} {unit} ({min(values):.1f} to {max(values):.1f})", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--owner", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.owner:
        owner(wanted.owner)
        return
    show("protect()", [cost_of_protect() for _ in range(200)], "us")
    for method in ("fork", "spawn", "forkserver"):
        show(f"{WORKERS} workers gone, {method}", [until_gone(method) for _ in range(wanted.rounds)], "ms")


if __name__ == "__main__":
    main()
