"""``poolmgr locks``: what a program that was not started by poolmgr waits for."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict

import click

from poolmgr.cli.output import result, tell


@click.command(epilog="Example: poolmgr locks 4121")
@click.argument("pid", type=click.IntRange(min=1))
@click.option("--json", "as_json", is_flag=True, help="A JSON object on stdout, nothing else.")
def locks(pid: int, as_json: bool) -> int:
    """Show which locks and semaphores of multiprocessing the threads of a program wait for, and its children's.

    Works on any running program, with nothing prepared in it, on Linux for x86-64 with the GNU C library.  It shows who
    waits and who waits for the same thing; who has a lock only the program knows, so start it with poolmgr run to see
    that.
    """
    from poolmgr.cli.pools import table
    from poolmgr.monitor.futexes import look

    found = look(pid)
    if as_json:
        facts = asdict(found)
        facts["refused"] = [{"pid": each, "reason": reason} for each, reason in found.refused]
        result(json.dumps(facts))
        return 0
    for each, reason in found.refused:
        tell(f"poolmgr: process {each} is left out: {reason}")
    if not found.waiting:
        tell(f"no thread of {_processes(len(found.processes))} waits for a lock or a semaphore")
        return 0
    together = Counter(each.semaphore.inode for each in found.waiting)
    rows = [
        (
            str(each.pid),
            str(each.thread),
            each.name,
            each.semaphore.name + ("" if each.semaphore.is_named else " (unlinked)"),
            str(each.semaphore.value),
            str(each.semaphore.waiting),
            str(together[each.semaphore.inode]),
        )
        for each in sorted(found.waiting, key=lambda each: (each.semaphore.inode, each.pid, each.thread))
    ]
    headings = ("PID", "THREAD", "NAME", "SEMAPHORE", "FREE", "WAITING", "HERE")
    result("\n".join(table(headings, rows, left=frozenset((2, 3)))))
    return 0


def _processes(number: int) -> str:
    return "this process" if number == 1 else f"these {number} processes"
