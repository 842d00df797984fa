"""In the board's process: requests that wait for the owner, and replies that wait for who asked.

    viewers    post({"id", "viewer", "request"})    wait(id, seconds) -> the reply    fetched(id)    withdraw(id)
    owner      take(seconds) -> the oldest            answer(id, reply)

An id names a request for good. It may be posted again, by a viewer that does not know whether it arrived: it is taken
once, and the owner remembers those that it has carried out.

Only plain values get past here, so that the owner never unpickles anything else of a viewer's.

Thread: the Manager's, one for each connection; a condition guards all.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from poolmgr.errors import UsageError
from poolmgr.model.plain import check_plain

#: Requests that may wait at once: an owner that stands must not fill the memory with them.
MOST_WAITING = 100
#: Replies that are kept for who has asked and does not come back.
MOST_REPLIES = 100
#: Most seconds that anybody may wait here: a thread whose caller died must end some time.
LONGEST = 10.0
#: Seconds for which a reply is taken to be waited for.  Who asked waits here, and fetches it at once unless it died.
LEASE = 3.0


class Desk:
    """The requests of one board."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[str, dict[str, Any]] = {}
        self._taken: set[str] = set()
        #: With the moment at which each was given.
        self._replies: dict[str, tuple[float, dict[str, Any]]] = {}

    def post(self, envelope: dict[str, Any]) -> None:
        """Put a request down for the owner; nothing happens if it lies here already.

        Raises:
            UsageError: It is not plain, or too many are waiting.
        """
        check_plain(envelope)
        name = envelope.get("id")
        if not isinstance(name, str):
            raise UsageError("a request has an id")
        with self._changed:
            if name in self._waiting or name in self._taken or name in self._replies:
                return
            if len(self._waiting) >= MOST_WAITING:
                raise UsageError(
                    f"{MOST_WAITING} requests wait for the pool's program, which takes none: it stands still"
                )
            self._waiting[name] = envelope
            self._changed.notify_all()

    def wait(self, name: str, seconds: float) -> dict[str, Any] | None:
        """The reply to a request; None if there is none within ``seconds``. It lies here until it is fetched()."""
        with self._changed:
            self._changed.wait_for(lambda: name in self._replies, min(seconds, LONGEST))
            _, reply = self._replies.get(name, (0.0, None))
            return reply

    def fetched(self, name: str) -> None:
        """Who asked has the reply."""
        with self._changed:
            self._replies.pop(name, None)
            self._changed.notify_all()

    def withdraw(self, name: str) -> bool:
        """Take a request back; False if the owner has it, or has answered it."""
        with self._changed:
            return self._waiting.pop(name, None) is not None

    def take(self, seconds: float) -> dict[str, Any] | None:
        """The request that has waited longest, for the owner; None if none comes within ``seconds``."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting, min(seconds, LONGEST))
            if not self._waiting:
                return None
            name = next(iter(self._waiting))
            self._taken.add(name)
            return self._waiting.pop(name)

    def answer(self, name: str, reply: dict[str, Any]) -> None:
        """The owner's reply."""
        with self._changed:
            self._taken.discard(name)
            self._replies[name] = time.monotonic(), reply
            while len(self._replies) > MOST_REPLIES:
                del self._replies[next(iter(self._replies))]
            self._changed.notify_all()

    def await_fetched(self, seconds: float) -> None:
        """Wait until all replies were fetched for which somebody may still come, but no longer than ``seconds``."""
        with self._changed:
            since = time.monotonic() - LEASE
            self._changed.wait_for(
                lambda: all(given < since for given, _ in self._replies.values()), min(seconds, LONGEST)
            )


class OwnersDesk:
    """What the owner may call."""

    def __init__(self, desk: Desk) -> None:
        self.take = desk.take
        self.answer = desk.answer


class Counter:
    """What a viewer may call."""

    def __init__(self, desk: Desk) -> None:
        self.post = desk.post
        self.wait = desk.wait
        self.fetched = desk.fetched
        self.withdraw = desk.withdraw
