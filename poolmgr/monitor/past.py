"""In the board's process: the pool's history, handed from the owner to viewers in pieces.

    owner      add(packed)         -> what has changed since the piece before (model/delta.py)
    viewers    history(until)      -> what has changed since the picture that they have

A viewer that keeps up gets the owner's newest piece as it came. The pieces are put together only for one that comes
late, or when many lie here.

Thread: the Manager's, one for each connection; a lock guards all.
"""

from __future__ import annotations

import threading
from typing import Any

from poolmgr.model.buckets import History
from poolmgr.model.delta import pack, unpack

#: Pieces that lie here before they are put together: more would have a late viewer wait, fewer would cost all the time.
MOST_PIECES = 40


class Past:
    """The history of one pool."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._whole = History()
        #: Not yet in it, oldest first.
        self._pieces: list[dict[str, Any]] = []
        self._newest: dict[str, Any] | None = None

    def add(self, packed: dict[str, Any]) -> None:
        """Take a piece of the owner's; one that begins at 0 takes the place of all before it."""
        with self._lock:
            if packed["since"] == 0:
                self._whole, self._pieces = History(), []
            self._pieces.append(packed)
            self._newest = packed
            if len(self._pieces) > MOST_PIECES:
                self._put_together()

    def history(self, until: int) -> dict[str, Any] | None:
        """What has changed since the picture whose ``until`` this is, 0 for none; None if there is no history."""
        with self._lock:
            newest = self._newest
            if newest is None:
                return None
            # A piece may be put upon any picture that is as new as the piece's beginning.
            if newest["since"] <= until <= newest["until"]:
                return newest
            self._put_together()
            return pack(self._whole, until if until <= self._whole.until else 0)

    def _put_together(self) -> None:
        for piece in self._pieces:
            self._whole = unpack(piece, self._whole)
        self._pieces = []
