"""poolmgr: the cockpit for Python process pools.

    from poolmgr import Pool            the engine, a drop-in for multiprocessing.Pool
    from poolmgr import PoolExecutor    the same as a concurrent.futures.Executor
    poolmgr.watch(pool)                 the screen on a pool of one's own program
    poolmgr.Manager()                   a SyncManager that cannot outlive its owner
    poolmgr.publish(pool)               lets a pool be seen and steered from any other terminal
    poolmgr.connect()                   the status dict of a running pool, from any process of the same user

Names are loaded when they are first used: importing poolmgr (as every worker does) must not import textual, psutil,
rich or click.
"""

from __future__ import annotations

import gc
from importlib import import_module
from typing import TYPE_CHECKING, Any

from poolmgr.version import __version__

if TYPE_CHECKING:
    from poolmgr.cli.watch import watch
    from poolmgr.engine.executor import PoolExecutor
    from poolmgr.engine.job import Job
    from poolmgr.engine.pool import Pool
    from poolmgr.errors import (
        JobCancelled,
        JobError,
        JobExited,
        JobKilled,
        JobStopped,
        JobTimedOut,
        MemoryLimitExceeded,
        NoStack,
        PoolClosed,
        PoolGone,
        PoolmgrError,
        PoolTerminated,
        PredecessorFailed,
        RemoteError,
        SoftTimeout,
        UnknownJob,
        UnknownWorker,
        WorkerDied,
        WorkerStartFailed,
    )
    from poolmgr.monitor.board import connect
    from poolmgr.runners.publication import publish
    from poolmgr.runtime.manager import Manager
    from poolmgr.runtime.progress import progress

_HOMES = {
    "Job": "poolmgr.engine.job",
    "JobCancelled": "poolmgr.errors",
    "JobError": "poolmgr.errors",
    "JobExited": "poolmgr.errors",
    "JobKilled": "poolmgr.errors",
    "JobStopped": "poolmgr.errors",
    "JobTimedOut": "poolmgr.errors",
    "MemoryLimitExceeded": "poolmgr.errors",
    "Manager": "poolmgr.runtime.manager",
    "NoStack": "poolmgr.errors",
    "Pool": "poolmgr.engine.pool",
    "PoolClosed": "poolmgr.errors",
    "PoolGone": "poolmgr.errors",
    "PoolExecutor": "poolmgr.engine.executor",
    "PoolTerminated": "poolmgr.errors",
    "PoolmgrError": "poolmgr.errors",
    "PredecessorFailed": "poolmgr.errors",
    "RemoteError": "poolmgr.errors",
    "SoftTimeout": "poolmgr.errors",
    "UnknownJob": "poolmgr.errors",
    "UnknownWorker": "poolmgr.errors",
    "WorkerDied": "poolmgr.errors",
    "WorkerStartFailed": "poolmgr.errors",
    "connect": "poolmgr.monitor.board",
    "progress": "poolmgr.runtime.progress",
    "publish": "poolmgr.runners.publication",
    "watch": "poolmgr.cli.watch",
}

__all__ = [
    "Job",
    "JobCancelled",
    "JobError",
    "JobExited",
    "JobKilled",
    "JobStopped",
    "JobTimedOut",
    "Manager",
    "MemoryLimitExceeded",
    "NoStack",
    "Pool",
    "PoolClosed",
    "PoolExecutor",
    "PoolGone",
    "PoolTerminated",
    "PoolmgrError",
    "PredecessorFailed",
    "RemoteError",
    "SoftTimeout",
    "UnknownJob",
    "UnknownWorker",
    "WorkerDied",
    "WorkerStartFailed",
    "__version__",
    "connect",
    "progress",
    "publish",
    "watch",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # What is imported stays: to look through it for garbage meanwhile takes an eighth of the time, and finds none.
    collects = gc.isenabled()
    gc.disable()
    try:
        value = getattr(import_module(home), name)
    finally:
        if collects:
            gc.enable()
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
