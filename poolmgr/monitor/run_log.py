"""The log of a run: what the program printed on its terminal, and what was seen of its pools.

Threads: any add lines; pictures are taken by the collectors.  A lock guards the number of the next line.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from itertools import count

from poolmgr.model.log import LogLine

#: Lines that a picture carries, as the engine's pools do.
KEPT = 500


class RunLog:
    """Lines, the newest last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: deque[LogLine] = deque(maxlen=KEPT)
        self._numbers = count(1)

    def add(
        self,
        text: str,
        *,
        kind: str = "event",
        level: str = "info",
        slot: int | None = None,
        pid: int | None = None,
        job_id: int | None = None,
    ) -> None:
        """Add a line."""
        with self._lock:
            self._lines.append(LogLine(next(self._numbers), time.time(), kind, text, slot, pid, job_id, level))

    def printed(self, line: str) -> None:
        """Add a line that the program printed."""
        self.add(line, kind="out")

    def lines(self) -> tuple[LogLine, ...]:
        """Those that are kept."""
        with self._lock:
            return tuple(self._lines)
