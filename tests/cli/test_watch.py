"""``poolmgr.watch(pool)``: the screen, or lines, on a pool of one's own program."""

from __future__ import annotations

import subprocess
import sys
import threading
from multiprocessing import get_context
from pathlib import Path

import pytest

import poolmgr
from poolmgr.errors import UsageError
from poolmgr.runtime.folder import entries
from tests.helpers import terminal as terminals
from tests.helpers.terminal import terminal
from tests.helpers.wait import wait_until

PROGRAM = """
import time
from multiprocessing import get_context
import poolmgr

def job(number):
    print("said", number)
    time.sleep(0.2 if number else 600)
    return number

if __name__ == "__main__":
    with poolmgr.Pool(2, context=get_context({method!r}), capture_output={captured}) as pool:
        slow = [pool.apply_async(job, (number,)) for number in {numbers}]
        poolmgr.watch(pool)
        print("counts", pool.snapshot().counts.done, pool.snapshot().state, flush=True)
"""


def program(folder: Path, method: str = "fork", captured: bool = True, numbers: str = "(1, 2, 3)") -> Path:
    """A script with a pool that it watches."""
    path = folder / "program.py"
    path.write_text(PROGRAM.format(method=method, captured=captured, numbers=numbers))
    return path


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_watch_shows_the_programs_own_pool(method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its jobs are on the screen, new workers can be started under it, and leaving lets the program go on."""
    monkeypatch.setattr(terminals, "COMMAND", (sys.executable, str(program(tmp_path, method))))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    with terminal(cwd=tmp_path) as screen:
        screen.wait_for("3/3 ")
        wait_until(lambda: "program" in [entry.name.rpartition("-")[0] for entry in entries()])
        screen.wait_for("out said 3")
        screen.type("+")
        screen.wait_for("3/3 workers")
        screen.type("q")
        assert screen.wait() == 0
        assert b"counts 3 run" in screen.written
        assert screen.restored


def test_the_quit_dialog_may_end_the_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Terminate means the pool, not the program."""
    monkeypatch.setattr(terminals, "COMMAND", (sys.executable, str(program(tmp_path, captured=False, numbers="(0,)"))))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    with terminal(cwd=tmp_path) as screen:
        screen.wait_for("capture_output=True")
        screen.type("q")
        screen.wait_for("Quit?")
        screen.type("T")
        assert screen.wait() == 0
        assert b"counts 0 ended" in screen.written or b"counts 0 terminate" in screen.written


def test_without_a_terminal_there_are_lines(tmp_path: Path) -> None:
    """Progress goes to stderr until nothing runs, then the program goes on."""
    run = subprocess.run(
        [sys.executable, str(program(tmp_path))],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert run.returncode == 0, run.stderr
    assert "counts 3 run" in run.stdout
    assert "3" in run.stderr.splitlines()[-1]


def test_published_pool_is_not_published_twice(capfd: pytest.CaptureFixture[str]) -> None:
    """A pool that the program has published stays so when it is watched, under the one name."""
    with poolmgr.Pool(1, name="train") as pool, poolmgr.publish(pool):
        poolmgr.watch(pool)
        assert [entry.name for entry in entries()] == ["train"]
        pool.apply(abs, (-1,))


def test_pool_that_cannot_be_published_is_watched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a safe folder for what others see, the pool is seen by its own program."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "poolmgr").mkdir()
    (tmp_path / "poolmgr").chmod(0o777)
    with poolmgr.Pool(1, name="train") as pool:
        poolmgr.watch(pool)
        assert pool.apply(abs, (-1,)) == 1


def test_watch_refuses_what_it_cannot_show() -> None:
    """A stock pool, and a thread that is not the main one."""
    with get_context("fork").Pool(1) as stock, pytest.raises(UsageError, match=r"poolmgr\.Pool"):
        poolmgr.watch(stock)  # type: ignore[arg-type]
    refused: list[BaseException] = []

    def elsewhere(pool: poolmgr.Pool) -> None:
        try:
            poolmgr.watch(pool)
        except UsageError as error:
            refused.append(error)

    with poolmgr.Pool(1) as pool:
        thread = threading.Thread(target=elsewhere, args=(pool,))
        thread.start()
        thread.join()
    assert "main thread" in str(refused[0])
