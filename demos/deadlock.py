"""A deadlock: two processes, two locks, each holds the one that the other waits for.

What to watch:
  - "east" and "west" move money between two accounts.  Each locks the account that it takes from, then the one that
    it gives to, so each waits for the other, for ever.  Nothing computes and nothing fails: it looks like patience.
  - You have ten seconds (--limit).  Kill one of them, from the screen or with kill: its lock stays locked, for a lock
    does not know that its holder has died.  The script then releases it in the dead one's name, and the other goes on.
  - If you do nothing, the script ends one of them itself.
  - Then the same transfers with the locks always taken in the same order, and, as another way out, with a limit to
    waiting: who does not get the second lock gives the first one back and tries anew.

Runs alone (python demos/deadlock.py), under the screen (poolmgr demo deadlock), and without one (--headless).
"""

from __future__ import annotations

import multiprocessing
import random
import time
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from typing import Any

from poolmgr.demos import arguments, check, figures

START = 1000


def move(balance: Any, source: int, target: int, amount: int) -> None:
    """Both accounts must be locked."""
    balance[source] -= amount
    balance[target] += amount


def transfer_crossed(balance: Any, locks: Any, source: int, target: int, amount: int, has_one: Any, go: Any) -> None:
    """Lock the source, then the target.  The semaphores see to it that both have one before either asks for the other.

    Without them this goes well for weeks, until one day it does not.
    """
    with locks[source]:
        has_one.release()
        go.acquire()
        with locks[target]:
            move(balance, source, target, amount)


def transfer_in_order(balance: Any, locks: Any, source: int, target: int, times: int, start: Any) -> None:
    """Whatever the direction: the lock of the account with the lower number first."""
    start.wait()
    first, second = sorted((source, target))
    for _ in range(times):
        with locks[first], locks[second]:
            move(balance, source, target, 1)


def transfer_with_limit(
    balance: Any, locks: list[Any], source: int, target: int, times: int, start: Any, retries: Any
) -> None:
    """Wait for the second lock for a millisecond, else give the first one back and try anew a little later."""
    start.wait()
    done = 0
    while done < times:
        with locks[source]:
            if locks[target].acquire(timeout=0.001):
                move(balance, source, target, 1)
                locks[target].release()
                done += 1
                continue
        with retries.get_lock():
            retries.value += 1
        # Each its own time, or both would meet again and again.
        time.sleep(random.uniform(0, 0.002))


def cross(ctx: BaseContext, limit: float) -> tuple[float, str]:
    """Let them lock each other out until somebody ends it.  Returns after how many seconds, and who did."""
    balance = ctx.Array("q", [START, START], lock=False)
    east_account, west_account = ctx.Lock(), ctx.Lock()
    locks = [east_account, west_account]
    has_one, go = ctx.Semaphore(0), ctx.Semaphore(0)
    east = ctx.Process(target=transfer_crossed, args=(balance, locks, 0, 1, 10, has_one, go), name="east")
    west = ctx.Process(target=transfer_crossed, args=(balance, locks, 1, 0, 20, has_one, go), name="west")
    east.start()
    west.start()
    for step in (has_one.acquire, has_one.acquire, go.release, go.release):
        step()
    began = time.monotonic()
    print(f"  east is process {east.pid}, west is process {west.pid}; kill one of them within {limit:g} s")
    who = "somebody"
    if not wait([east.sentinel, west.sentinel], timeout=limit):
        check("both still wait for each other", east.is_alive() and west.is_alive())
        who = "this script"
        west.kill()
    seconds = time.monotonic() - began
    holds = {east.sentinel: (east, east_account), west.sentinel: (west, west_account)}
    while holds:
        for sentinel in wait(list(holds)):
            process, lock = holds.pop(sentinel)
            process.join()
            print(f"  {process.name} has ended with exit code {process.exitcode}")
            if process.exitcode and holds:
                print("  its lock is still locked, and the other one still waits for it: releasing it")
                # Anybody may release a lock of multiprocessing.  If somebody has done so by now, it is taken first.
                lock.acquire(block=False)
                lock.release()
    done = 10 * (east.exitcode == 0) - 20 * (west.exitcode == 0)
    right = list(balance) == [START - done, START + done]
    check("who was not killed has done its transfer, the other one has not", right)
    return seconds, who


def run(ctx: BaseContext, target: Any, times: int, *more: Any) -> float:
    """The transfers of both directions, often, without a deadlock."""
    balance, locks = ctx.Array("q", [START, START], lock=False), [ctx.Lock(), ctx.Lock()]
    start = ctx.Barrier(3)
    workers = [ctx.Process(target=target, args=(balance, locks, way, 1 - way, times, start, *more)) for way in (0, 1)]
    for worker in workers:
        worker.start()
    start.wait()
    began = time.monotonic()
    for worker in workers:
        worker.join()
    check(f"{2 * times:,} transfers, and the accounts are as before", list(balance) == [START, START])
    return time.monotonic() - began


def main() -> None:
    """The deadlock, and two programs without one."""
    options = arguments(__doc__, limit=10.0)
    ctx = multiprocessing.get_context(options.start_method)
    print("1. each takes its own lock first")
    seconds, who = cross(ctx, min(options.limit, 0.5) if options.quick else options.limit)
    print(f"  {who} has ended it after {seconds:.1f} s")
    times = 200 if options.quick else 50_000
    print("2. both take the locks in the same order")
    in_order = run(ctx, transfer_in_order, times)
    print("3. each takes its own first, and does not wait long for the other")
    retries = ctx.Value("q", 0)
    with_limit = run(ctx, transfer_with_limit, times, retries)
    print(f"  {retries.value:,} times a lock was given back")
    figures(deadlock_seconds=seconds, in_order=in_order, with_limit=with_limit)


if __name__ == "__main__":
    main()
