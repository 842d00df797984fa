"""Jobs that take and give large data: importable by workers under every start method."""

from __future__ import annotations

import array
import os
import resource
import signal
import time
import zlib
from pathlib import Path
from pickle import PickleBuffer
from typing import Any

from poolmgr.engine import wire
from tests.helpers.jobs import append

MB = 1 << 20


class Block:
    """Data that is pickled as a buffer of protocol 5, as the arrays of numeric libraries are."""

    def __init__(self, data: Any) -> None:
        self.view = memoryview(data).cast("B")

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        assert protocol >= 5, "whoever pickles does not know of buffers"
        return Block, (PickleBuffer(self.view),)

    def __len__(self) -> int:
        return len(self.view)

    @property
    def check(self) -> int:
        """A sum of all that is in it."""
        return zlib.crc32(self.view)


class Registered:
    """What can be pickled only as somebody has registered it with ``multiprocessing``."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __reduce__(self) -> Any:
        raise TypeError("only as it is registered")


def reduce_registered(one: Registered) -> tuple[Any, ...]:
    return Registered, (one.text,)


def block(size: int, seed: int = 0) -> Block:
    """So many bytes that are not all alike; other ones for another seed."""
    pattern = bytes((i * 7 + seed) % 251 for i in range(4099))
    return Block(bytearray((pattern * (size // len(pattern) + 1))[:size]))


def look(*blocks: Block, **more: Block) -> list[tuple[int, int, bool]]:
    """Size and sum of each, and whether it can be written to."""
    return [(len(one), one.check, one.view.readonly) for one in (*blocks, *more.values())]


def look_and_tell(path: str, one: Block) -> int:
    append(path, str(one.check))
    return one.check


def look_and_wait(one: Block, folder: str) -> int:
    """Tell that the job has begun, then wait until somebody makes the file ``go``."""
    Path(folder, "begun").touch()
    while not Path(folder, "go").exists():
        time.sleep(0.005)
    return one.check


def overwrite(one: Block) -> Block:
    """Give back what it was given, all of it changed."""
    one.view[:] = bytes(len(one))
    return one


kept: list[Block] = []


def keep(one: Block, other: Block) -> None:
    """Keep the one, and not the other."""
    kept.append(one)


def kept_checks() -> list[int]:
    return [one.check for one in kept]


def _ring(*_: object) -> None:
    raise TimeoutError("the job's alarm has rung")


def give_and_be_interrupted(size: int) -> Block:
    """Give a block, with an alarm that rings, and raises, while it is on its way."""
    one = Block(bytearray(size))
    signal.signal(signal.SIGALRM, _ring)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    return one


def meddle(size: int) -> Block:
    """Tell the owner of a large result that never comes, then give another."""
    handler: Any = signal.getsignal(signal.SIGINT)
    os.write(handler.__self__.fd, wire.frame_of_parts(wire.LARGE, (123456,), (bytes(100 * MB),), ())[0])
    return block(size)


def look_then_fail(one: Block) -> None:
    raise ValueError(f"{one.check} is not liked")


def kinds(size: int) -> list[Any]:
    """Large values that are pickled without a buffer, nested in others."""
    text = "ä" * size
    return [{"bytes": bytes(size)}, (bytearray(size), [text]), array.array("d", [0.5] * (size // 8)), block(size)]


def same_kinds(values: list[Any]) -> list[Any]:
    """Their types, and themselves."""
    first, (second, [third]), fourth, fifth = values
    return [type(one).__name__ for one in (first["bytes"], second, third, fourth, fifth)] + values


def same_object(one: Block, two: Block) -> bool:
    return one is two


def text_of(one: Registered, beside: Block) -> tuple[str, int]:
    return one.text, beside.check


def rss(_: object = None) -> int:
    """Bytes of memory that this process uses now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def limit_memory(more: int) -> None:
    """An initializer: no more than so many bytes of memory from now on."""
    size = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (size + more, size + more))
