"""CPython's own pool tests, run on ``poolmgr.Pool``: imported from the installed Python, with nothing left out.

``WithThreadsTestPool`` is not among them: it tests the stock ``ThreadPool``, which has nothing of poolmgr in it (and
whose terminate() can wait for a sleeping thread: CPython's own race).

The stock class is replaced where every context looks it up (``multiprocessing.pool.Pool``), in the registry of
Managers, and in the programs that the tests start.
"""

from __future__ import annotations

import multiprocessing.pool
from multiprocessing import managers
from typing import Any

from test import _test_multiprocessing as cpython
from test.support import script_helper

import poolmgr

#: Test classes about pools, as ``_test_multiprocessing`` names them. The rest of that file has no pool in it.
POOL_TESTS = (
    "WithProcessesTestPool",
    "WithManagerTestPool",
    "WithProcessesTestPoolWorkerErrors",
    "WithProcessesTestPoolWorkerLifetime",
    "TestInitializers",
    "TestPoolNotLeakOnFailure",
    "TestSyncManagerTypes",
    "TestStdinBadfiledescriptor",
)


def install(namespace: dict[str, Any], start_method: str) -> None:
    """Put the pool tests for ``start_method`` into a test module."""
    found: dict[str, Any] = {"__name__": namespace["__name__"]}
    cpython.install_tests_in_module_dict(found, start_method)
    for name in POOL_TESTS:
        namespace[name] = found[name]
    set_up, tear_down = found["setUpModule"], found["tearDownModule"]
    stock = multiprocessing.pool.Pool
    in_managers = managers.SyncManager._registry["Pool"]  # type: ignore[attr-defined]
    run_program = script_helper.assert_python_ok

    def assert_python_ok(*args: str, **environment: str) -> Any:
        return run_program(
            *(arg.replace("from multiprocessing import Pool", "from poolmgr import Pool") for arg in args)
        )

    def setUpModule() -> None:
        multiprocessing.pool.Pool = poolmgr.Pool  # type: ignore[misc]
        managers.SyncManager._registry["Pool"] = (poolmgr.Pool, *in_managers[1:])  # type: ignore[attr-defined]
        script_helper.assert_python_ok = assert_python_ok
        set_up()

    def tearDownModule() -> None:
        tear_down()
        multiprocessing.pool.Pool = stock  # type: ignore[misc]
        managers.SyncManager._registry["Pool"] = in_managers  # type: ignore[attr-defined]
        script_helper.assert_python_ok = run_program

    namespace["setUpModule"], namespace["tearDownModule"] = setUpModule, tearDownModule
