"""The verbs' way to the screen and back: checks the terminal, runs the app, carries out how the operator left it."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, TypeVar

from poolmgr.cli import headless
from poolmgr.cli.interrupts import Interrupts, InterruptWatch
from poolmgr.cli.options import Look
from poolmgr.cli.output import result
from poolmgr.cli.pools import shown
from poolmgr.errors import UsageError
from poolmgr.runners.demo import Feed
from poolmgr.runners.outcome import Outcome, Tally

if TYPE_CHECKING:
    from textual.app import App

    from poolmgr.model.snapshot import PoolSnapshot
    from poolmgr.runners.session import Session
    from poolmgr.runners.sessions import Sessions

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
        return run_screen(session, interrupts, look, others=True)


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


def run_screen(
    session: Session, interrupts: Interrupts, look: Look, *, feed: Feed | None = None, others: bool = False
) -> int:
    """Show the screen, then do what the operator chose when leaving it.

    Args:
        session: The pool that it begins with.
        interrupts: What ends it early.
        look: How it is drawn.
        feed: What submits to that pool.
        others: Show the pools of this user's other programs too.

    Returns:
        The exit code.

    Raises:
        Interrupted: A signal ended the screen, or what was done after it.
    """
    from poolmgr.runners.sessions import Sessions

    with Sessions(session) as sessions:
        return _show(sessions, interrupts, look, feed, others=others)


def _show(sessions: Sessions, interrupts: Interrupts, look: Look, feed: Feed | None, *, others: bool) -> int:
    from poolmgr.control.others import Others
    from poolmgr.runners.on_done import run_on_done
    from poolmgr.tui.app import PoolmgrApp
    from poolmgr.tui.quit_choice import QuitChoice

    told = False

    def on_done(snapshot: PoolSnapshot) -> str:
        nonlocal told
        told = True
        return run_on_done(look.on_done, snapshot)

    app = PoolmgrApp(
        sessions.fleet, ascii=look.ascii, settings=look.settings, on_done=on_done if look.on_done else None
    )
    with Others(sessions.fleet) if others else nullcontext():
        choice = run_app(app, interrupts, QuitChoice.TERMINATE)
    interrupts.check(sessions.counts())
    if choice not in (QuitChoice.DRAIN, QuitChoice.LEAVE):
        if feed is not None:
            feed.stop()
        outcomes = [_terminated(session) for session in sessions.all]
    else:
        outcomes = _finished(sessions, interrupts, feed, drain=choice is QuitChoice.DRAIN)
        if not told:
            for session in sessions.all:
                headless.finish(session, look.on_done)
    several = len(outcomes) > 1
    for session, outcome in zip(sessions.all, outcomes, strict=True):
        result((f"{shown(session.pool.name)}: " if several else "") + headless.summary(outcome))
    return app.return_code or max(outcome.exit_code for outcome in outcomes)


def _terminated(session: Session) -> Outcome:
    session.pool.terminate()
    session.pool.join()
    return Tally().outcome(session.pool.snapshot())


def _finished(sessions: Sessions, interrupts: Interrupts, feed: Feed | None, *, drain: bool) -> list[Outcome]:
    """Wait for all of them; progress is that of one after the other, while all go on."""
    for session in sessions.all:
        session.let_go()
        if drain:
            session.drain()
    first, *others = sessions.all
    return [
        headless.watch(first, interrupts, feed=feed),
        *(headless.watch(session, interrupts) for session in others),
    ]
