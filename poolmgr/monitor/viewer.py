"""Finding a pool's board from any process of the same user, and connecting to it.

Thread: the caller's.  Never: connects to, or reads a key from, what is not this user's alone.
"""

from __future__ import annotations

import os
import stat
import time
from multiprocessing.managers import DictProxy
from typing import Any

from poolmgr.errors import UsageError
from poolmgr.monitor.server import BoardManager
from poolmgr.runtime import folder

#: Seconds to wait for a board that is just being started or restarted, which takes a tenth of one.
PATIENCE = 3.0
#: Seconds between two tries: a socket that is not there yet cannot be waited for.
RETRY = 0.05


def connect(name: str | None = None) -> DictProxy[str, Any]:
    """Return the status dict of a running pool of this user, as docs/status.md describes it.

    The proxy only reads. ``copy()`` takes one whole picture. When the board is restarted or the pool ends, the proxy's
    methods raise an EOFError or OSError: connect anew.

    Args:
        name: The pool's name, or the process id of the program that owns it; None for the only pool there is.

    Raises:
        UsageError: No such pool, or more than one, or its folder is open to others.
    """
    entry = find(name)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return _connect(entry)
        except (FileNotFoundError, ConnectionRefusedError, ConnectionResetError, BrokenPipeError, EOFError) as error:
            if time.monotonic() > deadline:
                raise UsageError(
                    f"the pool {entry.name!r} of process {entry.pid} does not answer: it is ending, or its board "
                    "is being started again; try once more"
                ) from error
        time.sleep(RETRY)


def find(name: str | None = None) -> folder.Entry:
    """The entry of the pool that :func:`connect` would connect to.

    Raises:
        UsageError: No such pool, or more than one.
    """
    known = folder.entries()
    found = [entry for entry in known if name is None or name in (entry.name, str(entry.pid))]
    if len(found) == 1:
        return found[0]
    wanted = "pool" if name is None else f"pool {name!r}"
    if not known:
        raise UsageError(f"no {wanted} of yours is running with a status board")
    listed = ", ".join(f"{entry.name} (process {entry.pid})" for entry in found or known)
    if not found:
        raise UsageError(f"no {wanted} is running; there are: {listed}")
    raise UsageError(f"more than one {wanted} is running, say which by its name or process: {listed}")


def _connect(entry: folder.Entry) -> DictProxy[str, Any]:
    folder.check_private(entry.path, stat.S_IFDIR)
    address = os.path.join(entry.path, os.path.basename(os.readlink(entry.address)))
    folder.check_private(address, stat.S_IFSOCK)
    folder.check_private(entry.key_path, stat.S_IFREG)
    with open(entry.key_path, "rb") as file:
        key = file.read()
    manager = BoardManager(address=address, authkey=key)
    manager.connect()
    proxy: DictProxy[str, Any] = manager.status()  # type: ignore[attr-defined]
    return proxy
