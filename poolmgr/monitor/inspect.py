"""One process looked at closely, when somebody asks: what the sampler has no reason to read four times a second.

Thread: the caller's.
"""

from __future__ import annotations

import psutil

from poolmgr.model.cpus import shorten
from poolmgr.model.sizes import in_bytes

#: Child processes that are told one by one.
MOST_CHILDREN = 20


def inspect(pid: int) -> list[str] | None:
    """A process in lines: its limits and handles, its memory, its children. None if it is gone."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            memory = process.memory_full_info()
            first = (
                f"nice {process.nice()}   CPUs {shorten(process.cpu_affinity())}   threads {process.num_threads()}   "
                f"fds {process.num_fds()}   parent {process.ppid()}"
            )
        peak = _peak(pid)
        second = f"RSS {in_bytes(memory.rss)}   " + (f"peak {in_bytes(peak)}   " if peak is not None else "")
        second += f"its own {in_bytes(memory.uss)}   swapped {in_bytes(memory.swap)}"
        children = process.children(recursive=True)
    except psutil.Error:
        return None
    lines = [first, second]
    for child in children[:MOST_CHILDREN]:
        try:
            with child.oneshot():
                text = f"child {child.pid} {child.name()}   {child.status()}   {in_bytes(child.memory_info().rss)}"
        except psutil.Error:
            continue
        lines.append(text)
    if len(children) > MOST_CHILDREN:
        lines.append(f"and {len(children) - MOST_CHILDREN} more")
    return lines


def _peak(pid: int) -> int | None:
    """The most memory that it had resident, in bytes."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            found = next((line.split() for line in file if line.startswith(b"VmHWM:")), None)
    except OSError:
        return None
    return None if found is None else int(found[1]) * 1024
