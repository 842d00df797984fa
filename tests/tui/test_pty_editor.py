"""The person's own editor, on a real terminal over a real pool."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.helpers.terminal import submit, terminal
from tests.helpers.wait import wait_until

#: Waits for a line, as an editor waits for keys, and writes down what it was told and what was typed.
EDITOR = """#!/bin/sh
printf '%s\\n' "$@" > {told}
touch {opened}
read -r line
echo "$line" >> {told}
"""

BROKEN = """import os, time


def fail(key):
    raise KeyError(key)


def follow(patience):
    while not os.path.exists("opened"):
        time.sleep(patience)
    open("ran", "w").close()
"""


def test_enter_opens_the_line_in_the_editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The editor has the terminal and is told file and line; jobs go on meanwhile, Ctrl-C is its own, and then it is
    the screen again."""
    told, opened, ran = tmp_path / "told", tmp_path / "opened", tmp_path / "ran"
    (tmp_path / "broken.py").write_text(BROKEN)
    editor = tmp_path / "vim"
    editor.write_text(EDITOR.format(told=told, opened=opened))
    editor.chmod(0o755)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"{editor} -u NONE")
    with terminal("--workers", "2", cwd=tmp_path) as screen:
        screen.wait_for("2/2 workers")
        submit(screen, "broken:follow", "0.01")
        submit(screen, "broken:fail", "'etag'")
        screen.type("3")
        screen.wait_for("queued elapsed")
        screen.type("/")
        screen.wait_for("words, or state")
        screen.type("state:F\r")
        wait_until(lambda: re.search(r"^> +2 F", screen.read(), re.MULTILINE), what="the failed job alone")
        screen.type("\r")
        screen.wait_for("raise KeyError(key)")
        screen.type("\r")
        wait_until(lambda: told.exists() and opened.exists() and len(told.read_text().splitlines()) == 4)
        assert told.read_text().splitlines() == ["-u", "NONE", "+5", str(tmp_path / "broken.py")]
        wait_until(ran.exists, what="a job that is done while the editor is open")
        # As Ctrl-C in the editor does, which the terminal sends to both.
        screen.process.send_signal(signal.SIGINT)
        screen.type("saved\r")
        wait_until(lambda: told.read_text().endswith("saved\n"))
        screen.wait_for("raise KeyError(key)")
        screen.type("1")
        screen.wait_for("D✓ follow")
        assert b'Traceback (most recent call last):\r\n  File "/' not in screen.written
        screen.type("q")
        screen.wait()
        assert screen.restored
