"""An ``imap`` whose chunks travel whole, beside one whose items travel one by one: from which size a chunk pays.

python benchmarks/chunks.py                     items a second, in thousands, of both, by chunksize
python benchmarks/chunks.py --rounds 9
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import poolmgr
from poolmgr.engine import mapping

SIZES = (2, 10, 32, 100, 1000)


def same(x: Any) -> Any:
    """A job that does nothing."""
    return x


def spin(x: Any) -> Any:
    """A job of 20 us."""
    end = time.perf_counter_ns() + 20_000
    while time.perf_counter_ns() < end:
        pass
    return x


def rate(pool: poolmgr.Pool, func: Callable[[Any], Any], items: Any, size: int, few: int) -> float:
    """Thousand items a second; chunks of up to ``few`` items travel one by one."""
    mapping.FEW = few
    begun = time.perf_counter()
    assert sum(1 for _ in pool.imap_unordered(func, items, size)) == len(items)
    return len(items) / (time.perf_counter() - begun) / 1e3


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    loads: dict[str, tuple[Callable[[Any], Any], Any]] = {
        "no-op, int": (same, range(200_000)),
        "no-op, str": (same, [f"item {i} of many" for i in range(100_000)]),
        "20 us": (spin, range(20_000)),
    }
    print("| job | " + " | ".join(f"{size} whole / single" for size in SIZES) + " |")
    print("|---|" + "---:|" * len(SIZES))
    with poolmgr.Pool(2) as pool:
        for title, (func, items) in loads.items():
            cells = []
            for size in SIZES:
                both = [[rate(pool, func, items, size, few) for few in (0, max(SIZES))] for _ in range(rounds)]
                whole, single = (statistics.median(column) for column in zip(*both, strict=True))
                cells.append(f"{whole:.0f} / {single:.0f}")
            print(f"| {title} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
