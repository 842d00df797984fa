"""Programs with heavy but right locking, run over and over while their locks are watched: no alarm may be raised.

    python benchmarks/lock_soak.py [--runs 50] [--seconds 2]

Looks ten times a second, more often than any screen.  Prints a line for each run; the exit code is 1 if there was an
alarm, or a program that did not end as it should.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import subprocess
import sys
import threading
import time
from typing import Any

from poolmgr.hook import environment
from poolmgr.monitor.locks import LockReader
from poolmgr.runtime.run_folder import RunFolder
from poolmgr.runtime.tree import descendants

#: Seconds between two looks.
PACE = 0.1


def in_order(locks: list[Any], seconds: float) -> None:
    """Take several of many locks, always in the same order."""
    until = time.monotonic() + seconds
    chance = random.Random(os.getpid())
    while time.monotonic() < until:
        some = sorted(chance.sample(range(len(locks)), 3))
        for place in some:
            locks[place].acquire()
        time.sleep(chance.random() / 2000)
        for place in reversed(some):
            locks[place].release()


def nested(lock: Any, total: Any, seconds: float) -> None:
    """Take one recursive lock again and again inside of itself, from several threads."""
    until = time.monotonic() + seconds

    def work() -> None:
        while time.monotonic() < until:
            with lock, lock, total.get_lock(), lock:
                total.value += 1

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def meet(barrier: Any, bell: Any, count: Any, rounds: int) -> None:
    """Meet at a barrier, and wake each other by a condition."""
    for number in range(rounds):
        barrier.wait()
        with bell:
            count.value += 1
            if count.value == barrier.parties * (number + 1):
                bell.notify_all()
            bell.wait_for(lambda goal=barrier.parties * (number + 1): count.value >= goal)


def consume(todo: Any, done: Any) -> None:
    """Take items from one queue and put them into another."""
    for item in iter(todo.get, None):
        done.put(item + 1)


def gate(first: Any, second: Any, turns: int, begin: bool) -> None:
    """Take turns by two locks that are released by the other process: a gate, and no deadlock."""
    for _ in range(turns):
        (first if begin else second).acquire()
        (second if begin else first).release()


def run_order(ctx: Any, seconds: float) -> None:
    """Many locks, in one order."""
    locks = [ctx.Lock() if place % 2 else ctx.RLock() for place in range(8)]
    together(ctx, in_order, [(locks, seconds)] * 5)


def run_nested(ctx: Any, seconds: float) -> None:
    """One recursive lock, threads in processes."""
    total = ctx.Value("q", 0)
    together(ctx, nested, [(ctx.RLock(), total, seconds)] * 3)
    assert total.value > 0


def run_meet(ctx: Any, seconds: float) -> None:
    """A barrier and a condition."""
    rounds, parties, count = max(5, int(seconds * 50)), 4, ctx.Value("q", 0)
    together(ctx, meet, [(ctx.Barrier(parties), ctx.Condition(), count, rounds)] * parties)
    assert count.value == rounds * parties


def run_queues(ctx: Any, seconds: float) -> None:
    """A pipeline with back pressure."""
    todo, done, number = ctx.Queue(4), ctx.Queue(4), max(100, int(seconds * 1500))
    workers = [ctx.Process(target=consume, args=(todo, done)) for _ in range(3)]
    for worker in workers:
        worker.start()

    def feed() -> None:
        for item in range(number):
            todo.put(item)
        for _ in workers:
            todo.put(None)

    thread = threading.Thread(target=feed)
    thread.start()
    assert sum(done.get() for _ in range(number)) == number * (number + 1) // 2
    thread.join()
    for worker in workers:
        worker.join()


def run_pool(ctx: Any, seconds: float) -> None:
    """Pools that come and go, with a lock of the program's."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        lock = ctx.Lock()
        with ctx.Pool(3, initializer=keep, initargs=(lock,)) as pool:
            assert sum(pool.imap_unordered(locked, range(200))) == sum(range(200))


def run_gate(ctx: Any, seconds: float) -> None:
    """Two locks as a gate."""
    first, second = ctx.Lock(), ctx.Lock()
    second.acquire()
    turns = max(50, int(seconds * 2000))
    together(ctx, gate, [(first, second, turns, True), (first, second, turns, False)])


def keep(lock: Any) -> None:
    """Remember the lock in a worker."""
    global _kept
    _kept = lock


_kept: Any = None


def locked(value: int) -> int:
    """A job under the lock."""
    with _kept:
        return value


def together(ctx: Any, target: Any, arguments: list[tuple[Any, ...]]) -> None:
    """Run processes side by side until they have ended well."""
    processes = [ctx.Process(target=target, args=each) for each in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0, process.exitcode


PROGRAMS = {
    "order": run_order,
    "nested": run_nested,
    "meet": run_meet,
    "queues": run_queues,
    "pool": run_pool,
    "gate": run_gate,
}


def watch(name: str, method: str, seconds: float) -> tuple[int, int, int]:
    """Run a program and look at its locks; pictures, alarms, exit code."""
    pictures = alarms = 0
    with RunFolder() as folder:
        child = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), "--program", name, method, str(seconds)],
            env=environment(folder.path),
        )
        reader = LockReader(folder.path, lambda: [child.pid, *descendants(child.pid)])
        while child.poll() is None:
            sync = reader.read()
            if sync is not None:
                pictures += 1
                alarms += len(sync.deadlocks) + len(sync.abandoned)
            time.sleep(PACE)
        reader.close()
    return pictures, alarms, child.returncode


def main() -> int:
    """Run them all in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--program", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.program:
        name, method, seconds = options.program
        PROGRAMS[name](multiprocessing.get_context(method), float(seconds))
        return 0
    bad = total = 0
    for number in range(options.runs):
        name = list(PROGRAMS)[number % len(PROGRAMS)]
        method = ("fork", "spawn", "forkserver")[number // len(PROGRAMS) % 3]
        pictures, alarms, code = watch(name, method, options.seconds)
        total += pictures
        bad += alarms > 0 or code != 0
        print(
            f"{number + 1:3} {name:8} {method:10} {pictures:4} pictures, {alarms} alarms, exit code {code}", flush=True
        )
    print(
        f"Python {sys.version.split()[0]}: {options.runs} runs, {total} pictures, {bad} runs with an alarm or an error"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
