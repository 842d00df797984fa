"""CPython's executor tests, as submodules of this package, from whichever installed Python has them.

An installation may lack them: then those of another version beside it serve, the newest.  It is a package of ours, so
that workers can import what the tests send them, under every start method and Python version.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import test
from test import support

#: Names a ``Lib/test`` folder to take the tests from.
CHOICE = "POOLMGR_CPYTHON_TESTS"
NAME = "test_concurrent_futures"


def _folders() -> Iterator[Path]:
    """Where tests of the standard library may be, the best first."""
    if chosen := os.environ.get(CHOICE):
        yield Path(chosen)
    yield from map(Path, test.__path__)
    others = Path(sys.base_prefix).parent.glob("*/lib/python3.*/test")
    yield from sorted(others, key=lambda path: int(re.findall(r"\d+", path.parent.name)[-1]), reverse=True)


def _find() -> tuple[Path, tuple[str, ...]]:
    """The folder to import the tests from, and the modules: a package since 3.12, one file before."""
    for folder in _folders():
        if (folder / NAME / "test_process_pool.py").exists():
            return folder / NAME, MODULES
        if (folder / f"{NAME}.py").exists():
            return folder, (NAME,)
    raise ModuleNotFoundError(
        f"no Python here has the test package {NAME}; install one that has it beside this one, or name a Lib/test "
        f"folder in the variable {CHOICE}"
    )


def _complete(helpers: Any) -> None:
    """Add what the tests of a newer Python want of the running one's ``test.support``."""
    if hasattr(helpers, "Py_GIL_DISABLED"):
        return
    helpers.Py_GIL_DISABLED = False
    helpers.requires_gil_enabled = lambda reason: lambda tested: tested
    check = helpers.check_sanitizer
    helpers.check_sanitizer = lambda *, thread=False, **others: bool(others) and check(**others)
    helpers.skip_if_sanitizer = lambda *_, **__: lambda tested: tested


#: The modules that have tests of process pools.
MODULES = ("test_process_pool", "test_init", "test_shutdown", "test_deadlock", "test_wait", "test_as_completed")

_folder, modules = _find()
_complete(support)
__path__ = [str(_folder)]
#: What programs that the tests start import their helpers from, and what from instead.
HOMES = (f"test.{NAME}", __name__ if len(modules) > 1 else f"{__name__}.{NAME}")
