"""Progress without the screen, on stderr: a bar on a terminal, a plain line a second otherwise."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from poolmgr.cli.output import tell
from poolmgr.model.snapshot import PoolSnapshot

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

#: Seconds between two plain lines: often enough to see that it lives, seldom enough for a log file.
LINE_EVERY = 1.0


class Meter(Protocol):
    """What shows progress."""

    def show(self, snapshot: PoolSnapshot) -> None: ...


def meter(seconds: float | None) -> AbstractContextManager[Meter]:
    """The bar or the plain lines, whichever stderr can take.

    Args:
        seconds: Seconds of the run after which no job is added, if that is what limits it.
    """
    if sys.stderr.isatty():
        return BarMeter(seconds)
    return nullcontext(LineMeter())


def line(snapshot: PoolSnapshot) -> str:
    """One frame in one line."""
    counts = snapshot.counts
    jobs = (
        f"{counts.done:,} jobs done"
        if snapshot.expected is None
        else f"{counts.done:,} of {snapshot.whole:,} jobs done"
    )
    bad = [
        f"{count:,} {word}"
        for word, count in (("failed", counts.failed), ("killed", counts.killed), ("lost", counts.lost))
        if count
    ]
    cpu = sum(worker.cpu_percent or 0.0 for worker in snapshot.workers)
    workers = f"{len(snapshot.workers)} worker{'s' * (len(snapshot.workers) != 1)}"
    speed = f"{snapshot.rate:,.0f} a second"
    return ", ".join([f"{snapshot.uptime:.0f} s: {jobs}", *bad, speed, f"CPU {cpu:.0f}%", workers])


class LineMeter:
    """A plain line every :data:`LINE_EVERY` seconds."""

    def __init__(self) -> None:
        self._next = time.monotonic() + LINE_EVERY

    def show(self, snapshot: PoolSnapshot) -> None:
        """Print a line if one is due."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + LINE_EVERY
            tell(line(snapshot))


class BarMeter:
    """rich's progress bar: by jobs if their number is known, else by time."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._progress: Progress
        self._task: TaskID

    def __enter__(self) -> BarMeter:
        from rich.console import Console, ConsoleDimensions
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.table import Column

        class Margin(Console):
            """Leaves room for the ^C that the terminal writes behind the bar: one that wraps would leave the bar."""

            @property  # type: ignore[misc]  # nobody sets it
            def size(self) -> ConsoleDimensions:
                width, height = super().size
                return ConsoleDimensions(max(1, width - 3), height)

        # Drawn when a frame comes and by no thread of its own: nothing is left to join when a signal ends the run.
        self._progress = Progress(
            BarColumn(bar_width=24),
            # One line, whatever the width: only then can it be taken away whole.
            TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis")),
            console=Margin(stderr=True),
            transient=True,
            auto_refresh=False,
        )
        self._progress.start()
        self._task = self._progress.add_task("starting", total=self._seconds)
        return self

    def __exit__(self, *reason: Any) -> None:
        self._progress.stop()

    def show(self, snapshot: PoolSnapshot) -> None:
        """Redraw the bar."""
        completed, total = float(snapshot.counts.ended), self._seconds
        if total is not None:
            completed = snapshot.uptime
        elif snapshot.expected is not None:
            total = snapshot.whole
        self._progress.update(self._task, completed=completed, total=total, description=line(snapshot))
        self._progress.refresh()
