"""How workers come into being: with their own ends of things, and with what the fork server has imported for them."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import poolmgr
from poolmgr.model.states import WorkerState
from tests.engine.conftest import MakePool
from tests.helpers.wait import wait_until

ROOT = Path(poolmgr.__file__).parents[1]

ASK = """
import sys
sys.path[:0] = sys.argv[1:]
import poolmgr.engine.worker
from multiprocessing import forkserver
from poolmgr.runtime.forkserver import preload
forkserver.set_forkserver_preload(["__main__", "string"])
preload("poolmgr.engine.worker")
preload("poolmgr.engine.worker")
print(forkserver._forkserver._preload_modules)
"""


def links(pid: int | str) -> set[str]:
    """The sockets that a process has open."""
    found = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            continue
    return {link for link in found if re.match(r"socket:\[", link)}


def idle(pool: poolmgr.Pool) -> int:
    """How many workers are ready."""
    return sum(worker.state is WorkerState.IDLE for worker in pool.snapshot().workers)


def test_worker_holds_no_other_workers_socket(make_pool: MakePool, method: str) -> None:
    """Each worker has the one end of its own socket, whatever was open when it was started."""
    before = links("self")
    pool = make_pool(4)
    wait_until(lambda: idle(pool) == 4)
    pool.resize(5)
    wait_until(lambda: idle(pool) == 5)
    owners = links("self") - before
    theirs = [links(worker.pid) - before for worker in pool.snapshot().workers]
    for one, other in itertools.combinations(theirs, 2):
        # What workers of a fork server have in common is the fork server's own.
        assert not (one & other) & owners
    for one in theirs:
        assert not one & owners


@pytest.mark.parametrize("failing", range(1, 5))
def test_pool_that_cannot_be_made_whole_leaves_nothing_open(
    method: str, failing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When descriptors run out in the middle of making workers, those made before are closed, and none was started."""
    opened = itertools.count(1)
    duplicate = os.dup

    def dup(fd: int) -> int:
        if next(opened) == failing:
            raise OSError(24, "Too many open files")
        return duplicate(fd)

    monkeypatch.setattr(os, "dup", dup)
    before = sorted(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="Too many"):
        poolmgr.Pool(2, context=multiprocessing.get_context(method))
    assert len(os.listdir("/proc/self/fd")) == len(before)


def ask(folder: Path, *path: Path, pythonpath: Path | None) -> str:
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONSAFEPATH")}
    if pythonpath is not None:
        environment["PYTHONPATH"] = str(pythonpath)
    # -S: no installed poolmgr, whatever this interpreter has; dependencies of the worker are the standard library's.
    command = [sys.executable, "-S", "-c", ASK, *map(str, path)]
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=30)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_fork_server_is_asked_to_import_the_worker_once(tmp_path: Path) -> None:
    """What the program asked for stays, and the worker is added, when a fresh interpreter finds this very poolmgr."""
    assert ask(tmp_path, pythonpath=ROOT) == "['__main__', 'string', 'poolmgr.engine.worker']"


def test_fork_server_is_not_asked_where_it_would_find_none(tmp_path: Path) -> None:
    """A poolmgr that only this program's own sys.path leads to is imported by the workers."""
    assert ask(tmp_path, ROOT, pythonpath=None) == "['__main__', 'string']"


def test_fork_server_is_not_asked_where_it_would_find_another(tmp_path: Path) -> None:
    """Another poolmgr in the folder where the fork server starts must not become the workers'."""
    (tmp_path / "poolmgr").mkdir()
    (tmp_path / "poolmgr" / "__init__.py").write_text("")
    assert ask(tmp_path, ROOT, pythonpath=ROOT) == "['__main__', 'string']"


FIRST_RESULTS = """
import os, sys
import poolmgr

def main():
    with poolmgr.Pool(2) as pool:
        pool.apply(os.getpid)
        pool.apply_async(os.getcwd, callback=len, timeout=30).get()
        pool.map(os.path.basename, ["a/b", "c/d"])
        list(pool.imap(os.path.splitext, ["a.b"]))
        print(sorted({"dataclasses", "inspect", "poolmgr.model.snapshot"} & set(sys.modules)))
        print(len(pool.snapshot().jobs))

if __name__ == "__main__":
    main()
"""


def test_first_results_wait_for_no_import(tmp_path: Path) -> None:
    """What makes pictures is imported by who looks, not by the dispatcher between two results of jobs and maps."""
    script = tmp_path / "first.py"
    script.write_text(FIRST_RESULTS)
    run = subprocess.run([sys.executable, script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (run.stdout, run.stderr) == ("[]\n4\n", "")


@pytest.mark.parametrize("collects", [True, False])
def test_import_leaves_the_garbage_collector_as_it_was(collects: bool) -> None:
    """Nothing is collected while the engine is imported; after it the program's own choice holds, an error included."""
    look = "print(gc.isenabled(), end=' ')"
    seen = f"""
        import gc, poolmgr, sys
        {"" if collects else "gc.disable()"}
        poolmgr.PoolClosed; {look}
        sys.modules["poolmgr.engine.crew"] = None
        try:
            poolmgr.Pool
        except ImportError:
            {look}
        del sys.modules["poolmgr.engine.crew"]
        poolmgr.Pool; {look}
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(seen)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (run.stdout, run.stderr) == (f"{collects} {collects} {collects} ", "")


def test_worker_has_an_empty_stdin_of_its_own(make_pool: MakePool) -> None:
    """A job that reads gets the end of a file, as in the stock pool, and not what is typed to the owner."""
    assert make_pool(1).apply(read_stdin) == ("", "utf-8", os.devnull)


def read_stdin() -> tuple[str, str, str]:
    """What there is to read, how it would be, and where."""
    return sys.stdin.read(), sys.stdin.encoding, os.readlink(f"/proc/self/fd/{sys.stdin.fileno()}")


SLOW_IMPORT = """
import multiprocessing, os, pathlib, signal, sys, time
import poolmgr

there, go_on = map(pathlib.Path, sys.argv[1:])

if __name__ == "__mp_main__":
    there.with_suffix(f".{os.getpid()}").touch()
    while not go_on.exists():
        time.sleep(0.01)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, lambda *_: print("interrupted", flush=True))
    with poolmgr.Pool(2, context=multiprocessing.get_context("spawn")) as pool:
        first = pool.snapshot().workers
        pool.map(abs, range(100), chunksize=1)
        print(pool.snapshot().workers[0].pid == first[0].pid, pool.snapshot().counts.lost, flush=True)
"""


def test_interrupt_while_workers_import_the_program(tmp_path: Path) -> None:
    """A Ctrl-C that comes while spawned workers still import the program is the owner's: they say nothing, and work."""
    script, there, go_on = tmp_path / "slow.py", tmp_path / "there", tmp_path / "go_on"
    script.write_text(SLOW_IMPORT)
    with subprocess.Popen(
        [sys.executable, script, there, go_on],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as owner:
        try:
            wait_until(lambda: len(list(tmp_path.glob("there.*"))) == 2)
            os.killpg(owner.pid, signal.SIGINT)
            assert owner.stdout is not None
            assert owner.stdout.readline() == "interrupted\n"
            go_on.touch()
            assert owner.communicate(timeout=30) == ("True 0\n", "")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(owner.pid, signal.SIGKILL)
