"""The workers of an observed pool, each in a slot that keeps its number when another process takes it.

Pure: whoever looks says who lives and what the time is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from poolmgr.monitor.observed import ObservedWorker

#: Workers that have gone are remembered so many: the hook keeps the cells of fewer.
LEFT_KEPT = 1000


@dataclass(slots=True)
class Seated:
    """A worker in its slot."""

    slot: int
    generation: int
    #: As it was seen last.
    worker: ObservedWorker
    #: What was known of it when it was looked at before; what differs is new.
    done: int = 0
    failed: int = 0
    busy_ns: int = 0
    #: Finished tasks up to here are known.
    sequence: int = -1
    told_ready: bool = False

    @property
    def name(self) -> str:
        """As people call it."""
        return f"w{self.slot + 1}"


class Slots:
    """Who sits where."""

    def __init__(self) -> None:
        #: By process id.
        self.seated: dict[int, Seated] = {}
        self._generations: dict[int, int] = {}
        #: Those that have gone, by process id and birth: their cells may be there for a while.
        self._left: dict[tuple[int, int], None] = {}

    def in_order(self) -> list[Seated]:
        """Those that are there, by slot."""
        return sorted(self.seated.values(), key=lambda one: one.slot)

    def take(self, workers: Iterable[ObservedWorker], alive: Collection[int]) -> list[Seated]:
        """Note who is there now, and return those who have gone since, with the last that is known of them.

        Also those who came and went since the last look: each of them is told once.

        Args:
            workers: All whose cells are there, oldest first, those of dead ones too.
            alive: Process ids of those that live.
        """
        gone = []
        for worker in workers:
            known = self.seated.get(worker.pid)
            if known is not None:
                known.worker = worker
            if known is None and (worker.pid, worker.born_ns) not in self._left:
                known = self._seat(worker)
            if known is not None and (worker.pid not in alive or worker.left_ns is not None):
                gone.append(self.seated.pop(worker.pid))
        cells = {worker.pid for worker in workers}
        gone += [self.seated.pop(pid) for pid in [pid for pid in self.seated if pid not in cells]]
        self._left.update(((one.worker.pid, one.worker.born_ns), None) for one in gone)
        while len(self._left) > LEFT_KEPT:
            del self._left[next(iter(self._left))]
        return gone

    def leave_all(self) -> list[Seated]:
        """Nobody is there any more."""
        gone = self.in_order()
        self.seated.clear()
        return gone

    def _seat(self, worker: ObservedWorker) -> Seated:
        taken = {one.slot for one in self.seated.values()}
        slot = next(number for number in range(len(taken) + 1) if number not in taken)
        self._generations[slot] = generation = self._generations.get(slot, 0) + 1
        seated = self.seated[worker.pid] = Seated(slot, generation, worker)
        return seated
