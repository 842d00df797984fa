"""``poolmgr run`` on a terminal: the program's own terminal and the screen take turns on the person's.

    the program is shown  --a pool is there, or ctrl+]-->  the screen  --i, or q-->  the program is shown  --> its end

Thread: the main one.  "poolmgr-end" leaves the screen when the program ends.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from poolmgr.cli.options import Look
from poolmgr.runners.command import Command
from poolmgr.runners.program import Program, passing_on
from poolmgr.runners.run import Run
from poolmgr.runners.terminal import Left, ProgramTerminal

if TYPE_CHECKING:
    from poolmgr.tui.app import PoolmgrApp

#: What nobody would guess, told when the screen comes for the first time.
NOTE = "The program has a terminal of its own: i shows it and types into it, ctrl+] comes back. q leaves this screen."


def run_on(terminal: int, command: Command, name: str, look: Look, *, locks: bool, engine: str, at_once: bool) -> int:
    """Run a program on a terminal of its own, and show it and its pools on the person's, at once or when it has a pool.

    Returns:
        The program's exit code.
    """
    with Run(command, name, locks=locks, engine=engine) as opened, contextlib.ExitStack() as stack:
        program = opened.start(terminal)
        shown = opened.show_on(terminal)
        stack.callback(passing_on(program))
        opened.observe(always=at_once, found=shown.call_back)
        try:
            note = NOTE
            while (left := shown.show()) in (Left.ASKED, Left.CALLED):
                _screen(opened, shown, terminal, look, note)
                note = ""
            if left is Left.GONE:
                program.send_signal(signal.SIGHUP)
            code = program.wait()
            opened.end()
        finally:
            shown.close()
    return code


def _screen(opened: Run, shown: ProgramTerminal, terminal: int, look: Look, note: str) -> None:
    """Show the screen until the person leaves it, or the program ends."""
    from poolmgr.tui.app import PoolmgrApp
    from poolmgr.tui.quit_choice import QuitChoice

    app = PoolmgrApp(
        opened.observed.fleet,
        ascii=look.ascii,
        settings=look.settings,
        rest=QuitChoice.LEAVE,
        note=note,
        terminal=shown,
    )
    with _streams_on(terminal), _leaving_with(opened.program, terminal, app):
        app.run()
    # Its handlers would draw it again.
    signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    signal.signal(signal.SIGCONT, signal.SIG_DFL)


@contextlib.contextmanager
def _leaving_with(program: Program, terminal: int, app: PoolmgrApp) -> Iterator[None]:
    """The screen goes when the program ends, or the terminal is gone."""
    done, finish = os.pipe()

    def wait() -> None:
        poll = select.poll()
        poll.register(program.ended, select.POLLIN)
        poll.register(done, select.POLLIN)
        # No event is asked for: that it is gone is told in any case, also where the kernel sends no SIGHUP.
        poll.register(terminal, 0)
        if done not in dict(poll.poll()):
            with contextlib.suppress(RuntimeError):
                # It has just been left.
                app.call_from_thread(app.exit)

    thread = threading.Thread(target=wait, name="poolmgr-end", daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.write(finish, b"!")
        thread.join()
        os.close(done)
        os.close(finish)


@contextlib.contextmanager
def _streams_on(terminal: int) -> Iterator[None]:
    """The standard streams are the terminal, which is what a screen is drawn on."""
    kept = {fd: os.dup(fd) for fd in (0, 1, 2) if not os.isatty(fd)}
    for fd in kept:
        os.dup2(terminal, fd)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for fd, before in kept.items():
            os.dup2(before, fd)
            os.close(before)
