"""The leader: a caller that waits in ``get()`` for the one job that an idle worker was sent.

It takes the result out of the worker's ring itself, so no thread stands between them.  It looks for the result for a
moment before it sleeps, as long as that pays: two sleeping cores cost 80 us a round trip, two that look about 7.

    NOTIFY=NOBODY, look at COMMIT for SPIN ns . NOTIFY=LEADER, look once more . sleep on the worker's bell . drain
    whatever happens: NOTIFY=DISPATCHER again, and the dispatcher is rung if anything is left to do

The main thread never leads, nor feeds: see ``runtime/signals.py``.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from typing import TYPE_CHECKING

from poolmgr.runtime.cells import COMMIT, DISPATCHER, LEADER, NOBODY, NOTIFY
from poolmgr.runtime.signals import interruptible

if TYPE_CHECKING:
    from poolmgr.engine.drain import Drain
    from poolmgr.engine.feeding import Feeding
    from poolmgr.engine.handle import Handle
    from poolmgr.engine.job import Job
    from poolmgr.engine.mailbox import Mailbox

#: Nanoseconds that a caller looks for its result before it sleeps.
SPIN = 50_000
#: Share of spins that must have found something for spinning to go on.
SPIN_PAYS = 0.2


def lead(
    sent: tuple[Handle, int],
    job: Job,
    timeout: float | None,
    drain: Drain,
    feeding: Feeding,
    mailbox: Mailbox,
) -> bool:
    """Wait for a job that was sent to an idle worker alone, unless another caller waits for that worker already.

    Returns:
        True if the job is settled or ``timeout`` seconds are over; False if it is to be waited for in another way.
    """
    handle, sequence = sent
    if interruptible() or not handle.leading.acquire(blocking=False):
        return False
    try:
        return follow(handle, sequence, job, timeout, drain)
    finally:
        handle.leading.release()
        if handle.dead:
            handle.close_shared()
        else:
            if handle.empty:
                feeding.freed(handle)
            # Freed first, then a last look: a caller that found no idle worker counts on one of us.
            if feeding.backlog or handle.inflight:
                mailbox.ring()


def follow(handle: Handle, sequence: int, job: Job, timeout: float | None, drain: Drain) -> bool:
    """Wait until the task is booked. Under ``handle.leading``.

    Returns:
        True if the job is settled or ``timeout`` seconds are over; False if the rest is somebody else's to do.
    """
    end = None if timeout is None else time.monotonic() + timeout
    # A worker that dies takes its cells away from us: what is left is the dispatcher's to tell.
    with contextlib.suppress(ValueError, OSError):
        view = handle.cells.view
        try:
            _spin(handle, sequence)
            view[NOTIFY] = LEADER
            with handle.fence:
                pass
            while not handle.dead:
                if view[COMMIT] > handle.drained:
                    with handle.lock:
                        drain.collect(handle)
                if handle.drained > sequence or job._settled:
                    return job._settled
                if not _sleep(handle, end):
                    return True
        finally:
            view[NOTIFY] = DISPATCHER
    return False


def _spin(handle: Handle, sequence: int) -> None:
    if handle.spin_hits < SPIN_PAYS:
        handle.spin_hits += 0.004
        return
    view = handle.cells.view
    view[NOTIFY] = NOBODY
    end = time.monotonic_ns() + SPIN
    while view[COMMIT] <= sequence and time.monotonic_ns() < end:
        pass
    handle.spin_hits = handle.spin_hits * 0.9 + (0.1 if view[COMMIT] > sequence else 0.0)


def _sleep(handle: Handle, end: float | None) -> bool:
    """Wait for the worker's bell; False if the time is over."""
    if end is None:
        left = None
    else:
        left = end - time.monotonic()
        if left <= 0:
            return False
    poll = select.poll()
    poll.register(handle.leader_bell, select.POLLIN)
    poll.poll(None if left is None else left * 1000)
    with contextlib.suppress(BlockingIOError):
        os.eventfd_read(handle.leader_bell)
    return True
