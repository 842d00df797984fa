"""Programs of a test's own under the hook: run to their end, or looked at while they run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from poolmgr.hook import SITE, environment
from poolmgr.monitor.observed import Observation, ObservedPool, ObservedWorker, is_alive
from poolmgr.monitor.run_reader import Reader
from tests.helpers.wait import wait_until

#: Seconds that a program may take: it starts a handful of interpreters.
PATIENCE = 40.0


def script(folder: Path, source: str) -> str:
    """A file with the program, as the worker processes of spawn and forkserver import it."""
    path = folder / "program.py"
    path.write_text(textwrap.dedent(source))
    return str(path)


def run(path: str, *args: str, folder: str | None, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end: with the hook, or plain if there is no folder."""
    return subprocess.run(
        [sys.executable, path, *args], env=_environment(folder, extra), capture_output=True, text=True, timeout=PATIENCE
    )


def _environment(folder: str | None, extra: dict[str, str]) -> dict[str, str]:
    # Without a PYTHONPATH of the test run's own: the program is to be a stranger.
    base = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**(base if folder is None else environment(folder, base)), **extra}


def cpython_outcomes(folder: str, module: str, *args: str) -> dict[str, str]:
    """What became of CPython's own tests under the hook, by name: those that a module of ``tests.helpers`` runs."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", f"tests.helpers.{module}", *args],
        env=_environment(folder, {"PYTHONPATH": os.pathsep.join([SITE, str(root)])}),
        cwd=root,
        capture_output=True,
        text=True,
        timeout=55,
    )
    assert done.returncode == 0, done.stderr
    assert not list(Path(folder).glob("notes.*"))
    outcomes: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return outcomes


def look(folder: str) -> Observation:
    """The run's folder at this moment."""
    reader = Reader(folder)
    try:
        return reader.read()
    finally:
        reader.close()


class Hooked:
    """A program that runs under the hook, and speaks by lines."""

    def __init__(self, process: subprocess.Popen[str], folder: str) -> None:
        self.process = process
        self.folder = folder

    def line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        text = self.process.stdout.readline()
        assert text, f"the program ended with code {self.process.wait()} without a word"
        return text.rstrip("\n")

    def say(self, text: str = "") -> None:
        """Give it a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()

    def pool(self) -> ObservedPool:
        """Its only pool."""
        return wait_until(lambda: next(iter(look(self.folder).pools.values()), None))  # type: ignore[return-value]

    def workers(self) -> list[ObservedWorker]:
        """The workers of its only pool that live."""
        seen = look(self.folder)
        found = [one for pool in seen.pools.values() for one in seen.workers_of(pool)]
        return [one for one in found if is_alive(one)]

    def running(self, count: int = 1) -> list[ObservedWorker]:
        """Workers that are in a job, once there are so many."""

        def found() -> list[ObservedWorker]:
            inside = [one for one in self.workers() if one.running]
            return inside if len(inside) >= count else []

        return wait_until(found)

    def until(self, condition: Callable[[ObservedPool], bool], what: str) -> ObservedPool:
        """The pool, once the condition holds."""

        def found() -> ObservedPool | None:
            pool = self.pool()
            return pool if condition(pool) else None

        return wait_until(found, what=what)  # type: ignore[return-value]


@contextmanager
def program(path: str, *args: str, folder: str, **extra: str) -> Iterator[Hooked]:
    """Start a program under the hook; its whole group is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, path, *args],
        env=_environment(folder, extra),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield Hooked(process, folder)
    finally:
        try:
            os.killpg(process.pid, 9)
        except ProcessLookupError:
            pass
        process.communicate()
