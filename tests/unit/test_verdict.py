"""The verdict: each rule at its edge, in its order, with its numbers and one thing to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from poolmgr.model.buckets import SECOND, History
from poolmgr.model.durations import Distribution, Histogram
from poolmgr.model.recording import Recording
from poolmgr.model.snapshot import Counts, FunctionSnapshot, Machine, PoolSnapshot, Rule, Verdict, WorkerSnapshot
from poolmgr.model.states import JobState, PoolState, WorkerState
from poolmgr.model.times import shares
from poolmgr.model.verdict import RULES, judge
from tests.helpers.fake_control import make_job, make_log, make_snapshot, make_worker

#: ns since the pool opened, and the wall clock's time of it.
END = 60 * SECOND
NOW = 1_000_060.0


class Scene:
    """A pool whose last minute the test makes, second by second."""

    def __init__(self, workers: int = 4, *, begun: int = 0) -> None:
        self.recording = Recording(begun * SECOND, NOW - END / SECOND)
        self.function = self.recording.function("pipeline.fetch")
        self.workers = {slot: make_worker(slot, slot + 1, function="pipeline.fetch") for slot in range(workers)}
        self.fields: dict[str, Any] = {"started": NOW - 60, "machine": Machine(8, 2.0, 16 << 30, 8 << 30)}
        self.durations = (10_000_000,)

    def live(self, seconds: int = 60, **each: Any) -> Scene:
        """Let the workers live the last ``seconds`` so: ``busy`` share, tasks ``done`` a second, ``cpu`` and so on."""
        what: dict[str, Any] = {"busy": 0.9, "done": 10, "failed": 0, "serialise": 0.0, "cpu": 95.0, "rss": 200 << 20,
                                "voluntary": 5, "involuntary": 0, "bytes_in": 0, "queued": 1.0} | each  # fmt: skip
        for second in range(60 - seconds, 60):
            now = second * SECOND
            for slot in self.workers:
                recorder = self.recording.slot(slot)
                rss = what["rss"](second) if callable(what["rss"]) else what["rss"]
                for quarter in range(4):
                    begin = now + quarter * SECOND // 4
                    done = what["done"] * (quarter + 1) // 4 - what["done"] * quarter // 4
                    failed = what["failed"] * (quarter + 1) // 4 - what["failed"] * quarter // 4
                    share = what["busy"](slot) if callable(what["busy"]) else what["busy"]
                    busy = int(share * SECOND / 4)
                    if busy or done or failed:
                        recorder.run(
                            begin, begin + max(1, busy), self.function, done=done, failed=failed,
                            serialise=int(what["serialise"] * SECOND / 4), bytes_in=what["bytes_in"] // 4,
                        )  # fmt: skip
                    recorder.gauge(begin, cpu=int(what["cpu"] * 10), rss=rss)
                recorder.gauge(
                    now, cpu=int(what["cpu"] * 10), rss=rss,
                    voluntary=what["voluntary"], involuntary=what["involuntary"],
                )  # fmt: skip
            if what["queued"]:
                self.recording.pool.spend(now, now + int(SECOND * what["queued"]), "queued")
            self.recording.picture(now)
        return self

    def mark(self, what: str, times: int, slot: int = 0) -> Scene:
        """Something happened so often in the last seconds."""
        for i in range(times):
            self.recording.slot(slot).mark(END - 1 - i, what)
        return self

    def worker(self, slot: int, **fields: Any) -> Scene:
        """Change a worker."""
        self.workers[slot] = replace(self.workers[slot], **fields)
        return self

    def verdict(self) -> Verdict:
        """What is said of it."""
        return judge(*self.picture())

    def picture(self) -> tuple[PoolSnapshot, History]:
        """The snapshot as a collector makes it, and the history."""
        history = self.recording.picture(END)
        times, each = shares(history)
        filled = Histogram()
        filled.add(self.durations, count=100, total=sum(self.durations) * 100 // len(self.durations))
        workers = [replace(worker, times=each.get(slot)) for slot, worker in self.workers.items()]
        values: dict[str, Any] = {
            "counts": Counts(submitted=9, queued=5, running=len(workers)),
            "time": NOW,
            "times": times,
            "functions": (function(filled.picture()),),
            "jobs": (),
            "log": (),
        }
        return make_snapshot(workers, **(values | self.fields)), history


def function(durations: Distribution) -> FunctionSnapshot:
    """Figures of the one function."""
    p50, p95, p99 = (durations.quantile(share) / 1e9 for share in (0.5, 0.95, 0.99))
    return FunctionSnapshot("pipeline.fetch", done=100, p50=p50, p95=p95, p99=p99, durations=durations)


def test_rules_come_in_their_order() -> None:
    """What breaks is said before what hangs, and that before what is slow."""
    names = [rule.__name__.upper() for rule in RULES]
    assert names == [rule.name for rule in Rule][:-1]


def test_good_pool_is_healthy() -> None:
    """A pool at work gets its figures and no advice."""
    verdict = Scene().live().verdict()
    assert verdict.rule is Rule.HEALTHY
    assert "90% of the time" in verdict.text
    assert "40.0 tasks/s" in verdict.text
    assert verdict.advice == ""


@pytest.mark.parametrize(("died", "rule"), [(4, Rule.HEALTHY), (5, Rule.DEAD_LOOP)])
def test_dead_loop_begins_at_five_deaths(died: int, rule: Rule) -> None:
    """Five unasked deaths in a minute are no accident."""
    scene = Scene().live().mark("died", died)
    scene.fields["log"] = (make_log(1, 1)[0]._replace(level="warning", slot=2, text="w3 was killed by SIGSEGV"),)
    verdict = scene.verdict()
    assert verdict.rule is rule
    if rule is Rule.DEAD_LOOP:
        assert verdict.text == "5 workers died in the last minute; the last: w3 was killed by SIGSEGV"
        assert verdict.slot == 2


def test_dead_loop_blames_an_initializer() -> None:
    """Where no worker gets ready, a death of each is enough, and the initializer's error is named."""
    scene = Scene(2).mark("died", 2)
    text = "w1: the initializer raised\nTraceback (most recent call last):\n  deep\nValueError: no"
    scene.fields["log"] = (make_log(1, 1)[0]._replace(level="error", slot=0, text=text),)
    for slot in (0, 1):
        scene.worker(slot, state=WorkerState.STARTING, job_id=None)
    verdict = scene.verdict()
    assert verdict.rule is Rule.DEAD_LOOP
    assert "the initializer raised: ValueError: no" in verdict.text
    assert "initializer" in verdict.advice


@pytest.mark.parametrize(("failed", "rule"), [(1, Rule.FAILING), (0, Rule.HEALTHY)])
def test_failing_names_the_commonest_error(failed: int, rule: Rule) -> None:
    """A tenth of the tasks is much, and the job that stands for them is pointed at."""
    scene = Scene().live(done=9, failed=failed)
    scene.fields["jobs"] = (
        make_job(5, JobState.FAILED, message="OSError: once", ended=NOW - 1),
        make_job(6, JobState.FAILED, message="KeyError: 'a'", ended=NOW - 2, slot=3),
        make_job(7, JobState.FAILED, message="KeyError: 'b'", ended=NOW - 3),
        *(make_job(8 + i, JobState.FAILED, message="Old: error", ended=NOW - 99) for i in range(5)),
    )
    verdict = scene.verdict()
    assert verdict.rule is rule
    if rule is Rule.FAILING:
        assert "236 of 2,360 tasks failed in the last minute (10%)" in verdict.text
        assert "most often KeyError in resize (2 of the last 3)" in verdict.text
        assert (verdict.job_id, verdict.slot) == (6, 3)


def test_few_failures_are_no_rate() -> None:
    """Four tasks of four that failed may be one bad input."""
    assert Scene(1).live(1, done=0, failed=4, busy=0.9, queued=1.0).verdict().rule is not Rule.FAILING
    assert Scene(1).live(1, done=0, failed=5, busy=0.9, queued=1.0).verdict().rule is Rule.FAILING


@pytest.mark.parametrize(("elapsed", "rule"), [(0.99, Rule.HEALTHY), (1.01, Rule.STRAGGLER)])
def test_straggler_runs_ten_times_the_p99(elapsed: float, rule: Rule) -> None:
    """One job that takes too long is named, with how much and what it does."""
    verdict = Scene().live().worker(2, elapsed=elapsed, cpu_percent=2.0).verdict()
    assert verdict.rule is rule
    if rule is Rule.STRAGGLER:
        assert "job 3 (fetch, w3) has run 1.0s = 101 x p50 with 2% CPU: it waits; 3 others are fine" in verdict.text
        assert (verdict.job_id, verdict.slot) == (3, 2)


def test_straggler_has_one_neighbour_or_none() -> None:
    """What is said of the others is a sentence for one of them too, and nothing where there are none."""
    two = Scene(2).live().worker(1, elapsed=1.01).verdict().text
    assert two.endswith("; the other one is fine")
    one = Scene(1).live().worker(0, elapsed=1.01).verdict()
    assert one.rule is Rule.STRAGGLER
    assert "fine" not in one.text


def test_many_late_ones_are_no_stragglers() -> None:
    """Where most of the workers take longer, the load has changed."""
    scene = Scene().live()
    for slot in range(3):
        scene.worker(slot, elapsed=5.0)
    assert scene.verdict().rule is Rule.HEALTHY


def test_last_one_that_runs_is_a_straggler_sooner() -> None:
    """With nothing queued and the others idle, three times the p95 is worth a word."""
    scene = Scene(2).live(queued=0)
    scene.durations = (1_000_000_000,)
    scene.worker(0, elapsed=3.5).worker(1, state=WorkerState.IDLE, job_id=None)
    assert scene.verdict().rule is Rule.STRAGGLER
    assert scene.worker(0, elapsed=2.5).verdict().rule is Rule.HEALTHY


def test_unknown_durations_make_no_straggler() -> None:
    """A function of which few tasks have ended may take as long as it likes."""
    scene = Scene().live()
    scene.fields["functions"] = ()
    assert scene.worker(1, elapsed=500.0).verdict().rule is Rule.HEALTHY


@pytest.mark.parametrize(("busy", "rule"), [(0.10, Rule.IPC_BOUND), (0.60, Rule.HEALTHY)])
def test_ipc_bound_by_tiny_tasks(busy: float, rule: Rule) -> None:
    """Workers that wait for the next tiny task, with many queued, are told how many belong together."""
    verdict = Scene().live(busy=busy, done=10_000).verdict()
    assert verdict.rule is rule
    if rule is Rule.IPC_BOUND:
        assert "a task works for 10us and its hand-over takes 90us" in verdict.text
        assert "chunksize=45" in verdict.advice


def test_ipc_bound_while_the_queue_stands_empty() -> None:
    """An owner that cannot hand out tiny tasks fast enough leaves the queue empty; that is not starvation."""
    assert Scene().live(busy=0.1, done=2000, queued=0).verdict().rule is Rule.IPC_BOUND


def test_long_tasks_are_not_ipc_bound() -> None:
    """Few tasks with long pauses between them have another cause."""
    assert Scene().live(busy=0.4, done=1, queued=0).verdict().rule is Rule.STARVED


def test_ipc_bound_by_pickles() -> None:
    """Large arguments are told by their size."""
    verdict = Scene().live(busy=0.9, serialise=0.5, done=4, bytes_in=40 << 20).verdict()
    assert verdict.rule is Rule.IPC_BOUND
    assert "pickling takes 50% of the workers' time" in verdict.text
    assert "160 MB/s travel, 10 MB a task" in verdict.text


@pytest.mark.parametrize(("busy", "rule"), [(0.75, Rule.STARVED), (0.85, Rule.HEALTHY)])
def test_starved_without_a_queue(busy: float, rule: Rule) -> None:
    """Idle workers and an empty queue: who submits is too slow."""
    verdict = Scene().live(busy=busy, done=2, queued=0).verdict()
    assert verdict.rule is rule
    if rule is Rule.STARVED:
        assert "workers idle 25% of the time: 8.0 tasks/s are submitted, 11 could be done" in verdict.text
        assert verdict.advice == "submit further ahead, or shrink to 3"


def test_pool_that_has_all_its_jobs_is_not_starved() -> None:
    """At the end of the work idle workers are as they should be, and so they are in a pool without any."""
    scene = Scene().live(busy=0.5, done=2, queued=0)
    scene.fields |= {"expected": 9}
    assert scene.verdict().rule is Rule.HEALTHY
    scene.fields |= {"expected": None, "state": PoolState.CLOSE}
    assert scene.verdict().rule is Rule.HEALTHY
    quiet = Scene().live(busy=0.0, done=0, queued=0, cpu=0.0)
    quiet.fields["counts"] = Counts()
    assert quiet.verdict().text == "nothing to do"


@pytest.mark.parametrize(
    ("cpu", "involuntary", "runnable", "rule"),
    [
        (40.0, 50, 9.0, Rule.OVERSUBSCRIBED),
        (75.0, 50, 9.0, Rule.HEALTHY),
        (40.0, 4, 9.0, Rule.HEALTHY),
        (40.0, 50, 8.0, Rule.HEALTHY),
    ],
)
def test_oversubscribed_workers_lose_their_cores(cpu: float, involuntary: int, runnable: float, rule: Rule) -> None:
    """Little CPU, a busy machine and lost cores are all needed for it."""
    scene = Scene(9).live(cpu=cpu, involuntary=involuntary)
    scene.fields["machine"] = Machine(8, runnable, 16 << 30, 8 << 30)
    verdict = scene.verdict()
    assert verdict.rule is rule
    if rule is Rule.OVERSUBSCRIBED:
        assert "9 busy workers share 8 cores" in verdict.text
        assert "each gets 40% of one and loses it 50 times a second" in verdict.text
        assert verdict.advice == "shrink to 8 workers"


@pytest.mark.parametrize(("cpu", "rule"), [(19.0, Rule.WAITING_ON_IO), (20.0, Rule.HEALTHY)])
def test_waiting_on_io_uses_no_cpu(cpu: float, rule: Rule) -> None:
    """Busy workers without CPU wait for something; more of them may help."""
    verdict = Scene().live(cpu=cpu).verdict()
    assert verdict.rule is rule
    if rule is Rule.WAITING_ON_IO:
        assert verdict.text.startswith("4 of 4 workers run tasks with 19% CPU")
        assert verdict.advice == "more workers may help: grow to 8"


@pytest.mark.parametrize(("step", "rule"), [(2 << 20, Rule.MEMORY), (400 << 10, Rule.HEALTHY)])
def test_memory_that_grows_with_the_tasks(step: int, rule: Rule) -> None:
    """A worker that grows steadily and much is named, with when to replace it."""
    scene = Scene().live(rss=lambda second: (100 << 20) + second * step)
    verdict = scene.verdict()
    assert verdict.rule is rule
    if rule is Rule.MEMORY:
        assert "4 of 4 workers grow; memory is full in" in verdict.text
        assert "grows by 205 KB a task" in verdict.text
        assert "maxtasksperchild=1280" in verdict.advice


def test_memory_that_came_and_stays_is_no_growth() -> None:
    """Filling a cache once is not a leak, and neither is what a replaced worker does at its start."""
    assert Scene().live(rss=lambda second: (100 << 20) << (second > 20)).verdict().rule is Rule.HEALTHY
    scene = Scene().live(rss=lambda second: (100 << 20) + second * (2 << 20))
    for slot in range(4):
        scene.mark("restarted", 1, slot)
    assert scene.verdict().rule is not Rule.MEMORY


@pytest.mark.parametrize(("start", "rule"), [(0.11, Rule.START_UP), (0.09, Rule.HEALTHY)])
def test_start_up_eats_the_time(start: float, rule: Rule) -> None:
    """Workers that are replaced often cost what their start takes."""
    scene = Scene()
    for second in range(60):
        for slot in range(4):
            scene.recording.slot(slot).spend(second * SECOND, second * SECOND + int(SECOND * start), "start")
            scene.recording.slot(slot).mark(second * SECOND, "restarted")
        scene.recording.picture(second * SECOND)
    verdict = scene.live(3, busy=0.8).verdict()
    assert verdict.rule is rule
    if rule is Rule.START_UP:
        assert "starting workers takes 11% of their time: 236 were replaced" in verdict.text


def test_skew_between_workers() -> None:
    """One worker that does all of the work is named."""
    scene = Scene(8).live(busy=lambda slot: 0.3 if slot == 7 else 0.9, queued=0)
    verdict = scene.verdict()
    assert verdict.rule is Rule.SKEW
    assert verdict.text == "w7 worked 90% of the last minute, w8 30%"


def test_first_seconds_are_not_judged_for_speed() -> None:
    """A pool that has just opened is not said to starve."""
    scene = Scene(begun=58).live(2, busy=0.2, done=1, queued=0)
    assert scene.verdict().rule is Rule.HEALTHY


@pytest.mark.parametrize("state", list(PoolState))
def test_every_state_has_a_verdict(state: PoolState) -> None:
    """A pool of any state, also without workers or any history, gets a line."""
    for scene in (Scene(), Scene(0)):
        scene.fields |= {"state": state, "machine": None, "functions": (), "times": None}
        verdict = scene.verdict()
        assert verdict.text
        assert "\n" not in verdict.text


def test_worker_without_any_figures_is_judged() -> None:
    """What no sampler has seen is passed over."""
    workers = [WorkerSnapshot(0, 1, WorkerState.RUNNING, NOW)]
    assert judge(make_snapshot(workers, started=NOW - 60, time=NOW), History()).rule is Rule.HEALTHY
