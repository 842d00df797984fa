"""One line of a pool's log.

Apart from ``snapshot.py``, and no dataclass: a pool writes lines from its first moment, and shows pictures much later,
if ever.  Importing dataclasses and making those of the pictures takes as long as starting six workers by fork.
"""

from __future__ import annotations

from typing import NamedTuple


class LogLine(NamedTuple):
    """One line of the log: an event of the pool, or a line that a worker printed."""

    #: Counts up by one from 1 in each pool: a gap tells a viewer how many lines it was not shown.
    seq: int
    #: Seconds since the epoch.
    time: float
    #: ``event`` for the pool's own, else the stream: ``out`` or ``err``.
    kind: str
    text: str
    slot: int | None = None
    pid: int | None = None
    job_id: int | None = None
    #: ``info``, ``warning`` or ``error``.
    level: str = "info"
