"""Waiting in tests: for a condition, with a deadline, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Long enough for a loaded two-core machine, short enough that a hang is seen.
DEADLINE = 15.0
#: How often a condition is asked: often enough to be quick, seldom enough to leave the cores to the work.
STEP = 0.01


def wait_until(condition: Callable[[], T], deadline: float = DEADLINE, what: str = "") -> T:
    """Return the first true value of ``condition()``, or fail after ``deadline`` seconds."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline:g} s: {what or condition}")
        time.sleep(STEP)
