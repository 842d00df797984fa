"""Requests to a pool of a program under the hook, as screens and ``ctl`` send them: kill and stop."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from poolmgr.control.observed import ObservedControl
from poolmgr.control.stock import StockActs
from poolmgr.model.requests import Cancel, Kill, Reply
from poolmgr.monitor.collector import Collector
from poolmgr.monitor.observed_pool import ProgramPool
from poolmgr.monitor.run_log import RunLog
from poolmgr.monitor.seat import Seat
from tests.helpers import hooked
from tests.helpers.wait import wait_until

#: A pool of one worker, in a job that hears of a soft stop, or in one that does not.
SOURCE = """
    import multiprocessing, signal, sys, time

    def sleep():
        time.sleep(1000)

    def deaf():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGRTMIN + 6})
        print("deaf", flush=True)
        time.sleep(1000)

    if __name__ == "__main__":
        pool = multiprocessing.get_context("fork").Pool(1)
        try:
            pool.apply(globals()[sys.argv[1]])
        except Exception as error:
            print(error, flush=True)
        sys.stdin.read()
"""


class Sat:
    """A program's pool in a seat, looked at once, and its control."""

    def __init__(self, program: hooked.Hooked) -> None:
        self.program = program
        self.log = RunLog()
        seat = Seat("prog", program.process.pid, self.log, str)
        self.pool: ProgramPool = seat.seat(program.pool())
        self.control = ObservedControl(
            seat,
            Collector(seat),
            StockActs(program.folder),
            end_program=str,
            hurry=lambda hertz: None,
            release=lambda lock: Reply(False, "there are none"),
        )
        (worker,) = program.running()
        self.pool.take(program.pool(), [worker], {worker.pid, program.process.pid})

    def said(self) -> list[str]:
        """The lines of the log."""
        return [line.text for line in self.log.lines()]


@pytest.fixture
def sat(run_folder: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Sat]:
    """A pool in the job that the test names."""
    with hooked.program(hooked.script(tmp_path, SOURCE), request.param, folder=run_folder) as program:
        if request.param == "deaf":
            assert program.line() == "deaf"
        yield Sat(program)


@pytest.mark.parametrize("sat", ["sleep"], indirect=True)
@pytest.mark.parametrize("ask", [Cancel(0), Kill(0), Kill(0, grace=60.0)], ids=["cancel", "kill", "grace"])
def test_job_that_was_to_end_is_told_as_killed(sat: Sat, ask: Cancel | Kill) -> None:
    """Stopped or killed on request, a stock Pool's job is no accident."""
    reply = sat.control.send(ask)
    assert reply.ok, reply
    assert "was killed on request" in sat.program.line()
    sat.pool.take(sat.program.until(lambda pool: len(pool.ends) == 1, "its end is told"), [], {os.getpid()})
    counts = sat.pool.snapshot("prog").counts
    assert (counts.killed, counts.lost) == (1, 0)


@pytest.mark.parametrize("sat", ["deaf"], indirect=True)
def test_job_that_does_not_stop_is_killed_after_its_grace(sat: Sat) -> None:
    """A job that hears no soft stop gets SIGKILL when the grace is over, and the log says so."""
    reply = sat.control.send(Kill(0, grace=0.2))
    assert reply.ok
    assert reply.text.endswith("it gets SIGKILL in 0.2 s")
    assert "was killed on request" in sat.program.line()
    wait_until(lambda: any("was killed with its worker" in line for line in sat.said()), what="it is in the log")


@pytest.mark.parametrize("sat", ["deaf"], indirect=True)
def test_job_that_ends_within_its_grace_is_left_alone(sat: Sat, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the grace is over and the job too, nobody is killed, no error is left in the air, and the log says so."""
    failed: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    assert sat.control.send(Kill(0, grace=1.0)).ok
    sat.pool.take(sat.program.pool(), [], {sat.program.process.pid})
    wait_until(
        lambda: failed or any("is in no worker's hands" in line for line in sat.said()), what="the grace is over"
    )
    assert not failed
    assert len(sat.program.running()) == 1
