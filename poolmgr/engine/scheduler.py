"""Decides, and does nothing: an event comes in, instructions go out; and how much work travels at once.

Reads no clock, touches no pipe, knows no job: time and lengths arrive inside the events.  The dispatcher alone calls
it, carries the instructions out in their order, and tells what came of them in the next event.

    event                           what may follow
    WorkerReady(slot)               nothing: it is fed from now on
    WorkerExited(slot, used, ...)   Spawn, at once or after a delay if workers die without having had a task
    Resized(size)                   Spawn, Retire (it is fed no more), Keep (it is fed again)
    Closed()                        nothing yet
    Ticked(now)                     Spawn that was put off
    Looked(idle, spent, ...)        Leave for those that have nothing to do and are not wanted any more; End
    any of them                     GiveUp: workers cannot start, so what waits must be failed
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

#: Seconds until a worker is started after 1, 2, 3, ... have died before they were of use.  A short first wait heals a
#: hiccup unseen, a long last one keeps a broken initializer from eating the machine.
BACKOFF = (0.1, 0.5, 1.0, 2.0, 5.0)
#: So many failed starts in a row, without a success between, and the pool says so to whoever waits.
GIVE_UP_AFTER = 3
#: The same for workers that somebody killed before they were of use: that says little about the initializer, but the
#: system may be out of memory and kill each of them.
GIVE_UP_KILLED = 30

#: Nanoseconds of work that a batch aims at; short against a second.  A worker is sent more when it holds half of it:
#: another thread of the owner may keep the interpreter's lock from the dispatcher for 5 ms at a time.
BATCH_NS = 8_000_000
#: Tasks in a batch at the most.
BATCH_MOST = 2048
#: A worker that holds one task of less than this (ns) is sent the next one ahead: it never waits for us.
AHEAD_NS = 50_000_000


def batch_size(mean: float | None, waiting: int, workers: int, held: int) -> int:
    """How many tasks to send to a worker now.

    Args:
        mean: Mean ns that a task of this function takes, None if nobody knows.
        waiting: Tasks that wait.
        workers: Workers among whom they are to be shared.
        held: Tasks that the worker has and has not finished.

    Returns:
        0 if it has enough, 1 for a function that nobody has measured: one slow task must not hold others up.
    """
    if held and (mean is None or (held * mean > BATCH_NS / 2 and not (held == 1 and mean < AHEAD_NS))):
        return 0
    if mean is None:
        return 1
    share = -(-waiting // (2 * workers))
    return max(1, min(BATCH_MOST, int(BATCH_NS // mean), share))


class WorkerReady(NamedTuple):
    """The worker has run its initializer."""

    slot: int


class WorkerExited(NamedTuple):
    """The process is gone, or could not be started at all.

    ``used`` says whether it was ever sent a task, ``killed`` whether it was killed from outside.
    """

    slot: int
    used: bool
    killed: bool
    waiting: bool
    now: float


class Resized(NamedTuple):
    """The operator wants so many workers; those of ``idle`` have nothing to do."""

    size: int
    idle: frozenset[int] = frozenset()


class Closed(NamedTuple):
    """No more jobs will come."""


class Ticked(NamedTuple):
    """Time has passed."""

    now: float


class Looked(NamedTuple):
    """How things are: workers that have nothing to do, those of them that have had their share, and what waits."""

    idle: frozenset[int]
    spent: frozenset[int]
    waiting: bool
    feeding: bool


Event = WorkerReady | WorkerExited | Resized | Closed | Ticked | Looked


class Spawn(NamedTuple):
    """Start a worker in this slot."""

    slot: int
    #: Whether it takes the place of one that has left, or leaves: that one's slot may not be free yet.
    replaces: bool = False


class Retire(NamedTuple):
    """Feed the worker no more; it leaves when it has finished what it has."""

    slot: int


class Keep(NamedTuple):
    """Feed a retired worker again."""

    slot: int


class Leave(NamedTuple):
    """Tell the worker to finish; it holds no task."""

    slot: int


class GiveUp(NamedTuple):
    """Fail what waits: so many workers in a row could not start."""

    attempts: int


class End(NamedTuple):
    """The pool has ended."""


Instruction = Spawn | Retire | Keep | Leave | GiveUp | End


class Phase(Enum):
    """What the scheduler knows of a worker."""

    STARTING = auto()
    READY = auto()
    RETIRED = auto()
    LEAVING = auto()


class Scheduler:
    """The rules of the pool's life. Pure: same events, same instructions."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.closed = False
        self.ended = False
        #: When the next worker may be started, None if at once.
        self.not_before: float | None = None
        self._workers: dict[int, Phase] = {}
        #: Waves of workers in a row that died before they were ready, and without having had a task.
        self._unready = 0
        self._useless = 0
        self._killed = 0
        #: Workers that have gone, or go, while they were wanted, and in whose place none was started.
        self._vacant = 0
        self._waiting = False
        self._feeding = False

    @property
    def workers(self) -> dict[int, Phase]:
        """The workers by slot, for tests and pictures."""
        return dict(self._workers)

    def started(self, slot: int) -> None:
        """One of the first workers has been started, without a Spawn."""
        self._workers[slot] = Phase.STARTING

    def handle(self, event: Event) -> list[Instruction]:
        """Take one event in and give the instructions that follow."""
        instructions: list[Instruction] = []
        if self.ended:
            return instructions
        match event:
            case WorkerReady(slot):
                self._unready = self._killed = 0
                if self._workers[slot] is Phase.STARTING:
                    self._workers[slot] = Phase.READY
                self._retire(frozenset({slot}), instructions)
            case WorkerExited(slot, used, killed, waiting, now):
                self._waiting = waiting
                self._exited(slot, used, killed, now, instructions)
            case Resized(size, idle):
                self.size = size
                self._retire(idle, instructions)
            case Closed():
                self.closed = True
            case Ticked(now):
                if self.not_before is not None and now >= self.not_before:
                    self.not_before = None
            case Looked(idle, spent, waiting, feeding):
                self._waiting, self._feeding = waiting, feeding
                self._look(idle, spent, instructions)
        self._fit(instructions)
        return instructions

    def _exited(self, slot: int, used: bool, killed: bool, now: float, instructions: list[Instruction]) -> None:
        phase = self._workers.pop(slot, None)
        self._vacant += phase in (Phase.STARTING, Phase.READY)
        if used:
            self._useless = 0
        if used or phase in (Phase.RETIRED, Phase.LEAVING, None):
            return
        if self.not_before is not None:
            # Workers that were started together and fail together are one failure, not many.
            return
        if killed:
            self._killed += 1
            self.not_before = now + BACKOFF[0]
        else:
            self._useless += 1
            self._unready += phase is Phase.STARTING
            self.not_before = now + BACKOFF[min(self._useless, len(BACKOFF)) - 1]
        if self._broken() and self._waiting:
            instructions.append(GiveUp(max(self._unready, self._killed)))
            self._waiting = False

    def _broken(self) -> bool:
        """Whether workers cannot start, as far as can be told."""
        many = self._unready >= GIVE_UP_AFTER or self._killed >= GIVE_UP_KILLED
        return many and Phase.READY not in self._workers.values()

    def _look(self, idle: frozenset[int], spent: frozenset[int], instructions: list[Instruction]) -> None:
        done = self.closed and not self._feeding and not self._waiting
        for slot in sorted(idle):
            phase = self._workers.get(slot)
            if phase is Phase.RETIRED or (phase is Phase.READY and (done or slot in spent)):
                self._vacant += phase is Phase.READY
                self._workers[slot] = Phase.LEAVING
                instructions.append(Leave(slot))
        if done and not self._workers:
            self.ended = True
            instructions.append(End())

    def _fit(self, instructions: list[Instruction]) -> None:
        """Have as many workers as are wanted."""
        if self.ended:
            return
        missing = self.size - self._retire(frozenset(), instructions)
        # Who has gone, and is not missed, was one too many or has been replaced.
        self._vacant = min(self._vacant, max(0, missing))
        if missing > 0 and not self._finishing():
            self._grow(missing, instructions)

    def _retire(self, idle: frozenset[int], instructions: list[Instruction]) -> int:
        """Retire those above the size, the idle ones first: they leave at once. Returns how many there were before."""
        staying = [slot for slot, phase in self._workers.items() if phase in (Phase.STARTING, Phase.READY)]
        # One that starts is as good as idle, but cannot be told to leave before it is ready.
        staying.sort(key=lambda slot: (slot in idle, self._workers[slot] is Phase.STARTING, slot))
        for slot in sorted(staying[self.size :]):
            if self._workers[slot] is Phase.READY:
                self._workers[slot] = Phase.RETIRED
                instructions.append(Retire(slot))
        return len(staying)

    def _finishing(self) -> bool:
        return self.closed and not self._feeding and not self._waiting

    def _grow(self, missing: int, instructions: list[Instruction]) -> None:
        for slot in sorted(slot for slot, phase in self._workers.items() if phase is Phase.RETIRED)[:missing]:
            self._workers[slot] = Phase.READY
            instructions.append(Keep(slot))
            missing -= 1
        if self.not_before is not None:
            return
        # A pool that cannot start workers tries again for those who wait, not for ever on nobody's behalf.
        if self._broken() and not self._waiting:
            return
        slot = 0
        while missing > 0:
            if slot not in self._workers:
                self._workers[slot] = Phase.STARTING
                instructions.append(Spawn(slot, self._vacant > 0))
                self._vacant = max(0, self._vacant - 1)
                missing -= 1
            slot += 1
