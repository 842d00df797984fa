"""The app: it pulls snapshots of the pools of a fleet, shows them, and carries requests to them.

    FrameApp    whose picture is shown, and of when       frames.py
    ViewStack   in which view                             view_stack.py
    SendingApp  what is asked of the pool                 sending.py
    PoolmgrApp  settings, alerts, export, and how to leave

Everything here runs in the app's own thread.  The app never sees a pool, only a PoolControl.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from textual import work
from textual.actions import ActionParseResult
from textual.app import App
from textual.dom import DOMNode
from textual.filter import LineFilter
from textual.reactive import var

from poolmgr.model.control import PoolControl
from poolmgr.model.fleet import Fleet
from poolmgr.model.requests import Reply
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.model.terminal import OwnTerminal
from poolmgr.tui.ascii import AsciiFilter
from poolmgr.tui.commands import Acts
from poolmgr.tui.draft import Draft
from poolmgr.tui.format import harmless, short_clock
from poolmgr.tui.keys import STEERS, bindings
from poolmgr.tui.messages import Replied
from poolmgr.tui.news import headline, notification
from poolmgr.tui.pace import Wishes
from poolmgr.tui.quit_choice import QuitChoice
from poolmgr.tui.screens.alerts import AlertsScreen
from poolmgr.tui.screens.base import JobScreen
from poolmgr.tui.screens.export import open_export
from poolmgr.tui.screens.help import HelpScreen
from poolmgr.tui.screens.quit import QuitScreen, idle
from poolmgr.tui.screens.settings import SettingsScreen
from poolmgr.tui.sending import PAST, SendingApp
from poolmgr.tui.settings import PACES, Settings, Value
from poolmgr.tui.watched import Watched

#: What is done when the work has ended; returns what went wrong, in one sentence.
OnDone = Callable[[PoolSnapshot], str]

#: Seconds between two looks at the program that has a terminal of its own: whether it waits for input.
PROGRAM_LOOK = 1.0
#: Seconds for which one sentence about the settings file is shown: they come when nobody expects them.
PROBLEM_SECONDS = 15


class PoolmgrApp(SendingApp):
    """The screens of a fleet of pools. ``run()`` returns what the operator wants done with his own, or None."""

    TITLE = "poolmgr"
    CSS_PATH = Path(__file__).with_name("poolmgr.tcss")
    BINDINGS = bindings("app")
    COMMANDS = App.COMMANDS | {Acts}
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (80, "-normal"), (132, "-wide")]  # noqa: RUF012 - as Textual declares it
    VERTICAL_BREAKPOINTS = [(0, "-low"), (24, "-short"), (36, "-tall")]  # noqa: RUF012
    NOTIFICATION_TIMEOUT = 4

    #: Whether everything is drawn in ASCII.
    ascii: var[bool] = var(False)

    def __init__(
        self,
        pools: PoolControl | Fleet,
        *,
        refresh_hz: float | None = None,
        ascii: bool = False,
        settings: Settings | None = None,
        on_done: OnDone | None = None,
        rest: QuitChoice = QuitChoice.TERMINATE,
        note: str = "",
        attached: bool = False,
        read_only: bool = False,
        terminal: OwnTerminal | None = None,
    ) -> None:
        """Show ``pools``.

        Args:
            pools: The control of one pool, or a fleet of several.
            refresh_hz: Pictures a second; as the settings have it if nobody says.
            ascii: Draw in ASCII.
            settings: What the operator chose; without it, nothing is remembered.
            rest: What leaving means while no job runs or waits.
            note: What the operator should know from the first.
            attached: The one pool is another program's: leaving changes nothing, and asks nothing.
            read_only: What would change the one pool is greyed.
            terminal: Of the program whose pools they are, if it has one of its own.
            on_done: Called in a thread when the work has ended; returns what went wrong.
        """
        self.settings = Settings() if settings is None else settings
        pace = self.settings.get("screen", "pace", 4.0) if refresh_hz is None else refresh_hz
        super().__init__(pools, refresh_hz=pace, attached=attached, read_only=read_only)
        self._on_done = on_done
        self._rest = rest
        self._note = note
        self._terminal = terminal
        #: Whether the program waited for input at the last look.
        self._awaited = False
        self.wishes = Wishes(self)
        self._ascii_filter = AsciiFilter()
        self.set_reactive(PoolmgrApp.ascii, ascii)
        #: What was typed into the submit form last.
        self.last_submit = Draft()

    def on_mount(self) -> None:
        """Start pulling and listening."""
        self._take_settings()
        if self._note:
            self.notify(self._note, severity="warning", timeout=PROBLEM_SECONDS, markup=False)
        self.start_pulling()
        if self._terminal is not None:
            self.set_interval(PROGRAM_LOOK, self._look_at_program)
            self._look_at_program()
        self.wishes.follow(self.refresh_hz)

    def on_unmount(self) -> None:
        """Stop listening."""
        self.stop_pulling()

    # --- drawing

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every finished line goes through."""
        filters = super().get_line_filters()
        return [*filters, self._ascii_filter] if self.ascii else filters

    def watch_ascii(self) -> None:
        """Draw everything anew."""
        self.refresh_css(animate=False)

    # --- pictures

    def work_ended(self, watched: Watched) -> None:
        """The work of a pool has ended: say so, also to who looks elsewhere."""
        snapshot = watched.newest
        if snapshot is None:
            return
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
    def words(self) -> tuple[str, ...]:
        """What the operator must not forget, on whatever screen."""
        words = ("READ-ONLY",) if self._is_read_only else ()
        words = (*words, "FROZEN") if self.frozen else words
        words = (*words, f"-{short_clock(self.ago)}") if self.moment is not None else words
        return (*words, f"!{self.alerts.unread}") if self.alerts.unread else words

    def forbids(self, action: str) -> bool:
        """Whether an act would change what may only be looked at: another's pool, or the past."""
        return (self._is_read_only or self.moment is not None) and action in STEERS

    @property
    def _is_read_only(self) -> bool:
        return self.current is not None and self.current.member.read_only

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what cannot be done now."""
        if action == "open_pool":
            return self.fleet.opener is not None or None
        if action == "live":
            return self.moment is not None or None
        if action == "terminal":
            return self._terminal is not None or None
        if action == "next_pool":
            return len(self.watched) > 1 or None
        return super().check_action(action, parameters)

    def action_travel(self, steps: int) -> None:
        """Show a moment of the past, so many slices later or earlier."""
        if steps > 0 and self.moment is None:
            self.tell("this is the present: [ goes back in time")
        elif not self.travel(steps):
            kept = self.moment is not None
            self.tell("this is the earliest moment that is kept" if kept else "nothing is kept of the past")

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Do what a key says; in the past, what would change the pool is refused with a sentence."""
        name = action.partition("(")[0] if isinstance(action, str) else action[1]
        # A field's own act may have the same name, as submit has.
        if self.moment is not None and name in STEERS and isinstance(default_namespace, JobScreen):
            self.tell(PAST, ok=False)
            return False
        return await super().run_action(action, default_namespace, namespaces)

    # --- the program's own terminal

    def action_terminal(self) -> None:
        """Show the program's own terminal in place of the screen, until the person comes back."""
        if self._terminal is None:
            return
        with self.suspend():
            there = self._terminal.visit()
        if not there:
            self.exit(QuitChoice.LEAVE)

    def on_resize(self) -> None:
        """The program's terminal is as large as this one."""
        if self._terminal is not None:
            self._terminal.fit()

    def _look_at_program(self) -> None:
        assert self._terminal is not None
        if self._terminal.ended:
            # Whoever runs it leaves with it; it may have ended before this screen was there.
            self.exit(QuitChoice.LEAVE)
            return
        awaits = self._terminal.awaits_input()
        if awaits and not self._awaited:
            self.tell("the program waits for input: press i to type")
        self._awaited = awaits

    def action_pace(self, step: int) -> None:
        """More pictures a second, or fewer."""
        near = min(range(len(PACES)), key=lambda place: abs(PACES[place] - self.refresh_hz))
        pace = PACES[max(0, min(near + step, len(PACES) - 1))]
        self.set_pace(pace)
        self.wishes.follow(pace)
        self.remember("screen", "pace", pace)
        self.pull()
        self.mutate_reactive(PoolmgrApp.snapshot)

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
        if self.is_pulling:
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
        own = [watched for watched in self.watched.values() if not watched.member.attached and not watched.gone]
        if self.watched and not own:
            self.exit(QuitChoice.LEAVE)
            return
        self.pull()
        if not _with_work(own):
            self.exit(self._rest)
            return

        def answered(choice: QuitChoice | None) -> None:
            if choice is not None:
                self.exit(choice)

        self.push_screen(QuitScreen(lambda: _with_work(own)), answered)


def _with_work(pools: Sequence[Watched]) -> list[PoolSnapshot | None]:
    """The pictures of those that have work, or of which nobody can say."""
    pictures = [None if watched.trouble else watched.newest for watched in pools]
    return [picture for picture in pictures if picture is None or not idle(picture)]
