"""The screen on real terminals over real pools: keys change real processes, and a crash leaves a sane terminal."""

from __future__ import annotations

import fcntl
import re
import signal
import struct
import sys
import termios
from pathlib import Path

import psutil
import pytest

from tests.helpers import terminal as terminals
from tests.helpers.terminal import Terminal, submit, terminal, worker_pids
from tests.helpers.wait import wait_until

METHODS = ["fork", "forkserver", "spawn"]

#: An app that gets an answer which is none: showing it raises in the middle of the screen.
CRASH = """
import sys
from tests.helpers.fake_control import FakeControl
from poolmgr.tui.app import PoolmgrApp
control = FakeControl()
control.answer = lambda request: None
app = PoolmgrApp(control)
app.run()
sys.exit(app.return_code)
"""


def running_pid(screen: Terminal) -> int:
    """The pid of the worker that runs a job."""
    found = wait_until(
        lambda: re.findall(r"^[ >]w\d+ +(\d+) R▸", screen.read(), re.MULTILINE), what="a worker that runs"
    )
    return int(found[0])


def resize(screen: Terminal, columns: int, lines: int) -> None:
    """Give the terminal another size, and tell the command as a terminal's window would."""
    screen._screen.resize(lines, columns)
    fcntl.ioctl(screen.owner, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    screen.process.send_signal(signal.SIGWINCH)


def alive(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("columns_lines", [(80, 24), (160, 45)])
def test_the_demo_draws(columns_lines: tuple[int, int], tmp_path: Path) -> None:
    """The demo fills the screen with workers that work: CPU, memory, jobs that end, no word of an error."""
    columns, lines = columns_lines
    with terminal("demo", "--workers", "2", cwd=tmp_path, columns=columns, lines=lines) as screen:
        screen.wait_for("2/2 workers")
        wait_until(lambda: _with_a_bar(screen.read()), what="a CPU bar and a size")
        # A frame may be read while it is written: what belongs to it may be a moment behind.
        screen.wait_for("LIVE 4Hz")
        screen.wait_for("? Help q Quit")
        assert b"Traceback" not in screen.written
        screen.type("q")
        screen.wait_for("Quit?")
        screen.type("T")
        assert screen.wait() == 1


def _with_a_bar(text: str) -> bool:
    return re.search(r"^[ >]w1 +\d+ R▸ [█▏▎▍▌▋▊▉].* \d+M ", text, re.MULTILINE) is not None


@pytest.mark.parametrize("method", METHODS)
def test_plus_and_minus_change_real_processes(method: str, tmp_path: Path) -> None:
    """+ starts a process, - lets one leave, and the table shows what there is."""
    with terminal("--workers", "2", "--start-method", method, cwd=tmp_path) as screen:
        screen.wait_for("2/2 workers")
        # The head is drawn before the table.
        before = wait_until(lambda: pids if len(pids := worker_pids(screen)) == 2 else [])
        screen.type("++")
        screen.wait_for("4/4 workers")
        grown = wait_until(lambda: pids if len(pids := worker_pids(screen)) == 4 else [])
        assert set(before) < set(grown)
        assert all(alive(pid) for pid in grown)
        screen.type("---")
        screen.wait_for("1/1 workers")
        left = wait_until(lambda: pids if len(pids := worker_pids(screen)) == 1 else [])
        wait_until(lambda: [pid for pid in grown if alive(pid)] == left)
        screen.type("q")
        assert screen.wait() == 0


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_job_fails_alone(method: str, tmp_path: Path) -> None:
    """X and y kill the job under the cursor with its worker; the others are done, and the pool heals."""
    with terminal("--workers", "1", "--start-method", method, cwd=tmp_path) as screen:
        screen.wait_for("1/1 workers")
        submit(screen, "time:sleep", "600")
        victim = running_pid(screen)
        submit(screen, "math:factorial", "20")
        screen.type("X")
        screen.wait_for("Kill job")
        screen.type("y")
        screen.wait_for("1 killed")
        screen.wait_for("2432902008176640000")
        wait_until(lambda: not alive(victim))
        wait_until(lambda: (pids := worker_pids(screen)) and victim not in pids, what="another worker")
        screen.wait_for("0 lost")
        screen.type("q")
        screen.wait()
        assert screen.restored


@pytest.mark.parametrize("method", METHODS)
def test_a_worker_killed_from_outside_costs_one_job(method: str, tmp_path: Path) -> None:
    """SIGKILL to a worker loses the job that it ran, named with its signal, and another worker takes its place."""
    with terminal("--workers", "1", "--start-method", method, cwd=tmp_path, columns=160) as screen:
        screen.wait_for("1/1 workers")
        submit(screen, "time:sleep", "600")
        victim = running_pid(screen)
        submit(screen, "math:factorial", "20")
        psutil.Process(victim).send_signal(signal.SIGKILL)
        screen.wait_for("1 lost")
        screen.wait_for("SIGKILL")
        screen.wait_for("2432902008176640000")
        wait_until(lambda: (pids := worker_pids(screen)) and victim not in pids, what="another worker")
        screen.type("q")
        screen.wait()
        assert screen.restored


@pytest.mark.parametrize("method", METHODS)
def test_workers_output_is_kept_off_the_screen(method: str, tmp_path: Path) -> None:
    """What a job prints is a line of the log, and the frame around it is whole."""
    with terminal("--workers", "1", "--start-method", method, cwd=tmp_path) as screen:
        screen.wait_for("1/1 workers")
        submit(screen, "builtins:print", "'\\x1b[2Jsaid', 'by', 'a job'")
        text = screen.wait_for("out said by a job")
        assert text.startswith(" poolmgr ")
        assert "Workers" in text
        screen.type("q")
        assert screen.wait() == 0


def test_the_screen_follows_the_terminals_size(tmp_path: Path) -> None:
    """A terminal that gets smaller and larger again is drawn anew each time."""
    with terminal("--workers", "1", cwd=tmp_path, columns=160, lines=45) as screen:
        screen.wait_for("Detail")
        resize(screen, 60, 15)
        wait_until(lambda: "Jobs" not in (text := screen.read()) and "Quit" in text)
        resize(screen, 80, 24)
        screen.wait_for("Jobs")
        screen.type("q")
        assert screen.wait() == 0
        assert screen.restored


def test_a_crash_restores_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in the screen's own code ends it with a traceback on a terminal that is as it was."""
    monkeypatch.setattr(terminals, "COMMAND", (sys.executable, "-c", CRASH))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    with terminal(cwd=tmp_path) as screen:
        screen.wait_for("2/2 workers")
        screen.type("p")
        assert screen.wait() == 1
        assert screen.restored
        assert b"Traceback" in screen.written or b"Error" in screen.written
