"""The sampler: real figures of real processes, and not too many looks at them."""

from __future__ import annotations

import os
import signal

import pytest

from poolmgr.monitor.sampler import INTERVAL, Sampler
from tests.helpers.programs import line, program
from tests.helpers.wait import wait_until

BUSY = "print('on', flush=True)\nwhile True: pass"
QUIET = "import sys; print('on', flush=True); sys.stdin.readline()"


def test_busy_process_shows_cpu_and_a_quiet_one_does_not() -> None:
    """CPU comes with the second look, memory with the first."""
    sampler = Sampler()
    with program(BUSY) as busy, program(QUIET) as quiet:
        line(busy), line(quiet)
        pids = [busy.pid, quiet.pid]
        first = sampler.sample(pids)
        assert [first[pid].cpu_percent for pid in pids] == [None, None]
        assert min(first[pid].rss for pid in pids) > 1_000_000
        wait_until(lambda: (sampler.sample(pids)[busy.pid].cpu_percent or 0) > 10)
        # At the first look it may have been on its way to its rest, and may have filled a tick of the kernel since.
        wait_until(lambda: sampler.sample(pids)[quiet.pid].cpu_percent == 0.0)
        assert sampler.seconds > 0


def test_stopped_process_is_frozen_until_it_goes_on() -> None:
    """SIGSTOP shows at the next look, and so does SIGCONT."""
    sampler = Sampler()
    with program(QUIET) as quiet:
        line(quiet)
        assert not sampler.sample([quiet.pid])[quiet.pid].frozen
        quiet.send_signal(signal.SIGSTOP)
        wait_until(lambda: sampler.sample([quiet.pid])[quiet.pid].frozen)
        quiet.send_signal(signal.SIGCONT)
        wait_until(lambda: not sampler.sample([quiet.pid])[quiet.pid].frozen)


def test_process_that_vanished_is_absent() -> None:
    """A process that ended is left out, others stay."""
    sampler = Sampler()
    with program(QUIET) as quiet:
        line(quiet)
        pids = [quiet.pid, os.getpid()]
        assert sampler.sample(pids).keys() == set(pids)
    wait_until(lambda: sampler.sample(pids).keys() == {os.getpid()})


def test_never_seen_process_is_absent() -> None:
    """A process id that nobody has is no error."""
    assert Sampler().sample([2**22 + 1]) == {}


def test_looks_are_spread_over_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many processes that are due at once are looked at in turn, a share in each frame."""
    clock = [0.0]
    monkeypatch.setattr("poolmgr.monitor.sampler.time.monotonic", lambda: clock[0])
    with program(QUIET) as first, program(QUIET) as second:
        sampler, pids = Sampler(), [os.getpid(), first.pid, second.pid]
        sampler.sample(pids)
        fresh = []
        for clock[0] in (INTERVAL - 0.01, INTERVAL, INTERVAL + 0.01, INTERVAL + 0.02):
            samples = sampler.sample(pids).values()
            fresh.append(sum(sample.cpu_percent is not None for sample in samples))
        assert fresh == [0, 1, 2, 3]
