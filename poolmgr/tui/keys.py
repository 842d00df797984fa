"""The one table of keys: the bindings, the footer, the help, the palette and docs/keys.md all come from it.

Every key has an id, so that a keymap may move it. Keys that terminals, tmux or browsers take are left alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from textual.binding import Binding, BindingType

#: The groups in the order in which help shows them.
GROUPS = ("Move", "Look", "Job", "Pool", "App")


@dataclass(frozen=True, slots=True)
class Key:
    """One act and what triggers it."""

    id: str
    #: As Textual names it; more than one with commas between.
    key: str
    action: str
    #: What the footer and the palette call it.
    label: str
    #: One sentence for help and palette.
    tooltip: str
    group: str
    #: Who binds it: ``app``, ``dashboard``, ``job`` (dashboard and detail), ``detail``, ``list``, ``log``, or
    #: ``textual`` for a key of Textual's own, which is told here and bound there.
    where: str
    #: How people write the key.
    shown: str
    #: Place in the footer by importance, 0 for none: on a narrow terminal the last ones give way.
    foot: int = 0
    #: What the footer writes instead of ``shown`` and ``label``, where one entry stands for several keys.
    foot_text: tuple[str, str] | None = None
    #: False for moves, which make no sense in a palette.
    palette: bool = True


def _move(id_: str, key: str, action: str, shown: str, tooltip: str, where: str = "list") -> Key:
    return Key(id_, key, action, tooltip, tooltip, "Move", where, shown, palette=False)


KEYS: tuple[Key, ...] = (
    _move("move.down", "down,j", "cursor_down", "j ↓", "one row down"),
    _move("move.up", "up,k", "cursor_up", "k ↑", "one row up"),
    _move("move.top", "home,g", "cursor_top", "g Home", "to the first row"),
    _move("move.bottom", "end,G", "cursor_bottom", "G End", "to the last row; in the log, follow it again"),
    _move("move.half_down", "ctrl+d", "cursor_half_down", "^d", "half a page down"),
    _move("move.half_up", "ctrl+u", "cursor_half_up", "^u", "half a page up"),
    _move("move.page_down", "pagedown", "cursor_page_down", "PgDn", "one page down"),
    _move("move.page_up", "pageup", "cursor_page_up", "PgUp", "one page up"),
    _move("pane.next", "tab", "app.focus_next", "Tab", "to the next pane; Shift+Tab goes back", "textual"),
    Key("job.open", "enter", "open", "Open", "Open the job: arguments, result, traceback, output",
        "Look", "list", "Enter", foot=6),
    Key("look.filter", "slash", "filter", "Filter",
        "Filter the jobs as you type: words, and state:FK for states", "Look", "dashboard", "/", foot=4),
    Key("look.clear", "escape", "clear", "Clear filter", "Clear the filter; in a dialog or a detail, go back",
        "Look", "dashboard", "Esc"),
    Key("look.maximise", "m", "maximise", "Maximise", "Give the whole screen to the pane in focus, or take it back",
        "Look", "dashboard", "m", foot=15),
    Key("look.export", "w", "app.export", "Export", "Save jobs as CSV or JSON, or the screen as SVG", "Look", "app",
        "w", foot=16),
    Key("log.follow", "f", "follow", "Follow", "Follow the end of the log, or stop following", "Look", "log", "f"),
    Key("detail.next_bad", "n", "next_bad", "Next failed", "Go to the next job that ended badly",
        "Look", "detail", "n", foot=4),
    Key("detail.previous_bad", "N", "previous_bad", "Previous failed", "Go to the one before that ended badly",
        "Look", "detail", "N", foot=5),
    Key("job.stop", "x", "cancel_job", "Stop",
        "Stop the job softly: unqueue it, or raise JobStopped inside it",
        "Job", "job", "x", foot=1),
    Key("job.kill", "X", "kill_job", "Kill", "Kill the job together with its worker (asks)",
        "Job", "job", "X", foot=2),
    Key("job.retry", "r", "retry_job", "Retry", "Submit an ended job again with its own arguments",
        "Job", "job", "r", foot=3),
    Key("job.copy", "y", "copy_job", "Copy", "Copy the job's call and its result or traceback",
        "Job", "job", "y", foot=14),
    Key("pool.submit", "a", "submit", "Submit", "Submit a job by module:function and literal arguments",
        "Pool", "dashboard", "a", foot=7),
    Key("pool.hold", "p", "hold", "Hold", "Start no more jobs, or start them again; those that run go on",
        "Pool", "dashboard", "p", foot=8),
    Key("pool.grow", "plus", "grow", "Grow", "One worker more", "Pool", "dashboard", "+", foot=9,
        foot_text=("+ -", "Size")),
    Key("pool.shrink", "minus", "shrink", "Shrink", "One worker less; it leaves after its job",
        "Pool", "dashboard", "-"),
    Key("pool.size", "equals_sign", "set_size", "Size", "Set the number of workers", "Pool", "dashboard", "="),
    Key("pool.drain", "d", "drain", "Drain", "Take no more jobs, finish those there are, then end (asks)",
        "Pool", "dashboard", "d", foot=13),
    Key("pool.terminate", "T", "terminate", "Terminate", "End all workers now (asks for the pool's name)",
        "Pool", "dashboard", "T", foot=17),
    Key("app.help", "question_mark,f1", "app.help", "Help", "This list of keys", "App", "app", "?", foot=5),
    Key("app.quit", "q", "app.quit", "Quit", "Leave: the pool drains, terminates or goes on, as you choose",
        "App", "app", "q", foot=4),
    Key("app.palette", "ctrl+p", "app.command_palette", "Palette", "Find any act by its name", "App", "textual",
        "^p", foot=11, palette=False),
)  # fmt: skip


def bindings(*where: str) -> list[BindingType]:
    """The bindings of all keys that one of ``where`` binds."""
    return [
        Binding(
            key.key, key.action, key.label, id=key.id, tooltip=key.tooltip, key_display=key.shown, show=key.foot > 0
        )
        for key in KEYS
        if key.where in where
    ]


def in_groups(keys: Iterable[Key] = KEYS) -> dict[str, list[Key]]:
    """The keys by group, in the groups' order."""
    found = list(keys)
    return {group: [key for key in found if key.group == group] for group in GROUPS}


def render_markdown() -> str:
    """The table as docs/keys.md has it."""
    lines = ["# Keys", "", "Every act has one key. Its id is what a keymap uses to move it.", ""]
    for group, keys in in_groups().items():
        lines += [f"## {group}", "", "| Key | Does | Id |", "|---|---|---|"]
        lines += [f"| `{key.shown}` | {_sentence(key.tooltip)} | `{key.id}` |" for key in keys]
        lines.append("")
    lines += [
        "`x`, `X`, `r`, `y` and Enter act on the job under the cursor; in the workers pane, on the job that the",
        "worker runs. Only kill, drain, terminate and quit ask, and the harmless answer is the default.",
        "`ctrl+q` is the same as `q`. `ctrl+c` copies what is selected.",
    ]
    return "\n".join(lines) + "\n"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
