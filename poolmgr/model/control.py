"""The seam between screens and pools: whoever shows or steers a pool knows only this Protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from poolmgr.model.buckets import History
from poolmgr.model.listeners import Listener
from poolmgr.model.requests import Reply, Request
from poolmgr.model.snapshot import PoolSnapshot


class PoolControl(Protocol):
    """Gives snapshots of one pool and takes requests for it."""

    def snapshot(self) -> PoolSnapshot:
        """The newest picture. Cheap, never blocks on the pool, callable from the screen's own thread."""
        ...

    def history(self) -> History:
        """What each worker did in the last hours, as it is in the newest picture. As cheap as that."""
        ...

    def send(self, request: Request) -> Reply:
        """Carry a request to the pool and say what became of it.

        May block for a moment (it may cross a process): screens call it from a thread of their own.
        """
        ...

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have ``listener`` called on news, and return what ends the subscription."""
        ...
