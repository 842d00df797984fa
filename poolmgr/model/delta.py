"""The history in plain form, for readers in other processes: lists of integers, and only what they have not seen.

    pack(history)          all of it
    pack(history, since)   what has changed since a picture whose ``until`` was ``since``
    unpack(packed, before) the picture again, ``before`` being the one that the reader has

A reader who comes late gets all, and then the newest slices of 0.25 s with each frame.

Pure; for any thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from poolmgr.errors import UsageError
from poolmgr.model.buckets import FINE, KEPT, WIDTHS, Bucket, History, Track

#: How many slices of 0.25 s a bucket of each ring is long.
LENGTHS = tuple(width // WIDTHS[FINE] for width in WIDTHS)


def pack(history: History, since: int = 0) -> dict[str, Any]:
    """The history as dicts, lists and numbers, those complete buckets left out that were so in ``since`` already."""
    return {
        "since": since,
        "until": history.until,
        "now": history.now,
        "begun": history.begun,
        "epoch": history.epoch,
        "names": list(history.names),
        "pool": _pack_track(history.pool, since),
        "tracks": {slot: _pack_track(track, since) for slot, track in history.tracks.items()},
    }


def unpack(packed: Mapping[str, Any], before: History | None = None) -> History:
    """The picture that was packed. Takes what went through JSON too, where the slots have become strings.

    Args:
        packed: What :func:`pack` made.
        before: The picture that the reader has; None if it has none.

    Raises:
        UsageError: There is a gap between the two: ask for all of it.
    """
    since = packed["since"]
    if since > (0 if before is None else before.until):
        raise UsageError("a part of the history is missing; ask for all of it")
    tracks = {} if before is None else before.tracks
    empty = Track()
    return History(
        now=packed["now"],
        epoch=packed["epoch"],
        names=tuple(packed["names"]),
        tracks={
            int(slot): _unpack_track(track, tracks.get(int(slot), empty), since)
            for slot, track in packed["tracks"].items()
        },
        pool=_unpack_track(packed["pool"], empty if before is None else before.pool, since),
        until=packed["until"],
        begun=packed["begun"],
    )


def _pack_track(track: Track, since: int) -> list[list[list[int]]]:
    rings = [
        [bucket.plain() for bucket in _since(ring, since, length)]
        for ring, length in zip(track.rings, LENGTHS, strict=True)
    ]
    return [*rings, [bucket.plain() for bucket in track.open]]


def _since(ring: tuple[Bucket, ...], since: int, length: int) -> Iterable[Bucket]:
    """The buckets that were not complete at slice ``since``: those at the end."""
    place = len(ring)
    while place and (ring[place - 1].number + 1) * length > since:
        place -= 1
    return ring[place:]


def _unpack_track(packed: list[list[list[int]]], before: Track, since: int) -> Track:
    rings = []
    for old, new, length, kept in zip(before.rings, packed, LENGTHS, KEPT, strict=False):
        known = len(old)
        while known and (old[known - 1].number + 1) * length > since:
            known -= 1
        rings.append((*old[:known], *map(Bucket.from_plain, new))[-kept:])
    return Track(tuple(rings), tuple(map(Bucket.from_plain, packed[-1])))
