"""``poolmgr run``: an unmodified program, its pools on the screen and under control."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

import click

from poolmgr.cli.options import ascii_option, choose_look, config_option, name_option
from poolmgr.cli.output import result, tell
from poolmgr.cli.screen import COLUMNS, LINES
from poolmgr.runners.command import Command, NotStarted, find_command

EXAMPLES = "Examples: poolmgr run train.py --epochs 3;  poolmgr run -m black -W 2 src;  poolmgr run flake8 -j 2 src"


class ThenProgram(click.Command):
    """A verb whose options end at the first word that is none of them, or at -m: what follows is the program's."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Set the program's words apart, then read the options."""
        place = self._first_of_program(args)
        rest = args[place:]
        if rest and rest[0].startswith("-m") and len(rest[0]) > 2:
            rest[:1] = ["-m", rest[0][2:]]
        return super().parse_args(ctx, [*args[:place], "--", *(rest[1:] if rest[:1] == ["--"] else rest)])

    def _first_of_program(self, args: Sequence[str]) -> int:
        takes_value = {
            name
            for option in self.params
            if isinstance(option, click.Option) and not option.is_flag
            for name in (*option.opts, *option.secondary_opts)
        }
        place = 0
        while place < len(args):
            word = args[place]
            if word == "--" or not word.startswith("-") or (word.startswith("-m") and not word.startswith("--")):
                break
            place += 2 if word in takes_value else 1
        return min(place, len(args))


@click.command(cls=ThenProgram, options_metavar="[OPTIONS]", epilog=EXAMPLES)
@click.argument("words", metavar="SCRIPT|-m MODULE|PROGRAM [ARGS]...", nargs=-1, type=click.UNPROCESSED)
@name_option
@click.option("--python", metavar="PYTHON", help="The Python for a script or a module.  [default: of the active venv]")
@click.option(
    "--engine",
    type=click.Choice(["stock", "poolmgr"]),
    default="stock",
    help="Whose engine runs its multiprocessing.Pool.  [default: stock, its own]",
)
@click.option("--screen", is_flag=True, help="The screen at once, and not only when there is a pool to see.")
@click.option("--headless", is_flag=True, help="No screen: the program has the terminal to itself.")
@click.option("--detach", is_flag=True, help="Come back at once: the program runs on, and others look at it.")
@click.option("--no-locks", is_flag=True, help="Do not track its locks and queues: for millions of them a second.")
@click.option("-v", "--verbose", is_flag=True, help="Without a screen: a line on stderr in the end.")
@ascii_option
@config_option
def run(
    words: tuple[str, ...],
    name: str | None,
    python: str | None,
    engine: str,
    screen: bool,
    headless: bool,
    detach: bool,
    no_locks: bool,
    verbose: bool,
    ascii: bool | None,
    config: Path | None,
) -> int:
    """Run a program that exists already, unmodified, with its process pools on the screen.

    The program has the terminal until it opens a pool; then the screen shows that.  There, i shows the program's own
    terminal and passes keys to it; ctrl+] leads back.  What it printed meanwhile is printed when the screen goes.
    Without a terminal it runs as if poolmgr were not there; attach, top and ctl find its pools in any case.  The exit
    code is the program's own.
    """
    try:
        command = find_command(words, python, os.environ)
        if detach:
            return _detach(command, name or "", locks=not no_locks, engine=engine)
        terminal = None if headless else _terminal()
        if terminal is None:
            return _without_screen(command, name or "", locks=not no_locks, engine=engine, verbose=verbose)
        from poolmgr.cli.run_screen import run_on

        look = choose_look(ascii, config, None)
        return run_on(terminal, command, name or "", look, locks=not no_locks, engine=engine, at_once=screen)
    except NotStarted as error:
        tell(f"poolmgr: {error}")
        return error.exit_code


def _without_screen(command: Command, name: str, *, locks: bool, engine: str, verbose: bool) -> int:
    from poolmgr.runners.program import attend, hold_signals
    from poolmgr.runners.run import Run

    hold_signals()
    with Run(command, name, locks=locks, engine=engine) as opened:
        program = opened.start()
        opened.observe()
        code = attend(program)
        opened.end()
        if verbose:
            tell(f"poolmgr: {opened.summary(code)}")
    return code


def _detach(command: Command, name: str, *, locks: bool, engine: str) -> int:
    from poolmgr.runners.detached import detach

    found = detach(command, name, locks=locks, engine=engine)
    if found.exit_code is None:
        result(
            f"{found.name} runs as process {found.pid}\n"
            f"see it: poolmgr attach {found.name}, poolmgr top; wait for it: poolmgr wait"
        )
        return 0
    for line in found.printed:
        result(line)
    tell(f"poolmgr: {found.name} ended with exit code {found.exit_code} before it could be seen; nothing runs on")
    return found.exit_code


def _terminal() -> int | None:
    """The terminal to show the screen on, if there is one that nobody else is to write to."""
    out, err = os.isatty(1), os.isatty(2)
    if not out and not (err and stat.S_ISREG(os.fstat(1).st_mode)):
        return None
    try:
        fd = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        try:
            fd = os.open(os.ttyname(1 if out else 2), os.O_RDWR | os.O_NOCTTY)
        except OSError:
            return None
    if _usable(fd):
        return fd
    os.close(fd)
    return None


def _usable(fd: int) -> bool:
    """Whether it is ours at this moment, and large enough."""
    try:
        if os.tcgetpgrp(fd) != os.getpgrp():
            # In a shell's background: whoever touches its settings is stopped.
            return False
    except OSError:
        # Not the terminal that controls us: then nobody can take it away.
        pass
    columns, lines = os.get_terminal_size(fd)
    return not ((columns and columns < COLUMNS) or (lines and lines < LINES))
