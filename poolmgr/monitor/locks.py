"""Pictures of a program's locks, queues, pipes and shared values, from what its hook tells.

    decode    the slots, and the wait cells of all processes                                       (lock_slots.py)
    look      what only the kernel can tell: semaphores' counts, values, bytes in pipes (sync_memory.py, sockets.py)
    compare   rates, by the pictures of the last seconds
    judge     deadlocks and abandoned locks, by the picture before                          (model/waits.py)

Nothing is written into the program but :meth:`LockReader.release`, an operator's order to one waiter.

Threads: the observer's reads; whoever has an operator's request orders.  A lock keeps them apart.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from poolmgr.hook.site.poolmgr_hook import lock_table as at
from poolmgr.model import waits
from poolmgr.model.requests import Reply
from poolmgr.model.sync import QUEUES, SEMAPHORES, Deadlock, SyncObject, SyncSnapshot, Waiter
from poolmgr.model.times import RECENT
from poolmgr.monitor.lock_slots import Slots
from poolmgr.monitor.sockets import Sockets
from poolmgr.monitor.sync_memory import Outside, shown

#: Slots that are decoded for a picture, those that somebody holds or waits for first, and objects that are told: a
#: frame must not grow with a program.
MOST_SLOTS, MOST = 2000, 400
#: Bytes of a shared value or array that are read for a picture.
MOST_BYTES = 64
#: Semaphores that are a part of something, and whose count says something of the whole.
_TELLING = frozenset({"flag", "room"})
#: Seconds for which a waiter may take to carry out an order: it looks once in each.
PATIENCE = 3.0
_STEP = 0.05


#: What was counted of an object at one moment: ns, seconds waited, put, got, a number.
Look = tuple[int, float, int, int, float | None]


class LockReader:
    """The pictures of one run."""

    def __init__(self, folder: str, processes: Callable[[], Iterable[int]]) -> None:
        """Read what the hook writes into ``folder``; ``processes`` gives the program's processes."""
        self._slots, self._processes = Slots(folder), processes
        self._outside, self._sockets = Outside(), Sockets()
        self._circles: tuple[Deadlock, ...] = ()
        self._orphans: Mapping[int, int] = {}
        #: The last seconds of each object.
        self._past: dict[int, tuple[Look, ...]] = {}
        self._latest = SyncSnapshot()
        #: Who was ordered to release which lock.
        self._ordered: dict[int, Waiter] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let go of the run's files."""
        with self._lock:
            self._outside.close()
            self._sockets.close()
            self._slots.close()

    def read(self) -> SyncSnapshot | None:
        """The program's objects now; None as long as it has made none."""
        with self._lock:
            return self._read()

    def _read(self) -> SyncSnapshot | None:
        bases = self._slots.look()
        if not bases and not self._latest.total:
            return None
        now = time.monotonic_ns()
        objects = self._compare(_worth_telling(self._look(self._in_use(bases))), now)
        circles, orphans = waits.circles(objects), waits.orphans(objects)
        self._latest = SyncSnapshot(
            objects=tuple(objects),
            deadlocks=waits.standing(self._circles, circles, time.time()),
            abandoned=waits.abandoned(self._orphans, orphans),
            total=len(bases),
        )
        self._circles, self._orphans = circles, orphans
        self._outside.turn()
        return self._latest

    def _in_use(self, bases: Iterable[int]) -> list[SyncObject]:
        """The objects that anybody can still have, at most :data:`MOST_SLOTS`, in the order in which they were made."""
        gone: dict[int, bool] = {}
        found: list[SyncObject] = []
        for base in bases:
            each = self._slots.object(base)
            if each is None:
                continue
            if each.maker not in gone:
                gone[each.maker] = self._slots.maker_is_gone(each)
            if self._slots.is_in_use(each, gone):
                found.append(each)
                if len(found) == MOST_SLOTS:
                    break
        return sorted(found, key=lambda each: each.made)

    # --- what the kernel tells

    def _look(self, objects: list[SyncObject]) -> list[SyncObject]:
        ends = {each.id: self._ends(each) for each in objects if each.kind == "pipe" or each.kind in QUEUES}
        pipes = self._outside.pipes({one for one, other in ends.values() if not other}, self._processes())
        sockets = self._sockets.waiting(inode for pair in ends.values() if pair[1] for inode in pair)
        counts = {each.id: self._count(each) for each in objects if each.kind in SEMAPHORES}
        inside = {
            (each.part_of, each.role): counts.get(each.id)
            for each in objects
            if each.part_of is not None and each.role in _TELLING
        }
        looked = []
        for each in objects:
            if each.kind in SEMAPHORES:
                bound = self._slots.word(each, at.MAXVALUE) if each.kind == "bounded semaphore" else None
                each = replace(each, value=counts[each.id], limit=bound)
            elif each.kind == "event":
                each = replace(each, value=inside.get((each.id, "flag")))
            elif each.kind in ("value", "array", "barrier"):
                each = self._shared(each)
            elif each.kind == "pipe" or each.kind in QUEUES:
                each = self._queue(each, inside.get((each.id, "room")))
                each = _with_bytes(each, ends[each.id], pipes, sockets)
            looked.append(each)
        return looked

    def _ends(self, each: SyncObject) -> tuple[int, int]:
        """The inode of a one-way pipe and 0, or those of the two sockets of a two-way one."""
        return self._slots.word(each, at.A), self._slots.word(each, at.B) if each.kind == "pipe" else 0

    def _count(self, each: SyncObject) -> int | None:
        return self._outside.semaphore(self._slots.name(each), each.maker, self._slots.word(each, at.HANDLE))

    def _queue(self, each: SyncObject, room: int | None) -> SyncObject:
        if each.kind not in ("queue", "joinable queue"):
            return each
        most = self._slots.word(each, at.MAXVALUE)
        return replace(
            each,
            depth=None if room is None else most - room,
            limit=most if most < at.UNBOUNDED else None,
            puts=None if each.machinery else self._slots.word(each, at.PUTS),
            gets=None if each.machinery else self._slots.word(each, at.GETS),
        )

    def _shared(self, each: SyncObject) -> SyncObject:
        fd, inode, begin, size = (self._slots.word(each, word) for word in (at.C, at.D, at.E, at.F))
        length = self._slots.word(each, at.A)
        data = self._outside.block(each.maker, fd, inode, begin, min(size, MOST_BYTES))
        if data is None:
            return each
        if each.kind == "barrier":
            return replace(each, value=int.from_bytes(data[4:8], sys.byteorder, signed=True), limit=length)
        code = self._slots.word(each, at.B)
        text, number = shown(chr(code) if code else "", data, length)
        return replace(each, content=text, number=number)

    # --- what has changed

    def _compare(self, objects: list[SyncObject], now: int) -> list[SyncObject]:
        before, self._past = self._past, {}
        compared = []
        for each in objects:
            # Those that wait now have waited too, and will say so only when they are done.
            waited = (each.waited or 0.0) + sum((now - waiter.stamp) / 1e9 for waiter in each.waiters)
            past = before.get(each.id, ())
            self._past[each.id] = past = (*past, (now, waited, each.puts or 0, each.gets or 0, each.number))
            while len(past) > 2 and now - past[1][0] > RECENT * 1e9:
                self._past[each.id] = past = past[1:]
            compared.append(_changed(each, past[0], past[-1]))
        return compared

    # --- stacks

    def ident(self, stamp: int) -> int:
        """The number that the thread of a wait has in its process's stacks; 0 if it waits no more."""
        return self._slots.ident(stamp)

    def stack(self, pid: int) -> str:
        """The stacks of a process that waits.

        Raises:
            NoStack: It does not tell.
        """
        return self._slots.stack(pid)

    # --- an order

    def release(self, object_id: int) -> Reply:
        """Have one of those who wait for an abandoned lock release it. Takes seconds at the most."""
        with self._lock:
            each = self._latest.find(object_id)
            waiter, reply = self._order(each)
        if each is None or each.holder is None or waiter is None:
            return reply
        end = time.monotonic() + PATIENCE
        while self._slots.is_ordered(waiter) and time.monotonic() < end:
            time.sleep(_STEP)
        if self._slots.is_ordered(waiter):
            return Reply(False, f"process {waiter.pid} was ordered to do it and has not done so yet")
        with self._lock:
            if self._slots.is_held_since(each, each.holder.stamp):
                return Reply(False, f"{each.label} is not released: process {waiter.pid} waits no more; try again")
        return reply

    def _order(self, each: SyncObject | None) -> tuple[Waiter | None, Reply]:
        """Who was ordered, and what to say once it is done; nobody, and why."""
        if each is None:
            return None, Reply(False, "this lock is not there any more")
        holder = each.holder
        if holder is None or not holder.dead:
            return None, Reply(
                False, f"{each.label} is not abandoned: only a lock whose holder is gone can be released"
            )
        before = self._ordered.get(each.id)
        if before is not None and self._slots.is_ordered(before):
            return None, Reply(False, f"process {before.pid} was ordered to release it and has not done so yet")
        waiter = next((waiter for waiter in each.waiters if waiter.limit is None), None)
        if waiter is None:
            return None, Reply(False, f"nobody waits for {each.label} without a limit: who does so next can release it")
        if not self._slots.order(waiter, holder.stamp):
            return None, Reply(False, f"process {waiter.pid} does not wait for {each.label} any more: look again")
        self._ordered[each.id] = waiter
        done = f"{each.label} is released: process {waiter.pid} did it for {holder.pid}, which is gone"
        return waiter, Reply(True, done)


def _with_bytes(
    each: SyncObject, ends: tuple[int, int], pipes: Mapping[int, int], sockets: Mapping[int, int]
) -> SyncObject:
    """The object with what waits in it."""
    if not ends[1]:
        return replace(each, bytes_waiting=pipes.get(ends[0]))
    first, second = (sockets.get(inode) for inode in ends)
    both = None if first is None and second is None else (first or 0) + (second or 0)
    return replace(each, bytes_waiting=both, bytes_first=first, bytes_second=second)


def _changed(each: SyncObject, first: Look, last: Look) -> SyncObject:
    """The object with what became of it between two looks."""
    span = (last[0] - first[0]) / 1e9
    if span <= 0:
        return each
    known = first[4] is not None and last[4] is not None
    return replace(
        each,
        waiting=None if each.acquires is None else max(0.0, last[1] - first[1]) / span,
        rate_in=None if each.puts is None else max(0, last[2] - first[2]) / span,
        rate_out=None if each.gets is None else max(0, last[3] - first[3]) / span,
        change=((last[4] or 0.0) - (first[4] or 0.0)) / span if known else None,
    )


def _worth_telling(objects: list[SyncObject]) -> list[SyncObject]:
    """The objects without those parts of them that nobody holds, waits for or has had to wait for; at most MOST."""
    by_id = {each.id: each for each in objects}
    told: dict[int, SyncObject] = {}
    # Those that matter first, in case there are too many.
    for each in sorted(objects, key=lambda each: (not each.waiters, each.holder is None)):
        if each.part_of in by_id and not (each.waiters or each.holder is not None or each.contended):
            continue
        if len(told) >= MOST:
            break
        told[each.id] = each
        while each.part_of in by_id:
            each = by_id[each.part_of]
            told[each.id] = each
    return [each for each in objects if each.id in told]
