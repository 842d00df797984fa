"""In the board's process: the pool's history, handed from the owner to viewers in pieces.

    owner      add(packed)         -> what has changed since the piece before (model/delta.py)
    viewers    history(until)      -> what has changed since the picture that they have

It stays as the owner packed it: nobody here looks into a bucket.  So a piece costs as much as it is long, and a viewer
that comes late, to a pool of many workers that has run for hours, holds up the owner for the copy of some lists.

Thread: the Manager's, one for each connection; a lock guards all.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

from poolmgr.model.buckets import KEPT
from poolmgr.model.delta import LENGTHS

#: A bucket as it is packed: its number, then what is counted in it.  Never changed.
PackedBucket = list[int]


class Past:
    """The history of one pool."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: What is not buckets, as the newest piece had it; None before the first.
        self._facts: dict[str, Any] | None = None
        self._pool = _Rings()
        self._tracks: dict[int, _Rings] = {}

    def add(self, packed: dict[str, Any]) -> None:
        """Take a piece of the owner's; one that begins at 0 takes the place of all before it."""
        since, tracks = packed["since"], packed["tracks"]
        with self._lock:
            if since == 0:
                self._pool, self._tracks = _Rings(), {}
            self._pool.add(packed["pool"], since)
            # A worker that is in no piece any more is gone, and its history with it.
            self._tracks = {slot: self._tracks.get(slot) or _Rings() for slot in tracks}
            for slot, track in tracks.items():
                self._tracks[slot].add(track, since)
            self._facts = {key: value for key, value in packed.items() if key not in ("since", "pool", "tracks")}

    def history(self, until: int) -> dict[str, Any] | None:
        """What has changed since the picture whose ``until`` this is, 0 for none; None if there is no history."""
        with self._lock:
            if self._facts is None:
                return None
            since = until if until <= self._facts["until"] else 0
            tracks = {slot: rings.since(since) for slot, rings in self._tracks.items()}
            return {**self._facts, "since": since, "pool": self._pool.since(since), "tracks": tracks}


class _Rings:
    """The packed rings of one worker, or of the pool."""

    __slots__ = ("_open", "_rings")

    def __init__(self) -> None:
        self._rings = tuple(deque[PackedBucket](maxlen=kept) for kept in KEPT)
        self._open: list[PackedBucket] = []

    def add(self, packed: list[list[PackedBucket]], since: int) -> None:
        """Take what has changed since the slice ``since``."""
        for ring, new, length in zip(self._rings, packed, LENGTHS, strict=False):
            while ring and (ring[-1][0] + 1) * length > since:
                ring.pop()
            ring.extend(new)
        self._open = packed[-1]

    def since(self, since: int) -> list[list[PackedBucket]]:
        """What has changed since then, as it was packed."""
        changed = (list(_newer(ring, since, length))[::-1] for ring, length in zip(self._rings, LENGTHS, strict=True))
        return [*changed, self._open]


def _newer(ring: deque[PackedBucket], since: int, length: int) -> Iterator[PackedBucket]:
    """The buckets that were not complete at slice ``since``, newest first."""
    for bucket in reversed(ring):
        if (bucket[0] + 1) * length <= since:
            return
        yield bucket
