"""``poolmgr serve``: the attached screen in a browser on this machine."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from poolmgr.cli.interrupts import Interrupts, InterruptWatch
from poolmgr.cli.options import ascii_option, choose_look, complete_pool, config_option
from poolmgr.cli.output import result, tell
from poolmgr.errors import UsageError

if TYPE_CHECKING:
    from poolmgr.web.server import PoolServer

LARGEST_PORT = 65535


@click.command(epilog="Example: poolmgr serve stdlib --control", short_help="Open the screen on a pool in a browser.")
@click.argument("pool", required=False, shell_complete=complete_pool)
@click.option("--control", is_flag=True, help="Keys change the pool.  [default: look, and change nothing]")
@click.option("--port", metavar="N", type=int, default=0, help="The port on 127.0.0.1.  [default: 0, any that is free]")
@ascii_option
@config_option
def serve(pool: str | None, control: bool, port: int, ascii: bool | None, config: Path | None) -> int:
    """Show the screen on POOL in a browser, as poolmgr attach shows it in a terminal, until Ctrl-C.

    Prints the address to open. It is for this machine's user alone: whoever has it may see the pool, and with --control
    do what you may do. Each page is a viewer of its own, and closing one changes nothing.
    """
    from poolmgr.monitor.viewer import find, full_name

    if not 0 <= port <= LARGEST_PORT:
        raise UsageError(f"--port takes a number from 0 to {LARGEST_PORT}, not {port}")
    entry = find(pool)
    # What is wrong with it is better said here than on each page.
    choose_look(ascii, config, None)
    command = _attach(full_name(entry) if pool is None else pool, control=control, ascii=ascii, config=config)
    with _listen(port) as listener:
        server = _make_server(command, listener.getsockname()[1], entry.name)
        with Interrupts() as interrupts:
            asyncio.run(_serve(server, listener, interrupts))
            assert interrupts.signum is not None
            return 128 + interrupts.signum


def _attach(pool: str, *, control: bool, ascii: bool | None, config: Path | None) -> list[str]:
    """The command that draws one page."""
    command = [sys.executable, "-P", "-m", "poolmgr", "attach", "--browser"]
    if not control:
        command.append("--read-only")
    if ascii is not None:
        command.append("--ascii" if ascii else "--no-ascii")
    if config is not None:
        command += ["--config", str(config.absolute())]
    return [*command, "--", pool]


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise UsageError(f"port {port} cannot be had ({why}): give another one, or --port 0") from error


def _make_server(command: list[str], port: int, name: str) -> PoolServer:
    try:
        from poolmgr.web.server import PoolServer
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "poolmgr":
            raise
        raise UsageError(
            f"the screen in a browser needs the extra poolmgr[serve], and {error.name} is not installed"
        ) from error
    from poolmgr.web.gate import Gate

    return PoolServer(command, Gate.new(port), f"poolmgr: {name}")


async def _serve(server: PoolServer, listener: socket.socket, interrupts: Interrupts) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def end() -> bool:
        loop.call_soon_threadsafe(ended.set)
        return True

    watch = InterruptWatch(interrupts, end)
    try:
        await server.serve_on(listener, ended, lambda: _say_ready(server))
    finally:
        watch.close()
    tell("ended, with all pages: the pool goes on")


def _say_ready(server: PoolServer) -> None:
    result(server.address)
    tell("open this address in a browser on this machine; Ctrl-C ends it")
