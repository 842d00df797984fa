"""What the sizes in ``engine/wire.py`` and ``engine/parts.py`` rest on: when a buffer should travel beside its pickle,
and into what memory it is best received.

    python benchmarks/parts.py

Prints microseconds of a round trip with buffers in their pickle and apart from it, as argument and as result, and
milliseconds to receive 100 MB over a socket pair into a bytearray and into mappings, medians of alternating runs.
"""

from __future__ import annotations

import argparse
import mmap
import multiprocessing
import os
import socket
import statistics
import time
from collections.abc import Callable, Iterable
from pickle import PickleBuffer
from typing import Any

import poolmgr
from poolmgr.engine import wire

MB = 1 << 20
LARGE = 100 * MB


class Block:
    """Data that is pickled as a buffer of protocol 5."""

    def __init__(self, data: Any) -> None:
        self.view = memoryview(data)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return Block, (PickleBuffer(self.view),)


def blocks(size: int, number: int) -> list[Block]:
    """So many blocks of one size."""
    return [Block(bytearray(size)) for _ in range(number)]


def round_trips(apart: int, size: int, number: int, trips: int) -> tuple[float, float]:
    """Microseconds of a job that takes so many blocks, and of one that gives them, if those of ``apart`` go apart."""
    wire.APART = apart
    context = multiprocessing.get_context("fork")
    with poolmgr.Pool(1, context=context) as pool:
        sent = blocks(size, number)
        takes = [_time(lambda: pool.apply_async(len, (sent,)).get()) for _ in range(trips)]
        gives = [_time(lambda: pool.apply_async(blocks, (size, number)).get()) for _ in range(trips)]
    return statistics.median(takes) * 1e6, statistics.median(gives) * 1e6


def _time(step: Callable[[], object]) -> float:
    begun = time.perf_counter()
    step()
    return time.perf_counter() - begun


def in_bytearray() -> memoryview:
    return memoryview(bytearray(LARGE))


def in_small_pages() -> memoryview:
    return memoryview(mmap.mmap(-1, LARGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))


def in_huge_pages() -> memoryview:
    memory = mmap.mmap(-1, LARGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(memory)


def receive(room: Callable[[], memoryview], times: int = 1) -> float:
    """Milliseconds to send 100 MB to a process that receives them, for the last of so many times into one memory."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if not child:
        view = room()
        for _ in range(times):
            filled = 0
            while filled < LARGE:
                filled += os.readv(theirs.fileno(), [view[filled:]])
            os.write(theirs.fileno(), b"!")
        os._exit(0)
    data = in_huge_pages()
    data[:] = bytes(LARGE)
    for _ in range(times):
        taken = _time(lambda: (ours.sendall(data), ours.recv(1)))
    os.waitpid(child, 0)
    ours.close()
    theirs.close()
    return taken * 1e3


def medians(runs: Iterable[Iterable[float]]) -> list[float]:
    """The median of each place."""
    return [statistics.median(one) for one in zip(*runs, strict=True)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trips", type=int, default=200)
    wanted = parser.parse_args()
    print("blocks    bytes   argument, us: in / apart   result, us: in / apart")
    for number in (1, 16):
        for size in (1 << 12, 1 << 14, 1 << 15, 1 << 16, 1 << 17, 1 << 18, 1 << 20):
            found = medians(
                (*round_trips(1 << 60, size, number, wanted.trips), *round_trips(1, size, number, wanted.trips))
                for _ in range(wanted.rounds)
            )
            print(
                f"{number:6} {size:8} {found[0]:15.0f} / {found[2]:.0f} {found[1]:19.0f} / {found[3]:.0f}", flush=True
            )
    ways = ((in_bytearray, 1), (in_small_pages, 1), (in_huge_pages, 1), (in_huge_pages, 2))
    found = medians([receive(*way) for way in ways] for _ in range(3 * wanted.rounds))
    for (room, times), taken in zip(ways, found, strict=True):
        print(f"100 MB received {room.__name__.replace('_', ' ')}{' again' * (times > 1)}: {taken:.1f} ms")


if __name__ == "__main__":
    main()
