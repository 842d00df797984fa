"""``poolmgr ps``: the pools of this user, a line each."""

from __future__ import annotations

import json
from typing import Any

import click

from poolmgr.cli.output import result, tell


@click.command(epilog="Example: poolmgr ps --json")
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout, nothing else.")
def ps(as_json: bool) -> int:
    """List your pools that run on this machine, in whatever terminal they were started.

    A pool whose program is gone is not listed, and what it left is removed.
    """
    from poolmgr.cli.pools import Seen, bad_of, eta_of, jobs_of, look, names, table

    seen = look()
    if as_json:
        result(json.dumps([_facts(each) for each in seen]))
        return 0
    if not seen:
        tell("no pool of yours is running")
        return 0

    def row(name: str, each: Seen) -> tuple[str, ...]:
        snapshot = each.snapshot
        if snapshot is None:
            return (name, str(each.entry.pid), "silent", "", "", "", "", "", each.entry.program)
        return (
            name,
            str(each.entry.pid),
            "silent" if each.why else str(snapshot.state),
            f"{len(snapshot.workers)}/{snapshot.size}",
            jobs_of(snapshot),
            f"{bad_of(snapshot):,}",
            f"{snapshot.rate:,.1f}/s",
            "" if each.why else eta_of(snapshot),
            each.entry.program,
        )

    headings = ("NAME", "PID", "STATE", "WORKERS", "ENDED", "BAD", "RATE", "ETA", "PROGRAM")
    result("\n".join(table(headings, map(row, names(seen), seen), left=frozenset((0, 2, 8)))))
    for each in seen:
        if each.why:
            tell(f"poolmgr: {each.entry.name} (process {each.entry.pid}): {each.why}")
    return 0


def _facts(each: Any) -> dict[str, Any]:
    facts: dict[str, Any] = each.to_json()
    status = facts.pop("status")
    picked: dict[str, Any] = dict.fromkeys(("state", "workers", "size", "counts", "expected", "rate", "eta"))
    if status is not None:
        picked.update(
            state=status["pool"]["state"],
            workers=len(status["workers"]),
            size=status["pool"]["size"],
            counts=status["counts"],
            expected=status["expected"],
            rate=status["rate"],
            eta=status["eta"],
        )
    return facts | picked
