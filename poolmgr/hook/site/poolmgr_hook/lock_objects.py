"""What is made of locks, and beside them: conditions, events, barriers, queues, pipes, values and arrays.

Each gets a slot of its own (``lock_table.py``), which says of what locks it is made, or where its memory or its pipe is
to be found from outside.  Nothing is counted by taking a lock: a queue's counters are written by whoever holds its own.

Runs in whatever thread of the program makes such an object.
"""

from __future__ import annotations

import os
import sys

from . import lock_table as at
from .files import inode, note
from .locks import own, record, table, watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: Makers of pipes that tell of them themselves.
_WITH_PIPES = ("multiprocessing.queues", "multiprocessing.synchronize")


def patch(module: Any) -> None:
    """Patch ``multiprocessing.queues``, ``.connection`` or ``.sharedctypes``."""
    if not at.wanted():
        return
    table()
    if module.__name__ == "multiprocessing.queues":
        _patch_queues(module)
    elif module.__name__ == "multiprocessing.connection":
        _patch_pipe(module)
    else:
        for name, kind in (("Value", at.VALUE), ("Array", at.ARRAY), ("RawValue", at.VALUE), ("RawArray", at.ARRAY)):
            _after_call(module, name, kind)


def patch_composites(module: Any) -> None:
    """Patch Condition, Event and Barrier of ``multiprocessing.synchronize``."""
    _after_init(module.Condition, _condition)
    _after_init(module.Event, _event)
    _after_init(module.Barrier, _barrier)


def _patch_queues(module: Any) -> None:
    _after_init(module.Queue, _queue)
    _after_init(module.JoinableQueue, _joinable)
    _after_init(module.SimpleQueue, _simple)
    plain = module.Queue._reset

    def _reset(self: Any, *args: Any, **kwargs: Any) -> None:
        plain(self, *args, **kwargs)
        try:
            _count(self)
        except Exception as error:  # the queue is whole without us
            note(f"a queue is not counted: {error!r}")

    module.Queue._reset = _reset


def _patch_pipe(module: Any) -> None:
    plain = module.Pipe

    def Pipe(duplex: bool = True) -> Any:
        one, other = plain(duplex)
        if sys._getframe(1).f_globals.get("__name__") not in _WITH_PIPES:
            # A two-way pipe is two sockets, each with what waits to be received there.
            slot = record(one, {at.KIND: at.PIPE, at.A: inode(one), at.B: inode(other) if duplex else 0})
            if slot is not None:
                # Either end may be let go while the other is used: the pair goes when both are gone.
                one._poolmgr_pair = other._poolmgr_pair = pair = _Pair()
                watch(pair, slot)
        return one, other

    Pipe.__doc__, Pipe.__module__, Pipe.__qualname__ = plain.__doc__, plain.__module__, plain.__qualname__
    module.Pipe = Pipe


class _Pair:
    """Goes when both ends of a pipe are gone."""


def _after_init(cls: Any, tell: Callable[[Any, tuple[Any, ...], dict[str, Any]], None]) -> None:
    plain = cls.__init__

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        plain(self, *args, **kwargs)
        try:
            tell(self, args, kwargs)
        except Exception as error:  # the object is whole without us
            note(f"a {cls.__name__} is not tracked: {error!r}")

    cls.__init__ = __init__


def _after_call(module: Any, name: str, kind: int) -> None:
    plain = getattr(module, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        made = plain(*args, **kwargs)
        # Value and Array are made of the raw ones.
        if sys._getframe(1).f_globals.get("__name__") != module.__name__:
            try:
                _shared(made, kind)
            except Exception as error:  # the value is whole without us
                note(f"a shared {name} is not tracked: {error!r}")
        return made

    call.__doc__, call.__name__, call.__qualname__, call.__module__ = plain.__doc__, name, name, plain.__module__
    setattr(module, name, call)


# --- what each is made of


def _condition(self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    given = args[0] if args else kwargs.get("lock")
    slot = record(self, {at.KIND: at.CONDITION})
    if slot is not None:
        parts = [(self._sleeping_count, "sleeping"), (self._woken_count, "woken"), (self._wait_semaphore, "wait")]
        own(slot, parts if given is not None else [*parts, (self._lock, "lock")])


def _event(self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    slot = record(self, {at.KIND: at.EVENT})
    if slot is not None:
        own(slot, [(self._cond, "condition"), (self._flag, "flag"), (self._cond._lock, "lock")])


def _barrier(self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    slot = record(self, {at.KIND: at.BARRIER, at.A: self._parties, **_memory(self._wrapper)})
    if slot is not None:
        own(slot, [(self._cond, "condition")])


def _queue(self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    kind = at.JOINABLE if hasattr(self, "task_done") else at.QUEUE
    slot = record(self, {at.KIND: kind, at.MAXVALUE: self._maxsize, at.A: inode(self._reader)})
    if slot is not None:
        own(slot, [(self._rlock, "reading"), (self._wlock, "writing"), (self._sem, "room")])
        _count(self)


def _joinable(self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    slot = getattr(self, "_poolmgr_slot", None)
    if slot is not None:
        own(slot, [(self._unfinished_tasks, "unfinished"), (self._cond, "condition")])


def _simple(self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    slot = record(self, {at.KIND: at.SIMPLE, at.A: inode(self._reader)})
    if slot is not None:
        own(slot, [(self._rlock, "reading"), (self._wlock, "writing")])


def _shared(made: Any, kind: int) -> None:
    """Where a value or an array lies, and of what type it is."""
    lock = getattr(made, "get_lock", None)
    raw = made.get_obj() if lock is not None else made
    facts = {at.KIND: kind, at.A: getattr(raw, "_length_", 1), **_memory(raw._wrapper)}
    element = getattr(type(raw), "_type_", "")
    code = element if isinstance(element, str) else getattr(element, "_type_", "")
    if isinstance(code, str) and len(code) == 1:
        facts[at.B] = ord(code)
    slot = record(made, facts)
    if slot is not None and lock is not None:
        theirs, words = getattr(lock(), "_poolmgr_slot", None), table().words
        # A lock that was passed in has a place of its own in the program.
        if theirs is not None and all(words[theirs[0] + it] == words[slot[0] + it] for it in (at.LINE, at.COLUMN)):
            own(slot, [(lock(), "lock")])


def _memory(wrapper: Any) -> dict[int, int]:
    """Where a block of multiprocessing's heap lies: descriptor and inode of its file, offset and size."""
    (arena, start, _), size = wrapper._state
    return {at.C: arena.fd, at.D: os.fstat(arena.fd).st_ino, at.E: start, at.F: size}


# --- what goes through a queue


def _count(queue: Any) -> None:
    """Count what goes in and out, each under the queue's own lock for that."""
    slot = getattr(getattr(queue, "_rlock", None), "_poolmgr_slot", None)
    words = table().words
    if slot is None or words[slot[0] + at.GENERATION] != slot[1] or not words[slot[0] + at.OWNER]:
        return
    if words[slot[0] + at.MACHINERY]:
        # What passes through a pool's own queues is counted as jobs.
        return
    base = at.FIRST + (words[slot[0] + at.OWNER] - 1) * at.SLOT_WORDS
    if words[base + at.KIND] in (at.QUEUE, at.JOINABLE):
        generation = words[base + at.GENERATION]
        queue._send_bytes = _counted(queue._send_bytes, words, base, at.PUTS, generation)
        queue._recv_bytes = _counted(queue._recv_bytes, words, base, at.GETS, generation)


def _counted(plain: Any, words: Any, base: int, word: int, generation: int) -> Callable[..., Any]:
    def counted(*args: Any, **kwargs: Any) -> Any:
        result = plain(*args, **kwargs)
        if words[base + at.GENERATION] == generation:
            words[base + word] += 1
        return result

    return counted
