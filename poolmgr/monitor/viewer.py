"""Finding a pool's board from any process of the same user, and connecting to it.

Thread: the caller's.  Never: connects to, or reads a key from, what is not this user's alone.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from multiprocessing.managers import DictProxy
from typing import Any, TypeVar

from poolmgr.errors import UsageError
from poolmgr.monitor.line import Line
from poolmgr.monitor.server import BoardManager
from poolmgr.runtime import folder

T = TypeVar("T")

#: Seconds to wait for a board that is just being started or restarted, which takes a tenth of one.
PATIENCE = 3.0
#: Seconds between two tries: a socket that is not there yet cannot be waited for.
RETRY = 0.05
#: What connecting raises while a board is being started, restarted or ended.
NOT_THERE = (FileNotFoundError, ConnectionRefusedError, ConnectionResetError, BrokenPipeError, EOFError)


def connect(name: str | None = None) -> DictProxy[str, Any]:
    """Return the status dict of a running pool of this user, as docs/status.md describes it.

    The proxy only reads. ``copy()`` takes one whole picture. When the board is restarted or the pool ends, the proxy's
    methods raise an EOFError or OSError: connect anew.

    Args:
        name: The pool's name, the process id of the program that owns it, or both as in ``train-4242``; None for the
            only pool there is.

    Raises:
        UsageError: No such pool, or more than one, or its folder is open to others.
    """
    entry = find(name)
    return patiently(entry, lambda: _connect(entry))


def find(name: str | None = None) -> folder.Entry:
    """The entry of the pool that :func:`connect` would connect to.

    Raises:
        UsageError: No such pool, or more than one.
    """
    known = folder.entries()
    found = [entry for entry in known if name is None or name in (entry.name, str(entry.pid), full_name(entry))]
    if len(found) == 1:
        return found[0]
    wanted = "pool" if name is None else f"pool {name!r}"
    if not known:
        raise UsageError(f"no {wanted} of yours is running with a status board")
    listed = ", ".join(f"{full_name(entry)} (process {entry.pid})" for entry in found or known)
    if not found:
        listed = ", ".join(f"{entry.name} (process {entry.pid})" for entry in known)
        raise UsageError(f"no {wanted} is running; there are: {listed}")
    raise UsageError(f"more than one {wanted} is running, say which by its name or process: {listed}")


def full_name(entry: folder.Entry) -> str:
    """The name with the process id behind it, which tells two pools of one name apart."""
    return entry.name if entry.name.endswith(f"-{entry.pid}") else f"{entry.name}-{entry.pid}"


def line_to(entry: folder.Entry, kind: str, *, patience: float | None = None) -> Line:
    """A connection to one object of a pool's board.

    Args:
        entry: The pool's entry.
        kind: The object.
        patience: Seconds that an answer may take.

    Raises:
        OSError, EOFError, AuthenticationError: There is no board now.
        UsageError: Others have rights on what it would trust.
    """
    address, key = _address_and_key(entry)
    return Line(address, key, kind, patience=patience)


def read_status(entry: folder.Entry, *, patience: float) -> dict[str, Any]:
    """One whole picture of the status dict.

    Args:
        entry: The pool's entry.
        patience: Seconds that the answer may take.

    Raises:
        OSError, EOFError, AuthenticationError: There is no board now, or it does not answer.
        UsageError: Others have rights on what it would trust.
    """
    line = line_to(entry, "status", patience=patience)
    try:
        status: dict[str, Any] = line.call("copy")
    finally:
        line.close()
    return status


def patiently(entry: folder.Entry, connected: Callable[[], T]) -> T:
    """What ``connected()`` returns, tried again for a while if the board is not there.

    Raises:
        UsageError: It is not there for too long.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return connected()
        except NOT_THERE as error:
            if time.monotonic() > deadline:
                raise UsageError(
                    f"the pool {entry.name!r} of process {entry.pid} does not answer: it is ending, or its board "
                    "is being started again; try once more"
                ) from error
        time.sleep(RETRY)


def _connect(entry: folder.Entry) -> DictProxy[str, Any]:
    address, key = _address_and_key(entry)
    manager = BoardManager(address=address, authkey=key)
    manager.connect()
    proxy: DictProxy[str, Any] = manager.status()  # type: ignore[attr-defined]
    return proxy


def _address_and_key(entry: folder.Entry) -> tuple[str, bytes]:
    """The board's socket and key, if they are this user's alone."""
    folder.check_private(entry.path, stat.S_IFDIR)
    address = os.path.join(entry.path, os.path.basename(os.readlink(entry.address)))
    folder.check_private(address, stat.S_IFSOCK)
    folder.check_private(entry.key_path, stat.S_IFREG)
    with open(entry.key_path, "rb") as file:
        return address, file.read()
