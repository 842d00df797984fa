"""The leak plugin, on a file of tests that leak on purpose."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

LEAKY = """
import os, subprocess, sys, threading, multiprocessing

kept = []
sleep = "import time; time.sleep(60)"
orphan = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {sleep!r}], start_new_session=True)"

def test_process():
    kept.append(subprocess.Popen([sys.executable, "-c", sleep]))

def test_orphan():
    subprocess.run([sys.executable, "-c", orphan])

def test_thread():
    threading.Thread(target=threading.Event().wait, name="forgotten", daemon=True).start()

def test_descriptor():
    kept.append(os.pipe())

def test_zombie():
    kept.append(os.posix_spawn(sys.executable, [sys.executable, "-c", ""], os.environ))

def test_clean():
    subprocess.run([sys.executable, "-c", ""])
    with multiprocessing.get_context("forkserver").Pool(1) as pool:
        pool.map(abs, range(3))
        pool.close()
        pool.join()
    os.close(os.open(os.devnull, os.O_RDONLY))
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says of the leaky tests."""
    folder = tmp_path_factory.mktemp("leaky")
    (folder / "test_leaky.py").write_text(LEAKY)
    settings = folder / "pytest.ini"
    settings.write_text("[pytest]\n")
    # It may take as long as it wants to find a leak, as far as this is concerned.
    shorten = "import sys, pytest, tests.helpers.leaks as leaks; leaks.SETTLE = 0.5; pytest.main(sys.argv[1:])"
    command = [sys.executable, "-c", shorten, "-p", "tests.helpers.leaks", "-p", "no:cacheprovider", "-rA"]
    run = subprocess.run(
        [*command, "-c", str(settings), str(folder)],
        # Of the options of the run that this test is part of, none is meant for this one.
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=50,
    )
    return run.stdout + run.stderr


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("process", "process "),
        ("orphan", "process "),
        ("thread", "thread forgotten"),
        ("descriptor", "descriptor "),
        ("zombie", "(zombie)"),
    ],
)
def test_leak_fails_the_test_that_leaked_it(report: str, name: str, what: str) -> None:
    """A test that leaves something behind is reported as an error that names it."""
    assert f"ERROR test_leaky.py::test_{name} - Failed: left behind" in report
    section = report.partition(f"ERROR at teardown of test_{name} ")[2].partition("____ ")[0]
    assert what in section


def test_clean_test_is_not_blamed(report: str) -> None:
    """What a test has ended itself, and Python's own helpers, are no leak."""
    assert "ERROR at teardown of test_clean" not in report
    assert "PASSED test_leaky.py::test_clean" in report
