"""The scheduler, alone: no process, no clock, any order of events."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from poolmgr.engine.scheduler import (
    AHEAD_NS,
    BACKOFF,
    BATCH_MOST,
    BATCH_NS,
    GIVE_UP_AFTER,
    GIVE_UP_KILLED,
    Closed,
    End,
    Event,
    GiveUp,
    Instruction,
    Keep,
    Leave,
    Looked,
    Phase,
    Resized,
    Retire,
    Scheduler,
    Spawn,
    Ticked,
    WorkerExited,
    WorkerReady,
    batch_size,
)

NOBODY: frozenset[int] = frozenset()


def ready(size: int = 2) -> Scheduler:
    """A scheduler whose workers are all ready."""
    scheduler = Scheduler(size)
    for slot in range(size):
        scheduler.started(slot)
        scheduler.handle(WorkerReady(slot))
    return scheduler


def looked(*idle: int, spent: frozenset[int] = NOBODY, waiting: bool = False, feeding: bool = False) -> Looked:
    """A look at workers of which these have nothing to do."""
    return Looked(frozenset(idle), spent, waiting, feeding)


def exact(instructions: list[Instruction]) -> list[tuple[type[Instruction], Instruction]]:
    """With their types: two named tuples of the same values are equal, whatever they mean."""
    return [(type(instruction), instruction) for instruction in instructions]


def test_unknown_function_travels_alone() -> None:
    """Nobody has measured it: one slow task must not hold others up."""
    assert batch_size(None, 10_000, 2, held=0) == 1
    assert batch_size(None, 10_000, 2, held=1) == 0


def test_tiny_tasks_travel_together_and_are_shared_out() -> None:
    """A batch aims at its eight milliseconds, and never takes what others could do at once."""
    assert batch_size(1000.0, 10**6, 2, held=0) == min(BATCH_MOST, BATCH_NS // 1000)
    assert batch_size(1.0, 10**9, 2, held=0) == BATCH_MOST
    assert batch_size(1000.0, 8, 2, held=0) == 2
    assert batch_size(1000.0, 1, 2, held=0) == 1


def test_busy_worker_is_sent_ahead_only_what_is_short() -> None:
    """One task ahead of one that is not long; nothing ahead of enough."""
    assert batch_size(BATCH_NS, 100, 2, held=1) == 1
    assert batch_size(AHEAD_NS, 100, 2, held=1) == 0
    assert batch_size(1000.0, 10**6, 2, held=BATCH_NS // 1000) == 0


@given(
    mean=st.none() | st.floats(1, 1e12),
    waiting=st.integers(1, 10**7),
    workers=st.integers(1, 64),
    held=st.integers(0, 4096),
)
def test_batches_are_bounded(mean: float | None, waiting: int, workers: int, held: int) -> None:
    """Whatever is measured, an idle worker gets something, and nobody more than the most."""
    size = batch_size(mean, waiting, workers, held)
    assert 0 <= size <= BATCH_MOST
    if not held:
        assert size >= 1
    if size > 1:
        assert mean is not None
        assert size * mean <= BATCH_NS


def test_only_who_comes_for_one_that_was_wanted_replaces_it() -> None:
    """A pool that shrinks and grows has replaced nobody; of two that come at once, one may be for the dead."""
    scheduler = ready()
    assert exact(scheduler.handle(Resized(1))) == exact([Retire(1)])
    scheduler.handle(looked(1))
    scheduler.handle(WorkerExited(1, used=True, killed=False, waiting=False, now=5.0))
    assert exact(scheduler.handle(Resized(2))) == exact([Spawn(1)])
    scheduler.handle(WorkerReady(1))
    assert scheduler.handle(WorkerExited(0, used=False, killed=False, waiting=False, now=5.0)) == []
    assert scheduler.handle(Resized(3)) == []
    assert exact(scheduler.handle(Ticked(1e9))) == exact([Spawn(0, True), Spawn(2)])


def test_resize_fills_free_slots_and_retires_the_highest() -> None:
    """Growing spawns into the lowest free slots; shrinking feeds the highest no more and lets them leave when idle."""
    scheduler = ready()
    assert exact(scheduler.handle(Resized(4))) == exact([Spawn(2), Spawn(3)])
    scheduler.handle(WorkerReady(2))
    scheduler.handle(WorkerReady(3))
    assert exact(scheduler.handle(Resized(1))) == exact([Retire(1), Retire(2), Retire(3)])
    assert exact(scheduler.handle(looked(0, 2))) == exact([Leave(2)])
    assert exact(scheduler.handle(Resized(3))) == exact([Keep(1), Keep(3)])


def test_shrinking_retires_those_that_have_nothing_to_do() -> None:
    """An idle worker leaves at once; the highest slot goes only where all are busy."""
    scheduler = ready()
    scheduler.handle(Resized(4))
    scheduler.handle(WorkerReady(2))
    scheduler.handle(WorkerReady(3))
    assert exact(scheduler.handle(Resized(3, frozenset({0})))) == exact([Retire(0)])
    assert exact(scheduler.handle(looked(0))) == exact([Leave(0)])
    assert exact(scheduler.handle(Resized(1, frozenset({2})))) == exact([Retire(2), Retire(3)])


def test_shrinking_retires_one_that_starts_before_one_that_works() -> None:
    """A worker that is not ready yet is waited for, and leaves in place of a busy one."""
    scheduler = Scheduler(2)
    scheduler.started(0)
    scheduler.started(1)
    scheduler.handle(WorkerReady(1))
    assert scheduler.handle(Resized(1)) == []
    assert exact(scheduler.handle(WorkerReady(0))) == exact([Retire(0)])


def test_worker_that_dies_after_use_is_replaced_at_once() -> None:
    """Death in a job is no failure of the start."""
    scheduler = ready()
    assert exact(scheduler.handle(WorkerExited(1, used=True, killed=False, waiting=True, now=5.0))) == exact(
        [Spawn(1, True)]
    )


def test_failing_starts_back_off_and_are_then_reported() -> None:
    """Each wave waits longer, workers of one wave count once, and after a few the waiting tasks are given up."""
    scheduler = Scheduler(2)
    scheduler.started(0)
    scheduler.started(1)
    now, waits = 0.0, []
    for wave in range(GIVE_UP_AFTER):
        first = scheduler.handle(WorkerExited(0, used=False, killed=False, waiting=True, now=now))
        assert (GiveUp(GIVE_UP_AFTER) in first) is (wave == GIVE_UP_AFTER - 1)
        assert scheduler.handle(WorkerExited(1, used=False, killed=False, waiting=True, now=now)) == []
        assert scheduler.not_before is not None
        waits.append(round(scheduler.not_before - now, 6))
        now = scheduler.not_before
        assert exact(scheduler.handle(Ticked(now))) == exact([Spawn(0, True), Spawn(1, True)])
    assert waits == list(BACKOFF[:GIVE_UP_AFTER])


def test_pool_that_gave_up_tries_again_only_for_new_tasks() -> None:
    """With nobody waiting, broken workers are not started again; a new task starts one wave."""
    scheduler = Scheduler(1)
    scheduler.started(0)
    now = 0.0
    for _ in range(GIVE_UP_AFTER):
        scheduler.handle(WorkerExited(0, used=False, killed=False, waiting=True, now=now))
        now = scheduler.not_before or now
        scheduler.handle(Ticked(now))
    scheduler.handle(WorkerExited(0, used=False, killed=False, waiting=False, now=now))
    now = scheduler.not_before or now
    assert scheduler.handle(Ticked(now)) == []
    assert exact(scheduler.handle(looked(waiting=True))) == exact([Spawn(0, True)])


def test_workers_killed_from_outside_are_replaced_soon_and_given_up_late() -> None:
    """A kill says little about the initializer: the wait stays short, and it takes many to give up."""
    scheduler = Scheduler(1)
    scheduler.started(0)
    now = 0.0
    for wave in range(GIVE_UP_KILLED):
        given_up = scheduler.handle(WorkerExited(0, used=False, killed=True, waiting=True, now=now))
        assert bool(given_up) is (wave == GIVE_UP_KILLED - 1)
        assert scheduler.not_before == pytest.approx(now + BACKOFF[0])
        now = scheduler.not_before or now
        scheduler.handle(Ticked(now))


def test_worker_that_had_its_share_leaves_and_is_replaced() -> None:
    """It leaves once it is idle, and another takes its place."""
    scheduler = ready(1)
    assert scheduler.handle(looked(spent=frozenset({0}), waiting=True)) == []
    assert exact(scheduler.handle(looked(0, spent=frozenset({0}), waiting=True))) == exact([Leave(0), Spawn(1, True)])


def test_closed_pool_ends_when_all_is_done() -> None:
    """Workers leave once nothing waits and no iterable is being read; the pool ends with the last of them."""
    scheduler = ready()
    scheduler.handle(Closed())
    assert scheduler.handle(looked(0, 1, feeding=True)) == []
    assert scheduler.handle(looked(1, waiting=True)) == []
    assert exact(scheduler.handle(looked(1))) == exact([Leave(1)])
    assert scheduler.handle(WorkerExited(1, used=True, killed=False, waiting=False, now=1.0)) == []
    assert exact(scheduler.handle(looked(0))) == exact([Leave(0)])
    scheduler.handle(WorkerExited(0, used=True, killed=False, waiting=False, now=1.0))
    assert exact(scheduler.handle(looked())) == exact([End()])


class AnyOrder(RuleBasedStateMachine):
    """Plays the dispatcher against the scheduler, in any order of events, and keeps the books itself."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduler = Scheduler(2)
        self.backlog = 0
        self.now = 0.0
        #: What each worker is, as the dispatcher sees it: starting, ready or leaving; retired; tasks it holds.
        self.phases: dict[int, str] = {}
        self.retired: set[int] = set()
        self.held: dict[int, int] = {}
        self.spent: set[int] = set()
        self.ended = self.closed = False
        self.feeding = True
        for slot in range(2):
            self.begin(slot)
            self.scheduler.started(slot)

    def begin(self, slot: int) -> None:
        self.phases[slot], self.held[slot] = "starting", 0
        self.retired.discard(slot)
        self.spent.discard(slot)

    def play(self, event: Event) -> None:
        for instruction in self.scheduler.handle(event):
            self.do(instruction)

    def do(self, instruction: Instruction) -> None:
        assert not self.ended, "an instruction after the end"
        match instruction:
            case Spawn(slot):
                assert slot not in self.phases, "two workers in one slot"
                self.begin(slot)
            case Retire(slot):
                assert self.phases[slot] == "ready"
                self.retired.add(slot)
            case Keep(slot):
                self.retired.remove(slot)
            case Leave(slot):
                assert self.phases[slot] == "ready"
                assert not self.held[slot], "told a worker to leave that holds a task"
                self.phases[slot] = "leaving"
            case GiveUp(attempts):
                assert attempts >= GIVE_UP_AFTER
                assert "ready" not in {phase for slot, phase in self.phases.items() if slot not in self.retired}
                self.backlog = 0
            case End():
                assert self.closed
                assert not self.phases
                assert not self.backlog
                self.ended = True

    def some(self, data: st.DataObject, *phases: str) -> int | None:
        slots = sorted(slot for slot, phase in self.phases.items() if phase in phases)
        return data.draw(st.sampled_from(slots)) if slots else None

    def idle(self) -> frozenset[int]:
        return frozenset(slot for slot, phase in self.phases.items() if phase == "ready" and not self.held[slot])

    def look(self) -> None:
        self.play(Looked(self.idle(), frozenset(self.spent), self.backlog > 0, self.feeding))

    @precondition(lambda self: not self.closed)
    @rule(count=st.integers(1, 5))
    def submit(self, count: int) -> None:
        self.backlog += count
        self.look()

    @rule(data=st.data())
    def become_ready(self, data: st.DataObject) -> None:
        slot = self.some(data, "starting")
        if slot is not None:
            self.phases[slot] = "ready"
            self.play(WorkerReady(slot))

    @rule(data=st.data())
    def feed(self, data: st.DataObject) -> None:
        slot = self.some(data, "ready")
        if slot is not None and slot not in self.retired and slot not in self.spent and self.backlog:
            self.backlog -= 1
            self.held[slot] += 1
            self.look()

    @rule(data=st.data(), share=st.booleans())
    def finish(self, data: st.DataObject, share: bool) -> None:
        slot = self.some(data, "ready")
        if slot is not None and self.held[slot]:
            self.held[slot] = 0
            if share:
                self.spent.add(slot)
            self.look()

    @rule(data=st.data(), requeue=st.booleans(), killed=st.booleans())
    def die(self, data: st.DataObject, requeue: bool, killed: bool) -> None:
        slot = self.some(data, "starting", "ready", "leaving")
        if slot is not None:
            self.phases.pop(slot)
            used = self.held.pop(slot) > 0
            self.backlog += used and requeue
            self.play(WorkerExited(slot, used, killed, self.backlog > 0, self.now))
            self.look()

    @rule(size=st.integers(1, 4))
    def resize(self, size: int) -> None:
        self.play(Resized(size, self.idle()))
        self.look()

    @rule(feeding=st.booleans())
    def close(self, feeding: bool) -> None:
        self.closed = True
        self.feeding = self.feeding and feeding
        self.play(Closed())
        self.look()

    @rule(seconds=st.floats(0.01, 10))
    def tick(self, seconds: float) -> None:
        self.now += seconds
        self.play(Ticked(self.now))
        self.look()

    @invariant()
    def what_waits_will_be_run(self) -> None:
        """While tasks wait there is a worker that may take them, one that starts, or a time when one will."""
        if self.backlog and not self.ended:
            able = any(
                phase in ("starting", "ready") and slot not in self.retired and slot not in self.spent
                for slot, phase in self.phases.items()
            )
            busy = any(self.held.values())
            assert able or busy or self.scheduler.not_before is not None

    @invariant()
    def the_books_agree(self) -> None:
        theirs = self.scheduler.workers
        assert set(theirs) == set(self.phases)
        names = {Phase.STARTING: "starting", Phase.READY: "ready", Phase.RETIRED: "ready", Phase.LEAVING: "leaving"}
        assert {slot: names[phase] for slot, phase in theirs.items()} == self.phases


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
