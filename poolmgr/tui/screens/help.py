"""The list of keys, from the one table of them."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from poolmgr.model.states import JobState, WorkerState
from poolmgr.tui.keys import in_groups
from poolmgr.tui.marks import job_mark, worker_mark


class HelpScreen(ModalScreen[None]):
    """All keys by group, and what the letters of the states mean."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,f1", "dismiss", "Back", id="help.back"),
        Binding("j", "scroll('down')", show=False, id="help.down"),
        Binding("k", "scroll('up')", show=False, id="help.up"),
    ]

    def compose(self) -> ComposeResult:
        """One scrolling text."""
        with VerticalScroll(classes="dialog help") as dialog:
            dialog.border_title = Content("Help  (Esc)")
            yield Static(_text())

    def on_mount(self) -> None:
        """Arrows and PgDn move the text."""
        self.query_one(VerticalScroll).focus()

    def action_scroll(self, way: str) -> None:
        """One line up or down."""
        self.query_one(VerticalScroll).scroll_relative(y=1 if way == "down" else -1, animate=False)


def _text() -> Content:
    parts: list[tuple[str, str]] = []
    for group, keys in in_groups().items():
        parts.append((f"{group}\n", "bold $text-accent"))
        for key in keys:
            parts.append((f"  {key.shown:<7}", "bold"))
            parts.append((f"{key.tooltip}\n", ""))
    parts.append(("States\n", "bold $text-accent"))
    parts.append((f"  jobs    {_legend([(job_mark(state)[0], state.value) for state in JobState])}\n", ""))
    parts.append((f"  workers {_legend([(worker_mark(state)[0], state.value) for state in WorkerState])}\n", ""))
    parts.append(("  In the workers pane, keys for jobs act on the job that the worker runs.", "$text-muted"))
    return Content.assemble(*parts)


def _legend(pairs: list[tuple[str, str]]) -> str:
    return "  ".join(f"{mark} {word}" for mark, word in pairs)
