"""The control of a pool in another program, through its board.

    board's view     --changes()-->  "poolmgr-viewer"  -->  snapshot(), listeners
    board's counter  <--post(), wait()--  the thread that calls send()

Thread: "poolmgr-viewer", one for each control, follows the board: it waits in the board for the next frame, and when
the board is started again it connects anew.  It ends when the owner is gone.  send() has a connection of its own.
Never: holds up the pool, or the board for other viewers; a viewer that is stopped or killed costs them nothing.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from poolmgr.control.asking import PATIENCE, WAIT, ask
from poolmgr.errors import PoolGone, UsageError
from poolmgr.model.buckets import History
from poolmgr.model.delta import unpack
from poolmgr.model.listeners import Listener, Listeners
from poolmgr.model.requests import Pace, Reply, Request
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.model.states import PoolState
from poolmgr.monitor.line import LOST, Line
from poolmgr.monitor.status import from_status
from poolmgr.monitor.viewer import RETRY, line_to
from poolmgr.runtime import folder

#: Seconds between two tries to find a board that is being started again, at the most; its owner takes up to 30.
SELDOM = 0.5
#: Seconds without a frame after which the picture is called old: a frame comes at least once a second.
SILENCE = 5.0
#: Seconds for which the history is fetched with each frame after somebody asked for it: it is as large as all the rest.
WANTED = 5.0
#: Seconds until the first picture must be there.
FIRST = 10.0

#: Seconds that closing waits for the viewer's thread, which ends at once unless it waits for a handshake.
LEAVE = 1.0

READ_ONLY = "attached read-only: nothing was sent; attach without --read-only to act"


class RemoteControl:
    """A :class:`~poolmgr.model.control.PoolControl` of another program's pool, while it is entered.

    Args:
        entry: The pool's entry in the runtime folder.
        read_only: Refuse every request.

    Raises:
        UsageError: There is no picture to be had. On entering.
    """

    def __init__(self, entry: folder.Entry, *, read_only: bool = False) -> None:
        self.entry = entry
        self.read_only = read_only
        self._listeners = Listeners()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        #: Set with the first picture, and when there will be none.
        self._begun = threading.Event()
        # Written by the viewer's thread, read by any.
        self._latest: PoolSnapshot | None = None
        self._heard = time.monotonic()
        self._trouble = ""
        self._over = ""
        self._history = History()
        #: When somebody last asked for the history.  Written by any thread.
        self._asked = -math.inf
        self._line: Line | None = None
        #: The picture that was given out last: one that nobody has seen yet is given out whatever happened since.
        self._given: PoolSnapshot | None = None
        # The viewer's thread alone.
        self._status: dict[str, Any] = {}
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="poolmgr-viewer", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._begun.wait(FIRST)
        if self._latest is None:
            self.close()
            why = self._over or self._trouble or "its board does not answer"
            raise UsageError(f"the pool {self.entry.name!r} of process {self.entry.pid} cannot be seen: {why}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def snapshot(self) -> PoolSnapshot:
        """The newest picture.

        Raises:
            PoolGone: There is none newer than the last one; the text says why.
        """
        latest = self._latest
        assert latest is not None, "a control is entered first"
        if latest is self._given:
            why = self._over or self._trouble
            silent = time.monotonic() - self._heard
            if not why and silent > SILENCE:
                why = f"process {self.entry.pid} has said nothing for {silent:.0f} s: it stands still"
            if why:
                raise PoolGone(why)
        self._given = latest
        return latest

    def history(self) -> History:
        """What each worker did in the last hours; fetched while somebody asks for it, and a frame late at first."""
        self._asked = time.monotonic()
        return self._history

    @property
    def last(self) -> PoolSnapshot:
        """The newest picture, however old it is."""
        assert self._latest is not None, "a control is entered first"
        return self._latest

    @property
    def closed(self) -> bool:
        """Whether the owner closed the pool in order, so that the last picture is that of the end."""
        return bool(self._over) and self._ended

    @property
    def over(self) -> str:
        """Why no further picture will come; empty while some will."""
        return self._over

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have ``listener`` called, from the viewer's thread, with each frame and when it is over."""
        return self._listeners.subscribe(listener)

    def send(self, request: Request) -> Reply:
        """Carry a request to the owner, and wait for its reply; it is carried out once or not at all."""
        if self.read_only and not isinstance(request, Pace):
            return Reply(False, READ_ONLY)
        if self._over:
            return Reply(False, f"{self._over}: nothing was sent")
        return ask(self.entry, request)

    def close(self) -> None:
        """Follow no more. The pool goes on.

        A connection that is just being made to a board that stands is not waited for.
        """
        self._closing.set()
        with self._lock:
            line = self._line
            if line is not None:
                line.hang_up()
        if self._thread.ident is not None:
            self._thread.join(LEAVE)

    def _run(self) -> None:
        try:
            self._follow_boards()
        except Exception as error:  # the thread's top: without it the screen would stand still in silence
            self._over = f"the viewer broke: {type(error).__name__}: {error}"
        self._begun.set()
        self._listeners.tell()

    def _follow_boards(self) -> None:
        """Take frames until there will be no more."""
        pause = RETRY
        while not self._closing.is_set():
            heard = self._heard
            try:
                self._follow()
            except UsageError as error:
                self._trouble = str(error)
                # Others' rights or another version: it will not get better while somebody waits for it.
                self._begun.set()
            except LOST as error:
                self._trouble = f"the board is gone ({type(error).__name__}), its owner starts another one"
            if self._ended or not folder.is_listed(self.entry):
                self._over = self._why_gone()
                return
            self._listeners.tell()
            pause = RETRY if self._heard > heard else min(2 * pause, SELDOM)
            self._closing.wait(pause)

    def _follow(self) -> None:
        """Take frames of the board that there is."""
        line = line_to(self.entry, "view", patience=WAIT + PATIENCE)
        try:
            with self._lock:
                self._line = line
            number = 0
            while not self._closing.is_set() and not self._ended:
                newest, changed, self._ended = line.call("changes", number, WAIT)
                if newest > number:
                    if time.monotonic() - self._asked < WANTED:
                        self._take_history(line.call("history", self._history.until))
                    self._take(changed)
                number = newest
        finally:
            with self._lock:
                self._line = None
            line.close()

    def _take(self, changed: dict[str, Any]) -> None:
        self._status.update(changed)
        if changed or self._latest is None:
            self._latest = from_status(self._status)
        self._heard = time.monotonic()
        self._trouble = ""
        self._begun.set()
        self._listeners.tell()

    def _take_history(self, packed: dict[str, Any] | None) -> None:
        if packed is not None:
            self._history = unpack(packed, self._history)

    def _why_gone(self) -> str:
        if self._latest is not None and self._latest.state is PoolState.ENDED:
            return f"the pool has ended, and process {self.entry.pid} has closed it"
        if self._ended:
            return f"process {self.entry.pid} shows the pool no more"
        return f"process {self.entry.pid} is gone, and its pool with it; this is the last picture"
