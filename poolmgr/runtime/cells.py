"""Cells and ring: memory shared by the owner and one worker, which survives the death of either.

Every word has exactly ONE writer.  A cell is a signed 64-bit integer on a cache line of its own:

    cell     written by   meaning
    START    worker       sequence number of the task it took up, written *before* anything of the task runs
    COMMIT   worker       results are complete up to here (START + 1), written *after* the slot is filled
    BEGAN    worker       CLOCK_MONOTONIC in ns when the task of START began, 0 between batches
    BUSY     worker       ns spent in tasks since the worker started
    ACK      worker       batches that it has left, finished or not
    LIMIT    owner        the worker must not take up a task at or beyond it; it reads LIMIT after it wrote START
    STOP     owner        sequence number of the task that is asked to stop; SIGINT tells the worker to look
    SOFT     owner        sequence number of the task that has reached its soft limit; SIGINT tells the worker to look
    SOFT_NS  owner        that limit in ns, written before SOFT
    TOLD     worker       sequence number of the last task inside which SoftTimeout was raised
    SENT     owner        batches that were sent: a worker looks here for more
    TAIL     owner        bytes of the payload area that have been read: the worker may write over them
    STACKS   worker       descriptor of the memory that it writes its stacks into, NONE if it has none
    PROGRESS worker       version of the record behind it: how far the task is; odd while that is being written
    SERIAL   worker       ns spent in making and reading pickles since the worker started
    DRAINED  owner        tasks that have been booked: a worker whose results are taken already need not ring
    NOTIFY   owner        whom the worker wakes: DISPATCHER, LEADER (a caller in ``get()``), or NOBODY (one that comes)
    LOOK     owner        whether it may pay that the worker looks for more work before it sleeps

What the owner writes, its dispatcher writes; SENT, TAIL, DRAINED, NOTIFY and LOOK also a caller that feeds or leads, in
one piece while the dispatcher naps (``engine/inline.py``, ``engine/leader.py``).

A task is *begun* when START reaches its number and *committed* when COMMIT passes it.  A worker that died between the
two has lost exactly that task; what it had not begun never ran.

The ring has a slot for each of the last SLOTS tasks, written by the worker before COMMIT, read by the owner after it:
when it began and ended (ns), its CPU time (ns), its kind, and its value: an int or a float itself, or position and
size of a pickle in the payload area behind the ring.
"""

from __future__ import annotations

import mmap
import os
from typing import Any

START, COMMIT, BEGAN, BUSY, ACK, LIMIT, STOP, SENT, TAIL, NOTIFY, DRAINED, SOFT, SOFT_NS, TOLD = range(0, 112, 8)
SERIAL, STACKS, PROGRESS = 112, 120, 128
#: Bytes of what PROGRESS is the version of, which begins one cell behind it.
PROGRESS_SIZE = 256
LOOK = PROGRESS + 8 + PROGRESS_SIZE

#: No task has this number.
NONE = -1
#: A limit that is none.
UNLIMITED = (1 << 63) - 1
#: Values of NOTIFY.
DISPATCHER, LEADER, NOBODY = range(3)

#: Results that may be committed and not yet read; a power of two.
SLOTS = 4096
MASK = SLOTS - 1
#: Bytes of the payload area.
AREA = 1 << 19

_CELLS = 4096
_COLUMN = 8 * SLOTS
#: Cells, then columns of began, ended, cpu, value (8 bytes a slot) and kind (1 byte), then the payload area.
SIZE = _CELLS + 4 * _COLUMN + SLOTS + AREA


class Cells:
    """The cells and the ring of one worker, seen from either side.

    May be passed in the arguments of a process under fork, spawn and forkserver.  Nothing of it has a name in the file
    system, so nothing is left behind, whoever dies.
    """

    def __init__(self, inherit: bool) -> None:
        """Make them.

        Args:
            inherit: True if the worker is forked from this process: anonymous memory then needs no descriptor.
        """
        self._fd = -1
        if not inherit:
            self._fd = os.memfd_create("poolmgr-cells", os.MFD_CLOEXEC)
            os.ftruncate(self._fd, SIZE)
        self._map(self._fd)
        view = self.view
        view[START] = view[STOP] = view[SOFT] = view[TOLD] = view[STACKS] = NONE
        view[LIMIT] = UNLIMITED
        view[LOOK] = 1

    def _map(self, fd: int) -> None:
        self._memory = mmap.mmap(fd, SIZE)
        self._whole = memoryview(self._memory)
        self._parts: list[memoryview] = []
        #: The cells by index: ``cells.view[START]``.
        self.view = self._part(0, _CELLS, "q")
        #: The record of which PROGRESS is the version, see ``progress.py``.
        self.progress = self._part((PROGRESS + 8) * 8, PROGRESS_SIZE, "B")
        begin = _CELLS
        #: The columns of the ring, by ``sequence & MASK``.
        self.began = self._part(begin, _COLUMN, "q")
        self.ended = self._part(begin + _COLUMN, _COLUMN, "q")
        self.cpu = self._part(begin + 2 * _COLUMN, _COLUMN, "q")
        self.value = self._part(begin + 3 * _COLUMN, _COLUMN, "q")
        #: The same words as ``value``, read as floats.
        self.real = self._part(begin + 3 * _COLUMN, _COLUMN, "d")
        self.kind = self._part(begin + 4 * _COLUMN, SLOTS, "B")
        #: The payload area.
        self.area = self._part(begin + 4 * _COLUMN + SLOTS, AREA, "B")

    def _part(self, begin: int, size: int, code: str) -> Any:
        piece = self._whole[begin : begin + size]
        part = piece.cast(code)  # type: ignore[call-overload]
        self._parts += (part, piece)
        return part

    def close(self) -> None:
        """Let go of the memory; the other side keeps it."""
        for part in self._parts:
            part.release()
        self._whole.release()
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
