"""What a worker does between its batches: whom it wakes for what it has done, and how it waits for more.

    NOTIFY says DISPATCHER, LEADER    ring there, unless all was taken out already
    NOTIFY says NOBODY                a caller sent the job, and comes for its result: say nothing; but if it has not
                                      come after UNTAKEN ms without more work, ring the dispatcher
    then                              look for more for SPIN ns, if LOOK and experience say that it pays; then sleep

Runs on the worker's main thread.
"""

from __future__ import annotations

import os
import select
import threading
from time import monotonic_ns

from poolmgr.runtime.cells import COMMIT, DISPATCHER, DRAINED, LEADER, LOOK, NOBODY, NOTIFY, SENT, Cells

#: Nanoseconds that a worker looks for the next batch before it sleeps: a sleeping core takes 40 us to wake.
SPIN = 50_000
#: Share of spins that must have found something for spinning to go on.
SPIN_PAYS = 0.2
#: Milliseconds after which a result for which no caller has come is the dispatcher's.  Less would ring for callers that
#: are only slow, more would let those wait who do not wait in ``get()``.
UNTAKEN = 1

_EIGHT = (1).to_bytes(8, "little")


class Rest:
    """The bells, and the pauses."""

    def __init__(self, fd: int, bells: tuple[int, int], cells: Cells) -> None:
        self.fd = fd
        self.cells = cells.view
        self._bells = bells
        self._acknowledged = 0
        self._woken = monotonic_ns()
        self._spin_hits = 1.0
        #: Results up to here are left to a caller, 0 if none are.
        self._untaken = 0
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)
        # Taken and released, it is a fence: what was written before is seen before what is read after.
        self._fence = threading.Lock()

    def wake(self) -> None:
        """Wake whoever waits for results."""
        with self._fence:
            pass
        whom = self.cells[NOTIFY]
        if whom != NOBODY and not (whom == DISPATCHER and self._is_taken(self.cells[COMMIT])):
            os.write(self._bells[0 if whom == DISPATCHER else 1], _EIGHT)
        self._woken = monotonic_ns()

    def tell(self, committed: int) -> None:
        """A batch is over: wake whoever waits for it, unless a caller comes for it by itself."""
        with self._fence:
            pass
        if self.cells[NOTIFY] == NOBODY:
            self._untaken = committed
        else:
            self.wake()

    def spin(self) -> None:
        """Before the read that may sleep: look for the next batch for a moment, as long as that pays."""
        cells, acknowledged = self.cells, self._acknowledged
        if cells[SENT] > acknowledged:
            return
        if not cells[LOOK] or self._spin_hits < SPIN_PAYS:
            # Slowly back: the next burst of short jobs may find it useful again.
            self._spin_hits += 0.004
        else:
            end = monotonic_ns() + SPIN
            while cells[SENT] <= acknowledged and monotonic_ns() < end:
                pass
            self._spin_hits = self._spin_hits * 0.9 + (0.1 if cells[SENT] > acknowledged else 0.0)
        if self._untaken and not self._is_taken(self._untaken):
            self._linger()
        self._untaken = 0

    def _is_taken(self, committed: int) -> bool:
        """Whether nobody need look for results any more."""
        return bool(self.cells[DRAINED] >= committed)

    def _linger(self) -> None:
        """Sleep, but not for long: a caller that sent a job may not come for its result."""
        if self._poll.poll(UNTAKEN) or self._is_taken(self._untaken):
            return
        # Whoever has changed it since has looked for the result itself; once more does no harm.
        os.write(self._bells[1 if self.cells[NOTIFY] == LEADER else 0], _EIGHT)
