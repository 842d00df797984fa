"""The board's process: a Manager that holds the status dict and the requests behind one socket.

Nothing here runs in the owner.

It is started by exec (see board.py), reads all it needs from its standard input, and says ``ready`` on its output.

    status          viewers    the status dict, read-only, for a DictProxy
    view            viewers    what has changed in it, and in the history
    counter         viewers    requests and their replies
    owners_sheet    owner      writes the status and the history
    owners_desk     owner      takes requests and answers them

Whoever knows the key may ask for any of them: the kinds guard against mistakes, the key and the folder against others.

Thread: the Manager's own, one for each connection.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import sys
import types
from dataclasses import dataclass
from multiprocessing import process
from multiprocessing.connection import Connection
from multiprocessing.managers import DictProxy, Server, SyncManager
from typing import Any

from poolmgr.monitor.desk import Counter, Desk, OwnersDesk
from poolmgr.monitor.line import HANDSHAKE, peer_uid, set_patience
from poolmgr.monitor.past import Past
from poolmgr.monitor.sheet import OwnersSheet, Sheet, View
from poolmgr.runtime.lifeline import Lifeline

#: What a DictProxy may call: all that reads.
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
_sheet = Sheet(_status)
#: The Manager's objects by their kinds.  Filled when the board starts.
_objects: dict[str, Any] = {}
#: What may be called of each.
_EXPOSED = {
    "status": _READS,
    "view": ("changes", "history"),
    "counter": ("post", "wait", "fetched", "withdraw"),
    "owners_sheet": ("update", "add", "end"),
    "owners_desk": ("take", "answer"),
}


class BoardManager(SyncManager):
    """The Manager of a board. Viewers ask it for ``status()``; the other kinds are for a Line."""


for _kind, _exposed in _EXPOSED.items():
    BoardManager.register(
        _kind,
        callable=lambda kind=_kind: _objects[kind],
        proxytype=DictProxy,
        exposed=_exposed,
        create_method=_kind == "status",
    )


class BoardServer(Server):
    """A Manager's server that hears only its own user, and nobody for long who does not say who he is."""

    #: A connection asks for an object and then calls it; nobody but the owner ends the process.
    public = ["accept_connection", "create", "decref", "dummy", "incref"]  # noqa: RUF012 - as Server has it

    def _handle_request(self, c: Connection[Any, Any]) -> None:
        with socket.socket(fileno=os.dup(c.fileno())) as peer:
            if peer_uid(peer) not in (None, os.getuid()):
                return
            set_patience(peer, HANDSHAKE)
        super()._handle_request(c)  # type: ignore[misc]

    def serve_client(self, conn: Connection[Any, Any]) -> None:
        """Answer the calls of one connection, for as long as it lasts."""
        with socket.socket(fileno=os.dup(conn.fileno())) as peer:
            set_patience(peer, None)
        try:
            super().serve_client(conn)
        finally:
            _sheet.leave()


def main() -> None:
    """Serve until the owner ends or kills this process."""
    opening: Opening = pickle.load(sys.stdin.buffer)
    Lifeline(opening.lifeline, -1, opening.owner).protect()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _sheet.update(opening.status)
    desk, past = Desk(), Past()
    _objects.update(
        status=types.MappingProxyType(_status),
        view=View(_sheet, past),
        counter=Counter(desk),
        owners_sheet=OwnersSheet(_sheet, desk, past),
        owners_desk=OwnersDesk(desk),
    )
    with contextlib.suppress(FileNotFoundError):
        os.unlink(opening.address)
    # bind() makes the socket with the rights that the mask leaves.
    os.umask(0o077)
    process.current_process().authkey = opening.key
    server = BoardServer(BoardManager._registry, opening.address, opening.key, "pickle")  # type: ignore[attr-defined]
    # The Manager drops an object with its last proxy; these live as long as it does.
    for kind in _EXPOSED:
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
