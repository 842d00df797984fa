"""What several verbs take and how it is checked: each wrong value is one sentence (UsageError), never a usage dump."""

from __future__ import annotations

import codecs
import locale
import math
import multiprocessing
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from poolmgr.errors import UsageError
from poolmgr.model.fleet import LONGEST_NAME, MOST_WORKERS

if TYPE_CHECKING:
    from poolmgr.tui.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


def complete_pool(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """The pools that run now whose names begin with what was typed, for the shell."""
    from poolmgr.monitor.viewer import full_name
    from poolmgr.runtime.folder import entries

    try:
        known = entries()
    except UsageError:
        return []
    names = [entry.name for entry in known]
    names = [entry.name if names.count(entry.name) == 1 else full_name(entry) for entry in known]
    return [name for name in names if name.startswith(typed)]


def workers_option(verb: F) -> F:
    """``--workers N``."""
    return click.option(
        "--workers", metavar="N", type=int, callback=_check_workers, help="Worker processes.  [default: one a core]"
    )(verb)


def name_option(verb: F) -> F:
    """``--name NAME``."""
    return click.option(
        "--name",
        metavar="NAME",
        callback=_check_name,
        help="What the pool is called, here and in other terminals.",
    )(verb)


def start_method_option(verb: F) -> F:
    """``--start-method M``."""
    return click.option(
        "--start-method",
        metavar="M",
        callback=_check_start_method,
        help=f"How workers start: {', '.join(sorted(multiprocessing.get_all_start_methods()))}.  "
        f"[default: {default_start_method()}]",
    )(verb)


def ascii_option(verb: F) -> F:
    """``--ascii`` and ``--no-ascii``; without either, as the settings or the locale have it."""
    return click.option(
        "--ascii/--no-ascii",
        "ascii",
        default=None,
        help="Draw the screen in ASCII, or not.  [default: ASCII where the locale is not UTF-8]",
    )(verb)


def config_option(verb: F) -> F:
    """``--config FILE``."""
    return click.option(
        "--config",
        "config",
        metavar="FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Settings and keys of the screen.  [default: poolmgr/settings.toml among your settings]",
    )(verb)


def on_done_option(verb: F) -> F:
    """``--on-done COMMAND``."""
    return click.option(
        "--on-done",
        "on_done",
        metavar="COMMAND",
        help="Run COMMAND in a shell when the work has ended; POOLMGR_DONE, POOLMGR_FAILED and the like tell it how.",
    )(verb)


@dataclass(frozen=True, slots=True)
class Look:
    """How the screen is to look, and what is to be done at the end."""

    settings: Settings
    ascii: bool
    on_done: str = ""


def choose_look(ascii: bool | None, config: Path | None, on_done: str | None, *, browser: bool = False) -> Look:
    """What the command line says, else the settings, else the locale.

    Args:
        ascii: Whether ASCII was asked for, None if nobody said.
        on_done: The command for the end of the work, None if nobody said.
        config: The settings file that was named. What is wrong with it is in the settings, for the screen to say.

    Raises:
        UsageError: A file was named, and it is not there.
    """
    from poolmgr.tui.keys import key_problem
    from poolmgr.tui.settings import Settings, settings_path

    if config is not None and not config.exists():
        raise UsageError(f"--config: there is no file {str(config)!r}")
    settings = Settings.load(settings_path() if config is None else config, key_problem)
    plain: bool = settings.get("screen", "ascii", not (browser or _utf8())) if ascii is None else ascii
    return Look(settings, plain, settings.get("news", "on_done", "") if on_done is None else on_done)


def _utf8() -> bool:
    # The locale itself: in its UTF-8 mode Python calls every encoding UTF-8, whatever the terminal can show.
    encoding = locale.getencoding()
    try:
        return codecs.lookup(encoding).name == "utf-8"
    except LookupError:
        return False


def default_start_method() -> str:
    """The fork server where there is one: this process runs threads, and a fork copies locks that they hold."""
    return "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


def check_seconds(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """A time above 0, or none."""
    if value is not None and not (0 < value < math.inf):
        raise UsageError(f"--for takes a number of seconds above 0, not {value:g}")
    return value


def _check_name(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    if not value or not value.isprintable() or len(value) > LONGEST_NAME or value != value.strip():
        raise UsageError(f"a pool cannot be called {value!r}: 1 to {LONGEST_NAME} characters that can be shown")
    if value.isdecimal() or value.startswith("-"):
        raise UsageError(f"a pool cannot be called {value!r}: that is read as a process id or an option")
    return value


def _check_workers(context: click.Context, parameter: click.Parameter, value: int | None) -> int:
    if value is None:
        return _cores()
    if value < 1:
        raise UsageError(f"a pool needs 1 worker or more, not {value}")
    if value > MOST_WORKERS:
        raise UsageError(f"{value} workers are too many: {MOST_WORKERS} is the most")
    return value


def _check_start_method(context: click.Context, parameter: click.Parameter, value: str | None) -> str:
    known = multiprocessing.get_all_start_methods()
    if value is None:
        return default_start_method()
    if value not in known:
        raise UsageError(f"this system has no start method {value!r}; it has {', '.join(sorted(known))}")
    return value


def _cores() -> int:
    # The cores that this process may use, which in a container are fewer than the machine has.
    return min(MOST_WORKERS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
