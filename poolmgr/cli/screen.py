"""The verbs' way to the screen and back: checks the terminal, runs the app, carries out how the operator left it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TypeVar

from poolmgr.cli import headless
from poolmgr.cli.interrupts import Interrupts, InterruptWatch
from poolmgr.cli.options import Look
from poolmgr.cli.output import result
from poolmgr.errors import UsageError
from poolmgr.runners.demo import Feed
from poolmgr.runners.outcome import Tally

if TYPE_CHECKING:
    from textual.app import App

    from poolmgr.model.snapshot import PoolSnapshot
    from poolmgr.runners.session import Session

T = TypeVar("T")

#: The smallest terminal in which the screen says anything: a header and some workers.
COLUMNS, LINES = 40, 10


def require_terminal(instead: str) -> None:
    """Check that there is a terminal, and one that is large enough.

    Args:
        instead: What works without one, as the end of the sentence.

    Raises:
        UsageError: There is none.
    """
    # The screen is drawn on stderr, keys come from stdin; with stdout sent elsewhere somebody wants results, not a
    # screen.
    for stream, name in ((sys.stdin, "stdin"), (sys.stdout, "stdout"), (sys.stderr, "stderr")):
        if stream is None or not stream.isatty():
            raise UsageError(f"the screen needs a terminal, and {name} is none: {instead}")
    columns, lines = os.get_terminal_size(sys.stdout.fileno())
    # A terminal that does not know its size says 0 by 0, and gets the usual 80 by 24.
    if (columns and columns < COLUMNS) or (lines and lines < LINES):
        raise UsageError(
            f"the terminal has {columns} columns and {lines} lines, and the screen needs {COLUMNS} and {LINES}: "
            f"enlarge it, or {instead}"
        )


def find_modules_here() -> None:
    """Let modules in the present folder be submitted. Before the pool opens: workers get the path as it is then."""
    # At the end, so that a file here stands in for nothing that is installed.
    sys.path.append(os.getcwd())


def open_empty_pool(name: str, workers: int, start_method: str, look: Look) -> int:
    """The app on an empty pool of its own, until the operator leaves it.

    Returns:
        The exit code.
    """
    require_terminal("'poolmgr demo --headless' works without one")
    find_modules_here()
    from poolmgr.runners.session import Session

    with Interrupts() as interrupts, Session(name, workers, start_method) as session:
        return run_screen(session, interrupts, look)


def run_app(app: App[T], interrupts: Interrupts, choice: T | None = None) -> T | None:
    """Run a screen until the operator leaves it; a signal, or the end of its stdin, has it leave with ``choice``."""

    def leave() -> bool:
        try:
            app.call_from_thread(app.exit, choice)
        except RuntimeError:
            # It is only being started.
            return False
        return True

    guard = InterruptWatch(interrupts, leave, sys.stdin.fileno())
    try:
        return app.run()
    finally:
        guard.close()


def run_screen(session: Session, interrupts: Interrupts, look: Look, *, feed: Feed | None = None) -> int:
    """Show the screen, then do what the operator chose when leaving it.

    Returns:
        The exit code.

    Raises:
        Interrupted: A signal ended the screen, or what was done after it.
    """
    from poolmgr.runners.on_done import run_on_done
    from poolmgr.tui.app import PoolmgrApp
    from poolmgr.tui.quit_choice import QuitChoice

    told = False

    def on_done(snapshot: PoolSnapshot) -> str:
        nonlocal told
        told = True
        return run_on_done(look.on_done, snapshot)

    app = PoolmgrApp(
        session.control, ascii=look.ascii, settings=look.settings, on_done=on_done if look.on_done else None
    )
    choice = run_app(app, interrupts, QuitChoice.TERMINATE)
    interrupts.check(session.counts())
    if choice not in (QuitChoice.DRAIN, QuitChoice.LEAVE):
        if feed is not None:
            feed.stop()
        session.pool.terminate()
        session.pool.join()
        outcome = Tally().outcome(session.pool.snapshot())
    else:
        session.let_go()
        if choice is QuitChoice.DRAIN:
            session.drain()
        outcome = headless.watch(session, interrupts, feed=feed)
        if not told:
            headless.finish(session, look.on_done)
    result(headless.summary(outcome))
    return app.return_code or outcome.exit_code
