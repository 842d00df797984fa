"""What a dead worker was at, from its cells; and the error with which its job fails.

Thread: the pool's worker handler.
"""

from __future__ import annotations

import collections
import mmap
import os

from . import files, layout
from .errors import WorkerLost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Cells of dead workers that are kept for who watches.  Short-lived workers would fill the run's folder.
_KEPT = 256

_dead: collections.deque[str] = collections.deque()


def lost_task(process: Any, pipe: int) -> tuple[int, int, WorkerLost] | None:
    """The job and task that a dead worker was in, and its error; None if it was in none, or was not watched."""
    path = files.path("cells", process.pid)
    data = _read(path)
    words = memoryview(data).cast("q") if len(data) == layout.CELLS_SIZE else None
    if words is None or words[layout.PIPE] != pipe or words[layout.PID] != process.pid:
        return None
    mark(process.pid, layout.BURIED, 1)
    if path not in _dead:
        _keep(path)
    task = words[layout.TASK]
    if not task & 1:
        return None
    requested = task in (words[layout.KILLED], words[layout.STOPPED])
    job, index = words[layout.JOB], words[layout.INDEX]
    error = WorkerLost(job, index, process.pid, process.exitcode, _name(data, words[layout.NAME]), requested)
    return job, index, error


def peek(pid: int, word: int) -> int:
    """One word of a worker's cells; 0 if it has none."""
    data = _read(files.path("cells", pid))
    return int(memoryview(data).cast("q")[word]) if len(data) == layout.CELLS_SIZE else 0


def mark(pid: int, word: int, value: int) -> bool:
    """Write one word of a living worker's cells; False if it has none."""
    try:
        fd = files.above_standard(os.open(files.path("cells", pid), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW))
    except OSError:
        return False
    try:
        memory = files.map_memory(mmap, fd, layout.CELLS_SIZE)
    except (OSError, ValueError):
        return False
    finally:
        os.close(fd)
    with memory, memoryview(memory) as whole, whole[: layout.WORDS * 8] as part, part.cast("q") as words:
        words[word] = value
    return True


def _read(path: str) -> bytes:
    try:
        fd = files.above_standard(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW))
    except OSError:
        return b""
    try:
        return os.read(fd, layout.CELLS_SIZE)
    finally:
        os.close(fd)


def _name(data: bytes, number: int) -> str:
    at = layout.CELL_NAMES_AT + number % layout.CELL_NAMES * layout.NAME_SIZE
    return data[at + 8 : at + layout.NAME_SIZE].partition(b"\0")[0].decode("utf-8", "replace")


def _keep(path: str) -> None:
    _dead.append(path)
    if len(_dead) > _KEPT:
        try:
            os.unlink(_dead.popleft())
        except OSError:
            pass
