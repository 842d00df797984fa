"""From the command line to the screen and back: real terminals, real pools."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import psutil
import pytest

from tests.helpers.commands import PATIENCE
from tests.helpers.terminal import Terminal, terminal
from tests.helpers.wait import DEADLINE, wait_until


def assert_nobody_left(processes: list[psutil.Process], deadline: float = DEADLINE) -> None:
    """All of them end."""
    wait_until(
        lambda: not [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE],
        deadline,
        what="the workers and helpers are gone",
    )


def open_quit_dialog(screen: Terminal) -> list[psutil.Process]:
    """Wait for load, press q, and return the processes that there are."""
    screen.wait_for("_file")
    screen.type("q")
    screen.wait_for("Quit?")
    return screen.family()


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_empty_pool_opens_and_ends(method: str, tmp_path: Path) -> None:
    """poolmgr alone shows a pool of the size asked for; q leaves at once, with the terminal as it was."""
    with terminal("--workers", "2", "--start-method", method, cwd=tmp_path) as screen:
        screen.wait_for("2/2")
        members = screen.family()
        screen.type("q")
        assert screen.wait() == 0
        assert screen.restored
        assert b"0 jobs: 0 done" in screen.written
        assert_nobody_left(members)


def test_terminate_ends_the_load(tmp_path: Path) -> None:
    """q and Terminate under load: the jobs that had not ended are counted as such, exit code 1, nobody left."""
    with terminal("demo", "--workers", "2", cwd=tmp_path) as screen:
        members = open_quit_dialog(screen)
        screen.type("T")
        assert screen.wait() == 1
        assert screen.restored
        assert b" cancelled, in " in screen.written
        assert_nobody_left(members)


def test_drain_finishes_what_there_is(tmp_path: Path) -> None:
    """q and Drain under an endless load: no job is added, those there are end well, nothing is cancelled."""
    with terminal("demo", "--workers", "2", "--for", "600", cwd=tmp_path) as screen:
        members = open_quit_dialog(screen)
        screen.type("d")
        assert screen.wait() in (0, 1)
        assert screen.restored
        assert b" 0 lost, in " in screen.written
        assert_nobody_left(members)


def test_leave_goes_on_without_the_screen(tmp_path: Path) -> None:
    """q and Leave: the load goes on to its end in the same terminal, and jobs are added meanwhile."""
    with terminal("demo", "--workers", "2", "--for", "6", cwd=tmp_path) as screen:
        open_quit_dialog(screen)
        screen.type("l")
        screen.wait_for("jobs done")
        assert screen.wait() in (0, 1)
        assert screen.restored
        assert b" 0 lost, in " in screen.written


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_restores_the_terminal(signum: signal.Signals, tmp_path: Path) -> None:
    """A signal to the command under the screen ends the pool in order, in one line, with the terminal as it was."""
    with terminal("demo", "--workers", "2", cwd=tmp_path) as screen:
        screen.wait_for("_file")
        members = screen.family()
        screen.process.send_signal(signum)
        assert screen.wait() == 128 + signum
        assert screen.restored
        assert b"Traceback" not in screen.written
        assert b"jobs had ended, the others were dropped" in screen.written
        assert_nobody_left(members)


def test_terminal_that_goes_ends_it(tmp_path: Path) -> None:
    """A terminal that hangs up without a signal, as one that controls no session does, ends the pool in order."""
    with terminal("demo", "--workers", "2", cwd=tmp_path) as screen:
        screen.wait_for("_file")
        members = screen.family()
        screen.hang_up()
        assert screen.process.wait(PATIENCE) == 128 + signal.SIGHUP
        assert_nobody_left(members)


def test_module_of_this_folder_can_be_submitted(tmp_path: Path) -> None:
    """A function in the folder where poolmgr was started can be submitted by its name."""
    (tmp_path / "mine_only.py").write_text("def answer():\n    return 'forty' + 'two'\n")
    with terminal("--workers", "1", cwd=tmp_path) as screen:
        screen.wait_for("1/1")
        screen.type("a")
        screen.wait_for("literals only")
        screen.type("mine_only:answer\n")
        screen.wait_for("fortytwo")
        screen.type("q")
        assert screen.wait() == 0


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_killed_command_leaves_nobody(method: str, tmp_path: Path) -> None:
    """kill -9 under load, while a job holds its interpreter in one call of C: 2 s later nobody of it is there."""
    with terminal("demo", "--workers", "2", "--for", "600", "--start-method", method, cwd=tmp_path) as screen:
        screen.wait_for("_file")
        screen.type("a")
        screen.wait_for("to the arguments")
        screen.type("math:factorial\r")
        # It is known what it takes: there is a field.
        screen.wait_for("required")
        # Minutes in one call of C, which no signal handler and no other thread interrupts.
        screen.type("100000000\r")
        wait_until(lambda: re.search(r"^[ >]w\d .* R▸ .* factorial ", screen.read(), re.MULTILINE), what="the job runs")
        members = screen.family()
        assert len(members) >= 3
        screen.process.kill()
        screen.process.wait()
        assert_nobody_left(members, deadline=2.0)
