"""Inline: a caller sends a single job to an idle worker itself, and no thread stands between them.

Thread: any that submits, the main thread too, which a signal handler may interrupt or leave by an exception at nearly
every step.  Therefore all that such a caller changes it changes in one piece, in :func:`_hand`: the job is recorded and
sent, or neither.  All before that only reads, and what it has read is looked at again there.

    the dispatcher naps and looks again soon (``callers.py``), nothing waits, a worker has nothing to do
                                                                           else the job goes to the backlog
    the function is known to the worker, the arguments are plain           else sending would run somebody's code
    in one piece: napping still, idle still? recorded . NOTIFY=NOBODY . write . SENT

The write cannot block, and is whole or not at all: the worker has read all that it was sent before.  If it fails, the
dispatcher sends the frame when it wakes.  Until the worker has begun the task, the dispatcher sends it nothing more:
the write may still be on its way (see ``Handle.inline``).
"""

from __future__ import annotations

import os
from collections import deque
from time import monotonic_ns
from typing import TYPE_CHECKING

from poolmgr.engine import wire
from poolmgr.engine.channel import DIRECTLY
from poolmgr.runtime.cells import LOOK, NOBODY, NOTIFY, SENT
from poolmgr.runtime.signals import PIECES, in_one_piece

if TYPE_CHECKING:
    from poolmgr.engine.backlog import Backlog, Batch
    from poolmgr.engine.feeding import Feeding
    from poolmgr.engine.handle import Handle
    from poolmgr.engine.job import Job
    from poolmgr.engine.mailbox import Mailbox
    from poolmgr.engine.parts import Buffer

#: Bytes of the largest frame that is sent so: the kernel takes it as one piece, or not at all.  Of twice as many it
#: takes a part where there is no room for all.
LARGEST = 32768
#: Idle workers that are looked at, the last used first: of those that callers have fed meanwhile the list still tells.
LOOKED_AT = 8


def send(job: Job, feeding: Feeding, mailbox: Mailbox) -> bool:
    """Send the job to an idle worker, if that can be done here and now. False: it must go to the backlog."""
    nap = mailbox.nap
    if not nap or not feeding.callers_may or not PIECES or feeding.backlog.plain or feeding.held:
        return False
    args = job.args
    if job._callback or job._error_callback or job.kwds or not wire.all_plain(args):
        return False
    handle = _idle(feeding)
    if handle is None or handle.channel.sending:
        return False
    number = handle.encoder.number_sent(job.func)
    if not number:
        return False
    sequence = handle.sequence
    frame = wire.frame(wire.TASKS, (sequence, number, (args,), {}))[0]
    if len(frame) > LARGEST:
        return False
    looks, now = feeding.pace.looks, monotonic_ns()
    try:
        if not _hand(handle, deque(([job],)), sequence, frame, looks, now, nap, mailbox, feeding.backlog):
            return False
    finally:
        if mailbox.closed:
            # A signal handler has ended the pool meanwhile, and could not close what was in use here.
            mailbox.sweep()
    if not handle.output:
        # What a job has printed is read before it is booked, and by the dispatcher only.
        job._handle = handle, sequence
    return True


def _idle(feeding: Feeding) -> Handle | None:
    idle = feeding.idle
    # In one piece: nobody can empty it between the two.
    if idle:
        handle = idle[-1]
        if not handle.inflight and feeding.may_have(handle):
            return handle
    for handle in tuple(idle)[: -1 - LOOKED_AT : -1]:
        if not handle.inflight and feeding.may_have(handle):
            return handle
    return None


@in_one_piece
def _hand(
    handle: Handle,
    inflight: deque[Batch],
    sequence: int,
    frame: Buffer,
    looks: bool,
    now: int,
    nap: int,
    mailbox: Mailbox,
    backlog: Backlog,
) -> bool:
    """Record what is ``inflight`` now, and send it; False if anything has changed since the caller looked."""
    if mailbox.nap != nap or handle.inflight or handle.sequence != sequence:
        return False
    if backlog.plain or backlog.arrived or backlog.lanes:
        return False
    view = handle.cells.view
    handle.inflight = inflight
    handle.inline = sequence
    handle.inline_at = now
    handle.sequence = sequence + 1
    handle.taken += 1
    handle.sent += 1
    view[LOOK] = looks
    # The caller comes for the result, or else has the dispatcher told.
    view[NOTIFY] = NOBODY
    mailbox.inside += 1
    try:
        handle.channel.write(frame, DIRECTLY)
    except OSError as error:
        if error.errno is None or error.__traceback__ is None or error.__traceback__.tb_next is not None:
            # The write's own error has a number and was raised here: this one is a signal handler's.
            raise
        handle.late = frame
        os.eventfd_write(mailbox.bell, 1)
        return True
    finally:
        # Not before the write: a worker that sees it shall find the frame.
        view[SENT] = handle.sent
        mailbox.inside -= 1
    return True
