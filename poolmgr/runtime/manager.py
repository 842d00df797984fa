"""A Manager for users that cannot outlive its owner: ``multiprocessing.Manager()`` on the lifeline.

Thread: the caller's, until the Manager's process answers.
"""

from __future__ import annotations

import signal
from multiprocessing import get_context, resource_tracker
from multiprocessing.context import BaseContext
from multiprocessing.managers import SyncManager

from poolmgr.runtime.lifeline import Lifeline, guard
from poolmgr.runtime.stderr import startable_stderr


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


def _enter(lifeline: Lifeline) -> None:
    """The first thing that runs in the Manager's process."""
    lifeline.protect()
    # Under fork the owner's handlers came along: a screen's would act on the owner's terminal and wake its loop.
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)) and number != signal.SIGINT:
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
