"""CPython's own tests of locks and of what is made of them pass under the hook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from poolmgr.hook import environment

ROOT = Path(__file__).parents[2]
#: Under spawn and forkserver a few, since each of their processes takes long to start: what is handed over is the same.
#: ``python -m tests.helpers.stdlib_locks METHOD`` runs all of them.
SOME = ("WithProcessesTestLock", "WithProcessesTestSemaphore", "WithProcessesTestEvent", "WithProcessesTestValue")


@pytest.mark.parametrize(("method", "classes"), [("fork", ()), ("spawn", SOME), ("forkserver", SOME)])
def test_cpython_tests_pass(run_folder: str, method: str, classes: tuple[str, ...]) -> None:
    """Whatever CPython asks of its locks, semaphores, conditions, events, barriers, queues, values and arrays holds."""
    env = environment(run_folder)
    env["PYTHONPATH"] += os.pathsep + str(ROOT)
    run = subprocess.run(
        [sys.executable, "-m", "tests.helpers.stdlib_locks", method, *classes],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=55,
    )
    assert run.returncode == 0, run.stderr
    outcomes = json.loads(run.stdout.splitlines()[-1])
    assert set(outcomes.values()) == {"ok"}
    assert len(outcomes) > (60 if method == "fork" else 8)
    assert not list(Path(run_folder).glob("notes.*"))
