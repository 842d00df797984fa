"""Cells: a few numbers in memory shared by the owner and one worker, which survive the death of either.

Every cell is a signed 64-bit integer on a cache line of its own and has exactly ONE writer:

    cell     written by   meaning
    START    worker       sequence number of the task it took up, written *before* anything of the task runs
    COMMIT   worker       results are complete up to here (START + 1), written *after* the result is on its way
    BEGAN    worker       CLOCK_MONOTONIC, ns, when the task of START began; 0 between tasks
    STOP     owner        sequence number of the task that is asked to stop; SIGINT tells the worker to look
    LIMIT    owner        the worker must not take up a task at or beyond it

A task is *begun* when START reaches its number and *committed* when COMMIT passes it.  A worker that died between the
two has lost exactly that task; what it had not begun never ran.
"""

from __future__ import annotations

import mmap
import os
from typing import Any

START, COMMIT, BEGAN, STOP, LIMIT = 0, 8, 16, 24, 32

#: No task has this number.
NONE = -1
#: A limit that is none.
UNLIMITED = (1 << 63) - 1

#: One page for each worker: the smallest piece of memory that can be shared.
SIZE = mmap.PAGESIZE


class Cells:
    """The cells of one worker, seen from either side.

    May be passed in the arguments of a process under fork, spawn and forkserver.  Nothing of it has a name in the file
    system, so nothing is left behind, whoever dies.
    """

    def __init__(self, inherit: bool) -> None:
        """Make the cells.

        Args:
            inherit: True if the worker is forked from this process: anonymous memory then needs no descriptor.
        """
        self._fd = -1
        if not inherit:
            self._fd = os.memfd_create("poolmgr-cells", os.MFD_CLOEXEC)
            os.ftruncate(self._fd, SIZE)
        self._map(self._fd)
        view = self.view
        view[START] = view[STOP] = NONE
        view[LIMIT] = UNLIMITED

    def _map(self, fd: int) -> None:
        self._memory = mmap.mmap(fd, SIZE)
        self._page = memoryview(self._memory)
        #: The cells by index: ``cells.view[START]``.
        self.view = self._page.cast("q")

    def close(self) -> None:
        """Let go of the memory; the other side keeps it."""
        self.view.release()
        self._page.release()
        self._memory.close()
        self.close_fd()

    def close_fd(self) -> None:
        """Close the descriptor that is only needed until the worker has started."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __reduce__(self) -> tuple[Any, ...]:
        from multiprocessing.reduction import DupFd

        return _rebuild, (DupFd(self._fd),)


def _rebuild(fd: Any) -> Cells:
    cells = Cells.__new__(Cells)
    cells._fd = fd.detach()
    cells._map(cells._fd)
    cells.close_fd()
    return cells
