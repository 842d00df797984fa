"""What the hook costs a program: jobs per second of a stock pool, and the start of an interpreter, with it and without.

    python benchmarks/run_overhead.py                       11 rounds
    python benchmarks/run_overhead.py --rounds 5 --jobs 50000

With and without alternate, in programs of their own, and each pair gives a ratio, so that a machine that is busy now
and then does no harm; the median of the ratios counts, and its target is 0.95.  "with locks" is what ``poolmgr run``
does; "without locks" leaves the program's locks untracked.
"""

from __future__ import annotations

import argparse
import os
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
        begun = time.perf_counter()
        run(pool, jobs)
        print(jobs / (time.perf_counter() - begun))
"""
CASES = ("apply", "map", "imap", "submit")


def plain() -> dict[str, str]:
    """The environment of a program without the hook."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def rate(script: Path, case: str, jobs: int, env: dict[str, str]) -> float:
    """Jobs a second."""
    command = [sys.executable, str(script), case, str(jobs)]
    return float(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)


def start(env: dict[str, str], code: str) -> float:
    """Milliseconds from the start of an interpreter to its end."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    return (time.perf_counter() - begun) * 1000


def main() -> int:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--jobs", type=int, default=20000)
    parser.add_argument("--cases", default=",".join(CASES))
    args = parser.parse_args()
    print("| jobs a second, median | plain | with locks | ratio | without locks | ratio |")
    print("|---|---|---|---|---|---|")
    for case in args.cases.split(","):
        print(row(case, args.rounds, args.jobs), flush=True)
    print("\n| start of an interpreter, ms, median | plain | hooked | more |\n|---|---|---|---|")
    for name, code in (("nothing imported", "pass"), ("multiprocessing.pool", "import multiprocessing.pool")):
        pairs = []
        for _ in range(3 * args.rounds):
            with RunFolder() as folder:
                pairs.append((start(plain(), code), start(environment(folder.path, plain()), code)))
        bare, hooked = (statistics.median(column) for column in zip(*pairs, strict=True))
        more = statistics.median(with_it - without for without, with_it in pairs)
        print(f"| {name} | {bare:.1f} | {hooked:.1f} | {more:+.1f} |", flush=True)
    return 0


def row(case: str, rounds: int, jobs: int) -> str:
    """One line of the first table."""
    rates: list[tuple[float, float, float]] = []
    with tempfile.TemporaryDirectory() as place:
        script = Path(place, "program.py")
        script.write_text(PROGRAM)
        for number in range(rounds):
            with RunFolder() as folder:
                kinds = (plain(), environment(folder.path, plain()), environment(folder.path, plain(), locks=False))
                # Each round begins with another one.
                order = [(number + i) % 3 for i in range(3)]
                found = {kind: rate(script, case, jobs, kinds[kind]) for kind in order}
            rates.append((found[0], found[1], found[2]))
    bare, with_locks, without = (statistics.median(column) for column in zip(*rates, strict=True))
    ratios = [statistics.median(one[i] / one[0] for one in rates) for i in (1, 2)]
    return f"| {case} | {bare:,.0f} | {with_locks:,.0f} | {ratios[0]:.2f} | {without:,.0f} | {ratios[1]:.2f} |"


if __name__ == "__main__":
    sys.exit(main())
