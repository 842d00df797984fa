"""A run without the screen: waits, frame by frame, until every job has ended, then says what came of it.

Never imports textual.  Results go to stdout, everything else to stderr.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from poolmgr.cli.interrupts import Interrupts
from poolmgr.cli.output import result, tell
from poolmgr.cli.progress import meter
from poolmgr.errors import PoolmgrError
from poolmgr.runners.demo import Feed
from poolmgr.runners.outcome import Outcome, Tally

if TYPE_CHECKING:
    from poolmgr.runners.session import Session

#: Seconds between two looks at the pool: the collector's own frame, more would see nothing new.
FRAME = 0.25


def watch(
    session: Session,
    interrupts: Interrupts,
    *,
    feed: Feed | None = None,
    seconds: float | None = None,
) -> Outcome:
    """Show progress until no further job comes and all have ended.

    Raises:
        Interrupted: A signal came first.
    """
    tally = Tally()
    with meter(seconds) as shown:
        while not ((feed is None or feed.ended) and session.idle()):
            frame = session.frame()
            tally.see(frame)
            shown.show(frame)
            interrupts.wait(FRAME)
            interrupts.check(session.counts())
    if feed is not None and feed.error is not None:
        raise PoolmgrError(f"the demo's jobs ended early: {feed.error!r}") from feed.error
    return tally.outcome(session.pool.snapshot())


def finish(session: Session, on_done: str) -> None:
    """Run the operator's command for the end of the work; what went wrong with it goes to stderr."""
    from poolmgr.runners.on_done import run_on_done

    problem = run_on_done(on_done, session.pool.snapshot()) if on_done else ""
    if problem:
        tell(problem)


def report(outcome: Outcome, *, as_json: bool) -> None:
    """Print the outcome to stdout: one JSON object alone, or a table. Some jobs that ended badly go to stderr."""
    for job in outcome.bad:
        tell(f"job {job.id} {job.state}: {job.function}{job.args}: {job.message}")
    if as_json:
        result(json.dumps(outcome.to_json()))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table()
    table.add_column("worker")
    for heading in ("pid", "CPU %", "RSS MiB", "jobs"):
        table.add_column(heading, justify="right")
    for worker in outcome.workers:
        cpu = "" if worker.cpu_percent is None else f"{worker.cpu_percent:.1f}"
        rss = "" if worker.rss is None else f"{worker.rss / 2**20:.1f}"
        table.add_row(worker.name, str(worker.pid), cpu, rss, f"{worker.jobs:,}")
    console = Console(file=sys.stdout)
    with console.capture() as drawn:
        console.print(table)
    result(drawn.get() + summary(outcome))


def summary(outcome: Outcome) -> str:
    """The run in one line."""
    counts = outcome.counts
    words = (
        ("done", counts.done),
        ("failed", counts.failed),
        ("lost", counts.lost),
        ("killed", counts.killed),
        ("cancelled", counts.cancelled),
    )
    parts = [f"{count:,} {word}" for word, count in words if count or word in ("done", "failed", "lost")]
    return f"{counts.submitted:,} jobs: {', '.join(parts)}, in {outcome.seconds:.1f} s"
