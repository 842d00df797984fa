"""What the monitor needs of a pool: a few methods, so that any pool can be watched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from poolmgr.model.snapshot import PoolSnapshot

if TYPE_CHECKING:
    from poolmgr.engine.tape import Happened, Now, Ran


class LogTo(Protocol):
    """Adds one line to a pool's log; callable from any thread."""

    def __call__(self, text: str, *, kind: str = "event", level: str = "info", job_id: int | None = None) -> None: ...


class Spans(Protocol):
    """What the workers of a pool did since somebody asked last, and what they do."""

    def take(self) -> list[Ran | Happened]:
        """All spans since the last call."""
        ...

    def look(self) -> Now:
        """What the workers do now, and what waits."""
        ...


class Watchable(Protocol):
    """A pool as the collector sees it."""

    def snapshot(self) -> PoolSnapshot:
        """The engine's own picture: no CPU, no memory, no history."""
        ...

    def record(self) -> Spans | None:
        """Have it taken down what the workers do, for this caller; None if the pool cannot."""
        ...

    def log(self, text: str, *, kind: str = "event", level: str = "info", job_id: int | None = None) -> None:
        """Add a line to the pool's log."""
        ...
