"""Descriptors that a forked child must not keep: the owner's ends of everything.

A child that kept them would hold other workers' sockets open.  Plain numbers, since a socket object left in the child
would close whatever has got its number by the time it is collected.
"""

from __future__ import annotations

import contextlib
import os

_owned: set[int] = set()


def own(fd: int) -> int:
    """Have every forked child close ``fd``; returns it."""
    _owned.add(fd)
    return fd


def lend(fd: int) -> None:
    """Have children that are forked from now on keep ``fd``; it is still to be closed by :func:`disown`."""
    _owned.discard(fd)


def disown(fd: int) -> None:
    """Close ``fd`` here."""
    _owned.discard(fd)
    os.close(fd)


def _close_in_child() -> None:
    while _owned:
        with contextlib.suppress(OSError):
            os.close(_owned.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
