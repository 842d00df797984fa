"""``poolmgr.watch(pool)``: the screen on a pool of the caller's own program.

Thread: the caller's, which must be the main one: Textual owns the terminal's signals while the screen is open.  The
pool's own threads go on beside it.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from contextlib import ExitStack
from multiprocessing import forkserver, resource_tracker
from typing import TYPE_CHECKING

from poolmgr.cli.headless import FRAME
from poolmgr.cli.interrupts import Interrupts
from poolmgr.cli.options import choose_look
from poolmgr.cli.output import tell
from poolmgr.cli.progress import line, meter
from poolmgr.cli.screen import require_terminal, run_app
from poolmgr.control.local import LocalControl
from poolmgr.errors import UsageError
from poolmgr.model.states import PoolState
from poolmgr.monitor.collector import Collector
from poolmgr.runners.publication import Publication, publish

if TYPE_CHECKING:
    from multiprocessing.pool import Pool as AnyPool

    from poolmgr.engine.pool import Pool


def watch(pool: Pool) -> None:
    """Open the screen on ``pool`` until the operator leaves it; without a terminal, print progress until it is idle.

    Meanwhile it is also seen from other terminals, as by :func:`poolmgr.publish`.

    Leaving lets the pool go on; the quit dialog can also close it (no more jobs) or terminate it. Open the pool with
    ``capture_output=True``, or what its workers print is drawn over the screen.

    Args:
        pool: A :class:`poolmgr.Pool` of this process.

    Raises:
        UsageError: It is no pool of poolmgr's, or this is not the main thread.
    """
    _check(pool)
    with ExitStack() as stack:
        control = _control(pool, stack)
        try:
            require_terminal("")
        except UsageError:
            _progress(control)
            return
        _screen(pool, control)


def _control(pool: Pool, stack: ExitStack) -> LocalControl:
    """The pool is seen from other terminals as long as it is watched, or published by the program itself."""
    publication = Publication.of(pool)
    if publication is not None:
        return publication.control
    try:
        return stack.enter_context(publish(pool)).control
    except UsageError:
        # There is no safe folder: it is seen here alone.
        collector = Collector(pool)
        control = LocalControl(pool, collector)
        stack.callback(collector.stop)
        stack.callback(control.close)
        collector.start()
        return control


def _check(pool: AnyPool) -> None:
    from poolmgr.engine.pool import Pool

    if not isinstance(pool, Pool):
        raise UsageError(f"watch() shows a poolmgr.Pool, not a {type(pool).__name__}: write from poolmgr import Pool")
    if threading.current_thread() is not threading.main_thread():
        raise UsageError("watch() needs the main thread: submit from another one, and watch here")


def _progress(control: LocalControl) -> None:
    """Lines on stderr until nothing runs or waits; Ctrl-C is the program's own."""
    with meter(None) as shown:
        while True:
            snapshot = control.snapshot()
            shown.show(snapshot)
            if snapshot.state is PoolState.ENDED or snapshot.counts.ended >= snapshot.counts.submitted:
                break
            time.sleep(FRAME)
    tell(line(snapshot))


def _screen(pool: Pool, control: LocalControl) -> None:
    # Under Textual stderr has no descriptor, with which neither of them could be started.
    resource_tracker.ensure_running()
    if "forkserver" in multiprocessing.get_all_start_methods() and pool.snapshot().start_method == "forkserver":
        forkserver.ensure_running()
    from poolmgr.tui.app import PoolmgrApp
    from poolmgr.tui.quit_choice import QuitChoice

    look = choose_look(None, None, None)
    captured = pool._dispatcher.crew._spec.capture_output
    app = PoolmgrApp(
        control,
        ascii=look.ascii,
        settings=look.settings,
        rest=QuitChoice.LEAVE,
        note=""
        if captured
        else "What workers print is drawn over this screen: open the pool with capture_output=True.",
    )
    with Interrupts() as interrupts:
        choice = run_app(app, interrupts, QuitChoice.LEAVE)
    if choice is QuitChoice.DRAIN:
        pool.close()
    elif choice is QuitChoice.TERMINATE:
        pool.terminate()
    if interrupts.signum is not None:
        # The terminal is sane again: the program's own handlers decide what the signal means.
        signal.raise_signal(interrupts.signum)
