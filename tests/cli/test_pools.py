"""Several pools on one screen: opened from the screen, and of other programs."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.helpers.commands import poolmgr
from tests.helpers.owners import owner
from tests.helpers.terminal import terminal
from tests.helpers.wait import wait_until


def test_opens_a_second_pool(tmp_path: Path) -> None:
    """o opens another pool beside the first; each takes its own jobs, both are published, and both end together."""
    with terminal("--workers", "1", "--name", "train", cwd=tmp_path) as screen:
        screen.wait_for("1/1 workers")
        screen.type("o")
        screen.wait_for("Open another pool")
        screen.type("\t")
        screen.wait_for("how many processes")
        screen.type("\t")
        screen.wait_for("how they start")
        screen.type("spawn\r")
        screen.wait_for("train-2 [RUN]  2 of 2 pools  1/1 workers  spawn")
        assert {line.split()[0] for line in poolmgr("ps", cwd=tmp_path).stdout.splitlines()[1:]} == {"train", "train-2"}
        screen.type("a")
        screen.wait_for("Submit a job")
        screen.type("time:sleep\r")
        screen.wait_for("Enter submits")
        screen.type("600\r")
        screen.wait_for("1 run ")
        members = screen.family()
        screen.type("5")
        screen.wait_for(">train-2")
        screen.type("q")
        screen.wait_for("Quit?")
        screen.wait_for("1 job runs, 0 wait.")
        screen.type("T")
        assert screen.wait() == 1
        assert b"train: 0 jobs: 0 done" in screen.written
        assert b"train-2: 1 jobs: 0 done" in screen.written
        wait_until(lambda: not [each for each in members if each.is_running()], what="workers and boards are gone")


def test_attach_without_a_name_shows_all(tmp_path: Path) -> None:
    """attach alone shows each pool of the user, those that come later too, and what is left when one is killed."""
    with owner() as first, terminal("attach", cwd=tmp_path) as screen:
        screen.wait_for("far [RUN]  2/2 workers")
        with owner() as second:
            screen.wait_for("1 of 2 pools")
            screen.type("5")
            screen.wait_for("Pools  2 pools")
            screen.type("j+")
            screen.wait_for("3 of 3")
            os.kill(second.pid, signal.SIGKILL)
            screen.wait_for("OVER")
            screen.type("k")
            first.say("good")
            screen.wait_for("Pools  1 pool")
        screen.type("q")
        assert screen.wait() == 0
        assert screen.restored
        first.say("good")
