"""Kills by job in a stock pool under load: each job is answered or reported lost exactly once, and nothing hangs.

    python benchmarks/hook_kills.py                                 500 kills, under fork and under spawn
    python benchmarks/hook_kills.py --kills 50 --method fork

A program of its own, under the hook, keeps a stock ``multiprocessing.Pool`` busy with jobs of 0 to 4 ms, a third of
them in maps.  Beside it, kills go to whatever job a worker is in at the moment.  One line for each start method; exit
code 1 if a job was not answered, answered twice, or lost without a kill.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from poolmgr.control.stock import StockActs
from poolmgr.hook import environment
from poolmgr.monitor.observed import is_alive
from poolmgr.monitor.run_reader import Reader
from poolmgr.runtime.run_folder import RunFolder

WORKERS = 3
#: Seconds without a kill that succeeds after which the program is taken to hang.
LATE = 60.0

PROGRAM = '''
import collections, multiprocessing, os, random, sys, threading, time

def work(i):
    time.sleep(i % 5 / 1000)
    return i

class Tally:
    """Counts the answers of each job."""
    def __init__(self):
        self.answers = collections.Counter()
        self.lost = 0
        self.room = threading.Semaphore(300)

    def take(self, number, error):
        self.answers[number] += 1
        self.lost += error is not None and type(error).__name__ == "WorkerLost"
        self.room.release()

if __name__ == "__main__":
    pool = multiprocessing.get_context(sys.argv[1]).Pool(int(sys.argv[2]))
    tally, number = Tally(), 0
    while not os.path.exists(sys.argv[3]):
        tally.room.acquire()
        done = lambda _, n=number: tally.take(n, None)
        failed = lambda error, n=number: tally.take(n, error)
        if number % 3:
            pool.apply_async(work, (number,), callback=done, error_callback=failed)
        else:
            pool.map_async(work, range(10), 2, callback=done, error_callback=failed)
        number += 1
    pool.close()
    joiner = threading.Thread(target=pool.join, daemon=True)
    joiner.start()
    joiner.join(60)
    once = sum(count == 1 for count in tally.answers.values())
    print(number, once, tally.lost, joiner.is_alive(), len(pool._cache), flush=True)
    if joiner.is_alive():
        os._exit(1)
'''


def round_of(method: str, kills: int, seed: int) -> bool:
    """One program, and that many kills. Whether all promises were kept."""
    rng = random.Random(seed)
    with RunFolder() as folder, tempfile.TemporaryDirectory() as place:
        script, stop = Path(place, "program.py"), Path(place, "stop")
        script.write_text(PROGRAM)
        process = subprocess.Popen(
            [sys.executable, str(script), method, str(WORKERS), str(stop)],
            env=environment(folder.path),
            stdout=subprocess.PIPE,
            text=True,
        )
        begun = time.monotonic()
        done, spared = shoot(folder.path, kills, rng)
        stop.touch()
        output, _ = process.communicate(timeout=120)
        took = time.monotonic() - begun
        reader = Reader(folder.path)
        lost_tasks = sum(pool.lost for pool in reader.read().pools.values())
        reader.close()
    number, once, lost, hangs, left = output.split()
    kept = done == kills == lost_tasks and number == once and hangs == "False" and left == "0"
    print(
        f"{method:>6}: {done} kills ({spared} finished meanwhile) in {took:.1f} s, {number} jobs, {once} answered once,"
        f" {lost_tasks} tasks reported lost in {lost} jobs, {left} unanswered, joined: {hangs == 'False'}: "
        f"{'kept' if kept else 'BROKEN'}",
        flush=True,
    )
    return kept


def shoot(folder: str, kills: int, rng: random.Random) -> tuple[int, int]:
    """Kill whatever runs, until there were so many kills. How many hit, and how many came too late."""
    acts, reader = StockActs(folder), Reader(folder)
    hits = misses = 0
    deadline = time.monotonic() + LATE
    while hits < kills and time.monotonic() < deadline:
        seen = reader.read()
        for worker in seen.workers.values():
            if not is_alive(worker):
                # As whoever watches a run does: the dead are not to be looked at again and again.
                reader.forget(worker.pid)
        alive = [one for one in seen.workers.values() if one.running and is_alive(one)]
        if not alive:
            time.sleep(0.001)
            continue
        victim = rng.choice(alive)
        assert victim.running is not None
        if acts.kill(victim, victim.running.job).ok:
            hits += 1
            deadline = time.monotonic() + LATE
        else:
            misses += 1
    reader.close()
    return hits, misses


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--method", default="fork,spawn")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    kept = [round_of(method, args.kills, args.seed) for method in args.method.split(",")]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
