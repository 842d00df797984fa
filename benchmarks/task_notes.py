"""What a worker of a stock pool pays to note a task: the notes alone, without a pool, as fast as they can be made.

    python benchmarks/task_notes.py [ROUNDS]

The least of the rounds counts: the notes are the same work each time, and all else is the machine's.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from multiprocessing.pool import mapstar  # type: ignore[attr-defined]
from typing import Any

from poolmgr.hook.site.poolmgr_hook.cells import Cells
from poolmgr.runtime.run_folder import RunFolder

TASKS = 5_000


def work(*args: object) -> None:
    """What is noted; it is not called."""


CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "one number": (work, (5,)),
    "a text and a number": (work, ("a.txt", 3)),
    "an object and a list": (work, (object(), [1, 2, 3])),
    "map, one item each": (mapstar, ((work, (1,)),)),
}


def notes(cells: Cells, func: Callable[..., Any], args: tuple[Any, ...]) -> float:
    """Microseconds for a task."""
    begun = time.perf_counter()
    for number in range(TASKS):
        cells.begin(number, 0, func, args, {})
        cells.sending(True, number)
        cells.end()
    return (time.perf_counter() - begun) / TASKS * 1e6


def main() -> int:
    """Measure, and print a table in Markdown."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    print("| arguments | us for a task |\n|---|---|")
    with RunFolder() as folder:
        os.environ["POOLMGR_RUN"] = folder.path
        cells = Cells(0)
        for name, (func, args) in CASES.items():
            print(f"| {name} | {min(notes(cells, func, args) for _ in range(rounds)):.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
