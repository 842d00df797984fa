"""Runs CPython's own tests of locks and of what is made of them, whole, in this interpreter.

    python -m tests.helpers.stdlib_locks START_METHOD [CLASS...]

The last line on stdout is a JSON object: what became of each test.
"""

from __future__ import annotations

import json
import sys
import unittest
from collections.abc import Iterable
from typing import Any

from test import _test_multiprocessing as cpython

#: Test classes about what is tracked, as ``_test_multiprocessing`` names them.
CLASSES = (
    "WithProcessesTestLock",
    "WithProcessesTestSemaphore",
    "WithProcessesTestCondition",
    "WithProcessesTestEvent",
    "WithProcessesTestBarrier",
    "WithProcessesTestQueue",
    "WithProcessesTestValue",
    "WithProcessesTestArray",
    "WithProcessesTestConnection",
    "WithProcessesTestSharedCTypes",
    "TestSimpleQueue",
    "TestSyncManagerTypes",
)


class Outcomes(unittest.TextTestResult):
    """Remembers each test by its name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by_name: dict[str, str] = {}

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self.by_name[test.id()] = "ok"

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self.by_name[test.id()] = "skipped"

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, err)
        self.by_name[test.id()] = "failed"

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        super().addError(test, err)
        self.by_name[test.id()] = "error"


def run(classes: Iterable[type[unittest.TestCase]], module: dict[str, Any]) -> int:
    """Run test classes of a module that CPython's are installed in; the exit code is 0 if all passed."""
    suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromTestCase(each) for each in classes)
    module["setUpModule"]()
    try:
        result = unittest.TextTestRunner(resultclass=Outcomes, verbosity=0).run(suite)
    finally:
        module["tearDownModule"]()
    assert isinstance(result, Outcomes)
    print("\n" + json.dumps(result.by_name))
    return 0 if result.wasSuccessful() else 1


def main(names: list[str]) -> int:
    """Run those about locks."""
    found = globals()
    return run([found[name] for name in (names or CLASSES) if name in found], found)


if len(sys.argv) > 1 and __name__ in ("__main__", "__mp_main__"):
    # At import, so that a spawned process finds the classes too.
    cpython.install_tests_in_module_dict(globals(), sys.argv[1])

if __name__ == "__main__":
    sys.exit(main(sys.argv[2:]))
