"""CPython's own tests of pools and executors pass on the stock classes under the hook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from poolmgr.hook import environment
from tests.helpers.stdlib_pools import POOLS

ROOT = Path(__file__).parents[2]
#: ``benchmarks/hook_cpython.py`` runs all, with all start methods, and compares with a run without the hook.
SOME = (*POOLS, "ProcessPoolForkProcessPoolExecutorTest")


def test_cpython_tests_pass(run_folder: str) -> None:
    """Whatever CPython asks of its Pool and its ProcessPoolExecutor holds, by fork."""
    env = environment(run_folder)
    env["PYTHONPATH"] += os.pathsep + str(ROOT)
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.helpers.stdlib_pools", "fork", *SOME],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=55,
    )
    assert run.returncode == 0, run.stderr
    outcomes = json.loads(run.stdout.splitlines()[-1])
    assert set(outcomes.values()) <= {"ok", "skipped"}
    assert len(outcomes) > 40
    assert not list(Path(run_folder).glob("notes.*"))
