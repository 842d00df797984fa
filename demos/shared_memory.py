"""Shared memory: a counter that loses updates and one that does not, a table, and a block that nobody copies.

What to watch:
  - Four processes add one to the same number, very often.  Without a lock most of it is lost: each reads, adds and
    writes, and whoever wrote in between is overwritten.  Value(lock=True) alone does not help, since it locks the
    reading and the writing one by one.  with value.get_lock() around both does, and takes the longest.
    Better still: count for yourself, and add your sum once.
  - The standard library lies in one block.  Processes attach to it by name, and none of it goes through a pipe.

Runs alone (python demos/shared_memory.py), under the screen (poolmgr demo shared_memory), and without one (--headless).
"""

from __future__ import annotations

import itertools
import multiprocessing
import sysconfig
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.context import BaseContext
from multiprocessing.shared_memory import SharedMemory
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from poolmgr.demos import arguments, check, figures

try:
    import numpy
except ImportError:
    numpy = None

LIBRARY = Path(sysconfig.get_path("stdlib"))
PROCESSES = 4


def add_unlocked(counter: Any, times: int, start: Barrier) -> None:
    """Read, add, write: three steps, and others may write between them."""
    start.wait()
    for _ in range(times):
        counter.value += 1


def add_locked(counter: Any, times: int, start: Barrier) -> None:
    """The three steps in one piece."""
    start.wait()
    for _ in range(times):
        with counter.get_lock():
            counter.value += 1


def add_once(counter: Any, times: int, start: Barrier) -> None:
    """The same sum with one update."""
    start.wait()
    own = sum(1 for _ in range(times))
    with counter.get_lock():
        counter.value += own


def run(ctx: BaseContext, target: Callable[..., None], counter: Any, times: int) -> tuple[int, float]:
    """What the processes leave in the counter, and how many seconds they took from a common start."""
    start = ctx.Barrier(PROCESSES + 1)
    workers = [ctx.Process(target=target, args=(counter, times, start)) for _ in range(PROCESSES)]
    for worker in workers:
        worker.start()
    start.wait()
    began = time.monotonic()
    for worker in workers:
        worker.join()
    return counter.value, time.monotonic() - began


def race(ctx: BaseContext, times: int) -> dict[str, int]:
    """Count in four ways.  Returns what was lost in each."""
    wanted = PROCESSES * times
    print(f"1. {PROCESSES} processes add one {times:,} times each: {wanted:,} in all")
    lost = {}
    for name, target, counter in (
        ("no lock", add_unlocked, ctx.Value("q", 0, lock=False)),
        ("Value's own lock", add_unlocked, ctx.Value("q", 0)),
        ("get_lock()", add_locked, ctx.Value("q", 0)),
        ("one update each", add_once, ctx.Value("q", 0)),
    ):
        found, seconds = run(ctx, target, counter, times)
        lost[name] = wanted - found
        print(f"  {name:<17} {found:>9,} found, {wanted - found:>9,} lost, in {seconds:.2f} s")
    check("with get_lock() nothing is lost", lost["get_lock()"] == lost["one update each"] == 0)
    # How much a race loses is chance, and on one core it may be nothing.
    check("without, the counter never has more than was added", min(lost.values()) >= 0)
    return lost


def count_bytes(name: str, start: int, stop: int, table: Any) -> None:
    """Count the bytes of one part of the block into the table that all share."""
    block = SharedMemory(name)
    try:
        # A slice of the buffer copies nothing, and must be let go before the block is closed.
        with block.buf[start:stop] as part:
            if numpy is None:
                counts = Counter(part)
                own = [counts[byte] for byte in range(256)]
            else:
                own = numpy.bincount(numpy.frombuffer(part, dtype=numpy.uint8), minlength=256).tolist()
        with table.get_lock():
            for byte, number in enumerate(own):
                table[byte] += number
    finally:
        block.close()


def share(ctx: BaseContext, data: bytes) -> int:
    """One block, one table, and a process for each part.  Returns how many line feeds there are."""
    print(
        f"2. {len(data):,} bytes in one block, {'counted by numpy' if numpy else 'without numpy: it is not installed'}"
    )
    table = ctx.Array("Q", 256)
    block = SharedMemory(create=True, size=len(data))
    try:
        block.buf[: len(data)] = data
        bounds = [len(data) * part // PROCESSES for part in range(PROCESSES + 1)]
        parts = [(block.name, start, stop, table) for start, stop in itertools.pairwise(bounds)]
        workers = [ctx.Process(target=count_bytes, args=part) for part in parts]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        print(f"  block {block.name}; most frequent: {max(range(256), key=table.__getitem__):#x}")
    finally:
        # close() is for this process.  unlink() is for all, and only once: without it the block outlives the program.
        block.close()
        block.unlink()
    check("the table has every byte once", sum(table) == len(data))
    check("and of each kind as many as there are", list(table) == [data.count(byte) for byte in range(256)])
    return int(table[ord("\n")])


def main() -> None:
    """The race, then the block."""
    options = arguments(__doc__)
    ctx = multiprocessing.get_context(options.start_method)
    lost = race(ctx, 20_000 if options.quick else 200_000)
    data = b"".join(path.read_bytes() for path in sorted(LIBRARY.glob("[a-c]*.py" if options.quick else "*.py")))
    lines = share(ctx, data)
    figures(lost_without_lock=lost["no lock"], lost_with_get_lock=lost["get_lock()"], bytes=len(data), lines=lines)


if __name__ == "__main__":
    main()
