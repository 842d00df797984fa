"""The settings, each with what it is now; Enter changes one, and the file has it from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from poolmgr.tui.format import harmless, plural

if TYPE_CHECKING:
    from poolmgr.tui.app import PoolmgrApp


class SettingsScreen(ModalScreen[None]):
    """What one may choose without an editor, and where the rest is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,comma", "dismiss(None)", "Back", id="settings.back"),
        Binding("j", "down", show=False, id="settings.down"),
        Binding("k", "up", show=False, id="settings.up"),
    ]

    def compose(self) -> ComposeResult:
        """The list, and where the file is."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content("Settings  (Esc)")
            yield OptionList(*(Option(Content(text)) for text in self._texts()), compact=True)
            yield Static(Content(self._about()))

    def on_mount(self) -> None:
        """The list has the keys."""
        self.query_one(OptionList).focus()
        self.watch(self.app, "theme", self._say, init=False)

    @property
    def _cockpit(self) -> PoolmgrApp:
        return cast("PoolmgrApp", self.app)

    def _texts(self) -> tuple[str, ...]:
        app = self._cockpit
        return (
            f"theme     {app.theme}",
            f"ascii     {_on(app.ascii)}    draw in ASCII",
            f"pace      {app.refresh_hz:g} pictures a second (keys < and >)",
            f"bell      {_on(app.settings.get('news', 'bell', False))}    when the work has ended",
            f"notify    {_on(app.settings.get('news', 'notify', False))}    likewise, by the terminal (OSC 9, 777)",
        )

    def _about(self) -> str:
        settings = self._cockpit.settings
        where = "This app keeps no settings." if settings.path is None else f"File: {settings.path}"
        moved = plural(len(settings.keymap), "key")
        wrong = "".join(f"\n{harmless(problem)}" for problem in settings.problems)
        return f"\nEnter changes the line under the cursor.\n{where}\nIts section [keys] moves {moved}.{wrong}"

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Change one."""
        app = self._cockpit
        if event.option_index == 0:
            app.search_themes()
        elif event.option_index == 1:
            app.ascii = not app.ascii
            app.remember("screen", "ascii", app.ascii)
        elif event.option_index == 2:
            app.action_pace(1)
        else:
            name = ("bell", "notify")[event.option_index - 3]
            app.remember("news", name, not app.settings.get("news", name, False))
        self._say()

    def _say(self) -> None:
        options = self.query_one(OptionList)
        for place, text in enumerate(self._texts()):
            options.replace_option_prompt_at_index(place, Content(text))

    def action_down(self) -> None:
        """One down."""
        self.query_one(OptionList).action_cursor_down()

    def action_up(self) -> None:
        """One up."""
        self.query_one(OptionList).action_cursor_up()


def _on(flag: bool) -> str:
    return "on " if flag else "off"
