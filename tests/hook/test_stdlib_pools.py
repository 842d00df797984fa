"""CPython's own tests of pools and executors pass on the stock classes under the hook."""

from __future__ import annotations

from tests.helpers.hooked import cpython_outcomes
from tests.helpers.stdlib_pools import POOLS

#: ``benchmarks/hook_cpython.py`` runs all, with all start methods, and compares with a run without the hook.
SOME = (*POOLS, "ProcessPoolForkProcessPoolExecutorTest")


def test_cpython_tests_pass(run_folder: str) -> None:
    """Whatever CPython asks of its Pool and its ProcessPoolExecutor holds, by fork."""
    outcomes = cpython_outcomes(run_folder, "stdlib_pools", "fork", *SOME)
    assert set(outcomes.values()) <= {"ok", "skipped"}
    assert len(outcomes) > 40
