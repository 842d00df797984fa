"""Signals: what reaches a new worker must not meet its owner's handlers, and what is half done must not be left so."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

#: Signals that a forked worker must not take before its own handlers are there.
HELD_BACK = (signal.SIGTERM, signal.SIGINT)


@contextlib.contextmanager
def held_back(forks: bool) -> Iterator[None]:
    """Fork with signals blocked: until the worker has its own handlers, those of the owner would take them for it.

    Only for fork: a fork server or a tracker that is started here would keep them blocked for good.
    """
    if not forks:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def take_again() -> None:
    """In the worker, once its handlers are there."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)


def interruptible() -> bool:
    """Whether a signal handler may raise in the caller's thread, between any two of its steps: in the main thread.

    Such a thread must not feed workers or book results: a KeyboardInterrupt in the middle would leave a lock held for
    ever, or a job recorded and not sent.  It leaves both to the dispatcher, in which nothing is ever raised.
    """
    return threading.get_ident() == threading.main_thread().ident
