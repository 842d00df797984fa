"""Random SIGKILLs among many jobs: each job ends once, a death costs one at the most, none runs twice or is mixed up.

    python benchmarks/kills.py                                        100,000 jobs, seeds 0 to 19, three start methods
    python benchmarks/kills.py --jobs 20000 --seeds 2 --method fork
    python benchmarks/kills.py --first-seed 10 --seeds 5 --method spawn,forkserver      a part of the whole

One line for each run as it ends, one for each start method, and at the end the verdict; exit code 1 if any run has
broken a promise.
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
from dataclasses import dataclass
from functools import partial
from typing import Any

import poolmgr
from poolmgr.errors import WorkerDied
from poolmgr.model.states import WorkerState

WORKERS = 3
#: Seconds between two kills, at the most: about what a new worker needs to become useful.
PAUSE = {"fork": 0.02, "spawn": 0.3, "forkserver": 0.1}
#: Workers in a row that are killed before they are ready: a pool rightly gives up at 30, however busy the machine is.
UNBORN = 5
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
        unborn = 0
        while not self.stop.wait(self._random.random() * self._pause):
            workers = self._pool.snapshot().workers
            if unborn >= UNBORN:
                workers = [worker for worker in workers if worker.state is not WorkerState.STARTING]
            if not workers:
                continue
            worker = self._random.choice(workers)
            unborn = unborn + 1 if worker.state is WorkerState.STARTING else 0
            try:
                os.kill(worker.pid, signal.SIGKILL)
                self.kills += 1
            except ProcessLookupError:
                pass  # It had gone already.


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one run."""

    jobs: int
    kills: int
    lost: int
    #: Jobs for which a promise was broken, by how.
    broken: dict[str, int]
    seconds: float

    def __str__(self) -> str:
        bad = "; ".join(f"{count} {how}" for how, count in self.broken.items() if count)
        return (
            f"{self.jobs:,} jobs, {self.kills} kills, {self.lost} lost "
            f"({self.lost / max(1, self.kills):.2f} a kill), {bad or 'nothing broken'}, {self.seconds:.1f} s"
        )

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        return not any(self.broken.values())


def total(outcomes: list[Outcome]) -> Outcome:
    """All of them as one."""
    broken: Counter[str] = Counter()
    for outcome in outcomes:
        broken.update(outcome.broken)
    sums = (sum(getattr(outcome, name) for outcome in outcomes) for name in ("jobs", "kills", "lost"))
    return Outcome(*sums, broken, sum(outcome.seconds for outcome in outcomes))


def one_run(method: str, seed: int, number: int) -> Outcome:
    """Run the jobs under fire, and count what happened to them."""
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
    broken = {
        "had a result of another": wrong,
        "ran twice": sum(times > 1 for times in ran.values()),
        "have a result and never ran": number - len(lost | set(ran)),
        "hang": hung,
        "did not end exactly once": sum(ends[i] != 1 for i in range(number)),
        "were lost beyond one a kill": max(0, len(lost) - killer.kills),
    }
    return Outcome(number, killer.kills, len(lost), broken, took)


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
    seeds = range(wanted.first_seed, wanted.first_seed + wanted.seeds)
    every: list[Outcome] = []
    for method in wanted.method.split(","):
        outcomes: list[Outcome] = []
        for seed in seeds:
            outcomes.append(one_run(method, seed, wanted.jobs))
            print(f"{method} seed {seed}: {outcomes[-1]}", flush=True)
        print(f"{method}, {len(outcomes)} runs: {total(outcomes)}", flush=True)
        every += outcomes
    good = sum(outcome.good for outcome in every)
    print(f"{'kept' if good == len(every) else 'BROKEN'}: {good} of {len(every)} runs good; {total(every)}", flush=True)
    return 0 if good == len(every) else 1


if __name__ == "__main__":
    sys.exit(main())
