"""``poolmgr demo NAME`` where it is a script: passed on, told in JSON, interrupted, or refused what it has not."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.helpers.commands import PATIENCE, poolmgr, started
from tests.helpers.terminal import terminal
from tests.helpers.wait import wait_until


def test_output_and_code_are_passed_on(tmp_path: Path) -> None:
    """Headless, what the script prints is on stdout as it printed it, and nothing else is said."""
    run = poolmgr("demo", "pipe", "--headless", "--quick", "--start-method", "fork", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    assert "  checked: both arrived whole" in run.stdout
    assert run.stdout.splitlines()[-1].startswith("figures: files=")


def test_json_is_alone_on_stdout(tmp_path: Path) -> None:
    """--json gives one object with what was checked and counted; what the script prints is on stderr."""
    run = poolmgr("demo", "queue", "--json", "--quick", cwd=tmp_path)
    assert run.stdout.count("\n") == 1
    found = json.loads(run.stdout)
    assert list(found) == ["name", "exit_code", "seconds", "checks", "figures"]
    assert (found["name"], found["exit_code"], run.returncode) == ("queue", 0, 0)
    assert "every file was counted once" in found["checks"]
    assert found["figures"]["files"] > 0
    assert isinstance(found["figures"]["waited"], float)
    assert found["seconds"] > 0
    assert "  checked: every file was counted once" in run.stderr


def test_options_reach_the_script(tmp_path: Path) -> None:
    """--workers goes to the script, before the verb too; one that has no use for it says so with exit code 2."""
    run = poolmgr("--workers", "3", "demo", "pool", "--json", "--quick", cwd=tmp_path)
    assert json.loads(run.stdout)["figures"]["workers"] == 3
    run = poolmgr("demo", "queue", "--headless", "--workers", "3", cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "queues.py: unrecognized arguments: --workers=3\n"


def test_deadlock_is_seen_and_resolved(tmp_path: Path) -> None:
    """Without --headless it is a run: the deadlock is seen with its locks' names; killing one process resolves it."""
    with started("demo", "deadlock", cwd=tmp_path) as process:
        sync = wait_until(lambda: deadlocked(tmp_path), deadline=PATIENCE, what="the deadlock is seen")
        locks = {each["id"]: each["name"] for each in sync["objects"]}
        (chain,) = sync["deadlocks"]
        assert {locks[link["lock"]] for link in chain} == {"east_account", "west_account"}
        stacks = {each["pid"]: each["calls"] for each in sync["stacks"]}
        assert stacks.keys() == {link["pid"] for link in chain}
        for calls in stacks.values():
            assert [call["function"] for call in calls][:2] == ["transfer_crossed", "cross"]
            assert calls[0]["source"] == "with locks[target]:"
        psutil.Process(chain[0]["pid"]).kill()
        stdout, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "  somebody has ended it after" in stdout


def deadlocked(folder: Path) -> Any:
    """The locks of the pool that is there, if they stand in a deadlock."""
    for pool in pools_there(folder):
        sync = (pool.get("status") or {}).get("sync") or {}
        if sync.get("deadlocks"):
            return sync
    return None


def pools_there(folder: Path) -> list[dict[str, Any]]:
    """The pools that are on a board now."""
    found: list[dict[str, Any]] = json.loads(poolmgr("top", "-1", "--json", cwd=folder).stdout)["pools"]
    return found


@pytest.mark.parametrize(("signum", "words"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "ended by SIGTERM")])
def test_signal_ends_it_with_all_its_processes(signum: signal.Signals, words: str, tmp_path: Path) -> None:
    """A signal ends the script and every process it started, two that wait for each other included."""
    with started("demo", "deadlock", "--headless", cwd=tmp_path) as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if "kill one of them" in line)
        waiting = [psutil.Process(int(word.strip(",;"))) for word in line.split() if word.strip(",;").isdecimal()][:2]
        process.send_signal(signum)
        _, stderr = process.communicate(timeout=PATIENCE)
        assert process.returncode == 128 + signum
        assert stderr.splitlines()[-1] == f"{words}: the demo did not get to its end"
        wait_until(lambda: not any(each.is_running() for each in waiting), what="both processes are gone")


def test_script_that_ends_before_its_screen_is_there(tmp_path: Path) -> None:
    """A script that is over before its screen is there leaves what it printed, and no traceback of ours."""
    with terminal("demo", "errors", "--quick", cwd=tmp_path) as screen:
        assert screen.wait() == 0
        assert b"/poolmgr/tui/" not in screen.written
        assert "figures: " in screen.read()
