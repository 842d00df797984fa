"""Programs that people use, unmodified: the same with poolmgr as without, and their pools are seen while they work."""

from __future__ import annotations

import contextlib
import json
import marshal
import os
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from poolmgr.cli.pools import look, to_json
from tests.helpers.commands import COMMAND, PATIENCE

#: Seconds between two looks.
LOOK = 0.1

STDLIB = Path(sysconfig.get_path("stdlib"))


@dataclass(frozen=True)
class Real:
    """A program, what it is given to do, and what its pool is."""

    name: str
    words: tuple[str, ...]
    #: Packages and modules of the standard library, of which it gets a copy.
    sources: tuple[str, ...] = ()
    script: str = ""
    #: A part of what the screen calls its engine.
    engine: str = "Pool"
    #: So often the sources are there, for a program that is quick.
    copies: int = 1


JOBLIB = """
    from joblib import Parallel, delayed

    def slow(number):
        total = 0
        for each in range(200_000):
            total += each * number % 7
        return total

    if __name__ == "__main__":
        print(Parallel(n_jobs=2, backend="{}", batch_size=1)(delayed(slow)(number) for number in range(400)))
"""
TQDM = """
    import multiprocessing
    from tqdm import tqdm

    def slow(number):
        return sum(each * number % 7 for each in range(200_000))

    if __name__ == "__main__":
        with multiprocessing.Pool(2) as pool:
            print(sum(tqdm(pool.imap_unordered(slow, range(400)), total=400)))
"""
FEW = ("asyncio", "email", "http")
MANY = (*FEW, "json", "logging", "xml", "multiprocessing", "unittest", "idlelib", "encodings", "ctypes", "turtledemo")

PROGRAMS = [
    Real("flake8", ("-m", "flake8", "-j", "2", "."), FEW),
    Real("isort", ("-m", "isort", "-q", "-j", "2", "."), MANY),
    Real("autopep8", ("-m", "autopep8", "-j", "2", "-i", "-r", "."), ("json", "html", "dbm", "email", "logging")),
    Real("black", ("-m", "black", "-W", "2", "."), ("json", "http", "dbm"), engine="ProcessPoolExecutor"),
    Real("pylint", ("-m", "pylint", "-j", "2", "--disable=all", "--enable=E", "json", "html", "dbm"),
         ("json", "html", "dbm"), engine="ProcessPoolExecutor"),
    Real("compileall", ("-m", "compileall", "-q", "-j", "2", "."), MANY, engine="ProcessPoolExecutor", copies=4),
    Real("joblib-multiprocessing", ("script.py",), script=JOBLIB.format("multiprocessing")),
    Real("joblib-loky", ("script.py",), script=JOBLIB.format("loky"), engine="loky"),
    Real("tqdm", ("script.py",), script=TQDM),
]  # fmt: skip


def prepare(real: Real, folder: Path) -> Path:
    """A folder with what the program works on."""
    folder.mkdir(parents=True)
    left_out = shutil.ignore_patterns("__pycache__", "data", "*.so")
    for copy in range(real.copies):
        for source in real.sources:
            place = folder / f"copy{copy}" / source if real.copies > 1 else folder / source
            shutil.copytree(STDLIB / source, place, ignore=left_out)
    if real.script:
        (folder / "script.py").write_text(textwrap.dedent(real.script))
    return folder


def tree(folder: Path) -> dict[str, object]:
    """All files with what is in them."""
    return {str(path.relative_to(folder)): content(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def content(path: Path) -> object:
    """Its bytes; of compiled Python what stands before the code, and the code.

    The same code has other bytes where other files were compiled before it in the same process: a constant that
    something else shares is marked as such.
    """
    data = path.read_bytes()
    return (data[:16], marshal.loads(data[16:])) if path.suffix == ".pyc" else data


def environment(folder: Path) -> dict[str, str]:
    """No program remembers what it did in the run before, or leaves compiled what it imports from its folder."""
    caches = {name: str(folder.parent / "cache") for name in ("BLACK_CACHE_DIR", "PYLINTHOME")}
    return {**os.environ, **caches, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "80"}


def run_watched(real: Real, folder: Path) -> tuple[int, bytes, list[dict[str, Any]]]:
    """Run it under poolmgr; its exit code, its stdout, and all that top showed of it meanwhile."""
    # Else another Python, whose environment is active where the tests are run, would be chosen.
    command = [*COMMAND, "run", "--python", sys.executable, "--name", real.name, *real.words]
    with (
        (folder.parent / "stdout").open("wb") as stdout,
        subprocess.Popen(
            command, cwd=folder, stdout=stdout, stderr=subprocess.DEVNULL, env=environment(folder)
        ) as process,
    ):
        seen: list[dict[str, Any]] = []
        told = False
        while process.poll() is None:
            # As the command line has it once, and then by what it is made of, which takes less of the machine.
            pools = top(folder) if not told and works(seen) else to_json(look())["pools"]
            told = told or works(seen)
            seen += [pool["status"] for pool in pools if pool["pid"] == process.pid and pool["status"] is not None]
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LOOK)
    return process.returncode, (folder.parent / "stdout").read_bytes(), seen


def top(folder: Path) -> list[dict[str, Any]]:
    """``poolmgr top -1 --json``."""
    done = subprocess.run([*COMMAND, "top", "-1", "--json"], capture_output=True, cwd=folder.parent, timeout=PATIENCE)
    pools: list[dict[str, Any]] = json.loads(done.stdout)["pools"]
    return pools


def works(seen: list[dict[str, Any]]) -> bool:
    """Whether the last picture has a worker with a job in its hands."""
    return bool(seen) and any(worker["job_id"] is not None for worker in seen[-1]["workers"].values())


@pytest.mark.parametrize("real", PROGRAMS, ids=lambda real: real.name)
def test_program_is_the_same_and_seen(real: Real, tmp_path: Path) -> None:
    """Exit code, stdout and changed files are those of a plain run, and top sees pool, workers and jobs."""
    plain, watched = (prepare(real, tmp_path / kind / "work") for kind in ("plain", "watched"))
    done = subprocess.run(
        [sys.executable, *real.words], cwd=plain, capture_output=True, env=environment(plain), timeout=PATIENCE
    )
    code, stdout, seen = run_watched(real, watched)
    # Some tell the whole path of what they work on.
    stdout = stdout.replace(bytes(watched), bytes(plain))
    assert code == done.returncode
    assert sorted(stdout.splitlines()) == sorted(done.stdout.splitlines())
    assert tree(watched) == tree(plain)
    assert_pool_was_seen(real, seen)


def assert_pool_was_seen(real: Real, seen: list[dict[str, Any]]) -> None:
    """The pool, its two workers and its jobs were there in some of the pictures."""
    # Before it has a pool its processes are shown.
    seen = [status for status in seen if status["pool"]["engine"] != "no pool"]
    assert seen
    assert all(real.engine in status["pool"]["engine"] for status in seen)
    assert max(len(status["workers"]) for status in seen) == 2
    working = [worker for status in seen for worker in status["workers"].values() if worker["job_id"] is not None]
    assert working
    assert all(worker["function"] for worker in working)
    assert any(job["state"] == "running" for status in seen for job in status["jobs"])
    last = seen[-1]["counts"]
    assert last["submitted"] >= 1
    assert last["tasks_done"] >= 1
