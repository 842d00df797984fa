"""Descriptors that a forked child must not keep: the owner's ends of everything.

A child that kept them would hold other workers' sockets open.  Socket objects are closed as such: one that is left in
the child would close whatever has got its number by the time it is collected.
"""

from __future__ import annotations

import contextlib
import os
import socket

#: Descriptors, each with the socket object that it belongs to, if there is one.
_owned: dict[int, socket.socket | None] = {}


def own(fd: int) -> int:
    """Have every forked child close ``fd``; returns it."""
    _owned[fd] = None
    return fd


def own_socket(one: socket.socket) -> socket.socket:
    """Have every forked child close the socket; returns it."""
    _owned[one.fileno()] = one
    return one


def lend(fd: int) -> None:
    """Have children that are forked from now on keep ``fd``; it is still to be closed by :func:`disown`."""
    _owned.pop(fd, None)


def disown(fd: int) -> None:
    """Close ``fd``, or the socket that it belongs to, here."""
    _close(fd, _owned.pop(fd, None))


def _close(fd: int, one: socket.socket | None) -> None:
    if one is None:
        os.close(fd)
    else:
        one.close()


def _close_in_child() -> None:
    while _owned:
        with contextlib.suppress(OSError):
            _close(*_owned.popitem())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
