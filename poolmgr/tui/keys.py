"""The one table of keys: the bindings, the footer, the help, the palette and docs/keys.md all come from it.

Every key has an id, so that a keymap may move it. Keys that terminals, tmux or browsers take are left alone.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from textual.binding import Binding, BindingType
from textual.keys import Keys, _character_to_key, format_key

#: The groups in the order in which help shows them.
GROUPS = ("Move", "Look", "Mark", "Job", "Worker", "Pool", "App")


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
    #: Who binds it: ``app``; ``view`` (every view); ``job`` (views with jobs, and the detail); ``detail``; ``move``
    #: (lists and logs); ``list``; ``log``; ``lock``; or ``textual`` for a key of Textual's own, which is told here and
    #: bound there.
    where: str
    #: How people write the key.
    shown: str
    #: Place in the footer by importance, 0 for none: on a narrow terminal the last ones give way.
    foot: int = 0
    #: What the footer writes instead of ``shown`` and ``label``, where one entry stands for several keys.
    foot_text: tuple[str, str] | None = None
    #: False for moves, which make no sense in a palette.
    palette: bool = True


def _move(id_: str, key: str, action: str, shown: str, tooltip: str, where: str = "move") -> Key:
    return Key(id_, key, action, tooltip, tooltip, "Move", where, shown, palette=False)


def _view(digit: int, name: str, tooltip: str) -> Key:
    return Key(f"view.{name}", str(digit), f"app.view('{name}')", name.capitalize(), tooltip, "Look", "app", str(digit))


#: The head of every view names it beside the verdict.
VERDICT = Key("look.verdict", "v", "verdict", "Verdict", "To what the verdict points at: its job, its worker or a view",
    "Look", "view", "v")  # fmt: skip
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
    _view(1, "dashboard", "The dashboard: workers, jobs and log of the pool on one screen"),
    _view(2, "workers", "The workers, on the whole screen with all columns"),
    _view(3, "jobs", "The jobs, on the whole screen"),
    _view(4, "stream", "The task stream: what each worker did in each slice of the last time"),
    _view(5, "pools", "All pools side by side; acts are on the one under the cursor, Enter goes to its dashboard"),
    _view(6, "log", "The log, on the whole screen, with a search"),
    _view(7, "locks", "Locks, queues, pipes and shared values: who has each, who waits, what is in a deadlock"),
    _view(8, "functions", "The functions: how many are done, how long they take, whose time they are"),
    Key("job.open", "enter", "open", "Open",
        "Open the job, in the workers' view the worker, a line of a traceback or stack in $EDITOR; fold a group",
        "Look", "move", "Enter", foot=6),
    Key("look.filter", "slash", "filter", "Filter",
        "Filter as you type: words, and terms such as state:FK or elapsed>1s", "Look", "view", "/", foot=4),
    Key("look.clear", "escape", "clear", "Clear filter", "Clear the filter; in a dialog or a detail, go back",
        "Look", "view", "Esc"),
    Key("look.sort", "s", "sort", "Sort", "Choose the column to sort by; a click on its title does it too",
        "Look", "list", "s", foot=18),
    Key("look.invert", "I", "invert", "Invert", "Turn the order round", "Look", "list", "I"),
    Key("look.group", "t", "group", "Group", "Group by function, or stop it; Enter folds a group",
        "Look", "list", "t"),
    Key("look.columns", "c", "columns", "Columns", "Choose the columns", "Look", "list", "c"),
    Key("look.follow", "f", "follow", "Follow",
        "Have the cursor follow its row as the list moves, or stay at its place", "Look", "list", "f"),
    Key("look.maximise", "m", "maximise", "Maximise", "Give the whole screen to the pane in focus, or take it back",
        "Look", "view", "m", foot=15),
    Key("look.export", "w", "app.export", "Export", "Save jobs, the task stream as SVG or trace, or the screen", "Look",
        "app", "w", foot=16),
    Key("look.freeze", "z", "app.freeze", "Freeze", "Freeze the screen, or let it go on; the pool goes on either way",
        "Look", "app", "z", foot=19),
    VERDICT,
    Key("look.back", "left_square_bracket", "app.travel(-1)", "Back in time",
        "Back in time by one slice: all views show that moment", "Look", "app", "["),
    Key("look.forward", "right_square_bracket", "app.travel(1)", "Forward in time", "Forward by one slice", "Look",
        "app", "]"),
    Key("look.far_back", "left_curly_bracket", "app.travel(-10)", "Far back", "Back in time by ten slices", "Look",
        "app", "{"),
    Key("look.far_forward", "right_curly_bracket", "app.travel(10)", "Far forward", "Forward by ten slices", "Look",
        "app", "}"),
    Key("look.live", "full_stop", "app.live", "Present", "From the past back to the present", "Look", "app", "."),
    Key("look.slower", "less_than_sign", "app.pace(-1)", "Slower", "Fewer pictures a second, down to one in two",
        "Look", "app", "<"),
    Key("look.faster", "greater_than_sign", "app.pace(1)", "Faster", "More pictures a second, up to ten", "Look", "app",
        ">"),
    Key("log.follow", "f", "follow", "Follow", "Follow the end of the log, or stop following", "Look", "log", "f"),
    Key("log.next", "n", "find(1)", "Next match", "In the log: to the next line that was searched for",
        "Look", "log", "n"),
    Key("log.previous", "N", "find(-1)", "Previous match", "In the log: to the one before", "Look", "log", "N"),
    Key("log.copy", "y", "copy_log", "Copy log", "In the log: copy the lines that are shown", "Look", "log", "y"),
    Key("detail.next_bad", "n", "next_bad", "Next failed", "Go to the next job that ended badly",
        "Look", "detail", "n", foot=4),
    Key("detail.previous_bad", "N", "previous_bad", "Previous failed", "Go to the one before that ended badly",
        "Look", "detail", "N", foot=5),
    Key("mark.one", "space", "mark", "Mark", "Mark the row or take its mark away; acts then mean all that are marked",
        "Mark", "list", "Space", foot=12),
    Key("mark.like", "A", "mark_like", "Mark alike", "Mark all of the same function with the same error or state",
        "Mark", "list", "A"),
    Key("mark.none", "U", "unmark", "Unmark", "Take all marks away", "Mark", "list", "U"),
    Key("job.stop", "x", "cancel_job", "Stop",
        "Stop the job softly: unqueue it, or raise JobStopped inside it",
        "Job", "job", "x", foot=1),
    Key("job.kill", "X", "kill_job", "Kill", "Kill the job with its worker, at once or after asking it to stop",
        "Job", "job", "X", foot=2),
    Key("job.retry", "r", "retry_job", "Retry", "Submit an ended job again with its own arguments",
        "Job", "job", "r", foot=3),
    Key("job.retry_all", "R", "retry_all", "Retry all", "Retry all jobs that ended badly and were not retried (asks)",
        "Job", "job", "R"),
    Key("job.undo", "u", "undo", "Undo", "Put back what was just taken out of the queue, for 5 seconds",
        "Job", "job", "u"),
    Key("job.up", "K", "move_job('up')", "Up", "Move the waiting job up in the queue, past one other",
        "Job", "job", "K"),
    Key("job.down", "J", "move_job('down')", "Down", "Move the waiting job down in the queue, past one other",
        "Job", "job", "J"),
    Key("job.top", "ctrl+k", "move_job('top')", "To the top", "Move the waiting job before all others of its priority",
        "Job", "job", "^k"),
    Key("job.edit", "e", "edit_job", "Edit and retry", "Submit the job again with other arguments",
        "Job", "job", "e"),
    Key("job.log", "l", "job_log", "Log of it", "The log of this job alone", "Job", "job", "l"),
    Key("job.copy", "y", "copy_job", "Copy", "Copy the job's call and its result or traceback",
        "Job", "job", "y", foot=14),
    Key("worker.show", "b", "show_worker", "Worker", "The worker with its live stack: what it does at this moment",
        "Worker", "job", "b"),
    Key("worker.profile", "B", "profile_worker", "Sample", "Sample the worker's stack for 5 seconds, and count by line",
        "Worker", "job", "B"),
    Key("worker.suspend", "P", "suspend_worker", "Suspend",
        "Suspend the worker (SIGSTOP), or let it go on; its time limits stand still", "Worker", "job", "P"),
    Key("worker.menu", "S", "worker_menu", "Worker menu", "Signals, nice, CPUs, recycle: acts on one worker",
        "Worker", "job", "S"),
    Key("lock.release", "L", "release_lock", "Release", "Release a lock whose holder is dead, in its place (asks)",
        "Worker", "lock", "L", foot=4),
    Key("pool.submit", "a", "submit", "Submit", "Submit a job by module:function and literal arguments",
        "Pool", "view", "a", foot=7),
    Key("pool.hold", "p", "hold", "Hold", "Start no more jobs, or start them again; those that run go on",
        "Pool", "view", "p", foot=8),
    Key("pool.grow", "plus", "grow", "Grow", "One worker more", "Pool", "view", "+", foot=9,
        foot_text=("+ -", "Size")),
    Key("pool.shrink", "minus", "shrink", "Shrink", "One worker less; it leaves after its job",
        "Pool", "view", "-"),
    Key("pool.size", "equals_sign", "set_size", "Size", "Set the number of workers", "Pool", "view", "="),
    Key("pool.drain", "d", "drain", "Drain", "Take no more jobs, finish those there are, then end (asks)",
        "Pool", "view", "d", foot=13),
    Key("pool.terminate", "T", "terminate", "Terminate", "End all workers now (asks for the pool's name)",
        "Pool", "view", "T", foot=17),
    Key("pool.open", "o", "app.open_pool", "Open a pool", "Open another pool beside this one", "Pool", "app", "o"),
    Key("pool.next", "O", "app.next_pool", "Next pool", "The same view of the next pool, where there are several",
        "Pool", "app", "O"),
    Key("app.help", "question_mark,f1", "app.help", "Help", "The keys of the pane in focus", "App", "app", "?", foot=5),
    Key("app.alerts", "exclamation_mark", "app.alerts", "Alerts", "What the pool has warned of, newest first",
        "App", "app", "!"),
    Key("app.settings", "comma", "app.settings", "Settings", "The settings, and the file that keeps them",
        "App", "app", ","),
    Key("app.terminal", "i", "app.terminal", "Input",
        "The program's own terminal: see what it shows and type into it; ctrl+] comes back", "App", "app", "i"),
    Key("app.quit", "q", "app.quit", "Quit", "Leave: the pool drains, terminates or goes on, as you choose",
        "App", "app", "q", foot=4),
    Key("app.palette", "ctrl+p,colon", "app.command_palette", "Palette", "Find any act by its name", "App", "app",
        "^p :", foot=11, foot_text=("^p", "Palette"), palette=False),
)  # fmt: skip
#: Acts that ask something of the pool: who may only look has none of them.
STEERS = frozenset(
    key.action.partition("(")[0]
    for key in KEYS
    if key.group in ("Job", "Worker", "Pool")
    and key.id not in ("job.log", "job.copy", "worker.show", "pool.open", "pool.next")
)
#: Bytes that are Tab, Enter, Backspace and Esc, and keys that browsers, screen and tmux take.
NOT_OURS = frozenset(
    ("ctrl+i", "ctrl+m", "ctrl+h", "ctrl+w", "ctrl+t", "ctrl+n", "ctrl+a", "ctrl+b", "f3", "f5", "f11", "f12")
)
_NAMES = frozenset(name.value for name in Keys)


def shown(key: Key, keymap: Mapping[str, str]) -> str:
    """How people write the key, as a keymap has moved it."""
    moved = keymap.get(key.id)
    return key.shown if moved is None else " ".join(map(_written, moved.split(",")))


def _written(name: str) -> str:
    return format_key(name.strip()).replace("ctrl+", "^")


def key_problem(act: str, keys: str, moved: Collection[str] = ()) -> str:
    """What is wrong with ``keys`` for ``act``, empty if nothing is; ``moved`` are the acts that a keymap moves."""
    mine = next((key for key in KEYS if key.id == act and key.where != "textual"), None)
    if mine is None:
        return f"there is no act {act}; the palette (ctrl+p) has their names and docs/keys.md their ids"
    for name in keys.split(","):
        full = _full_name(name.strip())
        if full is None:
            return f"{act}: there is no key {name.strip()!r}; write a character or a name, as in ctrl+k or f6"
        if full in NOT_OURS:
            return f"{act}: {name.strip()} never arrives: terminals, tmux or browsers take it"
        for other in KEYS:
            if other.id != act and other.id not in moved and full in other.key.split(",") and _meet(mine, other):
                return f"{act}: {name.strip()} is the key of {other.id} already; move that one too"
    return ""


def _full_name(name: str) -> str | None:
    """As Textual names a key, None if there is no such key."""
    before, plus, last = name.rpartition("+") if len(name) > 1 else ("", "", name)
    if any(part not in ("ctrl", "alt", "shift", "super", "meta", "hyper") for part in before.split("+") if part):
        return None
    if len(last) == 1:
        last = last if last.isalnum() else _character_to_key(last)
    elif last not in _NAMES and not _is_unicode_name(last):
        return None
    return f"{before}{plus}{last}" if last else None


def _is_unicode_name(name: str) -> bool:
    try:
        unicodedata.lookup(name.replace("_", " ").upper())
    except KeyError:
        return name in ("minus", "plus", "slash")
    return True


def _meet(one: Key, other: Key) -> bool:
    """Whether two acts can be had at the same time."""
    return {one.where, other.where} not in ({"list", "log"}, {"list", "detail"}, {"view", "detail"})


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
        "worker runs. Once jobs are marked, they act on those that are. Kill, drain, terminate, quit and every act",
        "on marks ask, and the harmless answer is the default. `ctrl+q` is the same as `q`. `ctrl+c` copies what is",
        "selected.",
        "",
        "In the view of locks, acts on jobs mean the jobs that wait for what is under the cursor, and `b` and `B` show",
        "the worker that has it.",
        "",
        "`P` and `S` act on the worker under the cursor; in a list of jobs, on the one that runs the job.",
        "",
        "In a job's detail and on a worker's screen, `j` and `k` go from one line of a traceback or stack to the next,",
        "or scroll where there is none. Enter opens the file at that line in `$VISUAL`, else in `$EDITOR`; the pool",
        "goes on behind it. On a worker's screen, with no line under the cursor, Enter opens the job.",
        "",
        "The mouse does it too: a click selects, a second one opens, a click on a column's title sorts, a click on a",
        "key of the footer is that key, and the wheel scrolls.",
        "",
        *FILTER_HELP,
    ]
    return "\n".join(lines) + "\n"


#: The filter language on one page.
FILTER_HELP = (
    "## The filter",
    "",
    "```text",
    "state!=D fn:fetch elapsed>1s   all of them",
    "fn:fetch,resize                one of the values",
    "state:F, w:5 cpu>90            either side of a comma with a blank behind it",
    '"night run" !encode            quoted words, and words that are not to be there',
    "```",
    "",
    "- Jobs have `state` (letters or a word), `fn`, `name`, `args`, `error`, `w`, `pid`, `id`, `try`, `elapsed`,",
    "  `queued`, and while they run `cpu` and `rss`.",
    "- Workers have `state`, `fn`, `w`, `pid`, `job`, `elapsed`, `cpu`, `rss`, `done`, `fail`.",
    "- Functions have `fn`, `done`, `fail`, `run`, `p50`, `p95`, `max`, `rate`, `share`.",
    "- Locks and the like have `state` (a word, or letters of H W D A), `kind`, `name`, `file`, `pid`, `waiters`,",
    "  `waited`, `held`, `depth`.",
    "- Pools have `name`, `state`, `run`, `wait`, `done`, `fail`, `cpu`, `rss`.",
    "- Lines of the log have `w`, `job`, `pid`, `kind` (`event`, `out`, `err`), `level`.",
    "- Numbers, durations (`200ms`, `1.5s`, `1h30m`) and sizes (`200M`, `1.9G`) take `>`, `<`, `>=`, `<=`.",
    "- Any other word is looked for in all of the row's text.",
)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
