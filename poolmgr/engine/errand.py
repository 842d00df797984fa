"""What an executor's workers run beside the user's function.

Runs: in workers only.  Imports the standard library only: a worker under spawn pays for every import.
"""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing import process
from typing import Any


def enter(initializer: Callable[..., object] | None, initargs: tuple[Any, ...]) -> None:
    """The initializer of an executor's workers: allow jobs to have child processes, then run the user's own."""
    # A pool's workers are daemons, which multiprocessing forbids to have children; the stock executor's are not.
    process.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    if initializer is not None:
        initializer(*initargs)


def run_chunk(fn: Callable[..., Any], chunk: tuple[tuple[Any, ...], ...]) -> list[Any]:
    """Call ``fn`` once for each tuple of arguments."""
    return [fn(*args) for args in chunk]
