"""Seven tools to wait with, each where it is the right one: what goes wrong without it is said beside it.

What to watch:
  - Lock: three processes write records to one log.  RLock: who holds it calls a function that takes it again.
    Semaphore: six want to pack files, two at a time.  BoundedSemaphore: one release() too many is an error.
  - Event: one signal for all who wait.  Condition: wait until something is so, here until half of the files are packed.
  - Barrier: the game of life on a board that all share.  Nobody begins a generation before all have ended the last.

Runs alone (python demos/synchronisation.py), under the screen (poolmgr demo synchronisation), and without (--headless).
"""

from __future__ import annotations

import multiprocessing
import os
import sysconfig
import tempfile
import zlib
from collections.abc import Callable
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

from poolmgr.demos import arguments, check, figures, raised

FILES = sorted(Path(sysconfig.get_path("stdlib")).glob("[a-h]*.py"))


def together(ctx: BaseContext, target: Callable[..., None], each: list[tuple[Any, ...]]) -> None:
    """Run one process for each set of arguments, until all have ended well."""
    workers = [ctx.Process(target=target, args=args) for args in each]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    check(f"{target.__name__}: {len(each)} processes, all ended well", not any(worker.exitcode for worker in workers))


def log_files(lock: Any, path: str, paths: list[Path]) -> None:
    """Append a record of four lines for each file: the lock keeps the four together."""
    for source in paths:
        with lock, open(path, "a", encoding="utf-8", buffering=1) as log:
            for line in ("begin", source.name, zlib.crc32(source.read_bytes()), "end"):
                log.write(f"{os.getpid()} {line}\n")


def deposit(lock: Any, accounts: Any, account: int, amount: int) -> None:
    """Safe alone, and as a part of something larger: an RLock may be taken again by who holds it."""
    with lock:
        accounts[account] += amount


def transfer(lock: Any, accounts: Any, times: int) -> None:
    """Move money to and fro; with a plain Lock the first deposit() would wait for itself."""
    for number in range(times):
        with lock:
            deposit(lock, accounts, number % 2, -number)
            deposit(lock, accounts, 1 - number % 2, number)


def pack(places: Any, inside: Any, most: Any, paths: list[Path]) -> None:
    """Pack files with no more than a few others at it, and note how many there were at the most."""
    for path in paths:
        with places:
            with inside.get_lock():
                inside.value += 1
                most.value = max(most.value, inside.value)
            zlib.compress(path.read_bytes(), 9)
            with inside.get_lock():
                inside.value -= 1


def pack_and_tell(go: Any, changed: Any, done: Any, paths: list[Path]) -> None:
    """Wait for the Event, then pack files, and tell each time whoever waits at the Condition."""
    go.wait()
    for path in paths:
        zlib.compress(path.read_bytes(), 9)
        with changed:
            done.value += 1
            changed.notify_all()


def live(barrier: Any, boards: Any, size: int, rows: range, generations: int) -> None:
    """Play some rows of the board.  The two boards change places with each generation."""
    for generation in range(generations):
        old, new = (generation % 2) * size * size, ((generation + 1) % 2) * size * size
        before = boards[old : old + size * size]
        for row in rows:
            boards[new + row * size : new + (row + 1) * size] = next_row(before, size, row)
        barrier.wait()


def next_row(before: list[int], size: int, row: int) -> list[int]:
    """One row of the next generation; the board's edges meet."""
    near = [before[(row + step) % size * size :][:size] for step in (-1, 0, 1)]
    # A negative index counts from the end, which is how the left edge meets the right one.
    around = [sum(line[column - step] for line in near for step in (0, 1, 2)) for column in range(1, size)]
    around.append(sum(line[column] for line in near for column in (-2, -1, 0)))
    return [int(cells == 3 or (cells == 4 and alive)) for cells, alive in zip(around, near[1], strict=True)]


def show_waiting(ctx: BaseContext) -> None:
    """Event and Condition."""
    go, changed, done = ctx.Event(), ctx.Condition(), ctx.Value("i", lock=False)
    workers = [ctx.Process(target=pack_and_tell, args=(go, changed, done, FILES[part::3])) for part in range(3)]
    for worker in workers:
        worker.start()
    check("Event: three wait for it, and nothing is packed", done.value == 0)
    go.set()
    with changed:
        enough = changed.wait_for(lambda: done.value >= len(FILES) // 2)
        print(f"  Condition: woken when {done.value} of {len(FILES)} files were packed")
    for worker in workers:
        worker.join()
    check("Condition: wait_for() came back with half of them, none was missed", enough and done.value == len(FILES))


def main() -> None:
    """One tool after the other."""
    options = arguments(__doc__)
    ctx = multiprocessing.get_context(options.start_method)
    with tempfile.TemporaryDirectory() as folder:
        log, log_lock = Path(folder) / "log.txt", ctx.Lock()
        together(ctx, log_files, [(log_lock, str(log), FILES[part::3]) for part in range(3)])
        lines = log.read_text(encoding="utf-8").splitlines()
    writers = [line.split()[0] for line in lines]
    whole = writers[::4] == writers[1::4] == writers[2::4] == writers[3::4] and len(lines) == 4 * len(FILES)
    check(f"Lock: {len(lines) // 4} records of four lines, each in one piece", whole)
    ledger_lock, accounts = ctx.RLock(), ctx.Array("q", [1000, 1000], lock=False)
    together(ctx, transfer, [(ledger_lock, accounts, 200 if options.quick else 20_000)] * 3)
    check("RLock: what was moved is still there", sum(accounts) == 2000)
    places, inside, most = ctx.Semaphore(2), ctx.Value("i", 0), ctx.Value("i", 0, lock=False)
    together(ctx, pack, [(places, inside, most, FILES[part :: 6 * (9 if options.quick else 1)]) for part in range(6)])
    check(f"Semaphore: of six, {most.value} were at it at once, and 2 may be", most.value <= 2)
    error = raised(ctx.BoundedSemaphore(2).release)
    check("BoundedSemaphore: release() without acquire() is an error", isinstance(error, ValueError))
    show_waiting(ctx)
    size, generations = 48, 20 if options.quick else 400
    alone = first = [byte % 2 for byte in FILES[0].read_bytes()[: size * size]]
    barrier, boards = ctx.Barrier(3), ctx.Array("b", first + [0] * size * size, lock=False)
    together(ctx, live, [(barrier, boards, size, range(part, size, 3), generations) for part in range(3)])
    for _ in range(generations):
        alone = [cell for row in range(size) for cell in next_row(alone, size, row)]
    check(f"Barrier: {generations} generations, the same as played by one", boards[: size * size] == alone)
    figures(records=len(lines) // 4, moved=sum(accounts), packing=most.value, generations=generations, alive=sum(alone))


if __name__ == "__main__":
    main()
