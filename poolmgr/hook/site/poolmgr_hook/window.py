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
        #: When there is room again once nothing is left.  Who is in a hurry looks here first, and spares a call.
        self.until = 0
        self.left = 0

    def has_room(self) -> bool:
        """Whether this event is let through."""
        if self.left:
            self.left -= 1
            return True
        now = monotonic_ns()
        if now < self.until:
            return False
        self.until, self.left = now + self._length, self._most
        return True
