"""What the app knows of each pool that it shows.  Written and read in the app's thread."""

from __future__ import annotations

from poolmgr.errors import PoolmgrError
from poolmgr.model.buckets import History
from poolmgr.model.fleet import Member
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.model.states import PoolState
from poolmgr.tui.alerts import Alerts
from poolmgr.tui.news import WorkEnd
from poolmgr.tui.undo import LastCancel

#: What is said of a pool that was taken out, unless its control says it better.
OVER = "the pool is over; this is its last picture"


class Watched:
    """One pool: its newest picture, the one that the screen shows, and what it has warned of."""

    def __init__(self, member: Member) -> None:
        self.member = member
        #: The newest picture, None until there is one.
        self.newest: PoolSnapshot | None = None
        #: The one on the screen, which stands still while the screen is frozen.
        self.shown: PoolSnapshot | None = None
        #: What each worker did, as it is in the two; None before the first.
        self.newest_history: History | None = None
        self.shown_history: History | None = None
        #: Why there is no newer picture; empty while all is well.
        self.trouble = ""
        #: Whether it was taken out.
        self.gone = False
        self.alerts, self.last_cancel = Alerts(), LastCancel()
        self._work_end = WorkEnd()

    @property
    def name(self) -> str:
        """What the pool calls itself, or was called before there was a picture."""
        return self.member.name if self.newest is None else self.newest.name

    @property
    def takes_jobs(self) -> bool:
        """Whether it is open, as far as its newest picture says."""
        return self.newest is not None and self.newest.state in (PoolState.RUN, PoolState.HELD)

    def pull(self, *, history: bool) -> bool:
        """Take a picture now. If there is none to be had, keep the last one and know why.

        Args:
            history: Take the history too: only the pool that is looked at needs it.

        Returns:
            Whether the work of the pool has just ended.
        """
        control = self.member.control
        try:
            snapshot = control.snapshot()
            if history:
                self.newest_history = control.history()
        except Exception as error:  # whatever one control raises: the head says it, and the other pools are shown
            # Our own errors are whole sentences.
            self.trouble = str(error) if isinstance(error, PoolmgrError) else f"{type(error).__name__}: {error}"
            return False
        self.trouble = OVER if self.gone else ""
        self.newest = snapshot
        self.alerts.take(snapshot.log)
        return self._work_end.take(snapshot)

    def go(self) -> None:
        """It was taken out: take the last picture that can be had."""
        self.gone = True
        self.pull(history=True)

    def show(self) -> None:
        """What is newest is what the screen shows."""
        self.shown, self.shown_history = self.newest, self.newest_history
