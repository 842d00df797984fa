"""The list of keys, from the one table of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from poolmgr.model.states import JobState, WorkerState
from poolmgr.tui.keys import FILTER_HELP, KEYS, Key, in_groups, shown
from poolmgr.tui.marks import job_mark, worker_mark
from poolmgr.tui.screens.base import JobScreen
from poolmgr.tui.widgets.list_table import ListTable
from poolmgr.tui.widgets.log_view import LogView
from poolmgr.tui.widgets.source_pane import SourcePane


class HelpScreen(ModalScreen[None]):
    """The keys of one pane by group, the filter language, and what the letters of the states mean."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,f1", "dismiss", "Back", id="help.back"),
        Binding("j", "scroll('down')", show=False, id="help.down"),
        Binding("k", "scroll('up')", show=False, id="help.up"),
    ]

    def __init__(self, screen: Screen[Any], keymap: Mapping[str, str]) -> None:
        """Help for the pane of ``screen`` that has the keys, as ``keymap`` has moved them."""
        super().__init__()
        self._pane = pane_name(screen)
        self._keys = [key for key in KEYS if key.where in scopes(screen)]
        self._keymap = keymap

    def compose(self) -> ComposeResult:
        """One scrolling text."""
        with VerticalScroll(classes="dialog help") as dialog:
            dialog.border_title = Content(f"Help: {self._pane}  (Esc)")
            yield Static(_text(self._keys, self._keymap))

    def on_mount(self) -> None:
        """Arrows and PgDn move the text."""
        self.query_one(VerticalScroll).focus()

    def action_scroll(self, way: str) -> None:
        """One line up or down."""
        self.query_one(VerticalScroll).scroll_relative(y=1 if way == "down" else -1, animate=False)


def pane_name(screen: Screen[Any]) -> str:
    """What help calls the pane that has the keys."""
    focused = screen.focused
    if isinstance(focused, ListTable):
        return f"{focused.HELP} pane"
    if isinstance(focused, LogView):
        return "Log pane"
    return "Job" if isinstance(screen, JobScreen) and "detail" in screen.SCOPES else "this screen"


def scopes(screen: Screen[Any]) -> set[str]:
    """The ``where`` of all keys that act on a screen with the focus as it is."""
    found = {"app", "textual", *(screen.SCOPES if isinstance(screen, JobScreen) else ())}
    if isinstance(screen.focused, ListTable):
        found |= {"move", "list"}
    elif isinstance(screen.focused, LogView):
        found |= {"move", "log"}
    elif isinstance(screen.focused, SourcePane):
        found.add("move")
    return found


def _text(keys: list[Key], keymap: Mapping[str, str]) -> Content:
    parts: list[tuple[str, str]] = []
    for group, members in in_groups(keys).items():
        if not members:
            continue
        parts.append((f"{group}\n", "bold $text-accent"))
        for key in members:
            parts.append((f"  {shown(key, keymap):<7}", "bold"))
            parts.append((f"{key.tooltip}\n", ""))
    parts.append(("Filter\n", "bold $text-accent"))
    parts += [(f"  {line}\n", "") for line in FILTER_HELP if line and not line.startswith(("#", "```"))]
    parts.append(("States\n", "bold $text-accent"))
    parts.append((f"  jobs    {_legend([(job_mark(state)[0], state.value) for state in JobState])}\n", ""))
    parts.append((f"  workers {_legend([(worker_mark(state)[0], state.value) for state in WorkerState])}\n", ""))
    parts.append(("  > cursor  * marked  # both\n", ""))
    parts.append(("  In the workers pane, keys for jobs act on the job that the worker runs.", "$text-muted"))
    return Content.assemble(*parts)


def _legend(pairs: list[tuple[str, str]]) -> str:
    return "  ".join(f"{mark} {word}" for mark, word in pairs)
