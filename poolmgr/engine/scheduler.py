"""Decides, and does nothing: an event comes in, instructions go out.

Reads no clock, touches no pipe, knows no job: time and lengths arrive inside the events.  The dispatcher alone calls
it, carries the instructions out in their order, and tells what came of them in the next event.

    event                                   what may follow
    Submitted(backlog)                      Feed(slot) for idle workers
    WorkerReady(slot), Finished(slot, ...)  Feed, or Leave: the pool shrank, the worker has had its share, all is done
    WorkerExited(slot, backlog, now)        Spawn, at once or after a delay if workers die without a task
    Resized(size), Held(held), Closed       Spawn, Leave, Feed
    Ticked(now)                             Spawn that was put off
    any of them                             GiveUp: workers cannot start, so what waits must be failed
                                            End: closed, and nothing is left to do
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

#: Seconds until a worker is started after 1, 2, 3, ... have died before they were ready.  A short first wait heals a
#: hiccup unseen, a long last one keeps a broken initializer from eating the machine.
BACKOFF = (0.1, 0.5, 1.0, 2.0, 5.0)
#: So many failed starts in a row, without a success between, and the pool says so to whoever waits.
GIVE_UP_AFTER = 3


@dataclass(frozen=True, slots=True)
class Submitted:
    """Tasks wait: so many."""

    backlog: int


@dataclass(frozen=True, slots=True)
class WorkerReady:
    """The worker has run its initializer."""

    slot: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The worker holds no task any more; ``taken`` is how many it has had in its life."""

    slot: int
    backlog: int
    taken: int


@dataclass(frozen=True, slots=True)
class WorkerExited:
    """The process is gone, or could not be started at all."""

    slot: int
    backlog: int
    now: float


@dataclass(frozen=True, slots=True)
class Resized:
    """The operator wants so many workers."""

    size: int
    backlog: int


@dataclass(frozen=True, slots=True)
class Held:
    """The operator stops or resumes the feeding."""

    held: bool
    backlog: int


@dataclass(frozen=True, slots=True)
class Closed:
    """No more jobs will come, once ``feeding`` is False."""

    backlog: int
    feeding: bool


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time has passed."""

    now: float
    backlog: int


Event = Submitted | WorkerReady | Finished | WorkerExited | Resized | Held | Closed | Ticked


@dataclass(frozen=True, slots=True)
class Spawn:
    """Start a worker in this slot."""

    slot: int


@dataclass(frozen=True, slots=True)
class Feed:
    """Send the next task to the worker."""

    slot: int


@dataclass(frozen=True, slots=True)
class Leave:
    """Tell the worker to finish; it holds no task."""

    slot: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Fail what waits: so many workers in a row could not start."""

    attempts: int


@dataclass(frozen=True, slots=True)
class End:
    """The pool has ended."""


Instruction = Spawn | Feed | Leave | GiveUp | End


class Phase(Enum):
    """What the scheduler knows of a worker."""

    STARTING = auto()
    IDLE = auto()
    BUSY = auto()
    LEAVING = auto()


class Scheduler:
    """The rules of the pool. Pure: same events, same instructions."""

    def __init__(self, size: int, maxtasksperchild: int | None = None) -> None:
        self.size = size
        self.held = False
        self.closed = False
        self.ended = False
        #: When the next worker may be started, None if at once.
        self.not_before: float | None = None
        self._maxtasks = maxtasksperchild
        self._workers: dict[int, Phase] = {}
        #: Idle workers, last used first: its memory is warm, and the others may be let go.
        self._idle: list[int] = []
        #: Waves of workers in a row that died before they were ready, and without having had a task.
        self._unready = 0
        self._useless = 0
        self._backlog = 0
        self._feeding = False
        self._now = 0.0

    @property
    def workers(self) -> dict[int, Phase]:
        """The workers by slot, for tests and pictures."""
        return dict(self._workers)

    def started(self, slot: int) -> None:
        """The dispatcher has started the worker that a Spawn asked for, or one of the first."""
        self._workers[slot] = Phase.STARTING

    def handle(self, event: Event) -> list[Instruction]:
        """Take one event in and give the instructions that follow."""
        instructions: list[Instruction] = []
        match event:
            case Submitted(backlog):
                self._backlog = backlog
            case WorkerReady(slot):
                self._unready = 0
                self._free(slot)
            case Finished(slot, backlog, taken):
                self._backlog = backlog
                self._unready = self._useless = 0
                if self._maxtasks is not None and taken >= self._maxtasks:
                    self._leave(slot, instructions)
                else:
                    self._free(slot)
            case WorkerExited(slot, backlog, now):
                self._backlog, self._now = backlog, now
                self._exited(slot, instructions)
            case Resized(size, backlog):
                self.size, self._backlog = size, backlog
            case Held(held, backlog):
                self.held, self._backlog = held, backlog
            case Closed(backlog, feeding):
                self.closed, self._backlog, self._feeding = True, backlog, feeding
            case Ticked(now, backlog):
                self._now, self._backlog = now, backlog
                if self.not_before is not None and now >= self.not_before:
                    self.not_before = None
        self._plan(instructions)
        return instructions

    def _free(self, slot: int) -> None:
        self._workers[slot] = Phase.IDLE
        self._idle.append(slot)

    def _leave(self, slot: int, instructions: list[Instruction]) -> None:
        self._workers[slot] = Phase.LEAVING
        instructions.append(Leave(slot))

    def _exited(self, slot: int, instructions: list[Instruction]) -> None:
        phase = self._workers.pop(slot, None)
        if slot in self._idle:
            self._idle.remove(slot)
        if phase in (Phase.BUSY, Phase.LEAVING, None):
            return
        if self.not_before is not None:
            # Workers that were started together and fail together are one failure, not many.
            return
        self._useless += 1
        self._unready += phase is Phase.STARTING
        self.not_before = self._now + BACKOFF[min(self._useless, len(BACKOFF)) - 1]
        if self._unready >= GIVE_UP_AFTER and self._backlog and not self._working():
            instructions.append(GiveUp(self._unready))
            self._backlog = 0

    def _working(self) -> bool:
        return any(phase in (Phase.IDLE, Phase.BUSY) for phase in self._workers.values())

    def _plan(self, instructions: list[Instruction]) -> None:
        if self.ended:
            return
        self._shrink(instructions)
        if not self.held:
            while self._backlog and self._idle:
                slot = self._idle.pop()
                self._workers[slot] = Phase.BUSY
                self._backlog -= 1
                instructions.append(Feed(slot))
        if self.closed and not self._feeding and not self._backlog:
            self._finish(instructions)
        else:
            self._grow(instructions)

    def _staying(self) -> int:
        return sum(phase is not Phase.LEAVING for phase in self._workers.values())

    def _grow(self, instructions: list[Instruction]) -> None:
        if self.not_before is not None:
            return
        # A pool that cannot start workers tries again for those who wait, not for ever on nobody's behalf.
        if self._unready >= GIVE_UP_AFTER and not self._backlog and not self._working():
            return
        missing = self.size - self._staying()
        slot = 0
        while missing > 0:
            if slot not in self._workers:
                self._workers[slot] = Phase.STARTING
                instructions.append(Spawn(slot))
                missing -= 1
            slot += 1

    def _shrink(self, instructions: list[Instruction]) -> None:
        surplus = self._staying() - self.size
        while surplus > 0 and self._idle:
            slot = max(self._idle)
            self._idle.remove(slot)
            self._leave(slot, instructions)
            surplus -= 1

    def _finish(self, instructions: list[Instruction]) -> None:
        while self._idle:
            self._leave(self._idle.pop(), instructions)
        if not self._workers:
            self.ended = True
            instructions.append(End())
