"""The owner's connection to its board.

Not a DictProxy: a proxy has itself called in every forked child, so each worker would call the board as it starts,
and hang there with it. This speaks the proxy's three messages over one connection instead.

Thread: "poolmgr-board" alone.
"""

from __future__ import annotations

from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from multiprocessing.managers import RemoteError, dispatch  # type: ignore[attr-defined]
from typing import Any

#: What a connection raises when the other side is dead, deaf or somebody else.
LOST = (OSError, EOFError, AuthenticationError, RemoteError)


class Writer:
    """Writes the status dict.

    Raises:
        OSError, EOFError, AuthenticationError: See :data:`LOST`; all methods but close().
    """

    def __init__(self, address: str, key: bytes) -> None:
        with Client(address, authkey=key) as connection:
            self._ident, _ = dispatch(connection, None, "create", ("owners_status",))
        self._connection = Client(address, authkey=key)
        try:
            dispatch(self._connection, None, "accept_connection", ("poolmgr-board",))
        except BaseException:
            self._connection.close()
            raise

    def update(self, changed: dict[str, Any]) -> None:
        """One ``update()`` of the dict in the board."""
        dispatch(self._connection, self._ident, "update", (changed,))

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
