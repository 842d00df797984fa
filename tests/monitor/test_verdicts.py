"""The verdict on real pools: each load shows its rule, with the job or worker that it points at.

A busy machine makes other rules true as well, so each test waits until the rule that it is about holds, and a load
that is none of those before it in their order is made to measure.
"""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import poolmgr
from poolmgr.model.snapshot import PoolSnapshot, Rule, Verdict
from poolmgr.monitor.collector import Collector
from poolmgr.monitor.sampler import Sample, Sampler
from poolmgr.runtime.cpus import cpu_count
from tests.helpers import jobs
from tests.helpers.wait import wait_until

#: The rules look back over seconds, so they take some to hold; a loaded machine takes longer.
PATIENCE = 50.0

_kept: list[bytes] = []


def keep(size: int) -> int:
    """Leak."""
    _kept.append(os.urandom(size))
    return len(_kept)


def compute(seconds: float) -> float:
    """Use CPU for so long by the clock on the wall."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(1000))
    return seconds


def slow_initializer() -> None:
    """Be long in starting."""
    time.sleep(0.3)


@contextmanager
def watched(size: int, *args: Any, **options: Any) -> Iterator[tuple[poolmgr.Pool, Collector]]:
    """A pool with its monitor."""
    with poolmgr.Pool(size, *args, **options) as pool:
        collector = Collector(pool, interval=0.1)
        collector.start()
        try:
            yield pool, collector
        finally:
            pool.terminate()
            pool.join()
            collector.stop()


def wait_for(
    collector: Collector, rule: Rule, step: Callable[[], object] = lambda: None, text: str = "", advice: str = ""
) -> Verdict:
    """Wait for a verdict that says so, taking a step of the load at each look."""

    def found() -> list[Verdict]:
        step()
        verdict = collector.latest().verdict
        if verdict is None or verdict.rule is not rule or text not in verdict.text or advice not in verdict.advice:
            return []
        return [verdict]

    try:
        return wait_until(found, PATIENCE)[0]
    except AssertionError:
        raise AssertionError(f"no {rule}, but {collector.latest().verdict}, {collector.latest().times}") from None


def test_straggler_is_pointed_at(tmp_path: Path) -> None:
    """One job that hangs among many short ones is named with its worker."""
    with watched(3) as (pool, collector):
        pool.map(jobs.mark_and_wait_if, [("", "")] * 60, 1)
        stuck = pool.apply_async(jobs.mark_and_wait_if, ((str(tmp_path), "stuck"),))

        def others() -> None:
            pool.apply(jobs.mark_and_wait_if, (("", ""),))

        verdict = wait_for(collector, Rule.STRAGGLER, others)
        assert verdict.job_id == stuck.id
        slot = next(worker.slot for worker in collector.latest().workers if worker.job_id == stuck.id)
        assert verdict.slot == slot
        assert f"job {stuck.id} (mark_and_wait_if, w{slot + 1}) has run" in verdict.text
        (tmp_path / "go").touch()
        stuck.get()


def test_tiny_tasks_are_ipc_bound() -> None:
    """Millions of tasks that do nothing are told to be put together."""
    with watched(2) as (pool, collector):
        results = pool.imap_unordered(jobs.double, itertools.count())
        verdict = wait_for(collector, Rule.IPC_BOUND, lambda: [next(results) for _ in range(5000)])
        assert "its hand-over takes" in verdict.text
        assert "chunksize=" in verdict.advice


def test_large_results_are_ipc_bound() -> None:
    """Workers that do nothing but pickle are told to send less."""
    with watched(1) as (pool, collector):
        made: list[Any] = []

        def more() -> None:
            made.append(pool.apply_async(jobs.slow_to_pickle))
            if len(made) > 20:
                made.pop(0).get()

        # While the start of the worker still counts, the verdict may be on the hand-over as a whole.
        wait_for(collector, Rule.IPC_BOUND, more, text="pickling takes")


def test_slow_submitter_starves_the_pool() -> None:
    """One job at a time leaves the other workers idle."""
    with watched(4) as (pool, collector):
        verdict = wait_for(collector, Rule.STARVED, lambda: pool.apply(jobs.sleep, (0.02,)))
        assert "nothing is queued" in verdict.text
        assert "shrink to" in verdict.advice


def test_too_many_workers_are_oversubscribed() -> None:
    """More workers that compute than cores lose them to each other."""
    with watched(cpu_count() + 4) as (pool, collector):
        pool.map_async(compute, [0.25] * 4000, 1)
        # The first ones may be of those workers only that were ready first, and they are not too many.
        verdict = wait_for(collector, Rule.OVERSUBSCRIBED, advice="shrink to")
        # On a busy machine not all of them are busy all the time.
        share = re.match(rf"(\d+) busy workers share {cpu_count()} cores", verdict.text)
        assert share
        assert cpu_count() < int(share[1]) <= cpu_count() + 4
        assert verdict.advice == f"shrink to {cpu_count()} workers"


def test_sleeping_jobs_wait_on_io() -> None:
    """Busy workers without CPU are said to wait, and that more of them may help."""
    with watched(2) as (pool, collector):
        pool.map_async(jobs.sleep, [0.2] * 1000, 1)
        verdict = wait_for(collector, Rule.WAITING_ON_IO)
        assert "2 of 2 workers run tasks with" in verdict.text
        assert "grow to 4" in verdict.advice


def test_leaking_jobs_grow() -> None:
    """A worker whose memory grows with each job is named."""
    with watched(1) as (pool, collector):
        collector.expect(1)

        def leak() -> None:
            pool.apply(keep, (1 << 20,))
            jobs.sleep(0.08)

        verdict = wait_for(collector, Rule.MEMORY, leak)
        assert verdict.slot == 0
        assert "w1 grows by" in verdict.text
        assert "maxtasksperchild=" in verdict.advice


def test_dying_initializer_is_a_dead_loop(tmp_path: Path) -> None:
    """Workers that never get ready are said to have an initializer that fails, and how."""
    with watched(2, jobs.failing_initializer, (str(tmp_path / "tries"),)) as (_, collector):
        # Deaths are counted later than the log is copied: the first verdict may not have what they have said.
        verdict = wait_for(collector, Rule.DEAD_LOOP, text="ValueError: the initializer says no")
        assert "initializer" in verdict.advice


def test_jobs_that_kill_their_workers_are_a_dead_loop() -> None:
    """Workers that die one after the other are counted."""
    with watched(2) as (pool, collector):
        made = [pool.apply_async(jobs.kill_self, (9,)) for _ in range(12)]
        # As for the initializer: the first verdict may not know yet how they died.
        wait_for(collector, Rule.DEAD_LOOP, text="SIGKILL")
        for job in made:
            job.wait()


def test_many_failures_are_named() -> None:
    """A high failure rate comes with its commonest error and a job to look at."""
    with watched(2) as (pool, collector):
        funcs: tuple[Callable[..., Any], ...] = (jobs.double, jobs.fail)
        made = [pool.apply_async(funcs[i % 2], (i,)) for i in range(40)]
        # The first pictures may have some of them only.
        text = "20 of 40 tasks failed in the last minute (50%); most often ValueError in fail"
        verdict = wait_for(collector, Rule.FAILING, text=text)
        assert verdict.job_id in {job.id for job in made[1::2]}


def test_short_lives_are_start_up() -> None:
    """Workers that are replaced after each job, with a slow initializer, spend their time in starting."""
    with watched(2, slow_initializer, maxtasksperchild=1) as (pool, collector):
        pool.map_async(jobs.sleep, [0.2] * 1000, 1)
        verdict = wait_for(collector, Rule.START_UP)
        assert verdict.advice.startswith("raise maxtasksperchild")


def test_good_load_is_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Busy workers with enough in their queue get their figures and no advice.

    Whether they get the cores is the machine's affair, so their CPU is set here.
    """
    real = Sampler.sample

    def sample(self: Sampler, pids: Collection[int]) -> Mapping[int, Sample]:
        return {
            pid: replace(sample, cpu_percent=95.0, voluntary=0, involuntary=0)
            for pid, sample in real(self, pids).items()
        }

    monkeypatch.setattr(Sampler, "sample", sample)
    with watched(2) as (pool, collector):
        pool.map_async(jobs.sleep, [0.05] * 2000, 1)

        def at_work() -> list[PoolSnapshot]:
            latest = collector.latest()
            if latest.verdict is None or latest.times is None or latest.times.work < 60:
                return []
            return [latest] if "95% CPU each" in latest.verdict.text else []

        (latest,) = wait_until(at_work, PATIENCE)
        assert latest.verdict is not None
        assert (latest.verdict.rule, latest.verdict.advice) == (Rule.HEALTHY, "")
        (function,) = latest.functions
        assert function.name.endswith("sleep")
        wait_until(lambda: sum(bucket.done for bucket in collector.history().sums()) > 20)
