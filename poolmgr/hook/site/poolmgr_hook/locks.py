"""Tracked locks: ``multiprocessing``'s own classes, patched in place when a program imports them.

Every Lock, RLock, Semaphore and all that is made of them ends in one class, ``SemLock``.  Its objects get an
``acquire`` and a ``release`` of ours, which do what the plain ones do and write down who holds the lock, and who waits
for it, in memory that an observer reads (``lock_table.py``).  Nothing is pickled that was not before: a forked child
inherits the slot with the object, one that was spawned finds it by the semaphore's name.

``acquire`` tries without waiting first, which is all that a free lock costs.  Only who has to wait says so in a cell.
The locks of a pool's own queues are taken twice for each job, and idle workers wait there most of their lives: of these
it is told who has them, and who has waited for a second; nothing is counted.  A pool's semaphores are left alone.
A thread that waits for a Lock or an RLock without a limit waits in slices of a second.  Between two of them it looks
whether an operator has ordered it to release the lock for a holder that is dead; nobody else could do that, since the
semaphore of a forked program has no name in the system.  One waiter is ordered at a time, and it clears HOLDER first,
so that a lock is never released twice for one death.

Runs in whatever thread of the program uses a lock.  Never raises what the plain lock would not.
"""

from __future__ import annotations

import os
import sys
import weakref

from . import lock_table as at
from .files import note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

#: Seconds of a slice.  Shorter would wake idle waiters for nothing, longer would have an operator wait for his order.
SLICE = 1.0

#: The program's table, once something of multiprocessing's is patched.
_table: at.Table | None = None
#: By slot, the objects that this process has made, so that it is known when they are gone.
_made: dict[tuple[int, int], Any] = {}
#: Columns of calls by code and instruction: to look one up goes through all of a function's code.
_columns: dict[tuple[Any, int], int] = {}
_MOST_COLUMNS = 500


def table() -> at.Table:
    """This process's table.

    Raises:
        OSError: The run's folder is gone, or there is no room.
    """
    global _table
    if _table is None:
        _table = at.Table()
        os.register_at_fork(after_in_child=_made.clear)
    return _table


def patch(module: Any) -> None:
    """Patch ``multiprocessing.synchronize``."""
    if not at.wanted():
        return
    from . import lock_objects

    known = table()
    kinds = (
        (module.RLock, at.RLOCK),
        (module.Lock, at.LOCK),
        (module.BoundedSemaphore, at.BOUNDED),
        (module.Semaphore, at.SEMAPHORE),
    )
    stock = module.SemLock
    init, enter, leave = stock.__init__, stock.__enter__, stock.__exit__
    getstate, setstate = stock.__getstate__, stock.__setstate__

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        kind = next((number for cls, number in kinds if isinstance(self, cls)), at.SEMAPHORE)
        sem = self._semlock
        slot = record(self, {at.KIND: kind, at.MAXVALUE: sem.maxvalue, at.HANDLE: sem.handle}, sem.name or "")
        if slot is not None:
            _track(self, kind, *slot)

    def __getstate__(self: Any) -> Any:
        known.share()
        return getstate(self)

    def __setstate__(self: Any, state: Any) -> None:
        setstate(self, state)
        try:
            name = self._semlock.name
            base = known.find(name) if name else -1
            if base >= 0:
                _track(self, known.words[base + at.KIND], base, known.words[base + at.GENERATION])
        except Exception as error:  # the plain lock is there already, and works
            note(f"a lock that was handed over is not tracked: {error!r}")

    # Twice for each job of a pool: what is tracked has the attribute of its own.
    def __enter__(self: Any) -> Any:
        return self._poolmgr_enter()

    def __exit__(self: Any, kind: Any, error: Any, trace: Any) -> Any:
        return self._poolmgr_leave()

    stock._poolmgr_enter, stock._poolmgr_leave = enter, lambda self: leave(self, None, None, None)
    stock.__init__, stock.__enter__, stock.__exit__ = __init__, __enter__, __exit__
    stock.__getstate__, stock.__setstate__ = __getstate__, __setstate__
    lock_objects.patch_composites(module)


# --- slots


def record(thing: Any, facts: dict[int, int], name: str = "") -> tuple[int, int] | None:
    """Give a new object a slot: its first word and its generation, or None where that is not to be."""
    try:
        place, facts[at.MACHINERY] = whence()
        base = table().claim()
        if base < 0:
            note("there are more locks and queues than can be tracked")
            return None
        slot = base, table().fill(base, facts, name, place)
        thing._poolmgr_slot = slot
        watch(thing, slot)
        return slot
    except Exception as error:  # the program's object is whole without us
        note(f"an object is not tracked: {error!r}")
        return None


def watch(thing: Any, slot: tuple[int, int]) -> None:
    """Free the slot when the object is gone."""
    known = table()
    shared, pid, getpid, made = known.shared, os.getpid(), os.getpid, _made

    def gone(_: Any) -> None:
        # Also when the interpreter ends, so nothing is looked up in this module.
        if getpid() == pid and made.pop(slot, None) is not None:
            known.drop(*slot, shared)

    _made[slot] = weakref.ref(thing, gone)


def own(slot: tuple[int, int], parts: Iterable[tuple[Any, str]]) -> None:
    """Say of what larger object these are parts: pairs of an object and its role."""
    words = table().words
    for part, role in parts:
        found = getattr(part, "_poolmgr_slot", None)
        if found is not None and found in _made:
            words[found[0] + at.OWNER] = (slot[0] - at.FIRST) // at.SLOT_WORDS + 1
            words[found[0] + at.ROLE] = at.ROLES.index(role)


def whence() -> tuple[tuple[str, int, int], int]:
    """Where the program makes what is being made (file, line, column), and the number of who makes it for it."""
    frame: Any = sys._getframe(1)
    machine, ours = 0, __name__.rpartition(".")[0]
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if not module.startswith((ours + ".", "multiprocessing.", "concurrent.futures.")):
            return (_whole(frame.f_code.co_filename), frame.f_lineno, _column(frame)), machine
        for number, name in enumerate(at.MACHINES):
            if name and module.startswith(name):
                machine = number
        frame = frame.f_back
    return ("", 0, -1), machine


def _whole(file: str) -> str:
    """The path from the root: who reads it is in another folder."""
    return file if file.startswith(("/", "<")) else os.path.abspath(file)


def _column(frame: Any) -> int:
    """The column of the call that a frame is at, from 0; -1 where this Python does not know."""
    place = frame.f_code, frame.f_lasti
    column = _columns.get(place)
    if column is None:
        if len(_columns) >= _MOST_COLUMNS:
            _columns.clear()
        column = _columns[place] = _find_column(*place)
    return column


def _find_column(code: Any, instruction: int) -> int:
    positions = getattr(code, "co_positions", None)
    if positions is None or instruction < 0:
        return -1
    for number, found in enumerate(positions()):
        if number == instruction // 2:
            return -1 if found[2] is None else int(found[2])
    return -1


# --- locks


def _track(lock: Any, kind: int, base: int, generation: int) -> None:
    """Put our ``acquire`` and ``release`` in the place of the plain ones."""
    lock._poolmgr_slot = base, generation
    sem = lock._semlock
    machinery = table().words[base + at.MACHINERY]
    if kind == at.LOCK and machinery:
        acquire, release = _inner_mutex(sem, base, generation)
    elif kind in (at.LOCK, at.RLOCK):
        acquire, release = _mutex(sem, kind == at.RLOCK, base, generation)
    elif machinery:
        return
    else:
        acquire, release = _semaphore(sem, base, generation), sem.release
    lock._poolmgr_enter, lock._poolmgr_leave = acquire, release
    lock.acquire, lock.release = acquire, release


def _mutex(sem: Any, recursive: bool, base: int, generation: int) -> tuple[Callable[..., bool], Callable[[], None]]:
    known = table()
    plain_acquire, plain_release, count, is_mine = sem.acquire, sem.release, sem._count, sem._is_mine
    words, now = known.words, at.now
    current, holder, since, acquires = base + at.GENERATION, base + at.HOLDER, base + at.SINCE, base + at.ACQUIRES

    def acquire(block: Any = True, timeout: Any = None) -> bool:
        began = 0
        if not plain_acquire(False, timeout):
            if not block:
                return False
            began = now()
            if not _wait(sem, block, timeout, base, generation, True):
                return False
        try:
            if words[current] == generation and not (recursive and count() > 1):
                time = now()
                words[since] = time
                words[holder] = known.me.word
                words[acquires] += 1
                if began:
                    words[base + at.CONTENDED] += 1
                    words[base + at.WAITED] += time - began
        except BaseException:
            # A signal's handler has raised: as if it had done so a moment earlier, while the lock was not ours yet.
            release()
            raise
        return True

    def release() -> None:
        if (not recursive or (count() == 1 and is_mine())) and words[current] == generation:
            words[holder] = 0
        plain_release()

    return acquire, release


def _inner_mutex(sem: Any, base: int, generation: int) -> tuple[Callable[..., bool], Callable[[], None]]:
    """The same of a Lock of a pool's own."""
    known = table()
    plain_acquire, plain_release = sem.acquire, sem.release
    words, now = known.words, at.now
    current, holder, since = base + at.GENERATION, base + at.HOLDER, base + at.SINCE

    def acquire(block: Any = True, timeout: Any = None) -> bool:
        if not plain_acquire(block, SLICE if timeout is None else timeout) and (
            timeout is not None or not block or not _wait(sem, block, timeout, base, generation, True)
        ):
            return False
        try:
            if words[current] == generation:
                words[since] = now()
                words[holder] = known.me.word
        except BaseException:  # as above
            release()
            raise
        return True

    def release() -> None:
        if words[current] == generation:
            words[holder] = 0
        plain_release()

    return acquire, release


def _semaphore(sem: Any, base: int, generation: int) -> Callable[..., bool]:
    plain_acquire = sem.acquire

    def acquire(block: Any = True, timeout: Any = None) -> bool:
        if plain_acquire(False, timeout):
            return True
        return bool(block) and _wait(sem, block, timeout, base, generation, False)

    return acquire


def _wait(sem: Any, block: Any, timeout: Any, base: int, generation: int, is_mutex: bool) -> bool:
    """Wait for a semaphore that was not free, and tell of it meanwhile."""
    known = table()
    cells = known.cells()
    cell = -1 if cells is None else cells.begin(base, generation, known.me.word, timeout)
    if cell < 0:
        return bool(sem.acquire(block, timeout))
    try:
        if timeout is not None or not is_mutex:
            return bool(sem.acquire(block, timeout))
        while not sem.acquire(True, SLICE):
            order = cells.words[cell + at.CELL_ORDER]
            if order:
                _release_for_the_dead(sem, order, base, generation)
                cells.words[cell + at.CELL_ORDER] = 0
        return True
    finally:
        cells.end(cell)


#: Semaphores of dead holders by their address, as objects that anybody may release.  Kept for ever: to let one go would
#: close the program's own.
_of_the_dead: dict[int, Any] = {}


def _release_for_the_dead(sem: Any, order: int, base: int, generation: int) -> None:
    """Release a lock once in the place of the thread that held it since ``order`` and is gone."""
    words = table().words
    if words[base + at.GENERATION] != generation or words[base + at.SINCE] != order or not words[base + at.HOLDER]:
        return
    if sem.handle not in _of_the_dead:
        # Kind 1, a semaphore: who releases it need not be who has acquired it.
        _of_the_dead[sem.handle] = type(sem)._rebuild(sem.handle, 1, 1, None)
    words[base + at.HOLDER] = 0
    try:
        _of_the_dead[sem.handle].release()
    except ValueError:
        # Somebody has released it in the meantime.
        pass
