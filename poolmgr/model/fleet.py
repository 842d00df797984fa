"""The pools that one app shows: whoever opens or finds a pool adds it, and takes it out when it is over.

    a program's pools, a folder's entries, the form  --add(), remove()-->  Fleet  --members, subscribe()-->  the app

A fleet may be empty at first (a program that has opened no pool yet), hold several pools at once, and lose them again.
With one pool the app looks as if there were no fleet.  A pool that is taken out while somebody looks at it stays on
his screen with its last picture, until he looks at another one or another one comes.

Threads: :meth:`Fleet.add` and :meth:`Fleet.remove` may be called from any, also before the app runs and after it has
ended; none of them waits for the app.  The app's thread alone writes :attr:`Fleet.current`.  A fleet holds no pool and
closes none: who added a pool closes its control, after taking it out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from poolmgr.model.control import PoolControl
from poolmgr.model.listeners import Listener, Listeners
from poolmgr.model.requests import CheckCall, Complete, Reply

#: What an empty fleet says of itself, unless its maker knows better.
EMPTY = "no pool is open"
#: Characters of a pool's name: it has to fit into a header beside other things.
LONGEST_NAME = 40
#: Most workers that are opened without being asked twice: a slip of the finger must not bring the machine down.
MOST_WORKERS = 1024


@dataclass(frozen=True, slots=True)
class Opening:
    """What is asked of whoever opens a pool."""

    name: str
    workers: int
    start_method: str
    #: ``module:function``, called in each worker before its first job, and what with; empty for none.
    initializer: str = ""
    initargs: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One pool of a fleet. Never changes; two members are never equal, though a pool may come twice."""

    #: In the order of coming, from 1; never given twice.
    number: int
    control: PoolControl
    #: Its name until there is a picture of it.
    name: str = ""
    #: Another program's: leaving the app changes nothing for it, and asks nothing.
    attached: bool = False
    #: It may only be looked at.
    read_only: bool = False


#: Opens a pool, adds it to the fleet and returns it.  Called in a thread of the app's, one call at a time; takes as
#: long as a pool takes to open.  Raises UsageError, whose sentence the form shows.
Opener = Callable[[Opening], Member]
#: Answers in the program that opens pools: what is a function, what may a name become.  Called in threads of the app's.
Looker = Callable[[CheckCall | Complete], Reply]


class Fleet:
    """Pools that come and go.

    Args:
        opener: Opens another pool when the operator asks for one; None where that makes no sense.
        suggestion: What the form for another pool begins with.
        start_methods: The start methods that it offers.
        looker: Looks at an initializer before a pool is opened with it; None for an opener that takes none.
        empty: One sentence for the screen while there is no pool and there was none yet.
    """

    def __init__(
        self,
        *,
        opener: Opener | None = None,
        suggestion: Opening | None = None,
        start_methods: tuple[str, ...] = (),
        looker: Looker | None = None,
        empty: str = EMPTY,
    ) -> None:
        self.opener = opener
        self.suggestion = suggestion
        self.start_methods = start_methods
        self.looker = looker
        self.empty = empty
        #: The pool that is looked at.  Written by the app's thread, read by any: who makes pictures may save what
        #: only that one needs.  None before the app runs and while no pool came.
        self.current: Member | None = None
        self._lock = threading.Lock()
        self._members: tuple[Member, ...] = ()
        self._listeners = Listeners()
        self._count = 0

    @property
    def members(self) -> tuple[Member, ...]:
        """The pools that are there, in the order of coming. A picture of its own: it never changes."""
        return self._members

    def add(self, control: PoolControl, *, name: str = "", attached: bool = False, read_only: bool = False) -> Member:
        """A pool has come. Its control gives pictures from now on, until the pool is taken out.

        The app shows the first pool that comes, and lists the others; it goes on to a new one by itself only when the
        one that it shows was taken out.

        Args:
            control: Gives the pictures and takes the requests.
            name: Its name until there is a picture of it.
            attached: Another program's: leaving the app changes nothing for it, and asks nothing.
            read_only: It may only be looked at.
        """
        with self._lock:
            self._count += 1
            member = Member(self._count, control, name, attached, read_only)
            self._members = (*self._members, member)
        self._listeners.tell()
        return member

    def remove(self, member: Member) -> None:
        """A pool is over, or is no longer to be shown. Taking it out twice does no harm.

        The app may ask the control for one more picture: it shows the last one that it gets.
        """
        with self._lock:
            self._members = tuple(other for other in self._members if other is not member)
        self._listeners.tell()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have ``listener`` called when a pool comes or goes, from the thread that adds or removes it.

        Returns:
            What ends the subscription.
        """
        return self._listeners.subscribe(listener)
