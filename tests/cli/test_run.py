"""``poolmgr run`` without a screen: the program runs as if poolmgr were not there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from tests.helpers.commands import COMMAND, PATIENCE, started
from tests.helpers.wait import wait_until


def script(folder: Path, source: str, name: str = "program.py") -> str:
    """Write a program, and return its name."""
    (folder / name).write_text(textwrap.dedent(source))
    return name


def run(*words: str, cwd: Path, stdin: bytes = b"", **more: str) -> subprocess.CompletedProcess[bytes]:
    """``poolmgr run WORDS`` to its end."""
    return subprocess.run(
        [*COMMAND, "run", *words],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        timeout=PATIENCE,
        env={**os.environ, **more},
    )


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("pass", 0),
        ("raise SystemExit('no')", 1),
        ("raise SystemExit(3)", 3),
        ("raise SystemExit(130)", 130),
        ("import os; os.kill(os.getpid(), 15)", 143),
        ("import os; os.kill(os.getpid(), 9)", 137),
    ],
)
def test_exit_code_is_the_programs(source: str, code: int, tmp_path: Path) -> None:
    """The exit code is the program's own, and 128 and the number where a signal ended it."""
    assert run(script(tmp_path, source), cwd=tmp_path).returncode == code


def test_streams_are_the_programs(tmp_path: Path) -> None:
    """stdin, stdout and stderr that are no terminals pass byte for byte, and poolmgr adds nothing to them."""
    every = bytes(range(256)) * 300
    source = """
        import sys
        data = sys.stdin.buffer.read()
        sys.stdout.buffer.write(data)
        sys.stderr.buffer.write(data[::-1])
    """
    done = run(script(tmp_path, source), cwd=tmp_path, stdin=every)
    assert (done.returncode, done.stdout, done.stderr) == (0, every, every[::-1])


def test_arguments_are_the_programs(tmp_path: Path) -> None:
    """Options of poolmgr's names behind the script are the script's."""
    name = script(tmp_path, "import sys; print(sys.argv, __name__, __file__)")
    words = (name, "--python", "--name", "-m", "--", "-h")
    plain = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, timeout=PATIENCE)
    assert run(*words, cwd=tmp_path).stdout == plain.stdout


def test_modules_and_programs(tmp_path: Path) -> None:
    """-m runs a module, and another word a program on PATH."""
    assert run("-m", "platform", cwd=tmp_path).stdout == run(sys.executable, "-m", "platform", cwd=tmp_path).stdout
    assert run("sh", "-c", "exit 5", cwd=tmp_path).returncode == 5


def test_python_of_the_active_environment(tmp_path: Path) -> None:
    """A script is run by the Python of the virtual environment that is active, and by --python before that."""
    for name in ("venv", "other"):
        (tmp_path / name / "bin").mkdir(parents=True)
        python = tmp_path / name / "bin" / "python"
        python.write_text(f'#!/bin/sh\necho {name} "$@"\n')
        python.chmod(0o755)
    name = script(tmp_path, "")
    venv = str(tmp_path / "venv")
    assert run(name, cwd=tmp_path, VIRTUAL_ENV=venv).stdout == b"venv program.py\n"
    chosen = run("--python", str(tmp_path / "other" / "bin" / "python"), "-m", "x", cwd=tmp_path, VIRTUAL_ENV=venv)
    assert chosen.stdout == b"other -m x\n"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nothing-of-that-name",), 127, b"there is no program 'nothing-of-that-name' on PATH"),
        (("./nothing",), 127, b"there is no program './nothing'"),
        (("nothing.py",), 2, b"there is no script 'nothing.py'"),
        (("/",), 126, b"is a folder without a __main__.py"),
        ((), 2, b"say what to run"),
        (("-m",), 2, b"say what to run"),
        (("--python", "no-python", "-m", "x"), 2, b"there is no Python 'no-python'"),
        (("--no-option", "x.py"), 2, b"No such option"),
    ],
)
def test_what_cannot_be_started_is_one_sentence(words: tuple[str, ...], code: int, said: bytes, tmp_path: Path) -> None:
    """What is not there is told in one sentence, with the exit code of a shell or of Python."""
    done = run(*words, cwd=tmp_path)
    assert done.returncode == code
    assert done.stdout == b""
    assert said in done.stderr
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_signals_reach_the_program(signum: signal.Signals, tmp_path: Path) -> None:
    """A signal to poolmgr is the program's to answer."""
    source = """
        import signal, sys
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, lambda signum, frame: sys.exit(40 + signum))
        print("ready", flush=True)
        signal.pause()
    """
    with started("run", script(tmp_path, source), cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signum)
        assert process.wait(PATIENCE) == 40 + signum


def test_what_is_left_behind_is_ended(tmp_path: Path) -> None:
    """A child that the program forgot is ended with it; one that made itself a daemon is left alone."""
    source = """
        import subprocess, sys
        sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        forgotten = subprocess.Popen(sleep, **streams)
        daemon = subprocess.Popen(sleep, start_new_session=True, **streams)
        print(forgotten.pid, daemon.pid)
        forgotten.returncode = daemon.returncode = 0
    """
    done = run(script(tmp_path, source), cwd=tmp_path)
    forgotten, daemon = map(int, done.stdout.split())
    assert done.returncode == 0
    assert not psutil.pid_exists(forgotten)
    found = psutil.Process(daemon)
    assert found.is_running()
    found.kill()
    wait_until(lambda: not psutil.pid_exists(daemon), what="the daemon is gone")


def test_what_is_left_behind_under_nohup_is_ended(tmp_path: Path) -> None:
    """That poolmgr ignores SIGHUP, and the program with it, does not make daemons of what the program forgot."""
    source = """
        import subprocess, sys
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        forgotten = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], **streams)
        print(forgotten.pid)
        forgotten.returncode = 0
    """
    command = ["nohup", *COMMAND, "run", str(script(tmp_path, source))]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    assert not psutil.pid_exists(int(done.stdout))


def test_folder_goes_with_the_run(tmp_path: Path) -> None:
    """Nothing of a run stays in the runtime folder, and what a killed one left goes with the next."""
    source = "import os, sys; print(os.environ['POOLMGR_RUN'], flush=True); sys.stdin.read()"
    name = script(tmp_path, source)
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    with subprocess.Popen(
        [*COMMAND, "run", name],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)},
    ) as process:
        assert process.stdout is not None
        folder = Path(os.fsdecode(process.stdout.readline().rstrip()))
        assert folder.stat().st_mode & 0o777 == 0o700
        process.kill()
    assert folder.exists()
    after = Path(os.fsdecode(run(name, cwd=tmp_path, XDG_RUNTIME_DIR=str(runtime)).stdout.rstrip()))
    assert not folder.exists()
    assert not after.exists()
