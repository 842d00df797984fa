"""CPython's own tests of locks and of what is made of them pass under the hook."""

from __future__ import annotations

import pytest

from tests.helpers.hooked import cpython_outcomes

#: Under spawn and forkserver a few, since each of their processes takes long to start: what is handed over is the same.
#: ``python -m tests.helpers.stdlib_locks METHOD`` runs all of them.
SOME = ("WithProcessesTestLock", "WithProcessesTestSemaphore", "WithProcessesTestEvent", "WithProcessesTestValue")


@pytest.mark.parametrize(("method", "classes"), [("fork", ()), ("spawn", SOME), ("forkserver", SOME)])
def test_cpython_tests_pass(run_folder: str, method: str, classes: tuple[str, ...]) -> None:
    """Whatever CPython asks of its locks, semaphores, conditions, events, barriers, queues, values and arrays holds."""
    outcomes = cpython_outcomes(run_folder, "stdlib_locks", method, *classes)
    assert set(outcomes.values()) == {"ok"}
    assert len(outcomes) > (60 if method == "fork" else 8)
