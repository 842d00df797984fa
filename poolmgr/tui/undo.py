"""The last cancel that can be taken back.  Pure, but for the clock that is handed in."""

from __future__ import annotations

from collections.abc import Sequence

#: Seconds in which a cancel of what waits can be taken back: time to see what one has done, and little for who waits.
UNDO = 5.0


class LastCancel:
    """Jobs that were taken out of the queue together, and until when they can be put back."""

    def __init__(self) -> None:
        self._ids: tuple[int, ...] = ()
        self._until = 0.0

    def note(self, ids: Sequence[int], now: float) -> None:
        """They were taken out now; what was before cannot be taken back by key any more."""
        self._ids, self._until = tuple(ids), now + UNDO

    def open(self, now: float) -> bool:
        """Whether there is anything to take back."""
        return bool(self._ids) and now < self._until

    def take(self) -> tuple[int, ...]:
        """The jobs, once."""
        ids, self._ids = self._ids, ()
        return ids
