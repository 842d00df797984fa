"""The pools of this user, as the verbs that look at them from another terminal see and write them.

Never imports textual: these verbs work anywhere, at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from poolmgr.errors import UsageError
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.model.states import PoolState
from poolmgr.monitor.line import LOST
from poolmgr.monitor.status import from_status
from poolmgr.monitor.viewer import find, full_name, read_status
from poolmgr.runtime import folder

#: Seconds that a board may take to answer.  It takes milliseconds; one that stands must not hide the others.
PATIENCE = 2.0
#: Seconds after which a picture is old: there is one at least once a second.
SILENCE = 5.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A pool at one moment."""

    entry: folder.Entry
    #: The status dict and the picture in it; None if there was none to be had.
    status: dict[str, Any] | None
    snapshot: PoolSnapshot | None
    #: Why there was none, or only an old one.
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values, the same keys every time."""
        entry = self.entry
        return {
            "name": entry.name,
            "pid": entry.pid,
            "program": entry.program,
            "started": entry.started,
            "version": entry.version,
            "why": self.why,
            "status": self.status,
        }


def look(name: str | None = None) -> list[Seen]:
    """All pools, or the one of this name, oldest first.

    Raises:
        UsageError: There is none of this name, or more than one.
    """
    return [look_at(entry) for entry in (folder.entries() if name is None else [find(name)])]


def look_at(entry: folder.Entry) -> Seen:
    """One pool now."""
    try:
        status = read_status(entry, patience=PATIENCE)
        snapshot = from_status(status)
        # The board of a program that is stopped goes on showing its last picture.
        silent = time.time() - snapshot.time
        stands = silent > SILENCE and snapshot.state is not PoolState.ENDED
        why = f"its program has said nothing for {silent:.0f} s: it stands still" if stands else ""
        return Seen(entry, status, snapshot, why)
    except (*LOST, UsageError) as error:
        if isinstance(error, UsageError):
            return Seen(entry, None, None, str(error))
        return Seen(entry, None, None, "its board does not answer: it is being started, or ended, or stands still")


def names(seen: Sequence[Seen]) -> list[str]:
    """The names by which they can be told apart."""
    plain = [each.entry.name for each in seen]
    return [full_name(each.entry) if plain.count(each.entry.name) > 1 else each.entry.name for each in seen]


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], left: frozenset[int]) -> list[str]:
    """Lines of aligned columns; those whose places are in ``left`` begin at the same place, the others end there."""
    lines = [tuple(map(shown, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *lines, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in (tuple(headings), *lines)
    ]


def shown(text: str) -> str:
    """Anybody's text without what a terminal would obey."""
    return text if text.isprintable() else "".join(each if each.isprintable() else "?" for each in text)


def jobs_of(snapshot: PoolSnapshot) -> str:
    """Jobs that have ended, of those there will be."""
    counts, whole = snapshot.counts, snapshot.whole
    if snapshot.until is not None and snapshot.time < snapshot.until:
        # Jobs are added until then: how many there will be, nobody knows.
        return f"{counts.ended:,}"
    return f"{counts.ended:,}/{whole:,}"


def bad_of(snapshot: PoolSnapshot) -> int:
    """Jobs that ended badly."""
    counts = snapshot.counts
    return counts.failed + counts.killed + counts.lost


def eta_of(snapshot: PoolSnapshot) -> str:
    """When the last job will have ended, as a clock shows it."""
    return "" if snapshot.eta is None or snapshot.state is PoolState.ENDED else clock(snapshot.eta)


def clock(seconds: float) -> str:
    """``0:12:41``, ``2d 3:00:00``."""
    days, rest = divmod(max(0, round(seconds)), 86_400)
    text = f"{rest // 3600}:{rest % 3600 // 60:02}:{rest % 60:02}"
    return f"{days}d {text}" if days else text


def size(number: int | None) -> str:
    """Bytes in MiB."""
    return "" if number is None else f"{number / 2**20:.1f}M"


def to_json(seen: Iterable[Seen]) -> dict[str, Any]:
    """All of them as one object."""
    return {"time": time.time(), "pools": [each.to_json() for each in seen]}
