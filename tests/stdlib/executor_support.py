"""CPython's own executor tests, run on ``poolmgr.PoolExecutor``: imported from an installed Python.

The stock class is replaced where the tests look it up: in ``concurrent.futures``, in the mixins that make an executor
for each start method, and in the programs that the tests start.  What is left out is in ``LEFT_OUT``, by name.
"""

from __future__ import annotations

import re
import unittest
from concurrent import futures
from importlib import import_module
from pathlib import Path
from typing import Any

from test.support import script_helper

import poolmgr
from tests.stdlib import cpython_executor

ROOT = Path(__file__).resolve().parents[2]

ALL = ("fork", "spawn", "forkserver")
STARTED_ANEW = ("spawn", "forkserver")

STAYS_BROKEN = "wants every later submission to fail, and _broken to say so; this executor goes on"
BREAKS = "wants the executor to break over a call that a worker cannot read; here that call alone fails, with its error"
STOCK_THREADS = "waits for the stock executor's own thread and queue, by their private names"
COUNTS_PROCESSES = "counts in _processes that workers are started one by one; here the first submission starts all"
STOCK_TRACEBACK = "wants the private class _RemoteTraceback as the error's cause; here it is the pool's RemoteTraceback"
THREAD_NUMBER = "counts calls of a private function of threading, to stop the stock executor's second thread"

#: What is left out: the class without its start method, the test, the start methods, the reason.  Each wants either a
#: private attribute or that the executor breaks.  FailingInitializerResourcesTest, which is of no start method, is not
#: taken either: it runs the FailingInitializerTest that stands here.
LEFT_OUT: dict[str, tuple[tuple[str, ...], str]] = {
    "ProcessPoolExecutorTest.test_killed_child": (ALL, STAYS_BROKEN),
    "ProcessPoolExecutorTest.test_idle_process_reuse_one": (STARTED_ANEW, COUNTS_PROCESSES),
    "ProcessPoolExecutorTest.test_idle_process_reuse_multiple": (STARTED_ANEW, COUNTS_PROCESSES),
    "ProcessPoolExecutorTest.test_traceback": (ALL, STOCK_TRACEBACK),
    "ProcessPoolExecutorTest.test_python_finalization_error": (ALL, THREAD_NUMBER),
    "FailingInitializerTest.test_initializer": (ALL, STAYS_BROKEN),
    "ProcessPoolShutdownTest.test_processes_terminate": (STARTED_ANEW, COUNTS_PROCESSES),
    "ProcessPoolShutdownTest.test_del_shutdown": (ALL, STOCK_THREADS),
    "ProcessPoolShutdownTest.test_shutdown_no_wait": (ALL, STOCK_THREADS),
    "ExecutorDeadlockTest.test_shutdown_deadlock_pickle": (ALL, STOCK_THREADS),
    "ExecutorDeadlockTest.test_error_at_task_unpickle": (ALL, BREAKS),
    "ExecutorDeadlockTest.test_exit_at_task_unpickle": (ALL, BREAKS),
}


def install(namespace: dict[str, Any], start_method: str) -> None:
    """Put the process pool tests for ``start_method`` into a test module."""
    prefix = re.compile(f"ProcessPool{start_method.capitalize()}(?!server)")
    modules = [import_module(f"{cpython_executor.__name__}.{name}") for name in cpython_executor.modules]
    for module in modules:
        for name, value in vars(module).items():
            if prefix.match(name) and isinstance(value, type) and issubclass(value, unittest.TestCase):
                namespace[name] = _without(value, start_method)
    stock = futures.ProcessPoolExecutor
    run_program = script_helper.assert_python_ok
    mixins = {base for value in namespace.values() if isinstance(value, type) for base in value.__mro__}
    mixins = {base for base in mixins if vars(base).get("executor_type") is stock}

    def assert_python_ok(*args: str, **environment: str) -> Any:
        return run_program(*map(_adapted, args), **environment)

    def place(executor: Any, runner: Any) -> None:
        futures.ProcessPoolExecutor = executor  # type: ignore[misc]
        for mixin in mixins:
            mixin.executor_type = executor  # type: ignore[attr-defined]
        for module in modules:
            if hasattr(module, "assert_python_ok"):
                setattr(module, "assert_python_ok", runner)  # noqa: B010

    namespace["setUpModule"] = lambda: place(poolmgr.PoolExecutor, assert_python_ok)
    namespace["tearDownModule"] = lambda: place(stock, run_program)


def _without(tests: type[unittest.TestCase], start_method: str) -> type[unittest.TestCase]:
    """The test class without what is left out: a name that is None is no test."""
    kind = tests.__name__.removeprefix(f"ProcessPool{start_method.capitalize()}")
    gone = {
        name.partition(".")[2]: None
        for name, (methods, _) in LEFT_OUT.items()
        if name.startswith(f"{kind}.") and start_method in methods
    }
    return type(tests.__name__, (tests,), {"__module__": tests.__module__, **gone})


def _adapted(argument: str) -> str:
    if "\n" not in argument:
        return argument
    program = argument.replace("from concurrent.futures import PoolExecutor", "from poolmgr import PoolExecutor")
    return f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{program.replace(*cpython_executor.HOMES)}"
