"""The app: it pulls snapshots of one pool, shows them, and carries requests to it.

Everything here runs in the app's own thread, but for two things: a listener that the control calls from any thread,
which sets a flag and posts one message, and the delivery of requests, which may block and has a thread for it.
The app never sees a pool, only a PoolControl.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from textual import work
from textual.app import App
from textual.filter import LineFilter
from textual.reactive import var
from textual.screen import Screen

from poolmgr.model.control import PoolControl
from poolmgr.model.requests import Reply, Request
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.tui.ascii import AsciiFilter
from poolmgr.tui.commands import Acts
from poolmgr.tui.format import harmless
from poolmgr.tui.keys import bindings
from poolmgr.tui.messages import News, OnReply, Replied
from poolmgr.tui.quit_choice import QuitChoice
from poolmgr.tui.screens.dashboard import Dashboard
from poolmgr.tui.screens.export import open_export
from poolmgr.tui.screens.help import HelpScreen
from poolmgr.tui.screens.quit import QuitScreen, idle

#: Seconds between two pulls that news ask for.  Less would let a storm of news take a core from the pool's workers,
#: more would let one see that a death is shown late.
NEWS_GAP = 0.1


class PoolmgrApp(App[QuitChoice]):
    """The screens of one pool. ``run()`` returns what the operator wants done with it, or None."""

    TITLE = "poolmgr"
    CSS_PATH = Path(__file__).with_name("poolmgr.tcss")
    BINDINGS = bindings("app")
    COMMANDS = App.COMMANDS | {Acts}
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (80, "-normal"), (132, "-wide")]  # noqa: RUF012 - as Textual declares it
    VERTICAL_BREAKPOINTS = [(0, "-low"), (24, "-short"), (36, "-tall")]  # noqa: RUF012
    NOTIFICATION_TIMEOUT = 4

    #: The newest picture, None until the first one.
    snapshot: var[PoolSnapshot | None] = var(None)
    #: Why there is no newer one; empty while all is well.
    trouble: var[str] = var("")
    #: Whether everything is drawn in ASCII.
    ascii: var[bool] = var(False)

    def __init__(self, control: PoolControl, *, refresh_hz: float = 4.0, ascii: bool = False) -> None:
        """Show ``control``'s pool.

        Args:
            control: Gives the pictures and takes the requests.
            refresh_hz: Pictures a second.
            ascii: Draw in ASCII.
        """
        super().__init__()
        self._ascii_filter = AsciiFilter()
        self.set_reactive(PoolmgrApp.ascii, ascii)
        self.refresh_hz = refresh_hz
        #: What was typed into the submit form last.
        self.last_submit = ("", "")
        self._control = control
        self._unsubscribe: Callable[[], None] | None = None
        #: True from the first news until the pull that answers it.  Set by any thread, cleared by the app's.
        self._news_due = False
        self._pulled = 0.0
        #: Requests in the order they were made; the first is on its way.  The app's thread alone touches it.
        self._outbox: deque[tuple[Request, OnReply | None]] = deque()

    def get_default_screen(self) -> Screen[None]:
        """The dashboard is the first screen."""
        return Dashboard()

    def on_mount(self) -> None:
        """Start pulling and listening."""
        self.pull()
        self.set_interval(1 / self.refresh_hz, self.pull)
        self._unsubscribe = self._control.subscribe(self._listen)

    def on_unmount(self) -> None:
        """Stop listening: the pool may go on without the screen."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    # --- drawing

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every finished line goes through."""
        filters = super().get_line_filters()
        return [*filters, self._ascii_filter] if self.ascii else filters

    def watch_ascii(self) -> None:
        """Draw everything anew."""
        self.refresh_css(animate=False)

    # --- snapshots

    def pull(self) -> None:
        """Take a picture now. If there is none to be had, keep the last one and say why."""
        self._news_due = False
        self._pulled = time.monotonic()
        try:
            snapshot = self._control.snapshot()
        except Exception as error:
            self.trouble = f"{type(error).__name__}: {error}"
            return
        self.trouble = ""
        self.snapshot = snapshot

    def _newest(self) -> PoolSnapshot | None:
        return None if self.trouble else self.snapshot

    def _listen(self) -> None:
        """Called by the control on news, from any thread, maybe very often: nearly free while news are due."""
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

    # --- requests

    def send(self, request: Request, on_reply: OnReply | None = None) -> None:
        """Carry a request to the pool, after those before it.

        Args:
            request: What is asked.
            on_reply: Called with the answer; without it, the answer is shown.
        """
        self._outbox.append((request, on_reply))
        if len(self._outbox) == 1:
            self._deliver(request, on_reply)

    @work(thread=True, group="requests")
    def _deliver(self, request: Request, on_reply: OnReply | None) -> None:
        try:
            reply = self._control.send(request)
        except Exception as error:
            reply = Reply(False, f"{type(request).__name__.lower()}: {type(error).__name__}: {error}")
        self.post_message(Replied(reply, on_reply))

    def on_replied(self, message: Replied) -> None:
        """Show the answer, send the next request, and see what it did."""
        self._outbox.popleft()
        if self._outbox:
            self._deliver(*self._outbox[0])
        (message.on_reply or self.tell_reply)(message.reply)
        self.pull()

    def tell_reply(self, reply: Reply) -> None:
        """Show an answer of the pool."""
        self.tell(reply.text, ok=reply.ok)

    def tell(self, text: str, *, ok: bool = True) -> None:
        """Show one sentence for a moment."""
        if text:
            self.notify(harmless(text), severity="information" if ok else "error", markup=False)

    # --- the app's own keys

    def action_help(self) -> None:
        """Show all keys."""
        self.push_screen(HelpScreen())

    def action_export(self) -> None:
        """Ask what to save, and where."""
        open_export(self)

    async def action_quit(self) -> None:
        """Ask what becomes of the pool; with nothing to lose, leave at once."""
        if isinstance(self.screen, QuitScreen):
            return
        self.pull()
        snapshot = self._newest()
        if snapshot is not None and idle(snapshot):
            self.exit(QuitChoice.TERMINATE)
            return

        def answered(choice: QuitChoice | None) -> None:
            if choice is not None:
                self.exit(choice)

        self.push_screen(QuitScreen(self._newest), answered)
