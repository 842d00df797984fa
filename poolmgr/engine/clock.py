"""The clock that dates jobs."""

from __future__ import annotations

import time


class Clock:
    """Seconds since the epoch, the same object for all who ask within a millisecond: a million jobs keep one each."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self) -> float:
        now = time.time()
        last = self._last
        if 0 <= now - last < 0.001:
            return last
        self._last = now
        return now
