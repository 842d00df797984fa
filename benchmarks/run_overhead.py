"""What the hook costs a program: jobs per second of a stock pool, and the start of an interpreter, with it and without.

    python benchmarks/run_overhead.py                       5 rounds
    python benchmarks/run_overhead.py --rounds 9 --cases apply,submit

In each round three programs are started, with the hook and without it, and take turns at slices of 2,000 jobs, in an
order that is drawn anew: a machine that gets slower for a second slows all of them, and one that is lucky with its
processes for a whole round is one of several.  The median of all slices counts, and the ratio of the medians; its
target is 0.95.  In brackets, the lowest and the highest ratio of a round.  "with locks" is what ``poolmgr run`` does;
"without locks" leaves the program's locks untracked.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from poolmgr.hook import environment
from poolmgr.runtime.run_folder import RunFolder

PROGRAM = """
import multiprocessing, sys, time
from concurrent.futures import ProcessPoolExecutor

def same(x):
    return x

def with_apply(pool, jobs):
    for result in [pool.apply_async(same, (x,)) for x in range(jobs)]:
        result.get()

def with_map(pool, jobs):
    pool.map(same, range(jobs), chunksize=1)

def with_imap(pool, jobs):
    for _ in pool.imap_unordered(same, range(jobs)):
        pass

def with_submit(pool, jobs):
    for future in [pool.submit(same, x) for x in range(jobs)]:
        future.result()

if __name__ == "__main__":
    run, jobs = globals()["with_" + sys.argv[1]], int(sys.argv[2])
    context = multiprocessing.get_context("fork")
    make = (lambda: ProcessPoolExecutor(2, mp_context=context)) if sys.argv[1] == "submit" else lambda: context.Pool(2)
    with make() as pool:
        run(pool, 200)
        print("ready", flush=True)
        for _ in sys.stdin:
            begun = time.perf_counter()
            run(pool, jobs)
            print(jobs / (time.perf_counter() - begun), flush=True)
"""
CASES = ("apply", "map", "imap", "submit")
KINDS = ("plain", "with locks", "without locks")


def plain() -> dict[str, str]:
    """The environment of a program without the hook."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


class Program:
    """A program that has a pool, and does a slice of jobs whenever it is asked."""

    def __init__(self, script: Path, case: str, jobs: int, env: dict[str, str]) -> None:
        """Start it, and wait until its workers are there."""
        command = [sys.executable, str(script), case, str(jobs)]
        self._process = subprocess.Popen(
            command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._answer()

    def rate(self) -> float:
        """Jobs a second of one slice."""
        assert self._process.stdin
        self._process.stdin.write("go\n")
        return float(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline() or sys.exit("the program that was measured has ended")

    def close(self) -> None:
        """Have it end."""
        self._process.communicate()


def start(env: dict[str, str], code: str) -> float:
    """Milliseconds from the start of an interpreter to its end."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    return (time.perf_counter() - begun) * 1000


def main() -> int:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slices", type=int, default=30, help="of each program, in each round")
    parser.add_argument("--jobs", type=int, default=2000, help="in each slice")
    parser.add_argument("--cases", default=",".join(CASES))
    args = parser.parse_args()
    print("| jobs a second, median | plain | with locks | ratio | without locks | ratio |")
    print("|---|---|---|---|---|---|")
    for case in args.cases.split(","):
        print(row(case, args.rounds, args.slices, args.jobs), flush=True)
    print("\n| start of an interpreter, ms, median | plain | hooked | more |\n|---|---|---|---|")
    for name, code in (("nothing imported", "pass"), ("multiprocessing.pool", "import multiprocessing.pool")):
        pairs = []
        for _ in range(7 * args.rounds):
            with RunFolder() as folder:
                pairs.append((start(plain(), code), start(environment(folder.path, plain()), code)))
        bare, hooked = (statistics.median(column) for column in zip(*pairs, strict=True))
        more = statistics.median(with_it - without for without, with_it in pairs)
        print(f"| {name} | {bare:.1f} | {hooked:.1f} | {more:+.1f} |", flush=True)
    return 0


def row(case: str, rounds: int, slices: int, jobs: int) -> str:
    """One line of the first table."""
    rates: dict[str, list[list[float]]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as place:
        script = Path(place, "program.py")
        script.write_text(PROGRAM)
        for _ in range(rounds):
            for kind, found in one_round(script, case, slices, jobs).items():
                rates[kind].append(found)
    middle = {kind: statistics.median(rate for found in rates[kind] for rate in found) for kind in KINDS}
    cells = [case, f"{middle['plain']:,.0f}"]
    for kind in KINDS[1:]:
        pairs = zip(rates[kind], rates["plain"], strict=True)
        ratios = [statistics.median(hooked) / statistics.median(bare) for hooked, bare in pairs]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        cells += [f"{middle[kind]:,.0f}", f"{middle[kind] / middle['plain']:.2f} ({spread})"]
    return f"| {' | '.join(cells)} |"


def one_round(script: Path, case: str, slices: int, jobs: int) -> dict[str, list[float]]:
    """Jobs a second of each slice, by the kind of the program."""
    rates: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with RunFolder() as folder, RunFolder() as other, contextlib.ExitStack() as stack:
        environments = (plain(), environment(folder.path, plain()), environment(other.path, plain(), locks=False))
        programs = {}
        for kind, env in zip(KINDS, environments, strict=True):
            programs[kind] = Program(script, case, jobs, env)
            stack.callback(programs[kind].close)
        for _ in range(slices):
            for kind in random.sample(KINDS, len(KINDS)):
                rates[kind].append(programs[kind].rate())
    return rates


if __name__ == "__main__":
    sys.exit(main())
