"""Imports only go down, and what every worker imports stays light."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: What no worker may have to import.
HEAVY = {"textual", "psutil", "rich", "click"}


def imported_by(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has after running ``code``."""
    show = "import json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    run = subprocess.run([sys.executable, "-c", f"{code}\n{show}"], capture_output=True, text=True, timeout=30)
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout))


def test_floors() -> None:
    """The contracts of pyproject.toml hold."""
    run = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    "code",
    [
        "import poolmgr",
        "import poolmgr.cli",
        "import poolmgr.engine.worker",
        "from poolmgr import Pool",
        "import poolmgr.demos.stdlib",
    ],
)
def test_workers_import_nothing_heavy(code: str) -> None:
    """Whatever a worker may have to import brings in no screen, no sampler and no command line."""
    assert not imported_by(code) & HEAVY


def test_pool_starts_without_what_takes_long_to_import() -> None:
    """Opening a pool and running a job imports nothing that takes as long as starting a worker by fork."""
    code = "import poolmgr; pool = poolmgr.Pool(1); assert pool.apply(abs, (-1,)) == 1; pool.terminate(); pool.join()"
    slow = {"asyncio", "concurrent", "dataclasses", "inspect", "logging", "pathlib", "cloudpickle", "numpy"}
    assert not imported_by(code) & slow


def test_command_line_imports_no_screen() -> None:
    """The verbs, the session and the run without a screen import no textual."""
    code = "import poolmgr.cli.root, poolmgr.cli.screen, poolmgr.cli.headless, poolmgr.runners.session"
    assert "textual" not in imported_by(code)
