"""Where a program's locks are told: one file of slots for all its processes, and one of wait cells for each.

    locks          a header, then slots; mapped by every process that uses multiprocessing's locks
    locks.claims   grows by eight bytes, the claimer's pid, for each slot that is claimed: its length is the number of
                   slots there are.  One write at the end of a file is one step of the kernel's, so no two processes
                   ever get the same slot, and no lock is needed to hand out locks
    waits.PID      wait cells, made when a thread of that process has to wait for the first time

Numbers are signed 64-bit words of the machine; times are ``time.monotonic_ns()``.  Every word has ONE writer:

    slot word   written by
    0 - 15, 24 - 29, name, file   the process that made the object, before GENERATION; later GENERATION (0 while it
                is free), OWNER and ROLE (when it becomes a part of a larger object), DROPPED
    HOLDER, SINCE, ACQUIRES, CONTENDED, WAITED   whoever holds the lock at that moment, so one thread at a time;
                HOLDER is 0 again just before the lock is released.  There is one step between each of these two and
                what they tell of, so for some nanoseconds a lock is held by nobody, and never by somebody wrong
    PUTS        of a queue: whoever holds its lock for writing
    GETS        of a queue: whoever holds its lock for reading

    wait cell   written by
    all         the process of the file, SINCE last; SINCE is 0 while the cell tells of no wait
    ORDER       a letter box: the observer puts in the SINCE of a dead holder whose lock this waiter is to release
                (``locks.py``), and never a 0; the process takes it out by writing 0, and never anything else

A slot that nobody but its maker can have seen is used again once the object is gone; one that others may hold is
used again only when all slots are taken, and a process with an old GENERATION then writes nothing into it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque

from . import files, stacks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Changes whenever a word changes its meaning.
VERSION = 1
MAGIC = 0x706F6F6C6D677201
HEADER = 4096
SLOTS = 16384
SLOT_SIZE = 512
SLOT_WORDS = SLOT_SIZE // 8
FIRST = HEADER // 8

GENERATION, LAST, KIND, MAKER, CREATED, LINE, COLUMN, MAXVALUE = range(8)
OWNER, ROLE, MACHINERY, HANDLE, MADE, DROPPED = range(8, 14)
HOLDER, SINCE, ACQUIRES, CONTENDED, WAITED, PUTS, GETS = range(16, 23)
#: A: of pipes and queues, the inode of the pipe, which both ends have, but of a two-way pipe that of its first end, and
#: B that of its second; of values and arrays, A is their length; of barriers, their parties.  B to F of values and
#: arrays: code of the type, then where they lie; C to F of barriers too.
A, B, C, D, E, F = range(24, 30)
NAME_AT, NAME_SIZE = 256, 32
FILE_AT, FILE_SIZE = 288, 224

KINDS = (
    "", "lock", "rlock", "semaphore", "bounded semaphore", "condition", "event", "barrier",
    "queue", "joinable queue", "simple queue", "pipe", "value", "array",
)  # fmt: skip
(_, LOCK, RLOCK, SEMAPHORE, BOUNDED, CONDITION, EVENT, BARRIER, QUEUE, JOINABLE, SIMPLE, PIPE, VALUE, ARRAY) = range(14)
#: The size of a queue that has no limit: the most that a semaphore counts to.
UNBOUNDED = 2**31 - 1
#: What a lock is to the object that it is a part of.
ROLES = ("", "lock", "sleeping", "woken", "wait", "flag", "condition", "reading", "writing", "room", "unfinished")
#: Who made it, if not the program itself.
MACHINES = ("", "multiprocessing.pool", "concurrent.futures", "multiprocessing.managers")

#: Of the file of slots, which has holes where nothing was claimed.
SIZE = HEADER + SLOTS * SLOT_SIZE

CELL_WORDS = 8
#: IDENT is the thread by Python's number, which stands in its stacks; THREAD is it by the kernel's.
CELL_SINCE, CELL_SLOT, CELL_GENERATION, CELL_THREAD, CELL_DEADLINE, CELL_ORDER, CELL_IDENT = range(7)
CELLS = 64
CELLS_SIZE = CELLS * CELL_WORDS * 8
#: Of the first cell, which is no cell: what tells one process from a later one with its number, and the descriptor of
#: the memory that it writes its stacks into (``stacks.py``), -1 for none.
HEAD_MAGIC, HEAD_MADE, HEAD_STACKS = range(3)

#: Seconds that the slot of an object that others may hold is left alone after its maker has let it go.
REST = 60.0

#: Turns tracking off where it is "0".
VARIABLE = "POOLMGR_RUN_LOCKS"

now = time.monotonic_ns


def wanted() -> bool:
    """Whether locks are to be tracked here."""
    return sys.platform == "linux" and os.environ.get(VARIABLE) != "0"


class Me(threading.local):
    """The thread that asks, as one word: process and thread by the kernel's numbers."""

    def __init__(self) -> None:
        self.word = os.getpid() << 32 | threading.get_native_id()


class Waits:
    """The wait cells of this process.  Any thread; ``begin`` and ``end`` of one wait are called by the same one."""

    def __init__(self) -> None:
        # What an earlier process of this number has left is not written into: somebody may be reading it.
        self._memory = files.memory(files.path("waits"), CELLS_SIZE)
        self.words = memoryview(self._memory).cast("q")
        self.words[HEAD_MADE] = now()
        self.words[HEAD_STACKS] = stacks.offer()
        self.words[HEAD_MAGIC] = MAGIC
        self._free = [cell * CELL_WORDS for cell in range(1, CELLS)]

    def begin(self, slot: int, generation: int, thread: int, timeout: float | None) -> int:
        """Say that a thread waits; returns its cell, or -1 where all are taken."""
        try:
            # One step under the interpreter's lock, and in a build without it.
            cell = self._free.pop()
        except IndexError:
            return -1
        words, since = self.words, now()
        words[cell + CELL_SLOT], words[cell + CELL_GENERATION] = slot, generation
        words[cell + CELL_THREAD], words[cell + CELL_IDENT] = thread, threading.get_ident()
        words[cell + CELL_ORDER] = 0
        words[cell + CELL_DEADLINE] = 0 if timeout is None else since + int(min(max(timeout, 0.0), 1e9) * 1e9) + 1
        words[cell + CELL_SINCE] = since
        return cell

    def end(self, cell: int) -> None:
        """The wait is over, however."""
        self.words[cell + CELL_SINCE] = 0
        self._free.append(cell)


class Table:
    """The slots.  Any thread; each process has its own object on the same file."""

    def __init__(self) -> None:
        fd = self._open("locks", os.O_RDWR)
        try:
            os.posix_fallocate(fd, 0, HEADER)
            if os.fstat(fd).st_size < SIZE:
                os.ftruncate(fd, SIZE)
            import mmap

            self._memory = files.map_memory(mmap, fd, SIZE)
        finally:
            os.close(fd)
        self._bytes = memoryview(self._memory)
        self.words = self._bytes.cast("q")
        self.words[0], self.words[1] = MAGIC, VERSION
        #: How often this process has handed a lock to another one, or forked: what was made before is known there.
        self.shared = 0
        self._begin()
        # Most often the main thread makes the first lock; who has to wait first may be any.
        stacks.listen()
        os.register_at_fork(after_in_child=self._begin, after_in_parent=self.share)

    @staticmethod
    def _open(kind: str, flags: int) -> int:
        where = os.path.join(files.folder(), kind)
        return files.above_standard(os.open(where, flags | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))

    def _begin(self) -> None:
        self.me = Me()
        self._waits: Waits | bool | None = None
        # Threads that wait for the first time at once must not each make cells of their own: nobody would read those of
        # all but the last.  One that can be taken again, for signal handlers wait too.
        self._making = threading.RLock()
        #: Slots of this process that nobody uses any more; and those that others may use, with when they were let go.
        self._private: deque[int] = deque()
        self._known: deque[tuple[int, int]] = deque()

    def share(self) -> None:
        """Another process has what there is now."""
        self.shared += 1

    def claim(self) -> int:
        """A slot of one's own, as the index of its first word; -1 where there is none left."""
        try:
            return self._private.popleft()
        except IndexError:
            pass
        number = self._claim_new()
        if number < SLOTS:
            return FIRST + number * SLOT_WORDS
        try:
            base, when = self._known.popleft()
        except IndexError:
            return -1
        if now() - when > REST * 1e9:
            return base
        self._known.appendleft((base, when))
        return -1

    def _claim_new(self) -> int:
        fd = self._open("locks.claims", os.O_WRONLY | os.O_APPEND)
        try:
            if os.fstat(fd).st_size >= SLOTS * 8:
                return SLOTS
            os.write(fd, os.getpid().to_bytes(8, sys.byteorder))
            number = os.lseek(fd, 0, os.SEEK_CUR) // 8 - 1
        finally:
            os.close(fd)
        if number < SLOTS:
            fd = self._open("locks", os.O_RDWR)
            try:
                # A hole would be filled when it is written to, and a full disk told by SIGBUS.
                os.posix_fallocate(fd, HEADER + number * SLOT_SIZE, SLOT_SIZE)
            finally:
                os.close(fd)
        return number

    def fill(self, base: int, facts: dict[int, int], name: str, place: tuple[str, int, int]) -> int:
        """Tell of a new object in a slot that was claimed; returns its generation.

        ``facts`` are words by their numbers, ``name`` is the semaphore's in the system, ``place`` file, line, column.
        """
        words, file = self.words, place[0].encode("utf-8", "surrogateescape")[-FILE_SIZE:]
        start = base * 8
        words[base + GENERATION] = 0
        self._bytes[start + 8 * HOLDER : start + FILE_AT] = bytes(FILE_AT - 8 * HOLDER)
        for word in (OWNER, ROLE, HANDLE, DROPPED, MAXVALUE):
            words[base + word] = 0
        for word, value in facts.items():
            words[base + word] = value
        words[base + LINE], words[base + COLUMN] = place[1], place[2]
        words[base + MAKER], words[base + CREATED], words[base + MADE] = os.getpid(), time.time_ns(), now()
        label = name.encode("utf-8", "surrogateescape")[:NAME_SIZE]
        self._bytes[start + NAME_AT : start + NAME_AT + len(label)] = label
        self._bytes[start + FILE_AT : start + SLOT_SIZE] = file.ljust(FILE_SIZE, b"\0")
        words[base + LAST] += 1
        generation = words[base + LAST]
        words[base + GENERATION] = generation
        return generation

    def drop(self, base: int, generation: int, shared: int) -> None:
        """The object is gone in the process that made it, when ``self.shared`` was ``shared``."""
        words = self.words
        if words[base + GENERATION] != generation:
            return
        words[base + DROPPED] = 1
        if shared == self.shared:
            words[base + GENERATION] = 0
            self._private.append(base)
        else:
            self._known.append((base, now()))

    def find(self, name: str) -> int:
        """The slot of the lock whose semaphore has this name in the system, as the index of its first word; or -1."""
        label = name.encode("utf-8", "surrogateescape")[:NAME_SIZE]
        try:
            claimed = os.stat(os.path.join(files.folder(), "locks.claims")).st_size // 8
            fd = self._open("locks", os.O_RDONLY)
        except OSError:
            return -1
        try:
            slots = os.pread(fd, SLOT_SIZE * min(SLOTS, claimed), HEADER)
        finally:
            os.close(fd)
        place = slots.find(label)
        while place >= 0:
            number, at = divmod(place, SLOT_SIZE)
            base = FIRST + number * SLOT_WORDS
            if at == NAME_AT and self.words[base + GENERATION] and not self.words[base + DROPPED]:
                return base
            place = slots.find(label, place + 1)
        return -1

    def cells(self) -> Any:
        """The wait cells of this process, made when they are first needed; None where they cannot be had."""
        if self._waits is None:
            with self._making:
                if self._waits is None:
                    made = self._make_cells()
                    # Unless a signal handler, in the midst of that, had to wait as well.
                    if self._waits is None:
                        self._waits = made
        return self._waits or None

    @staticmethod
    def _make_cells() -> Waits | bool:
        try:
            return Waits()
        except OSError as error:
            files.note(f"no wait of this process is seen: {error}")
            return False
