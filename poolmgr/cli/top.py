"""``poolmgr top``: the pools of this user and their workers, once, or once a second."""

from __future__ import annotations

import itertools
import json
import sys
import time
from typing import TYPE_CHECKING

import click

from poolmgr.cli.interrupts import Interrupts
from poolmgr.cli.options import complete_pool
from poolmgr.cli.output import result, tell
from poolmgr.errors import UsageError

if TYPE_CHECKING:
    from poolmgr.cli.pools import Seen

#: Seconds between two looks.
EVERY = 1.0

NOTHING = "no pool of yours is running"


@click.command(epilog="Example: poolmgr top -1 --json")
@click.argument("pool", required=False, shell_complete=complete_pool)
@click.option("-1", "once", is_flag=True, help="Look once, and end.")
@click.option("--batch", metavar="N", type=int, help="A plain line for each pool, N times, one a second.")
@click.option(
    "--json", "as_json", is_flag=True, help="A JSON object at each look, with all that is known of each pool."
)
def top(pool: str | None, once: bool, batch: int | None, as_json: bool) -> int:
    """Show your pools, or POOL alone, with their workers, until Ctrl-C.

    Without a terminal it prints a line for each pool once a second.
    """
    if batch is not None and batch < 1:
        raise UsageError(f"--batch takes a number of lines, 1 or more, not {batch}")
    if once and batch is not None:
        raise UsageError("-1 looks once and --batch more often: give one of the two")
    from poolmgr.cli.pools import look

    if once:
        seen = look(pool)
        _print_json(seen) if as_json else _print_whole(seen)
        return 0
    with Interrupts() as interrupts:
        if batch is None and not as_json and sys.stdout.isatty():
            return _live(interrupts, pool)
        return _lines(interrupts, pool, batch, as_json=as_json)


def _lines(interrupts: Interrupts, pool: str | None, batch: int | None, *, as_json: bool) -> int:
    from poolmgr.cli.pools import look

    due = time.monotonic()
    for number in itertools.count(1):
        seen = look(pool)
        _print_json(seen) if as_json else _print_lines(seen)
        if number == batch:
            return 0
        due = max(due + EVERY, time.monotonic())
        if (signum := interrupts.wait(due - time.monotonic())) is not None:
            return 128 + signum
    raise AssertionError("counting does not end")


def _live(interrupts: Interrupts, pool: str | None) -> int:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from poolmgr.cli.pools import look

    with Live(console=Console(), auto_refresh=False, screen=False) as live:
        while True:
            lines = _whole(look(pool)) or [NOTHING]
            height, width = live.console.height, live.console.width
            # What does not fit would make the terminal scroll at each look.
            live.update(Text("\n".join(line[:width] for line in lines[: height - 1])), refresh=True)
            if (signum := interrupts.wait(EVERY)) is not None:
                return 128 + signum


def _print_json(seen: list[Seen]) -> None:
    from poolmgr.cli.pools import to_json

    result(json.dumps(to_json(seen)))


def _print_whole(seen: list[Seen]) -> None:
    if seen:
        result("\n".join(_whole(seen)))
    else:
        tell(NOTHING)


def _print_lines(seen: list[Seen]) -> None:
    from poolmgr.cli.pools import names

    for name, each in zip(names(seen), seen, strict=True):
        result(_line(name, each))
    if not seen:
        tell(NOTHING)


def _line(name: str, each: Seen) -> str:
    """A pool in one line."""
    from poolmgr.cli.pools import bad_of, eta_of, jobs_of, shown

    snapshot = each.snapshot
    if snapshot is None:
        return f"{shown(name)} [silent] {each.why}"
    state = f"silent] {each.why}, last seen with" if each.why else f"{snapshot.state}]"
    pieces = [
        f"{shown(name)} [{state} {len(snapshot.workers)}/{snapshot.size} workers"
        + (f", {shown(snapshot.engine)}" if snapshot.engine else ""),
        f"{jobs_of(snapshot)} jobs ended",
        f"{bad_of(snapshot):,} badly",
        f"{snapshot.counts.running:,} running",
        f"{snapshot.counts.queued:,} waiting",
        f"{snapshot.rate:,.1f} tasks/s",
    ]
    if eta_of(snapshot) and not each.why:
        pieces.append(f"ETA {eta_of(snapshot)}")
    return ", ".join(pieces)


def _whole(seen: list[Seen]) -> list[str]:
    """Each pool with its workers."""
    from poolmgr.cli.pools import names, size, table

    lines: list[str] = []
    for name, each in zip(names(seen), seen, strict=True):
        lines += [""] * bool(lines) + [_line(name, each)]
        if each.snapshot is None:
            continue
        if each.snapshot.verdict is not None:
            verdict = each.snapshot.verdict
            lines.append(f"{verdict.rule}: {verdict.text}" + f"; {verdict.advice}" * bool(verdict.advice))
        rows = [
            (
                worker.name,
                str(worker.pid),
                str(worker.state),
                "" if worker.cpu_percent is None else f"{worker.cpu_percent:.0f}",
                size(worker.rss),
                "" if worker.job_id is None else str(worker.job_id),
                f"{worker.elapsed:.1f}s",
                f"{worker.done:,}",
                f"{worker.failed:,}",
                worker.function,
            )
            for worker in each.snapshot.workers
        ]
        headings = ("W", "PID", "STATE", "CPU%", "RSS", "JOB", "FOR", "DONE", "FAILED", "FUNCTION")
        lines += table(headings, rows, left=frozenset((0, 2, 9)))
    return lines
