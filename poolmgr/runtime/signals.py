"""Signals around a fork: what reaches a new worker must not meet its owner's handlers."""

from __future__ import annotations

import contextlib
import signal
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
