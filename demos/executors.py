"""Executors: concurrent.futures, the same with poolmgr's engine, and both from asyncio.

What to watch:
  - The same work four times: every source of the standard library is hashed by a ProcessPoolExecutor, by a
    poolmgr.PoolExecutor, from asyncio by run_in_executor, and as jobs of a poolmgr.Pool that are awaited.
  - submit() gives a Future, as_completed() gives them as they end, map() gives results in the order of the input.
  - One worker is killed in each executor.  The stock one is broken then, for good, and all its futures fail with it.
    Ours loses one future and goes on.
  - asyncio's loop goes on turning while the processes work: a ticker counts.

Runs alone (python demos/executors.py), under the screen (poolmgr demo executors), and without one (--headless).
"""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import os
import signal
import sysconfig
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import poolmgr
from poolmgr.demos import arguments, check, figures

LIBRARY = Path(sysconfig.get_path("stdlib"))
#: What is done to each file: as many rounds as a password would get.
ROUNDS = 10_000


def digest_of(name: str) -> str:
    """A slow hash of a file."""
    return hashlib.pbkdf2_hmac("sha256", (LIBRARY / name).read_bytes(), b"demo", ROUNDS).hex()


def die() -> None:
    """What a fault in a C extension looks like."""
    os.kill(os.getpid(), signal.SIGSEGV)


def as_futures(executor: Executor, names: list[str]) -> dict[str, str]:
    """submit, as_completed and map."""
    futures = {executor.submit(digest_of, name): name for name in names}
    first = next(as_completed(futures))
    print(f"  the first to end: {futures[first]}, submitted as number {names.index(futures[first]) + 1}")
    found = {name: future.result() for future, name in futures.items()}
    check("map gives the same, in the order of the input", list(executor.map(digest_of, names)) == list(found.values()))
    return found


def lose_a_worker(executor: Executor, names: list[str]) -> tuple[int, bool]:
    """Kill a worker among other jobs.  Returns how many of these were lost, and whether the executor goes on."""
    futures = [executor.submit(digest_of, name) for name in names]
    doomed = executor.submit(die)
    try:
        for name in names:
            futures.append(executor.submit(digest_of, name))
    except BrokenProcessPool:
        # It was dead before all of them were submitted.
        pass
    error = doomed.exception()
    print(f"  {type(error).__name__}: {str(error).partition('.')[0][:95]}")
    if not isinstance(error, BrokenProcessPool):
        check("the future of the job whose worker died fails with BrokenProcessPool", False)
    lost = sum(future.exception() is not None for future in futures)
    try:
        return lost, executor.submit(digest_of, names[0]).result() == digest_of(names[0])
    except BrokenProcessPool:
        return lost, False


async def tick(ticks: list[float]) -> None:
    """Something else that the program does meanwhile."""
    while True:
        await asyncio.sleep(0.01)
        ticks.append(time.monotonic())


async def in_asyncio(executor: Executor, pool: poolmgr.Pool, names: list[str]) -> tuple[dict[str, str], ...]:
    """run_in_executor, and awaiting a job itself."""
    ticks: list[float] = []
    ticker = asyncio.create_task(tick(ticks))
    loop = asyncio.get_running_loop()
    waiting = [loop.run_in_executor(executor, digest_of, name) for name in names]
    by_executor = dict(zip(names, await asyncio.gather(*waiting), strict=True))
    threads = threading.active_count()
    jobs = [pool.apply_async(digest_of, (name,)) for name in names]
    by_pool = {name: await job for name, job in zip(names, jobs, strict=True)}
    check("awaiting jobs took no thread for each", threading.active_count() <= threads)
    ticker.cancel()
    check(f"the loop went on turning: it ticked {len(ticks)} times meanwhile", len(ticks) > 0)
    return by_executor, by_pool


def timed(what: str, call: Callable[[], dict[str, str]]) -> tuple[dict[str, str], float]:
    """Say what is done, do it, and say how long it took."""
    print(what)
    began = time.monotonic()
    found = call()
    seconds = time.monotonic() - began
    print(f"  {seconds:.2f} s")
    return found, seconds


def main() -> None:
    """Four ways to the same hashes, and a worker lost in two of them."""
    options = arguments(__doc__, workers=2)
    ctx = multiprocessing.get_context(options.start_method)
    names = sorted(path.name for path in LIBRARY.glob("[a-b]*.py" if options.quick else "*.py"))
    with ProcessPoolExecutor(options.workers, mp_context=ctx) as stock:
        by_stock, stock_seconds = timed("1. ProcessPoolExecutor", lambda: as_futures(stock, names))
        print("   and a worker dies")
        stock_lost, goes_on = lose_a_worker(stock, names)
        check(f"{stock_lost} other futures failed with it, and the executor is broken for good", not goes_on)
    with poolmgr.PoolExecutor(options.workers, mp_context=ctx) as ours:
        by_ours, our_seconds = timed("2. poolmgr.PoolExecutor", lambda: as_futures(ours, names))
        print("   and a worker dies")
        our_lost, goes_on = lose_a_worker(ours, names)
        check(f"{our_lost} other futures failed, and it goes on", (our_lost, goes_on) == (0, True))
        print("3. asyncio: run_in_executor, and jobs of a poolmgr.Pool, awaited")
        with poolmgr.Pool(options.workers, context=ctx) as pool:
            by_loop, by_pool = asyncio.run(in_asyncio(ours, pool, names))
        pool.join()
        check(f"four ways, the same {len(names)} hashes", by_stock == by_ours == by_loop == by_pool)
    figures(
        files=len(names),
        stock_seconds=stock_seconds,
        our_seconds=our_seconds,
        stock_lost=stock_lost,
        our_lost=our_lost,
    )


if __name__ == "__main__":
    main()
