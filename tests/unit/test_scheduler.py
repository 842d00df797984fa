"""The scheduler, alone: no process, no clock, any order of events."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from poolmgr.engine.scheduler import (
    BACKOFF,
    GIVE_UP_AFTER,
    Closed,
    End,
    Event,
    Feed,
    Finished,
    GiveUp,
    Held,
    Instruction,
    Leave,
    Phase,
    Resized,
    Scheduler,
    Spawn,
    Submitted,
    Ticked,
    WorkerExited,
    WorkerReady,
)


def ready(size: int = 2, maxtasksperchild: int | None = None) -> Scheduler:
    """A scheduler whose workers are all idle."""
    scheduler = Scheduler(size, maxtasksperchild)
    for slot in range(size):
        scheduler.started(slot)
        scheduler.handle(WorkerReady(slot))
    return scheduler


def test_tasks_go_to_idle_workers_and_no_further() -> None:
    """With two idle workers and three tasks, two are fed, and the third when one of them is free."""
    scheduler = ready()
    assert sorted(step.slot for step in scheduler.handle(Submitted(3)) if isinstance(step, Feed)) == [0, 1]
    assert scheduler.handle(Submitted(1)) == []
    assert scheduler.handle(Finished(1, 1, 1)) == [Feed(1)]


def test_nothing_is_fed_while_held() -> None:
    """A held pool feeds nobody; what waited is fed when it is released."""
    scheduler = ready()
    assert scheduler.handle(Held(True, 0)) == []
    assert scheduler.handle(Submitted(1)) == []
    assert scheduler.handle(Held(False, 1)) == [Feed(1)]


def test_resize_spawns_into_free_slots_and_lets_idle_ones_leave() -> None:
    """Growing fills the lowest free slots; shrinking lets the highest idle one leave, and busy ones later."""
    scheduler = ready()
    assert scheduler.handle(Resized(4, 0)) == [Spawn(2), Spawn(3)]
    scheduler.handle(WorkerReady(2))
    scheduler.handle(WorkerReady(3))
    assert [type(step) for step in scheduler.handle(Submitted(4))] == [Feed] * 4
    assert scheduler.handle(Resized(1, 0)) == []
    assert scheduler.handle(Finished(0, 0, 1)) == [Leave(0)]
    assert scheduler.handle(Finished(3, 0, 1)) == [Leave(3)]


def test_worker_that_dies_with_a_task_is_replaced_at_once() -> None:
    """Death in a job is no failure of the start."""
    scheduler = ready()
    scheduler.handle(Submitted(1))
    assert scheduler.handle(WorkerExited(1, 0, 5.0)) == [Spawn(1)]


def test_failing_starts_back_off_and_are_then_reported() -> None:
    """Each wave waits longer, workers of one wave count once, and after a few the waiting tasks are given up."""
    scheduler = Scheduler(2)
    scheduler.started(0)
    scheduler.started(1)
    scheduler.handle(Submitted(5))
    now, waits = 0.0, []
    for wave in range(GIVE_UP_AFTER):
        first = scheduler.handle(WorkerExited(0, 5, now))
        assert (GiveUp(GIVE_UP_AFTER) in first) is (wave == GIVE_UP_AFTER - 1)
        assert scheduler.handle(WorkerExited(1, 5, now)) == []
        assert scheduler.not_before is not None
        waits.append(scheduler.not_before - now)
        now = scheduler.not_before
        assert scheduler.handle(Ticked(now, 5)) == [Spawn(0), Spawn(1)]
    assert [round(wait, 6) for wait in waits] == list(BACKOFF[:GIVE_UP_AFTER])


def test_pool_that_gave_up_tries_again_only_for_new_tasks() -> None:
    """With nobody waiting, broken workers are not started again; a new task starts one wave."""
    scheduler = Scheduler(1)
    scheduler.started(0)
    now = 0.0
    for _ in range(GIVE_UP_AFTER):
        scheduler.handle(WorkerExited(0, 1, now))
        now = scheduler.not_before or now
        scheduler.handle(Ticked(now, 0))
    scheduler.handle(WorkerExited(0, 0, now))
    now = scheduler.not_before or now
    assert scheduler.handle(Ticked(now, 0)) == []
    assert scheduler.handle(Submitted(1)) == [Spawn(0)]


def test_maxtasksperchild_lets_a_worker_leave_after_its_share() -> None:
    """The worker leaves with its last task done, and another takes its place."""
    scheduler = ready(1, maxtasksperchild=2)
    scheduler.handle(Submitted(2))
    assert scheduler.handle(Finished(0, 1, 1)) == [Feed(0)]
    assert scheduler.handle(Finished(0, 0, 2)) == [Leave(0), Spawn(1)]


def test_closed_pool_ends_when_all_is_done() -> None:
    """Workers leave once nothing waits and no iterable is being read; the pool ends with the last of them."""
    scheduler = ready()
    assert scheduler.handle(Closed(1, feeding=True)) == [Feed(1)]
    assert scheduler.handle(Finished(1, 0, 1)) == []
    assert scheduler.handle(Closed(0, feeding=False)) == [Leave(1), Leave(0)]
    assert scheduler.handle(WorkerExited(0, 0, 1.0)) == []
    assert scheduler.handle(WorkerExited(1, 0, 1.0)) == [End()]


class AnyOrder(RuleBasedStateMachine):
    """Plays the dispatcher against the scheduler, in any order of events, and keeps the books itself."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduler = Scheduler(2, maxtasksperchild=3)
        self.backlog = 0
        self.now = 0.0
        self.phases: dict[int, str] = {}
        self.taken: dict[int, int] = {}
        self.ended = False
        self.feeding = True
        self.closed = False
        for slot in range(2):
            self.phases[slot] = "starting"
            self.taken[slot] = 0
            self.scheduler.started(slot)

    def play(self, event: Event) -> None:
        for instruction in self.scheduler.handle(event):
            self.do(instruction)

    def do(self, instruction: Instruction) -> None:
        assert not self.ended, "an instruction after the end"
        match instruction:
            case Spawn(slot):
                assert slot not in self.phases, "two workers in one slot"
                self.phases[slot], self.taken[slot] = "starting", 0
            case Feed(slot):
                assert self.phases[slot] == "idle", "fed a worker that is not idle"
                assert self.backlog > 0, "fed what is not there"
                assert not self.scheduler.held, "fed while held"
                self.backlog -= 1
                self.phases[slot] = "busy"
                self.taken[slot] += 1
            case Leave(slot):
                assert self.phases[slot] in ("idle", "done"), "told a worker to leave that holds a task"
                self.phases[slot] = "leaving"
            case GiveUp(attempts):
                assert attempts >= GIVE_UP_AFTER
                assert not any(phase in ("idle", "busy") for phase in self.phases.values())
                self.backlog = 0
            case End():
                assert self.closed
                assert not self.phases
                assert not self.backlog
                self.ended = True

    def some(self, data: st.DataObject, *phases: str) -> int | None:
        slots = sorted(slot for slot, phase in self.phases.items() if phase in phases)
        return data.draw(st.sampled_from(slots)) if slots else None

    @precondition(lambda self: not self.closed)
    @rule(count=st.integers(1, 5))
    def submit(self, count: int) -> None:
        self.backlog += count
        self.play(Submitted(self.backlog))

    @rule(data=st.data())
    def become_ready(self, data: st.DataObject) -> None:
        slot = self.some(data, "starting")
        if slot is not None:
            self.phases[slot] = "idle"
            self.play(WorkerReady(slot))

    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        slot = self.some(data, "busy")
        if slot is not None:
            self.phases[slot] = "done"
            if self.taken[slot] < 3:
                self.phases[slot] = "idle"
            self.play(Finished(slot, self.backlog, self.taken[slot]))

    @rule(data=st.data(), requeue=st.booleans())
    def die(self, data: st.DataObject, requeue: bool) -> None:
        slot = self.some(data, "starting", "idle", "busy", "leaving")
        if slot is not None:
            if self.phases.pop(slot) == "busy" and requeue:
                self.backlog += 1
            self.play(WorkerExited(slot, self.backlog, self.now))

    @rule(size=st.integers(1, 4))
    def resize(self, size: int) -> None:
        self.play(Resized(size, self.backlog))

    @rule(held=st.booleans())
    def hold(self, held: bool) -> None:
        self.play(Held(held, self.backlog))

    @rule(feeding=st.booleans())
    def close(self, feeding: bool) -> None:
        self.closed = True
        self.feeding = self.feeding and feeding
        self.play(Closed(self.backlog, self.feeding))

    @rule(seconds=st.floats(0.01, 10))
    def tick(self, seconds: float) -> None:
        self.now += seconds
        self.play(Ticked(self.now, self.backlog))

    @invariant()
    def nobody_idles_while_tasks_wait(self) -> None:
        if not self.scheduler.held and not self.ended:
            idle = [slot for slot, phase in self.phases.items() if phase == "idle"]
            assert not (idle and self.backlog), "an idle worker beside a waiting task"

    @invariant()
    def the_books_agree(self) -> None:
        theirs = self.scheduler.workers
        assert set(theirs) == set(self.phases)
        names = {Phase.STARTING: "starting", Phase.IDLE: "idle", Phase.BUSY: "busy", Phase.LEAVING: "leaving"}
        assert {slot: names[phase] for slot, phase in theirs.items()} == self.phases


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
