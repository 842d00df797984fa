"""The person's own editor, at a line of a file: which command that is, and stepping aside for it.

Runs in the app's thread, which waits for the editor; the pool and its threads go on meanwhile.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from poolmgr.errors import UsageError, describe_exit
from poolmgr.tui.sources import Place

if TYPE_CHECKING:
    from poolmgr.tui.app import PoolmgrApp

#: How editors are told a line, by the names of their programs; any other one is given the file alone.
PLUS = frozenset(
    ("vi", "vim", "nvim", "view", "gvim", "nano", "pico", "emacs", "emacsclient", "mg", "micro", "joe", "jmacs", "kak")
)
COLON = frozenset(("hx", "helix", "subl", "sublime_text", "zed"))
GOTO = frozenset(("code", "code-insiders", "codium", "cursor"))


def command(editor: str, place: Place) -> list[str]:
    """What is run to have the place in an editor.

    Args:
        editor: As ``$EDITOR`` has it: a program, with arguments of its own if need be.
        place: The file and the line.

    Raises:
        UsageError: The editor is no command.
    """
    try:
        words = shlex.split(editor)
    except ValueError as error:
        raise UsageError(f"the editor {editor!r} is no command ({error}): set $VISUAL or $EDITOR") from error
    if not words:
        raise UsageError("there is no editor: set $VISUAL or $EDITOR")
    # A whole path, so that no name of a file is taken for an option.
    file, line = os.path.abspath(place[0]), place[1]
    program = os.path.basename(words[0])
    if program in PLUS:
        return [*words, f"+{line}", file]
    if program in COLON:
        return [*words, f"{file}:{line}"]
    return [*words, "-g", f"{file}:{line}"] if program in GOTO else [*words, file]


def chosen(environment: Mapping[str, str]) -> str:
    """The editor that the person has chosen, empty for none."""
    return environment.get("VISUAL", "").strip() or environment.get("EDITOR", "").strip()


def open_place(app: PoolmgrApp, place: Place) -> None:
    """Step aside until the person has done with the editor, or say in one sentence why there is none."""
    try:
        arguments = _checked(app, place)
        with app.suspend():
            problem = _run(arguments)
    except UsageError as error:
        problem = str(error)
    except SuspendNotSupported:
        problem = f"this screen cannot step aside for an editor: {place[0]}:{place[1]}"
    if problem:
        app.tell(problem, ok=False)


def _checked(app: PoolmgrApp, place: Place) -> list[str]:
    if app.is_web:
        raise UsageError(f"in a browser there is no editor to step aside for: {place[0]}:{place[1]}")
    arguments = command(chosen(os.environ), place)
    if not os.path.isfile(place[0]):
        raise UsageError(f"there is no file {place[0]} here, or no more")
    if shutil.which(arguments[0]) is None:
        raise UsageError(f"there is no program {arguments[0]!r}: set $VISUAL or $EDITOR")
    return arguments


def _run(arguments: Sequence[str]) -> str:
    """Wait for the editor's end. Returns what went wrong: Textual comes back only if nothing is raised."""
    name = os.path.basename(arguments[0])
    with _heedless():
        try:
            code = subprocess.call(arguments)
        except OSError as error:
            return f"{name} cannot be started: {error.strerror or error}"
    return f"{name} {describe_exit(code)}" if code else ""


@contextmanager
def _heedless() -> Iterator[None]:
    """Let Ctrl-C and Ctrl-\\ be the editor's alone: it is in our process group, so the terminal sends them to both."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A handler and not SIG_IGN, which the editor would inherit.
    before = {each: signal.signal(each, lambda *_: None) for each in (signal.SIGINT, signal.SIGQUIT)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
