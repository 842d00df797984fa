"""Large data on its way: what is left to send of buffers that stay where they are, and the memory that is filled.

Thread: a load and an arrival belong to one thread at a time, which hands them over as a whole; spares belong to a
worker's main thread; the owner's landing is for all of its threads, and has a lock.
Never: copies what is sent, or keeps a buffer that is sent.

Imports the standard library only: workers import it too.
"""

from __future__ import annotations

import contextlib
import mmap
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from time import monotonic

Buffer = bytes | bytearray | memoryview

#: Bytes of a part from which it is received into a mapping of its own, in huge pages: two thirds of the time of 100 MB
#: in pages of 4 KB are their page faults (benchmarks/parts.py).  Below a huge page there is nothing to gain.
HUGE = 1 << 21
#: Bytes of a part from which a worker keeps its memory for the next argument, how many such it keeps, and for how many
#: seconds: a stream of them comes faster, and a worker that gets none is not to be large.
SPARED, MOST_SPARED, KEPT = 1 << 16, 64, 1.0
#: How many mappings an owner keeps for the next results, and the largest: two, since a caller often holds the last
#: result while the next one comes in.
MOST_LANDED, LARGEST_LANDED = 2, 1 << 28
#: Buffers in one system call: IOV_MAX is 1024 on Linux.
PIECES = 512
#: Bytes in one system call.  More would tell too late how far a transfer has come; less would give up, and wait for,
#: the interpreter's lock more often.
SLICE = 1 << 24
#: Bytes into which goes what there is no room for.
SPILL = 1 << 20


class Load:
    """Buffers that are to be sent, or filled, one after the other."""

    __slots__ = ("_rest", "left")

    def __init__(self, parts: Iterable[Buffer] = ()) -> None:
        self._rest: deque[memoryview] = deque()
        #: Bytes that have not been moved.
        self.left = 0
        self.add(parts)

    def add(self, parts: Iterable[Buffer]) -> None:
        """Put more behind what there is."""
        for part in parts:
            size = len(part)
            if size:
                self._rest.append(memoryview(part).cast("B"))
                self.left += size

    def next(self) -> list[memoryview]:
        """What one system call may move."""
        views: list[memoryview] = []
        room = SLICE
        for view in self._rest:
            if len(view) >= room or len(views) == PIECES - 1:
                views.append(view[:room])
                break
            views.append(view)
            room -= len(view)
        return views

    def moved(self, size: int) -> None:
        """So many bytes of :meth:`next` were moved; a buffer that was moved wholly is let go."""
        rest = self._rest
        self.left -= size
        while rest and size >= len(rest[0]):
            size -= len(rest.popleft())
        if size:
            rest[0] = rest[0][size:]

    def fill(self, data: memoryview) -> int:
        """Copy as much of ``data`` as there is room for; returns how many bytes that was."""
        filled = min(self.left, len(data))
        begin = 0
        while begin < filled:
            view = self._rest[0]
            size = min(len(view), filled - begin)
            view[:size] = data[begin : begin + size]
            self.moved(size)
            begin += size
        return filled


class Arrival:
    """Parts that come in, each in writable memory of its own."""

    __slots__ = ("_error", "_parts", "load")

    def __init__(self, sizes: Sequence[int], room: Callable[[int], Buffer] | None = None) -> None:
        """Make room for parts of these sizes; without room for them they are read, so that the next frame can be.

        Args:
            sizes: Bytes of each.
            room: Gives writable memory of a size; new memory if None.
        """
        self._error = ""
        try:
            self._parts = [(room or _room)(size) for size in sizes]
            self.load = Load(self._parts)
        except (MemoryError, OSError, OverflowError) as error:
            self._parts = []
            total = sum(sizes)
            self._error = f"there is no room for {total:,} bytes: {type(error).__name__}"
            spill = memoryview(bytearray(SPILL))
            self.load = Load([spill] * (total // SPILL) + [spill[: total % SPILL]])

    def take(self) -> list[Buffer]:
        """The parts, once they are all in; they are not kept here.

        Raises:
            MemoryError: There was no room for them.
        """
        if self._error:
            raise MemoryError(self._error)
        parts, self._parts = self._parts, []
        return parts


def _room(size: int) -> Buffer:
    """Writable memory that nobody else has."""
    return memoryview(bytearray(size) if size < HUGE else _mapping(size))


def _mapping(size: int) -> mmap.mmap:
    # Private: a child that a job forks must not write into it.
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if size >= HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
        # A kernel without huge pages refuses; its small pages are only slower.
        with contextlib.suppress(OSError):
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


class Spares:
    """Memory that arguments came in, kept for those that come next: in new pages 100 MB take a third longer.

    What the job has kept a view of is not used again.
    """

    __slots__ = ("_since", "_spare", "_used")

    def __init__(self) -> None:
        #: What the last arrival came in; and, while the next one is made, what of it is free.
        self._used: list[mmap.mmap] = []
        self._spare: list[mmap.mmap] = []
        self._since = 0.0

    def __bool__(self) -> bool:
        return bool(self._used)

    def arrival(self, sizes: Sequence[int]) -> Arrival:
        """Room for parts of these sizes; what does not fit is let go."""
        self._spare = [memory for memory in self._used if _is_free(memory)]
        self._used = []
        arrival = Arrival(sizes, self._room)
        self._spare = []
        self._since = monotonic()
        return arrival

    def left(self) -> float:
        """Seconds for which they are still to be kept; none or less once that is over."""
        return self._since + KEPT - monotonic()

    def let_go(self) -> None:
        """Keep nothing."""
        self._used = []

    def _room(self, size: int) -> Buffer:
        if size < SPARED or len(self._used) == MOST_SPARED:
            return _room(size)
        fitting = [memory for memory in self._spare if size <= len(memory) <= 2 * size]
        if fitting:
            memory = min(fitting, key=len)
            self._spare.remove(memory)
        else:
            memory = self._new(size)
        self._used.append(memory)
        return memoryview(memory)[:size]

    def _new(self, size: int) -> mmap.mmap:
        try:
            return _mapping(size)
        except OSError:
            # Others may need the room more.
            self._spare = []
            return _mapping(size)


class Landing:
    """Memory that results came in, used for later ones once the caller has let go of it, or let go in KEPT seconds."""

    def __init__(self, later: Callable[[float, Callable[[], None]], None]) -> None:
        """Keep nothing yet. ``later`` has a step run after so many seconds."""
        self._later = later
        # Held for a few instructions.
        self._lock = threading.Lock()
        self._kept: list[mmap.mmap] = []
        self._until = 0.0
        self._timed = False

    def room(self, size: int) -> Buffer:
        """Writable memory of ``size`` bytes that nobody else looks at.

        Raises:
            MemoryError, OSError: There is none.
        """
        if not HUGE <= size <= LARGEST_LANDED:
            return _room(size)
        with self._lock:
            memory = self._take(size)
            view = memoryview(memory)[:size]
            self._kept.append(memory)
            del self._kept[:-MOST_LANDED]
            self._until = monotonic() + KEPT
            timed, self._timed = self._timed, True
        if not timed:
            self._later(KEPT, self._look)
        return view

    def _take(self, size: int) -> mmap.mmap:
        for i, memory in enumerate(self._kept):
            if size <= len(memory) <= 2 * size and _is_free(memory):
                return self._kept.pop(i)
        try:
            return _mapping(size)
        except OSError:
            # What is kept may be all that is missing.
            self._kept.clear()
            return _mapping(size)

    def _look(self) -> None:
        with self._lock:
            left = self._until - monotonic()
            self._timed = left > 0
        if left > 0:
            self._later(left, self._look)
        else:
            self.let_go()

    def let_go(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._kept.clear()


def _is_free(memory: mmap.mmap) -> bool:
    """Whether nobody has a view of it any more."""
    try:
        # To the size that it has: this does nothing but to look for views.
        memory.resize(len(memory))
    except BufferError:
        return False
    return True
