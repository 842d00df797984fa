"""Frames: how pictures of the pools come to the screens, and of which pool and which moment.

    fleet of controls  --pull(), by a timer and on news-->  a Watched for each pool  -->  the current one's picture

Everything here runs in the app's own thread, but for listeners: controls and the fleet call them from any thread, and
they set a flag and post one message.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from textual.app import App
from textual.reactive import var
from textual.timer import Timer

from poolmgr.model.buckets import History
from poolmgr.model.control import PoolControl
from poolmgr.model.fleet import Fleet
from poolmgr.model.rewind import rewound, stepped
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.tui.alerts import Alerts
from poolmgr.tui.messages import News
from poolmgr.tui.quit_choice import QuitChoice
from poolmgr.tui.undo import LastCancel
from poolmgr.tui.watched import Watched
from poolmgr.tui.widgets.header import WAITING

#: Seconds between two pulls that news ask for.  Less would let a storm of news take a core from the pool's workers,
#: more would let one see that a death is shown late.
NEWS_GAP = 0.1


class FrameApp(App[QuitChoice]):
    """An app that follows the pools of a fleet, and shows one of them."""

    #: The picture of the current pool that is shown, None until the first one.
    snapshot: var[PoolSnapshot | None] = var(None)
    #: Why there is no newer one; empty while all is well.
    trouble: var[str] = var("")
    #: Whether the screen stands still while the pools go on.
    frozen: var[bool] = var(False)
    #: The moment of the past that the screens show, CLOCK_MONOTONIC in ns; None while they show the present.
    moment: var[int | None] = var(None)
    #: Whole seconds from that moment to the newest picture.
    ago: var[int] = var(0)
    #: ``2 of 3 pools``; empty where there is one.
    place: var[str] = var("")
    #: Pulls so far: changes when any pool has another picture.
    pulls: var[int] = var(0)

    #: What each worker did, as it is in the picture that is shown; None before the first.
    history: History | None = None
    #: The same, of the past what came after the moment too.
    whole_history: History | None = None

    def __init__(self, pools: PoolControl | Fleet, *, refresh_hz: float, attached: bool, read_only: bool) -> None:
        """Follow ``pools``; a single control is a fleet of one, and the last two arguments are said of that one."""
        super().__init__()
        if isinstance(pools, Fleet):
            self.fleet = pools
        else:
            self.fleet = Fleet()
            self.fleet.add(pools, attached=attached, read_only=read_only)
        self.refresh_hz = refresh_hz
        #: The pools by their numbers: those of the fleet, and the current one though it may be over.
        self.watched: dict[int, Watched] = {}
        self.current: Watched | None = None
        self._no_alerts, self._no_cancel = Alerts(), LastCancel()
        #: What ends the subscriptions, by the pools' numbers; 0 is the fleet's.
        self._subscriptions: dict[int, Callable[[], None]] = {}
        #: True from the first news until the pull that answers it.  Set by any thread, cleared by the app's.
        self._news_due = False
        self._pulled = 0.0
        #: Pictures of a moment, and which moment that is, by the pools' numbers.
        self._rewound: dict[int, tuple[PoolSnapshot, int]] = {}
        self._ticker: Timer | None = None

    def start_pulling(self) -> None:
        """Follow the fleet from now on."""
        self._subscriptions[0] = self.fleet.subscribe(self._listen)
        self.pull()
        self._ticker = self.set_interval(1 / self.refresh_hz, self.pull)

    @property
    def is_pulling(self) -> bool:
        """Whether pictures come."""
        return self._ticker is not None

    def stop_pulling(self) -> None:
        """Follow nothing any more: the pools may go on without the screen."""
        for unsubscribe in self._subscriptions.values():
            unsubscribe()
        self._subscriptions.clear()

    # --- which pools there are

    @property
    def alerts(self) -> Alerts:
        """What the current pool has warned of."""
        return self._no_alerts if self.current is None else self.current.alerts

    @property
    def last_cancel(self) -> LastCancel:
        """What was taken out of the current pool's queue last."""
        return self._no_cancel if self.current is None else self.current.last_cancel

    @property
    def newest(self) -> PoolSnapshot | None:
        """The current pool's newest picture, frozen or not; None while there is none to be had."""
        return None if self.current is None or self.current.trouble else self.current.newest

    @property
    def waiting(self) -> str:
        """What is said where there is no picture yet."""
        return WAITING if self.watched else self.fleet.empty

    def follows_alone(self) -> bool:
        """Whether the app may go on to another pool by itself when the one that it shows is over."""
        return True

    def choose_alone(self, watched: Watched) -> None:
        """The pool on the screen is over, or there was none, and this one is there."""
        self.choose(watched)

    def pool_left(self, number: int) -> None:
        """A pool that nobody looks at any more is over."""

    def work_ended(self, watched: Watched) -> None:
        """The work of a pool has ended."""

    def _take_members(self) -> None:
        members = {member.number: member for member in self.fleet.members}
        for number, watched in list(self.watched.items()):
            if number not in members and not watched.gone:
                self._unsubscribe(number)
                watched.go()
            if watched.gone and watched is not self.current:
                self._forget(number)
        for number, member in members.items():
            if number not in self.watched:
                self.watched[number] = Watched(member)
                self._subscriptions[number] = member.control.subscribe(self._listen)
        if self.current is None or (self.current.gone and self.follows_alone()):
            following = next(self._candidates(), None)
            if following is not None:
                self.choose_alone(following)

    def _candidates(self) -> Iterator[Watched]:
        """The pools that the app would go on to by itself: those with work first, then the newest."""
        there = [watched for watched in self.watched.values() if not watched.gone]
        yield from there if self.current is None else sorted(there, key=_has_work, reverse=True)

    def choose(self, watched: Watched) -> None:
        """Make it the current pool; what is on the screen is up to the caller."""
        before, self.current = self.current, watched
        if watched.shown_history is None and not watched.gone:
            watched.pull(history=True)
            watched.shown_history = watched.newest_history
        self.fleet.current = watched.member
        if before is not None and before.gone and before is not watched:
            self._forget(before.member.number)

    def _unsubscribe(self, number: int) -> None:
        unsubscribe = self._subscriptions.pop(number, None)
        if unsubscribe is not None:
            unsubscribe()

    def _forget(self, number: int) -> None:
        self._unsubscribe(number)
        del self.watched[number]
        self.pool_left(number)

    # --- pictures

    def pull(self) -> None:
        """Take a picture of each pool now, and show the current one's."""
        self._news_due = False
        self._pulled = time.monotonic()
        self._take_members()
        for watched in list(self.watched.values()):
            if not watched.gone and watched.pull(history=watched is self.current):
                self.work_ended(watched)
        self.show_current()
        self.pulls += 1

    def show_current(self) -> None:
        """Give the screens the current pool's picture: the newest, or the one at which they stand still."""
        for watched in self.watched.values():
            if not self.is_held or watched.shown is None:
                watched.show()
        current = self.current
        if current is None:
            return
        numbers = list(self.watched)
        place = numbers.index(current.member.number) + 1
        self.place = f"{place} of {len(numbers)} pools" if len(numbers) > 1 else ""
        self.trouble = current.trouble
        self.whole_history = self.history = current.shown_history
        picture = self._picture_of(current)
        if self.moment is not None and picture is not None and self.history is not None:
            self.history = self.history.at(picture.time)
        now = current.newest
        if self.moment is not None and picture is not None and now is not None:
            self.ago = max(0, int(now.time - picture.time))
        self.snapshot = picture

    @property
    def is_held(self) -> bool:
        """Whether the pictures that travel and freeze start from stand still."""
        return self.frozen or self.moment is not None

    def _picture_of(self, watched: Watched) -> PoolSnapshot | None:
        """What the screens show of a pool: the picture at which they stand, or what is kept of the moment."""
        snapshot, history = watched.shown, watched.shown_history
        if self.moment is None or snapshot is None:
            return snapshot
        if history is None or history.now == 0:
            return None
        if self._rewound.get(watched.member.number, (None, 0))[1:] != (self.moment,):
            self._rewound[watched.member.number] = (rewound(snapshot, history, self.moment), self.moment)
        return self._rewound[watched.member.number][0]

    def pictures(self) -> list[tuple[Watched, PoolSnapshot | None]]:
        """All pools as the screens show them."""
        return [(watched, self._picture_of(watched)) for watched in self.watched.values()]

    def travel(self, steps: int) -> bool:
        """Show the moment so many slices later, or earlier; whether there is another one."""
        if self.moment is None:
            # All pools are of the same moment, so of each the history is needed now.
            for watched in self.watched.values():
                if not self.frozen and not watched.gone:
                    watched.pull(history=True)
                    watched.show()
            self._rewound.clear()
        whole = None if self.current is None else self.current.shown_history
        if whole is None or whole.now == 0:
            return False
        before, self.moment = self.moment, stepped(whole, self.moment, steps)
        self.show_current()
        return self.moment != before

    def action_live(self) -> None:
        """Back to the present."""
        self.moment = None
        self.show_current()

    def action_freeze(self) -> None:
        """Freeze the screen, or show what has happened meanwhile."""
        self.frozen = not self.frozen
        self.show_current()

    def set_pace(self, hertz: float) -> None:
        """Take so many pictures a second from now on."""
        if self._ticker is not None:
            self._ticker.stop()
        self.refresh_hz = hertz
        self._ticker = self.set_interval(1 / hertz, self.pull)

    # --- news

    def _listen(self) -> None:
        """Called on news, from any thread, maybe very often: nearly free while news are due."""
        if self._news_due:
            return
        self._news_due = True
        try:
            self.post_message(News())
        except RuntimeError:
            # The event loop has just closed: the last screen is gone, and the news with it.
            self._news_due = False

    def on_news(self) -> None:
        """Pull at once, or as soon as the gap since the last pull is over."""
        wait = NEWS_GAP - (time.monotonic() - self._pulled)
        if wait <= 0:
            self.pull()
        else:
            self.set_timer(wait, self.pull)


def _has_work(watched: Watched) -> tuple[bool, int]:
    """What works comes before what does not, and what came last before what came first."""
    if watched.newest is None:
        watched.pull(history=False)
    counts = None if watched.newest is None else watched.newest.counts
    return counts is not None and counts.running + counts.queued > 0, watched.member.number
