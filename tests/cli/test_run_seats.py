"""Which pools of a program are seen: one after the other, more than there are seats, and very brief ones."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from poolmgr import hook
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.model.states import JobState, PoolState
from poolmgr.monitor.run_log import RunLog
from poolmgr.runners import observation
from poolmgr.runners.observation import Observed
from poolmgr.runners.program import start
from poolmgr.runtime.run_folder import RunFolder
from tests.cli.test_run import script
from tests.helpers.wait import wait_until

HEAD = """
    import multiprocessing, os, time

    def work(name):
        while name != "-" and not os.path.exists(name):
            time.sleep(0.01)
        return name

    def opened(name):
        pool = context.Pool(1)
        pool.apply_async(work, (name,))
        return pool

    context = multiprocessing.get_context("fork")
"""


class Watched:
    """A program that is observed from this process."""

    def __init__(self, observed: Observed, log: RunLog) -> None:
        self.observed = observed
        self._log = log

    def pictures(self) -> dict[str, PoolSnapshot]:
        """What is seen in each seat."""
        return {member.name: member.control.snapshot() for member in self.observed.fleet.members}

    def runs(self, name: str) -> bool:
        """Whether the job of this name runs, and no other one does."""
        jobs = [job for picture in self.pictures().values() for job in picture.jobs]
        return {job.args for job in jobs if job.state is JobState.RUNNING} == {f"('{name}')"}

    def log(self) -> list[str]:
        """All lines."""
        return [line.text for line in self._log.lines()]


@contextmanager
def watched(source: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """Run a program and look at it; it is to end by itself."""
    monkeypatch.chdir(folder)
    base = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with RunFolder() as run:
        program = start([sys.executable, script(folder, HEAD + source)], hook.environment(run.path, base))
        log = RunLog()
        observed = Observed(run.path, "prog", program, log)
        observed.start()
        try:
            yield Watched(observed, log)
            assert program.wait() == 0
        finally:
            # Of a test that fails it still runs.
            program.send_signal(signal.SIGKILL)
            program.wait()
            observed.stop()
            program.close()


def test_pools_one_after_the_other_share_a_seat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next pool takes the place of the one that has ended, which does not come back, also while it is kept."""
    source = """
    kept = []
    for name in "abc":
        kept.append(opened(name))
        kept[-1].close()
        kept[-1].join()
    work("end")
    """
    with watched(source, tmp_path, monkeypatch) as seen:
        for name in "abc":
            wait_until(partial(seen.runs, name), what=f"pool {name} is seen")
            assert list(seen.pictures()) == ["prog"]
            (tmp_path / name).touch()
        wait_until(lambda: seen.pictures()["prog"].state is PoolState.ENDED, what="the last one is over")
        (tmp_path / "end").touch()
    assert len([line for line in seen.log() if line.startswith("Pool of 1 workers")]) == 3


def test_pool_that_found_no_seat_gets_the_first_that_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More pools than seats: the log says who waits, and who waits is seen once another one has ended."""
    monkeypatch.setattr(observation, "MOST_SEATS", 1)
    source = """
    first, second = opened("a"), opened("b")
    for pool in (first, second):
        pool.close()
        pool.join()
    """
    with watched(source, tmp_path, monkeypatch) as seen:
        wait_until(lambda: any("is not shown yet" in line for line in seen.log()), what="the second one waits")
        wait_until(lambda: seen.runs("a"), what="the first one is seen")
        (tmp_path / "a").touch()
        wait_until(lambda: seen.runs("b"), what="the second one is seen")
        assert list(seen.pictures()) == ["prog"]
        (tmp_path / "b").touch()
    assert sum("is not shown yet" in line for line in seen.log()) == 1


def test_program_of_very_brief_pools_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where brief pools follow each other without end, they are shown as they come, in one seat."""
    # However slow the machine, they are brief.
    monkeypatch.setattr(observation, "SETTLED", 1000.0)
    source = """
    while not os.path.exists("end"):
        pool = opened("-")
        pool.close()
        pool.join()
    """
    with watched(source, tmp_path, monkeypatch) as seen:
        wait_until(lambda: any(job.args == "('-')" for each in seen.pictures().values() for job in each.jobs))
        assert list(seen.pictures()) == ["prog"]
        (tmp_path / "end").touch()


def test_single_brief_pool_is_only_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that opens a pool for a moment, and then has none, has no screen."""
    monkeypatch.setattr(observation, "SETTLED", 1000.0)
    source = """
    pool = opened("-")
    pool.close()
    pool.join()
    """
    with watched(source, tmp_path, monkeypatch) as seen:
        pass
    assert seen.pictures() == {}
    assert seen.observed.totals() == "1 pool, 1 job, 1 ended"
