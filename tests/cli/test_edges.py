"""Where the command line is started with less than it expects: limits, folders, and streams that are closed or full."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.helpers.commands import COMMAND, PATIENCE


def shell(line: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which ``poolmgr`` is the command under test."""
    return subprocess.run(
        ["sh", "-c", f'poolmgr() {{ {shlex.join(COMMAND)} "$@"; }}; {line}'],
        cwd=cwd,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_pool_that_the_system_has_no_room_for(tmp_path: Path) -> None:
    """A pool that the limits of the system forbid is one sentence and exit code 2, and what was opened is gone."""
    run = shell("ulimit -n 40; poolmgr demo --json --workers 60 --start-method fork", tmp_path)
    assert run.stderr == "poolmgr: a pool of 60 workers cannot be opened here: Too many open files\n"
    assert (run.returncode, run.stdout) == (2, "")


def test_runtime_folder_that_others_can_write(tmp_path: Path) -> None:
    """A runtime folder that is open to others is not used: one sentence, exit code 2."""
    folder = tmp_path / "poolmgr"
    folder.mkdir()
    folder.chmod(0o777)
    run = shell("poolmgr demo --json --for 1", tmp_path, XDG_RUNTIME_DIR=str(tmp_path))
    assert run.stderr.startswith(f"poolmgr: {folder} is open to others")
    assert run.stderr.count("\n") == 1
    assert (run.returncode, run.stdout) == (2, "")


def test_closed_stderr(tmp_path: Path) -> None:
    """With stderr closed, progress goes nowhere, and least of all into the results."""
    run = shell("poolmgr demo --json --for 1.5 --workers 1 2>&-", tmp_path)
    assert json.loads(run.stdout)["done"] > 0
    assert run.stderr == ""


def test_closed_stdout(tmp_path: Path) -> None:
    """With stdout closed the run is as any other."""
    run = shell("poolmgr demo --list >&-", tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_full_stdout_is_a_sentence(tmp_path: Path) -> None:
    """Results that cannot be written are told in one sentence, with exit code 1."""
    run = shell("poolmgr demo --list >/dev/full", tmp_path)
    assert run.stderr == "poolmgr: stdout cannot be written: No space left on device\n"
    assert run.returncode == 1


@pytest.mark.parametrize("line", ["demo --json --for 0.5", "demo --headless --for 0.5", "demo --list"])
def test_reader_that_went_away(line: str, tmp_path: Path) -> None:
    """A reader of the results that closes its end makes no noise."""
    run = shell(f"poolmgr {line} --workers 1 | true", tmp_path)
    # A slow machine comes to a line of progress, which is no noise.
    noise = [line for line in run.stderr.splitlines() if "jobs done" not in line]
    assert (run.stdout, noise) == ("", [])


def test_reader_of_progress_that_went_away(tmp_path: Path) -> None:
    """A reader of the progress that closes its end does not end the run."""
    run = shell("{ poolmgr demo --json --for 2.5 --workers 1 2>&3 | cat >outcome; } 3>&1 | true", tmp_path)
    assert json.loads((tmp_path / "outcome").read_text())["done"] > 0
    assert run.stderr == ""
