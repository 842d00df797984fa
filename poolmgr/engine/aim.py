"""Aim: kills a worker for the sake of one task, and of no other.

Thread: the dispatcher, under the feed lock.

    LIMIT = START + 1                            the worker is to begin nothing more
    1 ms later, START < LIMIT                    it has seen that: it is at this task, or has just ended it
    SIGKILL                                      to it, and to what its jobs have started
"""

from __future__ import annotations

from poolmgr.engine.handle import Handle
from poolmgr.engine.returns import SETTLED, Returns
from poolmgr.errors import JobError
from poolmgr.runtime.cells import START

#: Seconds until the worker has certainly seen the limit.
AGAIN = 2 * SETTLED


def shoot(handle: Handle, returns: Returns, job_id: int, fate: JobError, now: float) -> bool:
    """Kill the worker, whose task of ``job_id`` then fails with ``fate``.

    Returns:
        False if it is to be asked again, ``AGAIN`` seconds later, whether the task is still to be killed.
    """
    if handle.limit is None or int(handle.cells.view[START]) >= handle.limit:
        returns.limit(handle, now)
        return False
    if now - handle.limited_at < SETTLED:
        return False
    handle.killed_for, handle.fate = job_id, fate
    handle.kill()
    return True
