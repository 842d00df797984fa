"""A Manager for users that cannot outlive its owner: ``multiprocessing.Manager()`` on the lifeline.

Thread: the caller's, until the Manager's process answers.
"""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from multiprocessing import get_context, resource_tracker
from multiprocessing.context import BaseContext
from multiprocessing.managers import SyncManager

from poolmgr.runtime.lifeline import Lifeline, guard


def Manager(ctx: BaseContext | None = None) -> SyncManager:
    """Start a SyncManager, as ``multiprocessing.Manager()`` does, whose process ends when this one does.

    It ignores Ctrl-C: the owner decides when it goes. Works under fork, spawn and forkserver, and beside a running
    Textual app.

    Args:
        ctx: The context to start it from; the default one if None.
    """
    manager = SyncManager(ctx=get_context() if ctx is None else ctx)
    with startable_stderr():
        resource_tracker.ensure_running()
        manager.start(initializer=_enter, initargs=(guard(),))
    return manager


@contextlib.contextmanager
def startable_stderr() -> Iterator[None]:
    """Have a ``sys.stderr`` with a descriptor while a process is started.

    The resource tracker hands ``sys.stderr.fileno()`` to its own process, and fails where a screen has put an object
    in its place that has none (Textual's says -1).
    """
    if _fileno(sys.stderr) >= 0 or _fileno(sys.__stderr__) < 0:
        yield
        return
    with contextlib.redirect_stderr(sys.__stderr__):
        yield


def _fileno(stream: object) -> int:
    try:
        return int(stream.fileno())  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):
        return -1


def _enter(lifeline: Lifeline) -> None:
    """The first thing that runs in the Manager's process."""
    lifeline.protect()
    # Under fork the owner's handlers came along: a screen's would act on the owner's terminal and wake its loop.
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)) and number != signal.SIGINT:
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
