"""A place for one pool of a program on the board and the screen, in which pools may follow each other.

A program may open a pool, close it, and open the next, a thousand times: they take the same seat, so that its name, its
board and its history go on.  Pools that live at the same time have seats of their own.  While the program has no pool
at all, its seat may show the program itself as it is seen from outside.

Threads: the observer's changes who sits here, the collector's takes pictures.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from poolmgr.errors import UnknownWorker
from poolmgr.model.snapshot import PoolSnapshot, WorkerSnapshot
from poolmgr.model.states import PoolState, WorkerState
from poolmgr.model.sync import SyncSnapshot
from poolmgr.monitor.observed import ObservedPool
from poolmgr.monitor.observed_pool import ProgramPool
from poolmgr.monitor.observed_tape import ObservedTape
from poolmgr.monitor.observed_workers import Slots
from poolmgr.monitor.run_log import RunLog
from poolmgr.runtime import procfs
from poolmgr.runtime.tree import descendants

if TYPE_CHECKING:
    from poolmgr.monitor.ports import Spans

#: Characters of a process's command that are shown.
LONGEST_COMMAND = 60


class Seat:
    """Who is shown under one name.

    Args:
        name: What it is called.
        program: Process id of the program.
        log: The run's log.
        note: Says why the program itself is shown and no pool of it.
    """

    def __init__(self, name: str, program: int, log: RunLog, note: Callable[[], str]) -> None:
        self.name = name
        self._program = program
        self._log = log
        self._note = note
        self._slots = Slots()
        self._tape = ObservedTape()
        self._started = time.time()
        self._epoch = time.time() - time.monotonic()
        #: The pool that sits here, or sat here last.  Written by the observer, read by any.
        self.pool: ProgramPool | None = None
        #: The program's locks and the like, as they were seen last.  Written by the observer.
        self.sync: SyncSnapshot | None = None
        #: Set once the program has ended.  Written by the observer.
        self.closed = False
        #: The processes in the last picture of the program itself.  Written by who takes pictures.
        self._processes: tuple[WorkerSnapshot, ...] = ()

    @property
    def free(self) -> bool:
        """Whether another pool may sit here."""
        return self.pool is None or self.pool.ended

    def seat(self, record: ObservedPool) -> ProgramPool:
        """Have a pool sit here."""
        self._slots.leave_all()
        self.pool = ProgramPool(record, self._slots, self._tape, self._log, self._epoch)
        return self.pool

    def process(self, slot: int) -> int:
        """A process of the program, while that is shown and no pool of it.

        Raises:
            UnknownWorker: There is none in this place, or no longer.
        """
        found = next((each for each in self._processes if each.slot == slot), None)
        if found is None or not procfs.alive(found.pid):
            raise UnknownWorker(slot, replaced=False)
        return found.pid

    # -- as the collector sees it

    def snapshot(self) -> PoolSnapshot:
        """The picture of the pool that sits here, or of the program."""
        snapshot = self._bare() if self.pool is None else self.pool.snapshot(self.name)
        return snapshot if self.sync is None else replace(snapshot, sync=self.sync)

    def record(self) -> Spans | None:
        """What the workers do."""
        return self._tape

    def log(self, text: str, *, kind: str = "event", level: str = "info", job_id: int | None = None) -> None:
        """Add a line to the run's log."""
        self._log.add(text, kind=kind, level=level, job_id=job_id)

    def _bare(self) -> PoolSnapshot:
        """The program from outside: its processes, with what the sampler finds out about them."""
        pids = [] if self.closed else [self._program, *descendants(self._program)]
        workers = [_process(slot, pid) for slot, pid in enumerate(pids)]
        self._processes = seen = tuple(worker for worker in workers if worker is not None)
        return PoolSnapshot(
            name=self.name,
            pid=self._program,
            state=PoolState.ENDED if self.closed or not procfs.alive(self._program) else PoolState.RUN,
            start_method="",
            size=len(seen),
            started=self._started,
            time=time.time(),
            workers=seen,
            log=self._log.lines(),
            engine=self._note(),
        )


def _process(slot: int, pid: int) -> WorkerSnapshot | None:
    """A process as a worker that does one thing: its command."""
    begun, state = procfs.begun(pid), procfs.state(pid)
    if begun is None or state in ("", "Z", "X"):
        return None
    age = max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - begun)
    words = procfs.command(pid)
    shown = " ".join([os.path.basename(words[0]), *words[1:]]) if words else ""
    return WorkerSnapshot(
        slot=slot,
        pid=pid,
        state=WorkerState.FROZEN if state in "Tt" else WorkerState.RUNNING,
        started=time.time() - age,
        function=shown[:LONGEST_COMMAND],
        elapsed=age,
    )
