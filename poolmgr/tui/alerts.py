"""What a pool has warned of: the warnings and errors of its log.  Written and read in the app's thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from poolmgr.model.log import LogLine

#: Alerts kept.  Who has more than that has one reason for all of them.
KEEP = 500


class Alerts:
    """The newest alerts of a log, and how many of them nobody has looked at."""

    def __init__(self) -> None:
        self.lines: deque[LogLine] = deque(maxlen=KEEP)
        self.unread = 0
        self._last_seq = 0

    def take(self, log: Sequence[LogLine]) -> None:
        """Take what is new in a picture's log."""
        new = 0
        for line in reversed(log):
            if line.seq <= self._last_seq:
                break
            new += 1
        if not new:
            return
        alerts = [line for line in log[-new:] if line.kind == "event" and line.level in ("warning", "error")]
        self._last_seq = log[-1].seq
        self.lines += alerts
        self.unread = min(self.unread + len(alerts), KEEP)

    def read(self) -> None:
        """Somebody has seen them."""
        self.unread = 0
