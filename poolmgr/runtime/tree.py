"""The processes below a worker: what its jobs have started."""

from __future__ import annotations

import contextlib
import os
import signal


def descendants(pid: int) -> list[int]:
    """Process ids of all that ``pid`` and its children have started and that still run; empty without /proc."""
    found: list[int] = []
    ask = [pid]
    while ask:
        for child in children(ask.pop()):
            found.append(child)
            ask.append(child)
    return found


def children(pid: int) -> list[int]:
    children: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return children
    for thread in threads:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children") as file:
            children += [int(word) for word in file.read().split()]
    return children


def kill_group(pid: int) -> None:
    """SIGKILL to the process group that a worker leads, and so to what its jobs left behind in it."""
    if pid <= 1:
        raise ValueError(f"{pid} is not the process id of a worker")
    # A worker that died before it made its group has none, and the kernel says so.
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)
