"""Work return: what a worker was sent and has not begun goes to another when the worker sits on one task.

Thread: the dispatcher, under the feed lock, in ticks while any worker holds more than the task it runs.

    a tick finds the worker at the same task as before, with others behind it   ->  LIMIT = START + 1
    1 ms later, START is still below LIMIT      ->  nothing from LIMIT on was begun, nor will be: it waits for others
                START has reached LIMIT         ->  it saw the limit and left the batch, or began before it saw it: only
                                                    the end of the batch, or a new limit, can tell
    once something was taken back               ->  the limit stays: the worker may stand between its two looks
    the worker has left all that it was sent    ->  what is not committed was not begun; the limit is lifted

The millisecond makes up for processors that let a read overtake a write.  It works while a job holds the interpreter's
lock, and for a worker that is stopped.
"""

from __future__ import annotations

from poolmgr.engine.backlog import count
from poolmgr.engine.channel import KEPT
from poolmgr.engine.drain import Drain
from poolmgr.engine.feeding import Feeding
from poolmgr.engine.handle import Handle
from poolmgr.runtime.cells import START

#: Seconds between two ticks.  Shorter finds a slow task sooner, longer costs less while batches run.
TICK = 0.005
#: Seconds for which a worker may stop reading a large argument before it is offered to others: it may be swapped out,
#: or stopped.
STUCK = 0.25
#: The same for each byte that is on its way: a worker makes room for all of it before it reads, which took 2.5 s for
#: 1 GB on busy cores.  Less, and an argument would be taken back and sent again for ever; more, and a stopped worker
#: keeps it longer.
STUCK_EACH = 1e-8
#: Seconds after which a limit is certainly seen by a worker that goes on.
SETTLED = 0.001


class Returns:
    """Looks for workers that hold others' work up."""

    def __init__(self, feeding: Feeding, drain: Drain) -> None:
        self._feeding = feeding
        self._drain = drain
        #: When the next tick is due (CLOCK_MONOTONIC, s), None if none is needed.
        self.due: float | None = None

    def tick(self, handles: list[Handle], now: float) -> None:
        """Look at all workers, if it is time to."""
        if self.due is None or now < self.due:
            return
        self.due = None
        for handle in handles:
            if handle.limit is not None:
                self._limited(handle, now)
            elif self.waiting(handle) and self._stands(handle, now):
                self.limit(handle, now)

    def plan(self, handles: list[Handle], now: float) -> None:
        """Decide when the next tick is due, if one is needed."""
        if self.due is None and any(handle.limit is not None or self.waiting(handle) for handle in handles):
            self.due = now + TICK

    def limit(self, handle: Handle, now: float) -> None:
        """Have the worker begin nothing beyond the task it has in hand."""
        if handle.final:
            # It may be about to look whether it may begin what others have by now.
            return
        handle.set_limit(max(int(handle.cells.view[START]) + 1, handle.drained), now)
        # A little later than that, or the look would come too early to tell anything.
        self.due = now + 1.2 * SETTLED

    def waiting(self, handle: Handle) -> bool:
        """Whether something was sent to the worker that it has not begun."""
        return handle.sequence > max(int(handle.cells.view[START]) + 1, handle.drained)

    def _stands(self, handle: Handle, now: float) -> bool:
        """Whether the worker has made no progress since the last look, nor what is being sent to it."""
        channel = handle.channel
        state = (int(handle.cells.view[START]), channel.written)
        if handle.seen != state:
            if handle.seen[0] != state[0]:
                handle.written_then = channel.written
            handle.seen, handle.seen_at = state, now
            return False
        # A large argument is on its way until the worker, which has nothing else in hand, has read what the kernel
        # keeps of it; to send it to another costs as much again.
        coming = channel.unsent + channel.written - handle.written_then
        if channel.unsent or (coming > KEPT and not handle.began):
            return now - handle.seen_at >= STUCK + coming * STUCK_EACH
        return now - handle.seen_at >= TICK * 0.8

    def _limited(self, handle: Handle, now: float) -> None:
        if now - handle.limited_at < SETTLED:
            return
        # Looked at before the results are taken: a worker that commits its last task and leaves between the two looks
        # would seem to have left that task undone.
        limit, start, all_left = handle.limit or 0, int(handle.cells.view[START]), handle.all_left
        with handle.lock:
            self._drain.collect(handle)
            if all_left:
                self._take_back(handle, handle.drained)
                handle.lift_limit()
                self._feeding.freed(handle)
            elif start < limit:
                self._take_back(handle, limit)
                handle.final = True
            elif self._stands(handle, now):
                self.limit(handle, now)

    def _take_back(self, handle: Handle, first: int) -> None:
        """Have task ``first`` and all after it go to others: they are not of this worker's share of tasks."""
        batches = handle.take_back(first)
        handle.taken -= sum(map(count, batches))
        self._feeding.put_back(batches)
