"""In the board's process: the status dict with a number for each change, and who follows it.

    owner      update(changed)               -> how many follow
    viewers    changes(since, seconds)       -> the newest number, the keys that changed since, whether it is over

A viewer that asks waits here until there is news, so a frame reaches it when it is made, and only what changed
crosses. The number goes up with every frame, also with one in which nothing changed, so a viewer sees that the owner
lives.

Thread: the Manager's, one for each connection, by which a follower is known; a condition guards all.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from poolmgr.monitor.desk import Desk
from poolmgr.monitor.past import Past

#: Seconds for which somebody who has asked is taken for there.  One that is stopped must not hold the owner up.
LEASE = 3.0
#: Most seconds that anybody may wait here: a thread whose caller died must end some time.
LONGEST = 10.0


class Sheet:
    """The status of one pool.

    Args:
        status: The dict, which readers of other kinds may have too; it is only changed here.
    """

    def __init__(self, status: dict[str, Any]) -> None:
        self._status = status
        self._changed = threading.Condition()
        self._number = 1
        #: The change in which each key came last.
        self._numbers = dict.fromkeys(status, 1)
        #: When each follower was last heard of, by its thread.
        self._followers: dict[int, float] = {}
        self._ended = False

    def update(self, changed: dict[str, Any]) -> int:
        """Take a frame. Returns how many follow."""
        with self._changed:
            self._number += 1
            self._status.update(changed)
            self._numbers.update(dict.fromkeys(changed, self._number))
            self._changed.notify_all()
            return self._count()

    def end(self, seconds: float) -> None:
        """There will be no other frame: wait until all that follow know it, but no longer than ``seconds``."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._count(), min(seconds, LONGEST))

    def changes(self, since: int, seconds: float) -> tuple[int, dict[str, Any], bool]:
        """What has changed since the number that the caller has, 0 for none; waits for something to change.

        Returns:
            The newest number, the keys with their values, and whether this was the last of it: then hang up.
        """
        follower = threading.get_ident()
        with self._changed:
            self._followers[follower] = time.monotonic()
            self._changed.wait_for(lambda: self._ended or self._number > since, min(seconds, LONGEST))
            self._followers[follower] = time.monotonic()
            keys = [key for key, number in self._numbers.items() if number > since]
            return self._number, {key: self._status[key] for key in keys}, self._ended

    def leave(self) -> None:
        """The connection of this thread has ended."""
        with self._changed:
            self._followers.pop(threading.get_ident(), None)
            self._changed.notify_all()

    def _count(self) -> int:
        now = time.monotonic()
        self._followers = {name: heard for name, heard in self._followers.items() if now - heard < LEASE}
        return len(self._followers)


class OwnersSheet:
    """What the owner may call."""

    def __init__(self, sheet: Sheet, desk: Desk, past: Past) -> None:
        self.update = sheet.update
        self.add = past.add
        self._sheet, self._desk = sheet, desk

    def end(self, seconds: float) -> None:
        """Wait until viewers have the last frame and their replies, but no longer than ``seconds`` for each."""
        self._sheet.end(seconds)
        self._desk.await_fetched(seconds)


class View:
    """What a viewer may call."""

    def __init__(self, sheet: Sheet, past: Past) -> None:
        self.changes = sheet.changes
        self.history = past.history
