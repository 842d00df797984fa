"""``poolmgr locks``: what a program waits for that knows nothing of poolmgr, and has nothing of it inside."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from poolmgr.errors import UsageError
from poolmgr.monitor import futexes
from poolmgr.runtime.procfs import threads
from tests.helpers.commands import poolmgr
from tests.helpers.wait import wait_until

PROGRAM = Path(__file__).parents[1] / "helpers" / "lock_program.py"


@pytest.fixture
def crossed() -> Iterator[subprocess.Popen[bytes]]:
    """Two processes that wait for each other's lock, without the hook."""
    child = subprocess.Popen(
        [sys.executable, str(PROGRAM), "crossed", "fork"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    yield child
    child.communicate()


def waiting(pid: int, cwd: Path) -> list[dict[str, Any]]:
    """Who waits, as the verb tells it in JSON."""
    run = poolmgr("locks", str(pid), "--json", cwd=cwd)
    assert run.returncode == 0, run.stderr
    found: list[dict[str, Any]] = json.loads(run.stdout)["waiting"]
    return found


def test_waiters_of_any_program(crossed: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """Each of two processes is told with the semaphore that it waits for, and they are two different ones."""
    wait_until(lambda: len(futexes.look(crossed.pid).waiting) == 2)
    one, other = waiting(crossed.pid, tmp_path)
    assert crossed.pid not in (one["pid"], other["pid"])
    assert one["semaphore"]["inode"] != other["semaphore"]["inode"]
    for each in (one, other):
        assert (each["semaphore"]["value"], each["semaphore"]["waiting"]) == (0, 1)
        assert each["thread"] == each["pid"]
        assert not each["semaphore"]["is_named"]
    run = poolmgr("locks", str(crossed.pid), cwd=tmp_path)
    assert run.stdout.split()[:3] == ["PID", "THREAD", "NAME"]
    assert str(one["pid"]) in run.stdout


def test_program_that_waits_for_nothing(tmp_path: Path) -> None:
    """A program that waits for no lock is told so."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        run = poolmgr("locks", str(child.pid), cwd=tmp_path)
        child.communicate(b"\n")
    assert (run.returncode, run.stdout) == (0, "")
    assert "no thread of this process waits" in run.stderr


def test_process_that_is_not_there(tmp_path: Path) -> None:
    """A process id of nobody is one sentence and exit code 2."""
    run = poolmgr("locks", "4194303", cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    assert "there is no process 4194303" in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_thread_that_has_ended_hides_no_other(
    crossed: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that ends while its process is looked at is left out, and nothing else of the process is."""
    wait_until(lambda: len(futexes.look(crossed.pid).waiting) == 2)
    monkeypatch.setattr(futexes, "threads", lambda pid: [4194303, *threads(pid)])
    # Just before they lock each other out they wait for an event, for a moment, and two were seen then.
    wait_until(lambda: len(futexes.look(crossed.pid).waiting) == 2)


def test_rights_and_systems_where_it_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may not look, or looks on another machine, is told what to do instead."""
    monkeypatch.setattr(futexes, "_look_into", _refuse)
    with pytest.raises(UsageError, match="you may not look into process"):
        futexes.look(os.getpid())
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(UsageError, match="x86-64 only, and this is aarch64"):
        futexes.look(os.getpid())


def _refuse(pid: int) -> list[futexes.WaitingThread]:
    raise PermissionError(pid)
