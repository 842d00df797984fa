"""``poolmgr attach``: the screens on a pool of another terminal, or on all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from poolmgr.cli.interrupts import Interrupts
from poolmgr.cli.options import ascii_option, choose_look, complete_pool, config_option
from poolmgr.cli.output import tell
from poolmgr.cli.pools import shown
from poolmgr.cli.screen import require_terminal, run_app
from poolmgr.errors import UsageError

if TYPE_CHECKING:
    from poolmgr.model.fleet import Fleet
    from poolmgr.runtime.folder import Entry
    from poolmgr.tui.watched import Watched


@click.command(epilog="Example: poolmgr attach stdlib --read-only")
@click.argument("pool", required=False, shell_complete=complete_pool)
@click.option("--read-only", is_flag=True, help="Look, and change nothing.")
@click.option("--browser", is_flag=True, hidden=True, help="Draw for poolmgr serve, on pipes.")
@ascii_option
@config_option
def attach(pool: str | None, read_only: bool, browser: bool, ascii: bool | None, config: Path | None) -> int:
    """Open the screen on POOL, given by its name or the process id of its program; without it, on all of your pools.

    Leaving it changes nothing: the pool goes on. When its program ends, the last picture stays until you leave.
    """
    from poolmgr.monitor.viewer import find
    from poolmgr.runtime import folder

    entry = find(pool) if pool is not None or not folder.entries() else None
    if not browser:
        require_terminal("'poolmgr top' works without one")
    look = choose_look(ascii, config, None, browser=browser)
    from poolmgr.model.fleet import Fleet
    from poolmgr.tui.app import PoolmgrApp

    fleet = Fleet()
    with Interrupts() as interrupts, _followed(fleet, entry, read_only=read_only):
        app = PoolmgrApp(fleet, ascii=look.ascii, settings=look.settings)
        run_app(app, interrupts)
        last = app.current
        why = "" if last is None else _why_over(last)
    if last is not None and why:
        tell(f"{shown(last.name)}: {why}")
    if interrupts.signum is not None:
        return 128 + interrupts.signum
    return app.return_code or 0


def _why_over(pool: Watched) -> str:
    """Why no further picture of the pool will come; empty if one will."""
    from poolmgr.control.remote import RemoteControl

    control = pool.member.control
    over = control.over if isinstance(control, RemoteControl) else ""
    return over or (pool.trouble if pool.gone else "")


@contextmanager
def _followed(fleet: Fleet, entry: Entry | None, *, read_only: bool) -> Iterator[None]:
    """The pool of the entry in the fleet; without one, all pools of this user as they come and go."""
    from poolmgr.control.others import Others
    from poolmgr.control.remote import RemoteControl

    if entry is not None:
        with RemoteControl(entry, read_only=read_only) as control:
            fleet.add(control, name=entry.name, attached=True, read_only=read_only)
            yield
        return
    with Others(fleet, read_only=read_only) as others:
        if not fleet.members:
            raise UsageError(others.problem or "the pools that were running have just ended")
        yield
