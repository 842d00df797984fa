"""``poolmgr demo NAME`` where the demo is a script: what ``poolmgr run`` does with its file, or its output alone."""

from __future__ import annotations

import json
import signal
import sys

import click
from click.core import ParameterSource

from poolmgr.cli.interrupts import Interrupts
from poolmgr.cli.output import result, tell
from poolmgr.errors import UsageError
from poolmgr.runners.catalogue import Entry

#: Options that a script is given as they are, if they were typed; one that it does not know it refuses itself.
FOR_SCRIPTS = ("workers", "start_method")
#: Options that are those of ``poolmgr run`` too, as far as that has them.
FOR_RUN = {"name": "--name", "on_done": "--on-done", "ascii": "--ascii", "config": "--config"}
#: Options that mean something for a load only.
FOR_LOADS = {"seconds": "--for", "seed": "--seed"}


def run_script(entry: Entry, *, as_json: bool, no_screen: bool) -> int:
    """Run a script demo with what was typed on the command line for it.

    Returns:
        The script's exit code; 128 and the signal if a signal ended the run.

    Raises:
        UsageError: An option was typed that a script, or a run of it, does not take.
    """
    context = click.get_current_context()
    _refuse(FOR_LOADS, entry)
    typed = {name: context.params[name] for name in FOR_SCRIPTS if _was_typed(name)}
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in typed.items()]
    if context.params["quick"]:
        arguments.append("--quick")
    if as_json or no_screen:
        _refuse(FOR_RUN, entry)
        return _headless(entry, arguments, as_json=as_json)
    return _as_run(entry, arguments)


def _as_run(entry: Entry, arguments: list[str]) -> int:
    from poolmgr.cli.run import run

    context = click.get_current_context()
    taken = {option.name for option in run.params}
    _refuse({name: option for name, option in FOR_RUN.items() if name not in taken}, entry)
    options = {name: context.params[name] for name in FOR_RUN if name in taken and _was_typed(name)}
    # Many of them have no pool: there is something to see from the first process on.
    code: int = context.invoke(run, words=(str(entry.path), *arguments), python=sys.executable, screen=True, **options)
    return code


def _headless(entry: Entry, arguments: list[str], *, as_json: bool) -> int:
    # Here, so that what is wrong with the line is said without it.
    from poolmgr.runners.demo_script import ScriptRun

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


def _refuse(options: dict[str, str], entry: Entry) -> None:
    for name, option in options.items():
        if _was_typed(name):
            raise UsageError(f"the demo {entry.name!r} is a script, and takes no {option} here")


def _was_typed(name: str) -> bool:
    # The group's options may stand before the verb: they come as its defaults then.
    source = click.get_current_context().get_parameter_source(name)
    return source in (ParameterSource.COMMANDLINE, ParameterSource.DEFAULT_MAP)
