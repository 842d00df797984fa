"""The messages that cross from other threads into the app's thread."""

from __future__ import annotations

from collections.abc import Callable

from textual.message import Message

from poolmgr.model.requests import Reply
from poolmgr.tui.sources import Around, Place

#: What a screen does with the answer to its request.  Runs in the app's thread.
OnReply = Callable[[Reply], None]


class News(Message):
    """Something happened in the pool: time to take a snapshot. Many of them are worth one."""

    def can_replace(self, message: Message) -> bool:
        """A later one says the same."""
        return isinstance(message, News)


class Replied(Message):
    """The pool answered a request, or a thread has something to say."""

    def __init__(self, reply: Reply, on_reply: OnReply | None, *, counted: bool = True) -> None:
        """``counted`` if it answers the request that is on its way."""
        super().__init__()
        self.counted = counted
        self.reply = reply
        self.on_reply = on_reply


class SourcesRead(Message):
    """A thread has read source lines."""

    def __init__(self, found: dict[Place, Around]) -> None:
        super().__init__()
        self.found = found
