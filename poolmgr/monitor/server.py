"""The board's process: a Manager that holds the status dict behind one socket. Nothing here runs in the owner.

It is started by exec (see board.py), reads all it needs from its standard input, and says ``ready`` on its output.
Viewers get a read-only view of the dict; the owner alone gets the dict.

Thread: the Manager's own, one for each connection.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import types
from dataclasses import dataclass
from multiprocessing import process
from multiprocessing.managers import DictProxy, SyncManager
from typing import Any

from poolmgr.runtime.lifeline import Lifeline

#: What a viewer may call: all that reads.
_READS = ("__contains__", "__getitem__", "__iter__", "__len__", "copy", "get", "items", "keys", "values")
#: The line that says that the socket takes connections.
READY = b"ready\n"


@dataclass(frozen=True, slots=True)
class Opening:
    """What the owner tells the board at its start."""

    address: str
    key: bytes
    #: The lifeline's descriptor, inherited under this number, and the owner's process id.
    lifeline: int
    owner: int
    status: dict[str, Any]


_status: dict[str, Any] = {}
_view = types.MappingProxyType(_status)


def _get_status() -> dict[str, Any]:
    return _status


def _get_view() -> types.MappingProxyType[str, Any]:
    return _view


class BoardManager(SyncManager):
    """The Manager of a board: ``status()`` for viewers, ``owners_status()`` for the one who writes."""


BoardManager.register("status", callable=_get_view, proxytype=DictProxy, exposed=_READS)
BoardManager.register("owners_status", callable=_get_status, proxytype=DictProxy)


def main() -> None:
    """Serve until the owner ends or kills this process."""
    opening: Opening = pickle.load(sys.stdin.buffer)
    Lifeline(opening.lifeline, -1, opening.owner).protect()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _status.update(opening.status)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(opening.address)
    # bind() makes the socket with the rights that the mask leaves.
    os.umask(0o077)
    process.current_process().authkey = opening.key
    server = BoardManager(address=opening.address, authkey=opening.key).get_server()
    # The Manager drops an object with its last proxy; these two live as long as it does.
    for kind in ("status", "owners_status"):
        server.create(None, kind)  # type: ignore[arg-type]
    os.write(1, READY)
    _close_streams()
    server.serve_forever()


def _close_streams() -> None:
    """Nobody reads what this process prints from here on."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)
