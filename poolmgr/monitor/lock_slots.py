"""Decodes what the hook tells of a program's locks, word by word as ``lock_table.py`` has them.

Thread: the observer's, one at a time.  Writes nothing but an order into a wait cell.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from poolmgr.hook.site.poolmgr_hook import lock_table as at
from poolmgr.model.sync import MUTEXES, Holder, SyncObject, Waiter
from poolmgr.monitor.variables import Variables
from poolmgr.runtime.procfs import is_gone
from poolmgr.runtime.stacks import Tap

#: What a thread wants of an object that waits for this part of it.
_WANTS = {"reading": "get", "room": "put", "writing": "put", "wait": "wait", "unfinished": "join"}


class Slots:
    """The slots of one run, and the waits of its processes as they were when :meth:`look` was called last."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._memory: mmap.mmap | None = None
        self._words: Any = None
        self._variables = Variables()
        self._now, self._wall = 0, 0.0
        self._waits: dict[int, list[Waiter]] = {}
        #: Where each wait is told, by its stamp.
        self._cells: dict[int, tuple[str, int]] = {}
        #: The numbers that waiting threads have in stacks, by their waits' stamps.
        self._idents: dict[int, int] = {}
        #: The descriptors into which processes write their stacks.
        self._stacks: dict[int, int] = {}

    def close(self) -> None:
        """Let go of the run's file."""
        if self._words is not None:
            self._words.release()
        if self._memory is not None:
            self._memory.close()
        self._words = self._memory = None

    def look(self) -> list[int]:
        """The slots that are in use now, those first that somebody holds or waits for."""
        total = self._open()
        if not total:
            return []
        self._now, self._wall = time.monotonic_ns(), time.time()
        self._look_for_waits()
        words = self._words
        bases = range(at.FIRST, at.FIRST + total * at.SLOT_WORDS, at.SLOT_WORDS)
        used = [base for base in bases if words[base + at.GENERATION] > 0]
        return sorted(used, key=lambda base: base not in self._waits and not words[base + at.HOLDER])

    def word(self, each: SyncObject, word: int) -> int:
        """A word of an object's slot."""
        return int(self._words[base_of(each) + word])

    def name(self, each: SyncObject) -> str:
        """The name of its semaphore in the system, empty if it has none."""
        return self._text(base_of(each), at.NAME_AT, at.NAME_SIZE)

    def _open(self) -> int:
        try:
            if self._words is None:
                fd = os.open(os.path.join(self._folder, "locks"), os.O_RDWR | os.O_CLOEXEC)
                try:
                    if os.fstat(fd).st_size < at.SIZE:
                        return 0
                    self._memory = mmap.mmap(fd, at.SIZE)
                finally:
                    os.close(fd)
                self._words = memoryview(self._memory).cast("q")
            if self._words[0] != at.MAGIC or self._words[1] != at.VERSION:
                return 0
            return min(at.SLOTS, os.stat(os.path.join(self._folder, "locks.claims")).st_size // 8)
        except OSError:
            return 0

    # --- who waits

    def _look_for_waits(self) -> None:
        """The waits of all processes; the file of one that is gone is removed."""
        waits: dict[int, list[Waiter]] = {}
        cells: dict[int, tuple[str, int]] = {}
        idents: dict[int, int] = {}
        stacks: dict[int, int] = {}
        for name in os.listdir(self._folder):
            if not name.startswith("waits.") or not name[6:].isdigit():
                continue
            path = os.path.join(self._folder, name)
            try:
                with open(path, "rb") as file:
                    words = memoryview(file.read(at.CELLS_SIZE)).cast("q")
            except OSError:
                continue
            if len(words) * 8 < at.CELLS_SIZE or words[at.HEAD_MAGIC] != at.MAGIC:
                continue
            pid = int(name[6:])
            if is_gone(pid, pid, words[at.HEAD_MADE]):
                with contextlib.suppress(OSError):
                    os.unlink(path)
                continue
            stacks[pid] = words[at.HEAD_STACKS]
            for cell in range(at.CELL_WORDS, at.CELLS * at.CELL_WORDS, at.CELL_WORDS):
                waiter = self._waiter(words, cell)
                if waiter is not None:
                    waits.setdefault(words[cell + at.CELL_SLOT], []).append(waiter)
                    cells[waiter.stamp] = path, cell
                    idents[waiter.stamp] = words[cell + at.CELL_IDENT]
        # In one step each: who waits for an order to be carried out looks at them meanwhile.
        self._waits, self._cells, self._idents, self._stacks = waits, cells, idents, stacks

    def _waiter(self, words: Any, cell: int) -> Waiter | None:
        """Who waits, by a cell; None if it tells of no wait, or of one for what is gone."""
        base, stamp = words[cell + at.CELL_SLOT], words[cell + at.CELL_SINCE]
        if not stamp or not at.FIRST <= base < at.FIRST + at.SLOTS * at.SLOT_WORDS:
            return None
        if self._words[base + at.GENERATION] != words[cell + at.CELL_GENERATION]:
            return None
        thread, deadline = words[cell + at.CELL_THREAD], words[cell + at.CELL_DEADLINE]
        return Waiter(
            pid=thread >> 32,
            thread=thread & 0xFFFFFFFF,
            since=self._ago(stamp),
            stamp=stamp,
            limit=(deadline - stamp) / 1e9 if deadline else None,
        )

    def _ago(self, stamp: int) -> float:
        return self._wall - (self._now - stamp) / 1e9

    # --- what there is

    def object(self, base: int) -> SyncObject | None:
        """What a slot tells; None if it is another's by now."""
        words = self._words
        generation, kind = words[base + at.GENERATION], at.KINDS[words[base + at.KIND]]
        if generation <= 0:
            return None
        mutex, owner, role = kind in MUTEXES, words[base + at.OWNER], at.ROLES[words[base + at.ROLE]]
        machinery = at.MACHINES[words[base + at.MACHINERY]]
        counted = mutex and not machinery
        file, line = self._text(base, at.FILE_AT, at.FILE_SIZE), words[base + at.LINE]
        waits = sorted(self._waits.get(base, ()), key=lambda waiter: waiter.stamp)
        each = SyncObject(
            id=_id(base, generation),
            kind=kind,
            name="" if owner else self._variables.name(file, line, words[base + at.COLUMN]),
            file=file,
            line=line,
            made=words[base + at.CREATED] / 1e9,
            maker=words[base + at.MAKER],
            machinery=machinery,
            part_of=self._owner(owner) if owner else None,
            role=role,
            holder=self._holder(base) if mutex else None,
            waiters=tuple(replace(waiter, what=_WANTS.get(role, "")) for waiter in waits),
            acquires=words[base + at.ACQUIRES] if counted else None,
            contended=words[base + at.CONTENDED] if counted else None,
            waited=words[base + at.WAITED] / 1e9 if counted else None,
        )
        return each if words[base + at.GENERATION] == generation else None

    def _owner(self, number: int) -> int:
        base = at.FIRST + (number - 1) * at.SLOT_WORDS
        return self._id(base)

    def _id(self, base: int) -> int:
        return _id(base, self._words[base + at.GENERATION])

    def _text(self, base: int, begin: int, size: int) -> str:
        assert self._memory is not None
        place = base * 8 + begin
        return self._memory[place : place + size].rstrip(b"\0").decode("utf-8", "replace")

    def _holder(self, base: int) -> Holder | None:
        words = self._words
        holder, stamp = words[base + at.HOLDER], words[base + at.SINCE]
        if not holder or words[base + at.HOLDER] != holder:
            return None
        pid, thread = holder >> 32, holder & 0xFFFFFFFF
        dead = is_gone(pid, thread, stamp)
        # One that has released it, and ended after that, has not died with it.
        if dead and (words[base + at.HOLDER] != holder or words[base + at.SINCE] != stamp):
            return None
        return Holder(pid, thread, self._ago(stamp), stamp, dead)

    def is_in_use(self, each: SyncObject, makers: Mapping[int, bool]) -> bool:
        """Whether anybody can have it: its maker does, or a living thread holds it or waits.

        Args:
            each: The object.
            makers: Whether a process is gone, filled as need be by :meth:`maker_is_gone`.
        """
        if each.waiters or (each.holder is not None and not each.holder.dead):
            return True
        return not self.word(each, at.DROPPED) and not makers[each.maker]

    def maker_is_gone(self, each: SyncObject) -> bool:
        """Whether the process that made it has ended."""
        return is_gone(each.maker, each.maker, self.word(each, at.MADE))

    def ident(self, stamp: int) -> int:
        """The number that the thread of a wait has in its process's stacks; 0 if it waits no more."""
        return self._idents.get(stamp, 0)

    def stack(self, pid: int) -> str:
        """The stacks of the threads of a process that waits, or has waited, now.

        Raises:
            NoStack: It does not tell.
        """
        with Tap.open(pid, self._stacks.get(pid, -1)) as tap:
            return tap.take()

    # --- an order

    def order(self, waiter: Waiter, stamp: int) -> bool:
        """Have a waiter release the lock that a dead thread holds since ``stamp``; False if it waits no more."""
        place = self._cells.get(waiter.stamp)
        if place is None or is_gone(waiter.pid, waiter.thread, waiter.stamp):
            return False
        path, cell = place
        try:
            with open(path, "r+b", buffering=0) as file:
                if _word(file, cell + at.CELL_SINCE) != waiter.stamp:
                    return False
                os.pwrite(file.fileno(), stamp.to_bytes(8, sys.byteorder), 8 * (cell + at.CELL_ORDER))
                return True
        except OSError:
            return False

    def is_held_since(self, each: SyncObject, stamp: int) -> bool:
        """Whether an object's slot still tells of the holding that began at ``stamp``."""
        words, base = self._words, base_of(each)
        if words is None or self._id(base) != each.id:
            return False
        return bool(words[base + at.HOLDER]) and words[base + at.SINCE] == stamp

    def is_ordered(self, waiter: Waiter) -> bool:
        """Whether the waiter has still to do what it was ordered."""
        place = self._cells.get(waiter.stamp)
        if place is None:
            return False
        try:
            with open(place[0], "rb", buffering=0) as file:
                waits = _word(file, place[1] + at.CELL_SINCE) == waiter.stamp
                return waits and _word(file, place[1] + at.CELL_ORDER) != 0
        except OSError:
            return False


def _word(file: Any, word: int) -> int:
    return int.from_bytes(os.pread(file.fileno(), 8, 8 * word), sys.byteorder, signed=True)


def _id(base: int, generation: int) -> int:
    """From 1 on: small numbers as long as slots are new."""
    return (base - at.FIRST) // at.SLOT_WORDS + 1 + (generation - 1) * at.SLOTS


def base_of(each: SyncObject) -> int:
    """The first word of its slot."""
    return at.FIRST + (each.id - 1) % at.SLOTS * at.SLOT_WORDS
