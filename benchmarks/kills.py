"""Random SIGKILLs among many jobs: each job ends once, a death costs one at the most, none runs twice or is mixed up.

    python benchmarks/kills.py                                        100,000 jobs, seeds 0 to 19, three start methods
    python benchmarks/kills.py --jobs 20000 --seeds 2 --method fork

One line for each run; exit code 1 as soon as one run breaks a promise.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from functools import partial
from typing import Any

import poolmgr
from poolmgr.errors import WorkerDied

WORKERS = 3
#: Seconds between two kills, at the most: about what a new worker needs to become useful.
PAUSE = {"fork": 0.02, "spawn": 0.3, "forkserver": 0.1}
#: A job that is later than this hangs.
LATE = 120.0


def work(fd_path: str, i: int) -> int:
    """Tell that job ``i`` runs; every fiftieth takes long enough to have others taken back from behind it."""
    _tell(fd_path, i)
    if i % 50 == 0:
        time.sleep(0.008)
    return i * 3 + 1


_fds: dict[str, int] = {}


def _tell(folder: str, i: int) -> None:
    fd = _fds.get(folder)
    if fd is None:
        # One file a process: what a killed one had written in one write is whole.
        path = os.path.join(folder, str(os.getpid()))
        fd = _fds[folder] = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, b"%d\n" % i)


class Killer(threading.Thread):
    """Kills a random worker at random moments."""

    def __init__(self, pool: poolmgr.Pool, method: str, seed: int) -> None:
        super().__init__(daemon=True)
        self.stop = threading.Event()
        self.kills = 0
        self._pool, self._pause, self._random = pool, PAUSE[method], random.Random(seed)

    def run(self) -> None:
        """Until stopped."""
        while not self.stop.wait(self._random.random() * self._pause):
            pids = [worker.pid for worker in self._pool.snapshot().workers]
            try:
                if pids:
                    os.kill(self._random.choice(pids), signal.SIGKILL)
                    self.kills += 1
            except ProcessLookupError:
                pass  # It had gone already.


def one_run(method: str, seed: int, number: int) -> list[str]:
    """Run the jobs, print what happened, and return the promises that were broken."""
    ends: Counter[int] = Counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        poolmgr.Pool(WORKERS, context=multiprocessing.get_context(method)) as pool,
    ):
        killer = Killer(pool, method, seed)
        begun = time.monotonic()
        killer.start()

        def ended(i: int, _: object) -> None:
            ends[i] += 1

        jobs = [
            pool.apply_async(work, (folder, i), callback=partial(ended, i), error_callback=partial(ended, i))
            for i in range(number)
        ]
        lost, wrong, hung = _collect(jobs)
        killer.stop.set()
        killer.join()
        took = time.monotonic() - begun
        ran: Counter[int] = Counter()
        for name in os.listdir(folder):
            with open(os.path.join(folder, name)) as file:
                ran.update(map(int, file))
    twice = sum(times > 1 for times in ran.values())
    missing = number - len(lost | set(ran))
    more_ends = sum(ends[i] != 1 for i in range(number))
    print(
        f"{method} seed {seed}: {number} jobs, {killer.kills} kills, {len(lost)} lost, {wrong} wrong, "
        f"{twice} ran twice, {missing} never ran, {hung} hung, {more_ends} ended not once, {took:.1f} s",
        flush=True,
    )
    broken = {
        "a result of another job": wrong,
        "a job ran twice": twice,
        "a job has a result and never ran": missing,
        "a job hangs": hung,
        "a job did not end exactly once": more_ends,
        "more jobs lost than workers killed": len(lost) > killer.kills,
    }
    return [text for text, happened in broken.items() if happened]


def _collect(jobs: list[Any]) -> tuple[set[int], int, int]:
    """The lost, and how many had a wrong result or none in time."""
    lost: set[int] = set()
    wrong = hung = 0
    for i, job in enumerate(jobs):
        try:
            wrong += job.get(LATE) != i * 3 + 1
        except WorkerDied:
            lost.add(i)
        except multiprocessing.TimeoutError:
            hung += 1
    return lost, wrong, hung


def main() -> int:
    """All runs that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--method", default="fork,spawn,forkserver")
    wanted = parser.parse_args()
    for method in wanted.method.split(","):
        for seed in range(wanted.first_seed, wanted.first_seed + wanted.seeds):
            broken = one_run(method, seed, wanted.jobs)
            if broken:
                print("broken:", "; ".join(broken), file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
