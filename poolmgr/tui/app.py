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
from textual.timer import Timer

from poolmgr.errors import PoolmgrError
from poolmgr.model.buckets import History
from poolmgr.model.control import PoolControl
from poolmgr.model.requests import Reply, Request
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.tui.alerts import Alerts
from poolmgr.tui.ascii import AsciiFilter
from poolmgr.tui.commands import Acts
from poolmgr.tui.draft import Draft
from poolmgr.tui.format import harmless
from poolmgr.tui.keys import STEERS, bindings
from poolmgr.tui.messages import News, OnReply, Replied
from poolmgr.tui.news import WorkEnd, headline, notification
from poolmgr.tui.pace import Wishes
from poolmgr.tui.quit_choice import QuitChoice
from poolmgr.tui.screens.alerts import AlertsScreen
from poolmgr.tui.screens.export import open_export
from poolmgr.tui.screens.help import HelpScreen
from poolmgr.tui.screens.quit import QuitScreen, idle
from poolmgr.tui.screens.settings import SettingsScreen
from poolmgr.tui.settings import PACES, Settings, Value
from poolmgr.tui.undo import LastCancel
from poolmgr.tui.view_stack import ViewStack

#: What is done when the work has ended; returns what went wrong, in one sentence.
OnDone = Callable[[PoolSnapshot], str]

#: Seconds between two pulls that news ask for.  Less would let a storm of news take a core from the pool's workers,
#: more would let one see that a death is shown late.
NEWS_GAP = 0.1
#: Seconds for which one sentence about the settings file is shown: they come when nobody expects them.
PROBLEM_SECONDS = 15


class PoolmgrApp(ViewStack):
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

    #: Whether the screen stands still while the pool goes on.
    frozen: var[bool] = var(False)

    #: What each worker did, as it is in the picture that is shown; None before the first.
    history: History | None = None
    _latest_history: History | None = None
    _unsubscribe: Callable[[], None] | None = None
    _ticker: Timer | None = None

    def __init__(
        self,
        control: PoolControl,
        *,
        refresh_hz: float | None = None,
        ascii: bool = False,
        settings: Settings | None = None,
        on_done: OnDone | None = None,
        rest: QuitChoice = QuitChoice.TERMINATE,
        note: str = "",
        attached: bool = False,
        read_only: bool = False,
    ) -> None:
        """Show ``control``'s pool.

        Args:
            control: Gives the pictures and takes the requests.
            refresh_hz: Pictures a second; as the settings have it if nobody says.
            ascii: Draw in ASCII.
            settings: What the operator chose; without it, nothing is remembered.
            rest: What leaving means while no job runs or waits.
            note: What the operator should know from the first.
            attached: The pool is another program's: leaving changes nothing, and asks nothing.
            read_only: What would change the pool is greyed.
            on_done: Called in a thread when the work has ended; returns what went wrong.
        """
        super().__init__()
        self.settings = Settings() if settings is None else settings
        self._on_done = on_done
        self._rest = rest
        self._note = note
        self._attached = attached
        self._read_only = read_only
        self._work_end = WorkEnd()
        #: What the pool has warned of.
        self.alerts, self.last_cancel = Alerts(), LastCancel()
        self.wishes = Wishes(self)
        self._ascii_filter = AsciiFilter()
        self.set_reactive(PoolmgrApp.ascii, ascii)
        self.refresh_hz: float = self.settings.get("screen", "pace", 4.0) if refresh_hz is None else refresh_hz
        #: What was typed into the submit form last.
        self.last_submit = Draft()
        self._control = control
        #: True from the first news until the pull that answers it.  Set by any thread, cleared by the app's.
        self._news_due = False
        self._pulled = 0.0
        #: The newest picture, which the screen does not show while it is frozen.
        self._latest: PoolSnapshot | None = None
        #: Requests in the order they were made; the first is on its way.  The app's thread alone touches it.
        self._outbox: deque[tuple[Request, OnReply | None]] = deque()

    def get_default_screen(self) -> Screen[None]:
        """The dashboard is the first screen."""
        return self.view("dashboard")

    def on_mount(self) -> None:
        """Start pulling and listening."""
        self._take_settings()
        if self._note:
            self.notify(self._note, severity="warning", timeout=PROBLEM_SECONDS, markup=False)
        self.pull()
        self._ticker = self.set_interval(1 / self.refresh_hz, self.pull)
        self.wishes.follow(self.refresh_hz)
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
            self._latest_history = self._control.history()
        except Exception as error:
            # Our own errors are whole sentences.
            self.trouble = str(error) if isinstance(error, PoolmgrError) else f"{type(error).__name__}: {error}"
            return
        self.trouble = ""
        self._latest = snapshot
        self.alerts.take(snapshot.log)
        if self._work_end.take(snapshot):
            self._tell_end(snapshot)
        if not self.frozen:
            self.history = self._latest_history
            self.snapshot = snapshot

    def _tell_end(self, snapshot: PoolSnapshot) -> None:
        """The work has ended: say so, also to who looks elsewhere."""
        text = headline(snapshot)
        self.tell(text)
        if self.settings.get("news", "bell", False):
            self.bell()
        if self.settings.get("news", "notify", False) and self._driver is not None and not self.is_web:
            self._driver.write(notification("poolmgr", text))
        if self._on_done is not None:
            self._run_on_done(self._on_done, snapshot)

    @work(thread=True, group="on-done")
    def _run_on_done(self, on_done: OnDone, snapshot: PoolSnapshot) -> None:
        problem = on_done(snapshot)
        if problem:
            self.post_message(Replied(Reply(False, problem), self.tell_reply, counted=False))

    @property
    def newest(self) -> PoolSnapshot | None:
        """The newest picture, frozen or not; None while there is none to be had."""
        return None if self.trouble else self._latest

    @property
    def words(self) -> tuple[str, ...]:
        """What the operator must not forget, on whatever screen."""
        words = ("READ-ONLY",) if self._read_only else ()
        words = (*words, "FROZEN") if self.frozen else words
        return (*words, f"!{self.alerts.unread}") if self.alerts.unread else words

    def forbids(self, action: str) -> bool:
        """Whether an act would change a pool that may only be looked at."""
        return self._read_only and action in STEERS

    def action_freeze(self) -> None:
        """Freeze the screen, or show what has happened meanwhile."""
        self.frozen = not self.frozen
        if not self.frozen:
            self.history = self._latest_history
            self.snapshot = self._latest

    def action_pace(self, step: int) -> None:
        """More pictures a second, or fewer."""
        near = min(range(len(PACES)), key=lambda place: abs(PACES[place] - self.refresh_hz))
        pace = PACES[max(0, min(near + step, len(PACES) - 1))]
        if self._ticker is not None:
            self._ticker.stop()
        self.refresh_hz = pace
        self._ticker = self.set_interval(1 / pace, self.pull)
        self.wishes.follow(pace)
        self.remember("screen", "pace", pace)
        self.pull()
        self.mutate_reactive(PoolmgrApp.snapshot)

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
        if message.counted:
            self._outbox.popleft()
            if self._outbox:
                self._deliver(*self._outbox[0])
        (message.on_reply or self.tell_reply)(message.reply)
        if message.counted:
            self.pull()

    @work(thread=True, group="looks")
    def look(self, request: Request, on_reply: OnReply) -> None:
        """Ask what changes nothing, and may take long: acts do not wait for it."""
        try:
            reply = self._control.send(request)
        except Exception as error:
            reply = Reply(False, f"{type(request).__name__.lower()}: {type(error).__name__}: {error}")
        self.post_message(Replied(reply, on_reply, counted=False))

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

    # --- settings

    def _take_settings(self) -> None:
        self.set_keymap(self.settings.keymap)
        theme = self.settings.get("screen", "theme", "")
        if theme in self.available_themes:
            self.theme = theme
        elif theme:
            known = ", ".join(sorted(self.available_themes))
            self.settings.problems.append(f"{self.settings.path}: there is no theme {theme!r}; there is {known}")
        for problem in self.settings.problems:
            self.notify(harmless(problem), title="Settings", severity="warning", timeout=PROBLEM_SECONDS, markup=False)

    def watch_theme(self, theme: str) -> None:
        """Remember the theme that was chosen."""
        if self._ticker is not None:
            self.remember("screen", "theme", theme)

    def remember(self, section: str, key: str, value: Value | None) -> None:
        """Put a setting into the file, and say so if that fails."""
        problem = self.settings.put(section, key, value)
        if problem:
            self.tell(problem, ok=False)

    def action_alerts(self) -> None:
        """Show what the pool has warned of."""
        self.push_screen(AlertsScreen(self.alerts))

    def action_settings(self) -> None:
        """Show the settings."""
        self.push_screen(SettingsScreen())

    # --- the app's own keys

    def action_help(self) -> None:
        """Show the keys of the pane in focus."""
        self.push_screen(HelpScreen(self.screen, self.settings.keymap))

    def action_export(self) -> None:
        """Ask what to save, and where."""
        open_export(self, self.history)

    async def action_quit(self) -> None:
        """Ask what becomes of the pool; with nothing to lose, leave at once."""
        if isinstance(self.screen, QuitScreen):
            return
        if self._attached:
            self.exit(QuitChoice.LEAVE)
            return
        self.pull()
        snapshot = self.newest
        if snapshot is not None and idle(snapshot):
            self.exit(self._rest)
            return

        def answered(choice: QuitChoice | None) -> None:
            if choice is not None:
                self.exit(choice)

        self.push_screen(QuitScreen(lambda: self.newest), answered)
