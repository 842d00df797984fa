"""attach: the same screens on another program's pool, on real terminals."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from poolmgr import connect
from tests.helpers.commands import PATIENCE, poolmgr
from tests.helpers.owners import owner
from tests.helpers.terminal import terminal
from tests.helpers.wait import wait_until


def test_keys_act_on_the_other_program(tmp_path: Path) -> None:
    """An attached screen shows the pool, its keys change it, and leaving leaves it alone."""
    with owner() as program, terminal("attach", "far", cwd=tmp_path) as screen:
        screen.wait_for("far [RUN]  2/2 workers")
        program.say("good", "bad")
        screen.wait_for("1 failed")
        screen.type("+")
        screen.wait_for("3/3 workers")
        screen.type("p")
        screen.wait_for("[HELD]")
        screen.type("p")
        screen.wait_for("[RUN]")
        screen.type("q")
        assert screen.wait() == 0
        assert screen.restored
        program.say("good")


def test_read_only_changes_nothing(tmp_path: Path) -> None:
    """Of two viewers at once, the one that may only look says so, has its keys greyed, and sees what the other does."""
    with (
        owner() as program,
        terminal("attach", "--read-only", cwd=tmp_path) as looking,
        terminal("attach", "far", cwd=tmp_path) as acting,
    ):
        looking.wait_for("READ-ONLY")
        acting.wait_for("2/2 workers")
        looking.type("+p")
        acting.type("+")
        looking.wait_for("3/3 workers")
        assert "[RUN]" in acting.wait_for("3/3 workers")
        status = connect(str(program.pid))
        wait_until(lambda: status["monitor"]["viewers"] == 2)
        assert [line["text"] for line in status["log"]].count("size set to 3") == 1
        assert not [line for line in status["log"] if "Pause" in line["text"]]
        for screen in (looking, acting):
            screen.type("q")
            assert screen.wait() == 0


def test_killed_owner_leaves_the_last_picture(tmp_path: Path) -> None:
    """SIGKILL to the owner under an attached screen: it says so and keeps the picture; leaving gives the sentence."""
    with owner() as program, terminal("attach", "far", cwd=tmp_path, columns=160) as screen:
        program.say("good")
        screen.wait_for("factorial")
        program.process.kill()
        program.process.wait()
        shown = screen.wait_for("is gone, and its pool with it")
        assert "STALE" in shown
        assert "factorial" in shown
        screen.type("+")
        screen.wait_for("nothing was sent")
        screen.type("q")
        assert screen.wait() == 0
        assert screen.restored
        assert f"far: process {program.pid} is gone".encode() in screen.written


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_viewer_that_ends_leaves_the_pool(signum: signal.Signals, tmp_path: Path) -> None:
    """A viewer that is ended or killed leaves the pool alone, and by SIGTERM a terminal as it was."""
    with owner() as program, terminal("attach", "far", cwd=tmp_path) as screen:
        screen.wait_for("2/2 workers")
        screen.process.send_signal(signum)
        code = screen.wait()
        if signum == signal.SIGTERM:
            assert (code, screen.restored) == (128 + signum, True)
        program.say("good")
        program.tell("end")
        assert program.process.wait(PATIENCE) == 0


def test_attached_screen_follows_a_board_that_is_killed(tmp_path: Path) -> None:
    """The board is killed under an attached screen: the screen goes on with the next one."""
    with owner() as program, terminal("attach", "far", cwd=tmp_path, columns=160) as screen:
        screen.wait_for("2/2 workers")
        status = connect(str(program.pid))
        first = wait_until(lambda: status["monitor"]["board_pid"])
        os.kill(first, signal.SIGKILL)
        screen.wait_for("it is started again")
        screen.type("+")
        screen.wait_for("3/3 workers")
        screen.type("q")
        assert screen.wait() == 0


def test_wrong_usage_is_one_sentence(tmp_path: Path) -> None:
    """An unknown pool, and a missing terminal, are one sentence and exit code 2."""
    run = poolmgr("attach", "far", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (2, "poolmgr: no pool 'far' of yours is running with a status board\n")
    with owner():
        run = poolmgr("attach", "far", cwd=tmp_path)
        assert run.returncode == 2
        assert "the screen needs a terminal, and stdin is none: 'poolmgr top' works without one" in run.stderr
        run = poolmgr("attach", "near", cwd=tmp_path)
        assert "no pool 'near' is running; there are: far (process" in run.stderr
    run = poolmgr("attach", "--help", cwd=tmp_path)
    assert "Example: poolmgr attach " in run.stdout
