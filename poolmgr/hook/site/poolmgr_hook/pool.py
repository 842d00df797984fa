"""The stock ``multiprocessing.pool``, watched and steered: its worker function, and what its owner's threads do.

    worker             calls the stock one, whose queues note what passes (``worker.py``)
    _PoolCache         counts jobs as they are submitted and as they end             thread: whichever submits; results
    _get_sentinels     makes the pool's record, once, in Pool.__init__               thread: the program's
    _quick_get         takes results in blocks (``incoming.py``), and counts them    thread: the pool's result handler
    _maintain_pool     grants wishes, buries the dead, notes what waits              thread: the pool's worker handler
    _state             follows close() and terminate()                               thread: the program's

Nothing of this is seen in a traceback of a program's own error, but for one frame where a worker's initializer fails.
"""

from __future__ import annotations

import os
import sys
import weakref

from . import engine, files, layout, worker
from .incoming import in_blocks
from .owner import Owner
from .shape import in_place_of, missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: Without these there is nothing to see.
_TO_WATCH: dict[str, tuple[str, ...] | None] = {
    "worker": ("inqueue", "outqueue"),
    "Pool": None,
    "_PoolCache": None,
}
_POOL_TO_WATCH: dict[str, tuple[str, ...] | None] = {
    "_get_sentinels": ("self",),
    "_maintain_pool": ("ctx", "Process", "processes", "pool", "inqueue", "outqueue"),
}
#: Without these it cannot be steered.
_POOL_TO_STEER: dict[str, tuple[str, ...] | None] = {
    "_handle_workers": ("cls", "cache", "taskqueue", "ctx", "Process", "processes", "pool", "inqueue", "outqueue"),
    "_repopulate_pool_static": ("ctx", "Process", "processes", "pool", "inqueue", "outqueue"),
    "_get_worker_sentinels": ("workers",),
}
_STATES = {"CLOSE": layout.CLOSED, "TERMINATE": layout.TERMINATED}

#: Owners by the identity of their pool's list of workers, as long as they live.
_owners: dict[int, weakref.ref[Owner]] = {}
#: One for each pool that has a record: it says that the pool is gone.
_gone: dict[int, weakref.ref[Any]] = {}


def patch(module: Any) -> None:
    """Watch all pools of ``multiprocessing.pool``."""
    reason = missing(module, _TO_WATCH) or missing(module.Pool, _POOL_TO_WATCH)
    if reason:
        files.note(f"pools of multiprocessing are not watched: {reason}")
        return
    reason = missing(module.Pool, _POOL_TO_STEER)
    if reason:
        files.note(f"pools of multiprocessing are watched only: {reason}")
    module.worker = worker.watched(module.worker, worker.follow_pool)
    _watch_cache(module._PoolCache)
    _watch_pool(module.Pool, reason)
    module.Pool._state = _State()
    if engine.wanted():
        engine.patch(module.Pool)


def _watch_cache(cache: Any) -> None:
    forget, put, _getframe = cache.__delitem__, dict.__setitem__, sys._getframe
    cache._poolmgr_owner = None

    def enter(self: Any, job: Any, result: Any) -> None:
        put(self, job, result)
        owner = self._poolmgr_owner
        if owner is not None:
            try:
                owner.submitted(job, result, _getframe(1))
            except Exception:  # submitted in a way that is not known here: the job is counted, and has no name
                owner.record.describe(job, layout.APPLY, "?", 1, 1)

    def leave(self: Any, job: Any) -> None:
        owner = self._poolmgr_owner
        if owner is not None and job in self:
            owner.ended(job, self[job])
        forget(self, job)

    cache.__setitem__, cache.__delitem__ = enter, in_place_of(forget, leave)


def _watch_pool(pool: Any, reason: str) -> None:
    sentinels, maintain = pool._get_sentinels, pool._maintain_pool

    def get_sentinels(self: Any) -> Any:
        found = sentinels(self)
        try:
            return [*found, *_take_on(self, reason)]
        except Exception as error:  # a pool of a kind that is not known here works, and is not seen
            files.note(f"a pool is not watched: {type(error).__name__}: {error}")
        return found

    def maintain_pool(
        ctx: Any, start: Any, processes: Any, workers: Any, inqueue: Any, outqueue: Any, *rest: Any
    ) -> None:
        owner = _owner_of(workers)
        needed = None if owner is None else _guarded(owner.attend)
        if needed is None:
            maintain(ctx, start, processes, workers, inqueue, outqueue, *rest)
        elif needed:
            pool._repopulate_pool_static(ctx, start, owner.wanted, workers, inqueue, outqueue, *rest)
        if owner is not None:
            _guarded(owner.settle, inqueue, outqueue)

    pool._get_sentinels = in_place_of(sentinels, get_sentinels)
    pool._maintain_pool = staticmethod(in_place_of(maintain, maintain_pool))


def _guarded(do: Callable[..., Any], *args: Any) -> Any:
    try:
        return do(*args)
    except Exception as error:  # the pool's own thread must go on, whatever happens to us in it
        files.note(f"{do.__name__} of a pool failed: {type(error).__name__}: {error}")
        return None


def _take_on(pool: Any, reason: str) -> list[Any]:
    """Make what is kept of a pool; what its worker handler is to wait for besides its own things."""
    if not files.folder() or getattr(pool._inqueue, "_reader", None) is None:
        return []
    owner = Owner(pool, reason)
    pool._quick_get = owner.taking(in_blocks(pool._quick_get))
    pool._cache._poolmgr_owner = owner
    key, told = id(owner.workers), owner.record
    _owners[key] = weakref.ref(owner)

    def gone(_: Any) -> None:
        told.state(layout.GONE)
        _gone.pop(key, None)
        _owners.pop(key, None)

    _gone[key] = weakref.ref(pool, gone)
    return [] if owner.bell is None else [owner.bell]


def _owner_of(workers: Any) -> Any:
    found = _owners.get(id(workers))
    owner = None if found is None else found()
    return owner if owner is not None and owner.workers is workers else None


class _State:
    """Stands for the attribute ``_state`` of pools: kept where it always is, and told."""

    def __get__(self, pool: Any, kind: Any = None) -> Any:
        if pool is None:
            raise AttributeError("_state")
        try:
            return pool.__dict__["_state"]
        except KeyError:
            raise AttributeError("_state") from None

    def __set__(self, pool: Any, state: str) -> None:
        pool.__dict__["_state"] = state
        owner = _owner_of(pool.__dict__.get("_pool")) if state in _STATES else None
        if owner is not None:
            owner.record.state(_STATES[state])


def _forget_in_child() -> None:
    """A forked child owns none of its parent's pools."""
    for found in list(_owners.values()):
        owner = found()
        if owner is not None:
            owner.detach()
    _owners.clear()
    _gone.clear()


os.register_at_fork(after_in_child=_forget_in_child)
