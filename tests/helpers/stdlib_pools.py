"""Runs CPython's own tests of processes, pools and executors on the stock classes, whole, in this interpreter.

    python -m tests.helpers.stdlib_pools START_METHOD [CLASS...]

The last line on stdout is a JSON object: what became of each test.  Where the installed Python lacks the executors'
tests those of another version beside it serve (``tests/stdlib/cpython_executor``).
"""

from __future__ import annotations

import inspect
import re
import sys
import threading
import unittest
from importlib import import_module

from test import _test_multiprocessing as cpython

from tests.helpers.stdlib_locks import run
from tests.stdlib import cpython_executor

#: Test classes about pools.
POOLS = (
    "WithProcessesTestPool",
    "WithProcessesTestPoolWorkerErrors",
    "WithProcessesTestPoolWorkerLifetime",
    "TestInitializers",
    "TestPoolNotLeakOnFailure",
)


def _executor_classes(method: str) -> dict[str, type[unittest.TestCase]]:
    prefix = re.compile(f"ProcessPool{method.capitalize()}(?!server)")
    modules = [import_module(f"{cpython_executor.__name__}.{name}") for name in cpython_executor.modules]
    found = {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if prefix.match(name) and isinstance(value, type) and issubclass(value, unittest.TestCase)
    }
    if not hasattr(threading, "_start_joinable_thread"):
        # A test of a newer Python's threads.
        for one in found.values():
            if hasattr(one, "test_python_finalization_error"):
                one.test_python_finalization_error = None
    return found


def main(method: str, chosen: list[str]) -> int:
    """Run them; the exit code is 0 if all passed."""
    found = globals()
    executors = _executor_classes(method)
    names = chosen or sorted(name for name, value in found.items() if _is_of_processes(name, value))
    classes = [found[name] for name in names if name in found]
    classes += [value for name, value in executors.items() if not chosen or name in chosen]
    return run(classes, found)


def _is_of_processes(name: str, value: object) -> bool:
    """Whether a class is about processes: neither threads nor managers, and not the abstract ones."""
    tests = inspect.isclass(value) and issubclass(value, unittest.TestCase)
    return tests and not name.startswith(("WithThreads", "WithManager", "_", "Base"))


if len(sys.argv) > 1 and __name__ in ("__main__", "__mp_main__"):
    # At import, so that a spawned process finds the classes too.
    cpython.install_tests_in_module_dict(globals(), sys.argv[1])

if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
