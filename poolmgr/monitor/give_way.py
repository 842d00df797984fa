"""Giving way: the monitor computes for some milliseconds a frame, and nobody else of this process is to wait for that.

A thread that computes keeps the interpreter's lock for 5 ms before it is asked for it.  Workers with short jobs are
done in less with what they have, and would wait for the dispatcher.
"""

from __future__ import annotations

import time

#: Seconds.  With 0 the lock would be let go and taken again before anybody has woken; with this the kernel sleeps for
#: some 50 us.
MOMENT = 1e-6


def give_way() -> None:
    """Let other threads of this process run that wait to."""
    time.sleep(MOMENT)
