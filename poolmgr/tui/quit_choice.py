"""What the operator wants done with the pool when the screen goes."""

from __future__ import annotations

from enum import StrEnum


class QuitChoice(StrEnum):
    """The ways to leave the app; who started the app carries the choice out after it ended."""

    #: Take no more jobs, finish those there are.
    DRAIN = "drain"
    #: End all workers now.
    TERMINATE = "terminate"
    #: Go on without a screen.
    LEAVE = "leave"
