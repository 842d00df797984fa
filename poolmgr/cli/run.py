"""``poolmgr run``: an unmodified program, its pools on the screen and under control."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from poolmgr.cli.options import name_option
from poolmgr.cli.output import result, tell
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
@click.option("--detach", is_flag=True, help="Come back at once: the program runs on, and others look at it.")
@click.option("--no-locks", is_flag=True, help="Do not track its locks and queues: for millions of them a second.")
@click.option("-v", "--verbose", is_flag=True, help="A line on stderr in the end.")
def run(
    words: tuple[str, ...],
    name: str | None,
    python: str | None,
    detach: bool,
    no_locks: bool,
    verbose: bool,
) -> int:
    """Run a program that exists already, unmodified, so that its process pools can be seen and steered.

    The program has the terminal to itself, as if poolmgr were not there; attach, top, ctl and the like, in another
    terminal, find its pools.  The exit code is the program's own.
    """
    try:
        command = find_command(words, python, os.environ)
        if detach:
            return _detach(command, name or "", locks=not no_locks)
        return _without_screen(command, name or "", locks=not no_locks, verbose=verbose)
    except NotStarted as error:
        tell(f"poolmgr: {error}")
        return error.exit_code


def _without_screen(command: Command, name: str, *, locks: bool, verbose: bool) -> int:
    from poolmgr.runners.program import attend, hold_signals
    from poolmgr.runners.run import Run

    hold_signals()
    with Run(command, name, locks=locks) as opened:
        program = opened.start()
        opened.observe()
        code = attend(program)
        opened.end()
        if verbose:
            tell(f"poolmgr: {opened.summary(code)}")
    return code


def _detach(command: Command, name: str, *, locks: bool) -> int:
    from poolmgr.runners.detached import detach

    started, code = detach(command, name, locks=locks)
    if started:
        result(f"{started}\nsee it: poolmgr attach {started.split()[0]}, poolmgr top; wait for it: poolmgr wait")
    return code
