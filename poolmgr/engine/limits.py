"""Time limits: what is due for a task that runs. Decides, and does nothing: time arrives from outside.

ran = now - began - the time for which its worker was stopped

ran < soft_timeout, ran < timeout      look again at the first of them, sooner if the worker may be stopped meanwhile
ran >= soft_timeout, not told yet      SoftTimeout is raised inside it
ran >= timeout                         it is killed with its worker
the worker is stopped                  its time stands still
"""

from __future__ import annotations

from enum import Enum, auto

from poolmgr.engine.options import Options

#: Seconds between two looks at a task that has a limit, as a part of the limit, and within these bounds.  Nobody is
#: told when a process is stopped and goes on, so it has to be looked at: more often counts the time more exactly, more
#: seldom costs less.  A look costs about 20 us.
PART = 0.1
PACE_LEAST, PACE_MOST = 0.02, 0.5


def pace(limit: float) -> float:
    """Seconds between two looks at a task with this limit (s)."""
    return min(max(limit * PART, PACE_LEAST), PACE_MOST)


class Stopwatch:
    """How long one task has run, without the time for which its worker was stopped."""

    __slots__ = ("began", "frozen", "looked")

    def __init__(self, began: float) -> None:
        #: When it began, and when it was last looked at (CLOCK_MONOTONIC, s).
        self.began = self.looked = began
        #: Seconds for which the worker was stopped.
        self.frozen = 0.0

    def look(self, now: float, stopped: bool) -> float:
        """Take note of the worker's state now, and tell how long the task has run."""
        if stopped:
            self.frozen += now - self.looked
        self.looked = now
        return now - self.began - self.frozen


class Due(Enum):
    """What is to be done to a task."""

    NOTHING = auto()
    #: Raise SoftTimeout inside it.
    SOFTEN = auto()
    #: Kill it with its worker.
    KILL = auto()


def judge(options: Options, ran: float, *, told: bool, stopped: bool) -> tuple[Due, float]:
    """What is due for a task, and after how many seconds to look again.

    Args:
        options: Its own; it has a limit.
        ran: Seconds that it has run.
        told: Whether SoftTimeout has been raised inside it.
        stopped: Whether its worker is stopped now.
    """
    hard, soft = options.timeout, None if told else options.soft_timeout
    again = pace(options.shortest or PACE_MOST)
    if stopped:
        return Due.NOTHING, again
    again = min([again, *(limit - ran for limit in (hard, soft) if limit is not None and limit > ran)])
    if hard is not None and ran >= hard:
        return Due.KILL, again
    return Due.SOFTEN if soft is not None and ran >= soft else Due.NOTHING, again
