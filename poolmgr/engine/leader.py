"""The leader: a caller that waits in ``get()`` for the one job that it sent to an idle worker.

It takes the result out of the worker's ring itself, so no thread stands between them.  It looks for the result for a
moment before it sleeps, as long as that pays: two sleeping cores cost 80 us a round trip, two that look about 7.

    look at COMMIT for SPIN ns, if the pace is so . NOTIFY=LEADER, look once more . sleep on the worker's bell
    the result is there: in one piece, napping still, leader still? booked and settled
    whatever else happens: NOTIFY=DISPATCHER again, and the dispatcher is rung

Thread: any, the main thread too.  A signal handler may raise in it, or run for long and wait for something itself, at
nearly every step.  So a leader changes what others read in one piece only (see ``runtime/signals.py``), and it may be
*deposed* at any time: by the dispatcher when it needs the worker, by another caller that waits for the same one, by a
handler that waits for the job which the code below it waits for.  Then it waits as everybody does.
"""

from __future__ import annotations

import marshal
import os
import time
from collections import deque
from multiprocessing.pool import RUN
from typing import TYPE_CHECKING, Any

from poolmgr.engine import wire
from poolmgr.model.states import JobState
from poolmgr.runtime.cells import (
    AREA,
    COMMIT,
    DISPATCHER,
    DRAINED,
    LEADER,
    LOOK,
    MASK,
    NOBODY,
    NOTIFY,
    START,
    TAIL,
    Cells,
)
from poolmgr.runtime.signals import in_one_piece

if TYPE_CHECKING:
    from poolmgr.engine.completion import Completion
    from poolmgr.engine.dispatcher import Dispatcher
    from poolmgr.engine.handle import Handle
    from poolmgr.engine.job import Job
    from poolmgr.engine.ledger import Ledger
    from poolmgr.engine.mailbox import Mailbox
    from poolmgr.engine.pool import Pool

#: Nanoseconds that a caller looks for its result before it sleeps.
SPIN = 50_000
#: Milliseconds that a worker may take to begin before the dispatcher is to look after the job: it may be stopped.
BEGINS = 5

_DONE = JobState.DONE
_CONSTANTS = {wire.NOTHING: None, wire.TRUE: True, wire.FALSE: False}


def lead(job: Job, pool: Pool, timeout: float | None) -> bool:
    """Wait for a job that this process sent to an idle worker alone.

    Returns:
        True if the job is settled or ``timeout`` seconds are over; False if it is to be waited for in another way.
    """
    if job._handle is None:
        return False
    handle, sequence = job._handle
    dispatcher = pool._dispatcher
    backlog, mailbox = dispatcher.feeding.backlog, dispatcher.mailbox
    end = None if timeout is None else time.monotonic() + timeout
    # In one piece from here into the try.  A worker that is in the list of idle ones leaves it when anybody else needs
    # a worker, and then its leader is deposed: so none may lead one that has left it already.
    if handle.led or not handle.listed or not handle.inflight or pool._state != RUN:
        return False
    if backlog.plain or backlog.arrived or backlog.lanes:
        return False
    if handle.sequence != sequence + 1 or handle.drained != sequence:
        return False
    handle.deposed = False
    handle.led = True
    handle.cells.view[NOTIFY] = NOBODY
    mailbox.inside += 1
    try:
        if handle.cells.view[LOOK]:
            _look(handle, sequence)
        over = not _sleep(handle, sequence, job, end) or _take(handle, sequence, job, dispatcher)
    finally:
        # Only stores, and at the end a call of C: no second interrupt can cut this short.
        if not handle.deposed:
            handle.cells.view[NOTIFY] = DISPATCHER
        handle.led = False
        try:
            if not job._settled and not mailbox.closed:
                os.eventfd_write(mailbox.bell, 1)
        finally:
            mailbox.inside -= 1
            if mailbox.closed:
                mailbox.sweep()
    return over


@in_one_piece
def depose(handle: Handle) -> None:
    """Have the worker's leader make way, if it has one: the worker wakes the dispatcher from now on."""
    if handle.led and not handle.deposed:
        handle.deposed = True
        handle.cells.view[NOTIFY] = DISPATCHER
        # It is inside, so its bell is open; it rings the dispatcher itself when it goes.
        os.eventfd_write(handle.leader_bell, 1)


def make_way(handle: Handle, mailbox: Mailbox) -> None:
    """Somebody wants the worker's job, and not as its leader: have the dispatcher look after it."""
    if handle.led:
        depose(handle)
    elif not _is_left_to_caller(handle):
        return
    mailbox.ring()


@in_one_piece
def _is_left_to_caller(handle: Handle) -> bool:
    """Whether the worker would say nothing when it has done its job; from now on it tells the dispatcher."""
    # One that has nothing in its hands may be gone, and its memory with it.
    if not handle.inflight or handle.led or handle.cells.view[NOTIFY] != NOBODY:
        return False
    handle.cells.view[NOTIFY] = DISPATCHER
    return True


def _look(handle: Handle, sequence: int) -> None:
    """Look for the result for a moment."""
    view, clock = handle.cells.view, time.monotonic_ns
    end = clock() + SPIN
    while view[COMMIT] <= sequence and clock() < end:
        pass


def _sleep(handle: Handle, sequence: int, job: Job, end: float | None) -> bool:
    """Wait until the result is there, or somebody else has cared for the job; False if the time is over."""
    view = handle.cells.view
    while view[COMMIT] <= sequence and not job._settled:
        if handle.deposed:
            return True
        view[NOTIFY] = LEADER
        with handle.fence:
            pass
        if view[COMMIT] > sequence:
            return True
        begun = view[START] >= sequence
        if end is None and begun:
            # Not eventfd_read(), which raises InterruptedError when a handler has run.
            os.read(handle.leader_bell, 8)
            continue
        left = None if end is None else max(0.0, end - time.monotonic()) * 1000
        if handle.leader_poll.poll(left if begun else min(BEGINS, BEGINS if left is None else left)):
            os.read(handle.leader_bell, 8)
        elif end is not None and time.monotonic() >= end:
            return False
        elif not begun and view[START] < sequence:
            return True
    return True


def _take(handle: Handle, sequence: int, job: Job, dispatcher: Dispatcher) -> bool:
    """Book the result and settle the job; False if that is the dispatcher's to do."""
    cells, mailbox, accounts = handle.cells, dispatcher.mailbox, dispatcher.accounts
    nap = mailbox.nap
    if job._settled:
        return True
    if not nap or cells.view[COMMIT] <= sequence:
        return False
    slot, tail = sequence & MASK, 0
    kind = cells.kind[slot]
    value: Any
    if kind == wire.INT:
        value = cells.value[slot]
    elif kind == wire.REAL:
        value = cells.real[slot]
    elif kind == wire.PLAIN:
        value, tail = _payload(cells, slot)
    elif kind in _CONSTANTS:
        value = _CONSTANTS[kind]
    else:
        # Code of a user is to be run for it, or it comes over the socket.
        return False
    record = accounts.record(job, value, handle, slot, plain=True)
    sent_at = handle.inline_at
    ledger, completion, now = accounts.ledger, accounts.completion, time.time()
    if not _book(handle, sequence, job, value, tail, deque(), now, nap, mailbox, ledger, completion):
        return job._settled
    dispatcher.feeding.pace.took(time.monotonic_ns() - sent_at - (cells.ended[slot] - cells.began[slot]))
    # An interrupt may keep these from being told: they are for screens, and the counts are right.
    ledger.done.append(record)
    if accounts.tape.on:
        accounts.tape.ran(handle, [job], 0, slot, 1)
    return True


def _payload(cells: Cells, slot: int) -> tuple[Any, int]:
    word = cells.value[slot]
    head, size = word >> 20, word & 0xFFFFF
    begin = head % AREA
    return marshal.loads(bytes(cells.area[begin : begin + size])), head + size


@in_one_piece
def _book(
    handle: Handle,
    sequence: int,
    job: Job,
    value: Any,
    tail: int,
    inflight: deque[Any],
    since: float,
    nap: int,
    mailbox: Mailbox,
    ledger: Ledger,
    completion: Completion,
) -> bool:
    """The worker has done its one job, which is settled: all that is to be written about that."""
    if mailbox.nap != nap or handle.deposed or handle.drained != sequence or job._ended is not None:
        return False
    if job._waiters is not None or completion.helping:
        # Others wait for it as well, and an interrupt could keep us from waking them.
        return False
    view = handle.cells.view
    handle.inflight = inflight
    handle.drained = sequence + 1
    handle.done += 1
    handle.unlearnt += 1
    handle.since = since
    if tail:
        view[TAIL] = tail
    view[DRAINED] = sequence + 1
    view[NOTIFY] = DISPATCHER
    ledger.taken_out += 1
    job._value = value
    job._ended = _DONE
    job._settled = True
    job.args = ()
    job.kwds = None
    job._handle = None
    job._pool = None
    return True
