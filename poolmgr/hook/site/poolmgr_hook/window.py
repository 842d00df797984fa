"""So many in a while, and no more: what lies in shared memory has room for a number between two looks.

Threads: any; two at once may let through one too many.
"""

from __future__ import annotations

from time import monotonic_ns


class Window:
    """Lets through so many events of a while."""

    def __init__(self, nanoseconds: int, most: int) -> None:
        """Let through ``most`` in as many nanoseconds, which begin with the first that comes after the last ones."""
        self._length, self._most = nanoseconds, most
        self._until = 0
        self._left = 0

    def has_room(self) -> bool:
        """Whether this event is let through."""
        if self._left:
            self._left -= 1
            return True
        now = monotonic_ns()
        if now < self._until:
            return False
        self._until, self._left = now + self._length, self._most
        return True
