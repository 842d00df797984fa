"""How many cores there are for us."""

from __future__ import annotations

import os


def cpu_count() -> int:
    """Cores that this process may use, as the stock pool counts them from Python 3.13 on."""
    counted = getattr(os, "process_cpu_count", None)
    return int((counted() if counted is not None else len(os.sched_getaffinity(0))) or 1)
