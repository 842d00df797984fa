"""Steps to be run later, on the dispatcher's thread."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from itertools import count


class Timers:
    """A queue of steps by the moment at which they are due."""

    def __init__(self) -> None:
        self._queue: list[tuple[float, int, Callable[[], object]]] = []
        # Steps that are due at the same moment run in the order in which they were put.
        self._numbers = count()

    @property
    def due(self) -> float | None:
        """When the next step is due (CLOCK_MONOTONIC, s), None if there is none."""
        return self._queue[0][0] if self._queue else None

    def later(self, seconds: float, step: Callable[[], object]) -> None:
        """Run ``step`` after ``seconds``."""
        heapq.heappush(self._queue, (time.monotonic() + seconds, next(self._numbers), step))

    def run(self) -> None:
        """Run the steps that are due."""
        now = time.monotonic()
        while self._queue and self._queue[0][0] <= now:
            heapq.heappop(self._queue)[2]()
