"""What must never spoil a terminal: an error in the screen's own code while a load runs, and what workers write."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.helpers import terminal as terminals
from tests.helpers.terminal import submit, terminal, worker_pids
from tests.helpers.wait import wait_until
from tests.tui.test_pty import alive

#: The command, with an error planted in the app.
PLANTED = """
import sys
from poolmgr.tui import app
from poolmgr.tui.widgets.header import PoolHeader

def fail(*args, **kwargs):
    raise RuntimeError("planted")

{plant}
from poolmgr.cli import main
sys.exit(main())
"""

#: Jobs that write past Python, and end badly.
STRAYS = """
import ctypes, faulthandler, os, time

def write():
    for fd in (1, 2):
        os.write(fd, b"STR\\x07AY of fd %d\\n" % fd)
    ctypes.CDLL(None).puts(b"STR\\x07AY of C")
    ctypes.CDLL(None).fflush(None)
    os.system("printf 'STR\\\\007AY of a child\\\\n'; printf 'STR\\\\007AY of its stderr\\\\n' >&2")

def abort():
    faulthandler.enable(file=2)
    os.write(2, b"STR\\x07AY last words\\n")
    os.abort()
"""


@pytest.mark.parametrize(
    ("plant", "key"),
    [
        ("app.PoolmgrApp.action_alerts = fail", "!"),
        ("app.PoolmgrApp.action_freeze = lambda self: setattr(PoolHeader, 'take', fail)", "z"),
    ],
    ids=["a key", "a frame"],
)
def test_a_crash_under_load_ends_the_workers(
    plant: str, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error in the screen leaves a sane terminal, the error on it, no worker alive, and says what was lost."""
    monkeypatch.setattr(terminals, "COMMAND", (sys.executable, "-c", PLANTED.format(plant=plant)))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    with terminal("demo", "--workers", "3", cwd=tmp_path) as screen:
        screen.wait_for("3/3 workers")
        pids = wait_until(lambda: found if len(found := worker_pids(screen)) == 3 else [])
        family = [process.pid for process in screen.family()]
        assert set(pids) <= set(family)
        screen.type(key)
        assert screen.wait() == 1
        assert screen.restored
        assert b"RuntimeError" in screen.written
        assert b"planted" in screen.written
        wait_until(lambda: not [pid for pid in family if alive(pid)], what="all processes ended")
        after = screen.written[screen.written.rindex(b"?1049l") :].decode()
        assert " done" in after
        assert "cancelled" in after or "lost" in after or "killed" in after


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_no_byte_of_a_worker_reaches_the_screen(method: str, tmp_path: Path) -> None:
    """What C code, child processes and a dying interpreter write is in the log, and nowhere on the terminal."""
    (tmp_path / "strays.py").write_text(STRAYS)
    with terminal("--workers", "1", "--start-method", method, cwd=tmp_path, columns=100, lines=40) as screen:
        screen.wait_for("1/1 workers")
        submit(screen, "strays:write", "")
        for words in ("fd 1", "fd 2", "C", "a child", "its stderr"):
            screen.wait_for(f"AY of {words}")
        submit(screen, "strays:abort", "")
        screen.wait_for("SIGABRT")
        screen.type("6")
        screen.wait_for("follow on")
        screen.type("g")
        screen.wait_for("AY last words")
        screen.wait_for("Fatal Python error: Aborted")
        text = screen.read()
        assert text.startswith(" poolmgr ")
        assert b"STR\x07AY" not in screen.written
        assert b"Aborted\r\n" not in screen.written
        screen.type("q")
        assert screen.wait() == 1
        assert screen.restored
