"""``poolmgr``: the group of verbs, its exit codes, and the app on an empty pool when no verb is given.

Exit codes: 0 all jobs done, 1 some failed, were lost, killed or cancelled, 2 wrong usage, 130 Ctrl-C, 143 SIGTERM.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from click.core import ParameterSource

from poolmgr import __version__
from poolmgr.cli.attach import attach
from poolmgr.cli.ctl import ctl
from poolmgr.cli.demo import demo
from poolmgr.cli.interrupts import Interrupted
from poolmgr.cli.locks import locks
from poolmgr.cli.options import (
    ascii_option,
    choose_look,
    config_option,
    name_option,
    on_done_option,
    start_method_option,
    workers_option,
)
from poolmgr.cli.output import open_missing_streams, tell
from poolmgr.cli.ps import ps
from poolmgr.cli.run import run as run_verb
from poolmgr.cli.serve import serve
from poolmgr.cli.top import top
from poolmgr.cli.wait import wait
from poolmgr.errors import PoolmgrError, UsageError

#: Exit codes that no job decides.
BROKEN = 1
WRONG_USAGE = 2
INTERRUPTED = 130


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: poolmgr --workers 4 --start-method spawn",
)
@click.version_option(__version__, message="poolmgr %(version)s")
@workers_option
@start_method_option
@name_option
@ascii_option
@config_option
@on_done_option
@click.pass_context
def poolmgr(
    context: click.Context,
    workers: int,
    start_method: str,
    name: str | None,
    ascii: bool | None,
    config: Path | None,
    on_done: str | None,
) -> int:
    """See every worker and job of a process pool, and act on exactly one of them.

    Without a verb: opens the screen on an empty pool of its own.  Press a to submit a job, ? for help, q to quit.
    """
    if context.invoked_subcommand is not None:
        # Options may stand before the verb as well as after it; one that stands nearer to the verb wins.
        given = {name: context.params[name] for name in _SHARED if _was_typed(context, name)}
        context.default_map = {context.invoked_subcommand: given}
        return 0
    from poolmgr.cli.screen import open_empty_pool

    return open_empty_pool(name or "poolmgr", workers, start_method, choose_look(ascii, config, on_done))


for _verb in (demo, run_verb, ps, top, attach, serve, ctl, wait, locks):
    poolmgr.add_command(_verb)

#: Options of the group that its verbs have too.
_SHARED = ("workers", "start_method", "name", "ascii", "config", "on_done")


def _was_typed(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code; what is wrong with it is one sentence on stderr."""
    open_missing_streams()
    code: object = BROKEN
    try:
        code = poolmgr.main(args=list(arguments), prog_name="poolmgr", standalone_mode=False)
    except UsageError as error:
        code = _complain(str(error), WRONG_USAGE)
    except click.ClickException as error:
        code = _complain(error.format_message(), WRONG_USAGE)
    except Interrupted as error:
        tell(str(error))
        code = error.exit_code
    except PoolmgrError as error:
        code = _complain(str(error), BROKEN)
    except (KeyboardInterrupt, click.Abort):
        # Before the handlers stand or after they are gone: no pool is open then.
        tell("interrupted")
        code = INTERRUPTED
    return code if isinstance(code, int) else 0


def _complain(sentence: str, code: int) -> int:
    tell(f"poolmgr: {sentence}")
    return code
