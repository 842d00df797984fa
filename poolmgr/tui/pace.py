"""What a pool hears of how often its pictures are pulled.  Runs in the app's thread.

A pool takes pictures at a pace of its own, which is enough for most.  Whoever pulls more often says so, again and again
for as long as that is so: a viewer that is gone wishes for nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.timer import Timer

from poolmgr.model.requests import USUAL_PACE, WISH, Pace, Reply

if TYPE_CHECKING:
    from poolmgr.tui.app import PoolmgrApp


class Wishes:
    """One app's wish for more pictures than there usually are."""

    def __init__(self, app: PoolmgrApp) -> None:
        self._app = app
        self._timer: Timer | None = None

    def follow(self, hertz: float) -> None:
        """The app pulls so many pictures a second from now on."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if hertz > USUAL_PACE:
            self._say(hertz)
            # Three times while one wish lasts: a pool may be busy with another request.
            self._timer = self._app.set_interval(WISH / 3, lambda: self._say(hertz))

    def _say(self, hertz: float) -> None:
        self._app.look(Pace(hertz), _heard)


def _heard(reply: Reply) -> None:
    """A pool that cannot go faster is looked at all the same."""
