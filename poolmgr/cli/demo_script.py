"""``poolmgr demo NAME`` where the demo is a script: run as a program of its own, its output passed on."""

from __future__ import annotations

import json
import signal

import click
from click.core import ParameterSource

from poolmgr.cli.interrupts import Interrupts
from poolmgr.cli.output import result, tell
from poolmgr.errors import UsageError
from poolmgr.runners.catalogue import Entry

#: Options that a script is given as they are, if they were typed; one that it does not know it refuses itself.
PASSED_ON = ("workers", "start_method")
#: Options that mean something for a load only.
FOR_LOADS = {"seconds": "--for", "seed": "--seed", "name": "--name", "on_done": "--on-done"}


def run_script(entry: Entry, *, as_json: bool, no_screen: bool) -> int:
    """Run a script demo without a screen, with what was typed on the command line for it.

    Returns:
        The script's exit code; 128 and the signal if a signal ended the run.

    Raises:
        UsageError: An option was typed that only a load takes.
    """
    arguments = _arguments(entry)
    # Here, so that what is wrong with the line is said without them.
    from poolmgr.runners.demo_script import ScriptRun

    if not (as_json or no_screen):
        tell(f"poolmgr: the demo {entry.name!r} runs without the screen")
    with Interrupts() as interrupts:
        run = ScriptRun(entry, arguments, tell=tell if as_json else None, ended=interrupts.notify)
        while run.running:
            signum = interrupts.wait(None)
            if signum is not None:
                run.stop(signum)
                how = "interrupted" if signum == signal.SIGINT else f"ended by {signal.Signals(signum).name}"
                tell(f"{how}: the demo did not get to its end")
                return 128 + signum
        found = run.result()
    if as_json:
        result(json.dumps(found.to_json()))
    return found.exit_code


def _arguments(entry: Entry) -> list[str]:
    context = click.get_current_context()

    def typed(name: str) -> bool:
        # The group's options may stand before the verb: they come as its defaults then.
        return context.get_parameter_source(name) in (ParameterSource.COMMANDLINE, ParameterSource.DEFAULT_MAP)

    for name, option in FOR_LOADS.items():
        if typed(name):
            raise UsageError(f"the demo {entry.name!r} is a script, and takes no {option}")
    passed = [f"--{name.replace('_', '-')}={context.params[name]}" for name in PASSED_ON if typed(name)]
    return [*passed, *(["--quick"] if context.params["quick"] else [])]
