"""When the work of a pool ends, and how that is told outside of the screen.  Pure, but for what the app hands in."""

from __future__ import annotations

from poolmgr.model.snapshot import Counts, PoolSnapshot
from poolmgr.tui.format import harmless, plural

#: Seconds for which nothing may run or wait before that is an end: whoever feeds a pool may take a moment to go on.
QUIET = 1.0


class WorkEnd:
    """Sees in picture after picture whether the work has ended; tells each end once."""

    def __init__(self) -> None:
        #: Jobs that had ended when it was told last, or when there was nothing to do at the first picture.
        self._told: int | None = None
        self._quiet_since: float | None = None

    def take(self, snapshot: PoolSnapshot) -> bool:
        """Whether this picture is the end of the work."""
        counts = snapshot.counts
        open_ = counts.running or counts.queued or counts.ended < snapshot.whole
        if self._told is None:
            self._told = -1 if open_ else counts.ended
        if open_ or counts.ended == 0 or counts.ended == self._told:
            self._quiet_since = None
            return False
        if self._quiet_since is None:
            self._quiet_since = snapshot.time
        if snapshot.time - self._quiet_since < QUIET:
            return False
        self._told = counts.ended
        return True


def headline(snapshot: PoolSnapshot) -> str:
    """The end of the work in one line."""
    return f"{harmless(snapshot.name)}: {plural(snapshot.counts.ended, 'job')} ended, {_how(snapshot.counts)}"


def _how(counts: Counts) -> str:
    bad = [
        f"{number:,} {word}"
        for number, word in (
            (counts.failed, "failed"),
            (counts.lost, "lost"),
            (counts.killed, "killed"),
            (counts.cancelled, "cancelled"),
        )
        if number
    ]
    return ", ".join(bad) if bad else "all well"


def notification(title: str, text: str) -> str:
    """The control sequences that make a desktop notification, in the two dialects that terminals speak.

    Whoever knows neither shows nothing.
    """
    plain_title, plain_text = (harmless(part).replace(";", ",") for part in (title, text))
    return f"\x1b]9;{plain_title}: {plain_text}\x07\x1b]777;notify;{plain_title};{plain_text}\x07"
