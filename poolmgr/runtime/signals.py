"""Signals: what reaches a new worker must not meet its owner's handlers, and what is half done must not be left so."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

#: Signals that a new worker must not take before its own handlers are there, by start method.  A forked one has the
#: owner's handlers; one that is spawned would end with a traceback at a Ctrl-C while it imports.
HELD_BACK = {"fork": {signal.SIGTERM, signal.SIGINT}, "spawn": {signal.SIGINT}}


@contextlib.contextmanager
def held_back(start_method: str) -> Iterator[None]:
    """Start workers with signals blocked, which they inherit; :func:`take_again` is their end of it.

    Not for forkserver: a server that is started here would keep them blocked for the children of others too.
    """
    if start_method == "spawn":
        from multiprocessing import resource_tracker

        # The first spawn starts it, and that lets all signals in again.
        resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK.get(start_method, ()))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def take_again() -> None:
    """In the worker, once its handlers are there."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})


def in_one_piece(function: F) -> F:
    """Mark a function within which nothing can come between: no signal handler, no exception, no other thread.

    CPython runs signal handlers, raises what other threads throw in, and lets other threads have the interpreter, at
    certain instructions only: where a function is entered, after each call, and where a loop goes back.  A function
    that stores attributes and items, and calls at the most one function of C as its last step before it returns, has
    none of them inside: whoever is interrupted has run all of it or nothing.  A call in an ``except`` or ``finally``
    arm that follows is a new last step, since an arm is entered without such an instruction.

    What it reads and writes must be plain: a property, an ``__eq__`` or an enum as the key of a dict are Python code.
    A test reads the instructions of all functions that are marked so.  A build of Python without the interpreter's lock
    promises none of this: see ``PIECES``.
    """
    function.__in_one_piece__ = True  # type: ignore[attr-defined]
    return function


#: Whether this interpreter keeps the promise of :func:`in_one_piece`.
PIECES = sys.implementation.name == "cpython" and getattr(sys, "_is_gil_enabled", lambda: True)()
