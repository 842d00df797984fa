"""``poolmgr attach``: the screens on a pool of another terminal."""

from __future__ import annotations

from pathlib import Path

import click

from poolmgr.cli.interrupts import Interrupts
from poolmgr.cli.options import ascii_option, choose_look, complete_pool, config_option
from poolmgr.cli.output import tell
from poolmgr.cli.screen import require_terminal, run_app


@click.command(epilog="Example: poolmgr attach stdlib --read-only")
@click.argument("pool", required=False, shell_complete=complete_pool)
@click.option("--read-only", is_flag=True, help="Look, and change nothing.")
@click.option("--browser", is_flag=True, hidden=True, help="Draw for poolmgr serve, on pipes.")
@ascii_option
@config_option
def attach(pool: str | None, read_only: bool, browser: bool, ascii: bool | None, config: Path | None) -> int:
    """Open the screen on POOL, given by its name or the process id of its program; the only pool if there is one.

    Leaving it changes nothing: the pool goes on. When its program ends, the last picture stays until you leave.
    """
    from poolmgr.monitor.viewer import find

    entry = find(pool)
    if not browser:
        require_terminal("'poolmgr top' works without one")
    look = choose_look(ascii, config, None, browser=browser)
    from poolmgr.control.remote import RemoteControl
    from poolmgr.tui.app import PoolmgrApp

    with Interrupts() as interrupts, RemoteControl(entry, read_only=read_only) as control:
        app = PoolmgrApp(control, ascii=look.ascii, settings=look.settings, attached=True, read_only=read_only)
        run_app(app, interrupts)
        over = control.over
    if over:
        tell(f"{entry.name}: {over}")
    if interrupts.signum is not None:
        return 128 + interrupts.signum
    return app.return_code or 0
