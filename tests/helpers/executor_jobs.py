"""Jobs for the executor's tests: importable by workers under every start method."""

from __future__ import annotations

import multiprocessing
from typing import NoReturn

from poolmgr.errors import WorkerDied
from tests.helpers.jobs import leave


def run_in_child_process() -> int | None:
    """Run a process of the job's own, by multiprocessing, and give its exit code."""
    child = multiprocessing.Process(target=leave, args=(7,))
    child.start()
    child.join()
    return child.exitcode


def raise_worker_died() -> NoReturn:
    """Raise an error of poolmgr's own, as a job with a pool of its own may."""
    raise WorkerDied(1, 2, -9, "f()")
