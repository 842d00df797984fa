"""Requests: how what an operator asks reaches a pool, one after the other, and how the answers are told.

The app's own thread makes requests and hears the answers; delivering one may block, and has a thread for it.  A request
goes to the pool that was the current one when it was made.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from textual import work

from poolmgr.model.control import PoolControl
from poolmgr.model.fleet import Fleet
from poolmgr.model.requests import Reply, Request
from poolmgr.tui.format import harmless
from poolmgr.tui.messages import OnReply, Replied
from poolmgr.tui.view_stack import ViewStack
from poolmgr.tui.watched import Watched

NOBODY = "there is no pool: nothing was sent"
PAST = "the screen shows the past, where nothing can be changed: . goes back to the present"


@dataclass(frozen=True, slots=True)
class _Letter:
    """A request on its way."""

    control: PoolControl
    request: Request
    on_reply: OnReply | None


class SendingApp(ViewStack):
    """An app that carries requests to the pools that it shows."""

    def __init__(self, pools: PoolControl | Fleet, *, refresh_hz: float, attached: bool, read_only: bool) -> None:
        """As :class:`FrameApp`."""
        super().__init__(pools, refresh_hz=refresh_hz, attached=attached, read_only=read_only)
        #: Requests in the order they were made; the first is on its way.  The app's thread alone touches it.
        self._outbox: deque[_Letter] = deque()

    def send(self, request: Request, on_reply: OnReply | None = None, to: Watched | None = None) -> None:
        """Carry a request to a pool, after those before it.

        Args:
            request: What is asked.
            on_reply: Called with the answer; without it, the answer is shown.
            to: The pool; the current one if nobody says.
        """
        to = to or self.current
        refusal = self._refusal(to)
        if to is None or refusal:
            (on_reply or self.tell_reply)(Reply(False, refusal))
            return
        self._outbox.append(_Letter(to.member.control, request, on_reply))
        if len(self._outbox) == 1:
            self._deliver(self._outbox[0])

    def refusal(self) -> str:
        """Why the current pool can be asked nothing; empty if it can."""
        return self._refusal(self.current)

    def _refusal(self, to: Watched | None) -> str:
        if to is None:
            return NOBODY
        if self.moment is not None:
            return PAST
        return f"{harmless(to.name)}: the pool is over, nothing was sent" if to.gone else ""

    @work(thread=True, group="requests")
    def _deliver(self, letter: _Letter) -> None:
        self.post_message(Replied(_answer(letter.control, letter.request), letter.on_reply))

    def on_replied(self, message: Replied) -> None:
        """Show the answer, send the next request, and see what it did."""
        if message.counted:
            self._outbox.popleft()
            if self._outbox:
                self._deliver(self._outbox[0])
        (message.on_reply or self.tell_reply)(message.reply)
        if message.counted:
            self.pull()

    def look(self, request: Request, on_reply: OnReply, to: Watched | None = None) -> None:
        """Ask a pool, or the current one, what changes nothing and may take long: acts do not wait for it."""
        to = to or self.current
        if to is None:
            on_reply(Reply(False, NOBODY))
        else:
            self._look(_Letter(to.member.control, request, on_reply))

    @work(thread=True, group="looks")
    def _look(self, letter: _Letter) -> None:
        self.post_message(Replied(_answer(letter.control, letter.request), letter.on_reply, counted=False))

    def send_all(self, requests: Sequence[Request], verb: str) -> None:
        """Carry many requests to the pool, and show one sentence in the end.

        Args:
            requests: What is asked.
            verb: What the operator called it.
        """
        refused: list[str] = []
        left = len(requests)

        def answered(reply: Reply) -> None:
            nonlocal left
            left -= 1
            if not reply.ok:
                refused.append(reply.text)
            if left == 0:
                taken = f"{verb}: {len(requests) - len(refused)} of {len(requests)} taken"
                self.tell(f"{taken}; {refused[0]}" if refused else taken, ok=not refused)

        for request in requests:
            self.send(request, answered)

    def tell_reply(self, reply: Reply) -> None:
        """Show an answer of the pool."""
        self.tell(reply.text, ok=reply.ok)

    def tell(self, text: str, *, ok: bool = True) -> None:
        """Show one sentence for a moment."""
        if text:
            self.notify(harmless(text), severity="information" if ok else "error", markup=False)


def _answer(control: PoolControl, request: Request) -> Reply:
    try:
        return control.send(request)
    except Exception as error:  # the thread's top: what a control raises is no answer, but its sentence is
        return Reply(False, f"{type(request).__name__.lower()}: {type(error).__name__}: {error}")
