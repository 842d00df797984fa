"""The demo without a screen: real runs of the command, in a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from poolmgr.runners.demo import find_demo
from tests.helpers.commands import PATIENCE, on_terminal, poolmgr, started
from tests.helpers.wait import wait_until

METHODS = ("fork", "forkserver", "spawn")

KEYS = {"jobs", "done", "failed", "lost", "killed", "cancelled", "seconds", "workers"}


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The process's children, theirs, and so on."""
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def wait_for_load(process: subprocess.Popen[str]) -> None:
    """Wait until the run has said on stderr that jobs are done."""
    assert process.stderr is not None
    for line in process.stderr:
        if "jobs done" in line and not line.partition(": ")[2].startswith("0 "):
            return
    raise AssertionError("it ended before any job was done")


def await_groups(process: subprocess.Popen[str]) -> None:
    """Wait until both workers and the board lead process groups of their own.

    A worker that is still being started is in the command's, and Ctrl-C ends it with a traceback.
    """
    wait_until(lambda: sum(map(leads_group, family(process))) >= 3, what="the workers and the board have their groups")


def leads_group(process: psutil.Process) -> bool:
    """Whether a process group is named after it."""
    try:
        return os.getpgid(process.pid) == process.pid
    except ProcessLookupError:
        return False


def gone(processes: list[psutil.Process]) -> bool:
    """Whether none of them runs any more."""
    return not [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("method", METHODS)
def test_json_is_alone_on_stdout(method: str, tmp_path: Path) -> None:
    """--json gives one object whose numbers agree with each other and with the exit code, under each start method."""
    run = poolmgr(
        "demo", "--headless", "--json", "--workers", "2", "--for", "2", "--start-method", method, cwd=tmp_path
    )
    assert run.stdout.count("\n") == 1, run.stderr
    outcome = json.loads(run.stdout)
    assert set(outcome) == KEYS
    assert outcome["done"] > 0
    assert outcome["jobs"] == sum(outcome[key] for key in ("done", "failed", "lost", "killed", "cancelled"))
    assert (outcome["lost"], outcome["killed"], outcome["cancelled"]) == (0, 0, 0)
    assert run.returncode == (1 if outcome["failed"] else 0)
    assert len(outcome["workers"]) == 2
    assert sum(worker["jobs"] for worker in outcome["workers"]) == outcome["jobs"]
    assert all(worker["cpu_percent"] > 0 and worker["rss"] > 0 for worker in outcome["workers"])
    assert "Traceback" not in run.stderr


def test_table_and_plain_progress(tmp_path: Path) -> None:
    """Without --json a table of the workers is on stdout, and without a terminal a plain line a second on stderr."""
    run = poolmgr("demo", "stdlib", "--headless", "--workers", "2", "--for", "2", "--seed", "7", cwd=tmp_path)
    assert run.returncode in (0, 1)
    assert "jobs done" in run.stderr
    assert "2 workers" in run.stderr
    assert "\x1b" not in run.stderr + run.stdout
    # Python's tests, where they are installed, have files that do not compile.
    assert (" failed: poolmgr.demos.stdlib." in run.stderr) == (run.returncode == 1)
    assert "CPU %" in run.stdout
    assert " w1 " in run.stdout
    assert " w2 " in run.stdout
    assert " lost, in " in run.stdout


def test_one_pass_says_of_how_many(tmp_path: Path) -> None:
    """A run over one pass counts towards the jobs that there will be, not towards those submitted so far."""
    with started("demo", "--headless", "--workers", "1", cwd=tmp_path) as process:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "jobs done" in line)
        match = re.search(r"of ([\d,]+) jobs done", line)
        assert match is not None, line
        assert int(match[1].replace(",", "")) == find_demo("stdlib").count(0)


def test_bar_on_a_terminal(tmp_path: Path) -> None:
    """On a terminal the progress is a bar that goes away, and the table stays."""
    code, written = on_terminal("demo", "--headless", "--workers", "1", "--for", "1", cwd=tmp_path)
    assert code in (0, 1)
    assert "━" in written
    assert "CPU %" in written
    # The cursor is back.
    assert written.rfind("\x1b[?25h") > written.rfind("\x1b[?25l")


@pytest.mark.parametrize("method", METHODS)
def test_interrupt_ends_it_in_one_line(method: str, tmp_path: Path) -> None:
    """Ctrl-C under load, which a terminal sends to the whole group: one line, exit code 130, nobody left."""
    with started("demo", "--json", "--workers", "2", "--start-method", method, cwd=tmp_path) as process:
        wait_for_load(process)
        await_groups(process)
        members = family(process)
        assert len(members) >= 3
        os.killpg(process.pid, signal.SIGINT)
        stdout, stderr = process.communicate(timeout=PATIENCE)
        said = [line for line in stderr.splitlines() if "a second" not in line]
        assert len(said) == 1, stderr
        assert said[0].startswith("interrupted: ")
        assert (process.returncode, stdout) == (130, "")
        wait_until(lambda: gone(members), what="the workers and helpers are gone")


def test_interrupt_of_the_owner_alone(tmp_path: Path) -> None:
    """SIGINT to the process itself does the same as Ctrl-C."""
    with started("demo", "--headless", "--workers", "2", cwd=tmp_path) as process:
        wait_for_load(process)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=PATIENCE)
        assert stderr.splitlines()[-1].startswith("interrupted: ")
        assert (process.returncode, stdout) == (130, "")


def test_sigterm_ends_it_in_one_line(tmp_path: Path) -> None:
    """SIGTERM ends the run in order too, with the exit code that shells give it."""
    with started("demo", "--headless", "--workers", "2", cwd=tmp_path) as process:
        wait_for_load(process)
        members = family(process)
        process.terminate()
        stdout, stderr = process.communicate(timeout=PATIENCE)
        assert stderr.splitlines()[-1].startswith("ended by SIGTERM: ")
        assert "Traceback" not in stderr
        assert (process.returncode, stdout) == (143, "")
        wait_until(lambda: gone(members), what="the workers and helpers are gone")


@pytest.mark.parametrize("method", METHODS)
def test_killed_owner_leaves_nobody(method: str, tmp_path: Path) -> None:
    """kill -9 of the command under load: 2 s later its workers, board and helpers are gone with it."""
    with started("demo", "--headless", "--workers", "2", "--start-method", method, cwd=tmp_path) as process:
        wait_for_load(process)
        members = family(process)
        process.kill()
        wait_until(lambda: gone(members), deadline=2.0, what="the workers and helpers are gone")


def test_worker_killed_from_outside_costs_one_job(tmp_path: Path) -> None:
    """SIGKILL to a worker under load loses the job that it ran and no other, and the worker is replaced."""
    with started("demo", "--json", "--workers", "2", "--for", "4", "--start-method", "fork", cwd=tmp_path) as process:
        wait_for_load(process)
        # The owner's children are the workers and the board, which is told apart by its command line.
        children = psutil.Process(process.pid).children()
        worker = next(
            child for child in children if "poolmgr-board" not in child.cmdline() and "-c" not in child.cmdline()
        )
        worker.kill()
        stdout, _ = process.communicate(timeout=PATIENCE)
    outcome = json.loads(stdout)
    assert process.returncode == 1
    assert outcome["lost"] <= 1
    assert outcome["jobs"] == outcome["done"] + outcome["failed"] + outcome["lost"]
    assert len(outcome["workers"]) == 3
    assert worker.pid in {each["pid"] for each in outcome["workers"]}


def test_no_screen_library_is_imported(tmp_path: Path) -> None:
    """A run without a screen never imports textual."""
    code = (
        "import sys; from poolmgr.cli.root import run; run(['demo', '--json', '--for', '0.5', '--workers', '1']); "
        "print('textual' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    assert run.stdout.splitlines()[-1] == "False", run.stderr


def test_options_before_the_verb_count(tmp_path: Path) -> None:
    """--workers before the verb is that of the verb."""
    run = poolmgr("--workers", "1", "demo", "--json", "--for", "0.5", cwd=tmp_path)
    assert len(json.loads(run.stdout)["workers"]) == 1
