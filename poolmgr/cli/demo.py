"""``poolmgr demo``: a real load on real input, under the screen or without it; what is a script goes to demo_script."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from poolmgr.cli import headless
from poolmgr.cli.demo_script import run_script
from poolmgr.cli.interrupts import Interrupts
from poolmgr.cli.options import (
    Look,
    ascii_option,
    check_seconds,
    choose_look,
    config_option,
    name_option,
    on_done_option,
    start_method_option,
    workers_option,
)
from poolmgr.cli.output import result
from poolmgr.errors import UsageError
from poolmgr.runners.catalogue import find_entry, list_demos
from poolmgr.runners.demo import Demo, Feed, find_demo


@click.command(epilog="Example: poolmgr demo stdlib --workers 4 --for 10 --headless --json")
@click.argument("demo_name", metavar="[NAME]", default="stdlib")
@click.option("--list", "listing", is_flag=True, help="List the demos and end.")
@workers_option
@click.option(
    "--for",
    "seconds",
    metavar="SECONDS",
    type=float,
    callback=check_seconds,
    help="Add jobs for so long, then finish those there are.  [default: one pass]",
)
@click.option("--seed", metavar="N", type=int, default=0, help="Gives the order of the jobs.  [default: 0]")
@start_method_option
@name_option
@click.option("--quick", is_flag=True, help="A demo that is a script: less of everything, about a second in all.")
@click.option("--headless", "no_screen", is_flag=True, help="No screen: progress on stderr, a table on stdout.")
@click.option("--json", "as_json", is_flag=True, help="No screen: one JSON object on stdout, nothing else.")
@ascii_option
@config_option
@on_done_option
def demo(
    demo_name: str,
    listing: bool,
    workers: int,
    seconds: float | None,
    seed: int,
    start_method: str,
    name: str | None,
    quick: bool,
    no_screen: bool,
    as_json: bool,
    ascii: bool | None,
    config: Path | None,
    on_done: str | None,
) -> int:
    """Run the demo NAME: a real load on real input.  Some of its jobs fail, and are meant to be looked at.

    stdlib is a load for a pool that poolmgr opens.  The others are scripts, one for each topic of Python's
    multiprocessing: each is run as a program of its own, prints what it sees, and checks it.

    Exit code: 0 if all jobs were done, 1 if some failed or were lost, 2 for wrong usage, 130 after Ctrl-C, 143 after
    SIGTERM.  In JSON, a worker's cpu_percent is its mean over its life, in percent of one core.
    """
    if listing:
        for each in list_demos():
            result(f"{each.name:<15}  {each.kind:<6}  {each.title}")
        return 0
    entry = find_entry(demo_name)
    if entry.kind == "script":
        return run_script(entry, as_json=as_json, no_screen=no_screen)
    if quick:
        raise UsageError(f"the demo {entry.name!r} takes no --quick: --for says how long it is to run")
    found = find_demo(demo_name)
    look = None
    if not (no_screen or as_json):
        from poolmgr.cli.screen import find_modules_here, require_terminal

        require_terminal("use --headless")
        look = choose_look(ascii, config, on_done)
        find_modules_here()
    opening = (name or found.name, workers, start_method)
    return _run(found, opening, seconds, seed, look=look, as_json=as_json, on_done=on_done or "")


def _run(
    found: Demo,
    opening: tuple[str, int, str],
    seconds: float | None,
    seed: int,
    *,
    look: Look | None,
    as_json: bool,
    on_done: str,
) -> int:
    """Without a look, there is no screen."""
    # Here, so that --help and what is wrong with the line do not wait for the engine.
    from poolmgr.runners.session import Session

    with ExitStack() as stack:
        interrupts = stack.enter_context(Interrupts())
        session = stack.enter_context(Session(*opening))
        interrupts.check()
        feed = Feed(session.control, found, seed=seed, seconds=seconds)
        feed.start()
        # Last in, first out: the feeder leaves before the pool is closed under it.
        stack.callback(feed.stop)
        if look is not None:
            from poolmgr.cli.screen import run_screen

            return run_screen(session, interrupts, look, feed=feed)
        outcome = headless.watch(session, interrupts, feed=feed, seconds=seconds)
        headless.finish(session, on_done)
    headless.report(outcome, as_json=as_json)
    return outcome.exit_code
