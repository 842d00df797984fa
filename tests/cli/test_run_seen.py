"""Pools of programs under ``poolmgr run``, seen and steered from another terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from poolmgr.cli.pools import look
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.model.states import JobState, PoolState
from poolmgr.runners.observation import INTERVAL, SILENT
from tests.cli.test_run import script
from tests.helpers.commands import PATIENCE, poolmgr, started
from tests.helpers.wait import wait_until

#: Waits in each job for a file, fails some, and tells in the end how all of them ended.
PROGRAM = """
    import concurrent.futures, multiprocessing, os, sys, time

    def work(number):
        while number >= 4 and not os.path.exists("go"):
            time.sleep(0.01)
        if number % 10 == 3:
            raise ValueError(number)
        return number

    def outcome(get):
        try:
            return str(get())
        except BaseException as error:
            return type(error).__name__

    if __name__ == "__main__":
        multiprocessing.set_start_method(sys.argv[2])
        if sys.argv[1] == "Pool":
            with multiprocessing.Pool(2) as pool:
                jobs = [pool.apply_async(work, (number,)) for number in range(20)]
                print(*[outcome(job.get) for job in jobs])
        else:
            with concurrent.futures.ProcessPoolExecutor(2) as pool:
                jobs = [pool.submit(work, number) for number in range(20)]
                print(*[outcome(job.result) for job in jobs])
"""
KINDS = [("Pool", "fork"), ("Pool", "spawn"), ("ProcessPoolExecutor", "forkserver")]


@contextmanager
def running(*words: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """``poolmgr run --name prog WORDS`` while it runs; killed with all that is below it if it is still there."""
    with started("run", "--name", "prog", *words, cwd=cwd) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                (cwd / "go").touch()
                process.terminate()
                process.communicate(timeout=PATIENCE)


def seen(name: str = "prog") -> PoolSnapshot | None:
    """The picture on its board, if there is one."""
    return next((each.snapshot for each in look() if each.entry.name == name), None)


def wait_for_jobs() -> PoolSnapshot:
    """Until both workers are in a job that waits, and the program has heard how those before have ended.

    A worker is still in a job when its result is sent, and a job is counted as ended before it is told how.
    """
    found: list[PoolSnapshot] = []

    def both() -> bool:
        snapshot = seen()
        if snapshot is not None:
            found.append(snapshot)
        if snapshot is None or len(snapshot.workers) != 2:
            return False
        waiting = [worker for worker in snapshot.workers if worker.job_id is not None and worker.job_id >= 4]
        counts = snapshot.counts
        return len(waiting) == 2 and (counts.running, counts.done, counts.failed) == (2, 3, 1)

    wait_until(both, what="both workers are in a job")
    return found[-1]


@pytest.mark.parametrize(("kind", "method"), KINDS)
def test_pool_is_seen(kind: str, method: str, tmp_path: Path) -> None:
    """Workers, jobs, counts and functions of a stock pool are on the board, and in top's JSON, while it works."""
    with running(script(tmp_path, PROGRAM), kind, method, cwd=tmp_path) as process:
        snapshot = wait_for_jobs()
        assert snapshot.engine == f"stock {kind}"
        assert snapshot.start_method == method
        assert snapshot.size == 2
        assert (snapshot.counts.submitted, snapshot.counts.failed, snapshot.counts.done) == (20, 1, 3)
        assert snapshot.counts.queued == 14
        assert [worker.slot for worker in snapshot.workers] == [0, 1]
        assert all(worker.function.endswith("work") and worker.job_id is not None for worker in snapshot.workers)
        states = [job.state for job in snapshot.jobs]
        assert (states.count(JobState.RUNNING), states.count(JobState.FAILED)) == (2, 1)
        assert states.count(JobState.QUEUED) == 14
        told = {job.id: (job.args, job.message) for job in snapshot.jobs if job.state is not JobState.QUEUED}
        assert told == {0: ("(0)", "0"), 1: ("(1)", "1"), 2: ("(2)", "2"), 3: ("(3)", "ValueError: 3")} | {
            job: (f"({job})", "") for job in (4, 5)
        }
        failed = snapshot.job(3)
        assert failed is not None
        assert "in work\n    raise ValueError(number)" in failed.traceback
        status = json.loads(poolmgr("top", "prog", "-1", "--json", cwd=tmp_path).stdout)["pools"][0]["status"]
        assert status["pool"]["engine"] == f"stock {kind}"
        wait_until(lambda: all(w.rss for w in found.workers) if (found := seen()) else False, what="memory is seen")
        (tmp_path / "go").touch()
        out, err = process.communicate(timeout=PATIENCE)
        assert out.split().count("ValueError") == 2
        assert err == ""
        assert process.returncode == 0
    assert look() == []


def ctl(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return poolmgr("ctl", "prog", *words, cwd=cwd)


def test_kill_costs_one_job_of_a_stock_pool(tmp_path: Path) -> None:
    """A job of a stock Pool is killed by its number; it alone fails, is told as killed, and a new worker comes."""
    with running(script(tmp_path, PROGRAM), "Pool", "fork", cwd=tmp_path) as process:
        before = wait_for_jobs()
        job = before.workers[0].job_id
        done = ctl("kill", str(job), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        wait_until(lambda: (s := seen()) is not None and s.counts.killed == 1, what="the job is told as killed")
        after = wait_for_jobs()
        assert {worker.slot for worker in after.workers} == {0, 1}
        assert after.workers[0].pid != before.workers[0].pid
        (tmp_path / "go").touch()
        out, _ = process.communicate(timeout=PATIENCE)
        words = out.split()
        assert len(words) == 20
        assert [word for word in words if not word.isdigit()].count("ValueError") == 2
        assert len([word for word in words if not word.isdigit()]) == 3


def test_resize_hold_and_signals_of_a_stock_pool(tmp_path: Path) -> None:
    """A stock Pool grows, is held and let go; what it cannot do is refused in one sentence."""
    with running(script(tmp_path, PROGRAM), "Pool", "fork", cwd=tmp_path) as process:
        wait_for_jobs()
        assert ctl("resize", "3", cwd=tmp_path).returncode == 0
        wait_until(lambda: (s := seen()) is not None and len(s.workers) == 3 and s.size == 3, what="three workers")
        assert ctl("pause", cwd=tmp_path).returncode == 0
        wait_until(lambda: (s := seen()) is not None and s.state is PoolState.HELD, what="the pool is held")
        assert ctl("resume", cwd=tmp_path).returncode == 0
        refused = ctl("retry", "1", cwd=tmp_path)
        assert refused.returncode == 1
        assert "the program's own (stock Pool)" in refused.stderr
        waiting = ctl("kill", "999999", cwd=tmp_path)
        assert waiting.returncode == 1
        assert "is in no worker's hands" in waiting.stderr
        (tmp_path / "go").touch()
        out, _ = process.communicate(timeout=PATIENCE)
        assert len(out.split()) == 20


def test_terminate_ends_the_program(tmp_path: Path) -> None:
    """Terminating a program's pool asks the program to end; poolmgr tells its exit code, and nobody is left."""
    with running(script(tmp_path, PROGRAM), "Pool", "fork", cwd=tmp_path) as process:
        snapshot = wait_for_jobs()
        assert ctl("terminate", cwd=tmp_path).returncode == 0
        assert process.wait(PATIENCE) == 143
        assert not [worker for worker in snapshot.workers if psutil.pid_exists(worker.pid)]
        process.communicate()


def test_program_without_the_hook(tmp_path: Path) -> None:
    """A program that cannot load the hook is shown as its processes, and said to be not instrumented."""
    source = "import time\nprint('ready', flush=True)\ntime.sleep(600)"
    with running(sys.executable, "-I", script(tmp_path, source), cwd=tmp_path):
        wait_until(lambda: (s := seen()) is not None and bool(s.workers), what="the program is seen")
        snapshot = seen()
        assert snapshot is not None
        assert snapshot.engine == "not instrumented"
        assert "program.py" in snapshot.workers[0].function
        assert psutil.Process(snapshot.workers[0].pid).cmdline()[1] == "-I"


def test_program_without_a_pool_is_not_shown(tmp_path: Path) -> None:
    """A program that opens no pool is on no board, and with -v one line tells so."""
    source = """
        import os, time
        print("ready", flush=True)
        while not os.path.exists("go"):
            time.sleep(0.01)
    """
    with running("-v", script(tmp_path, source), cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        # As long as it takes until one that has no hook would be shown.
        until = time.monotonic() + SILENT + 2 * INTERVAL
        while time.monotonic() < until:
            assert look() == []
        (tmp_path / "go").touch()
        _, err = process.communicate(timeout=PATIENCE)
    assert err.startswith("poolmgr: prog: no pool; exit code 0 after")
    assert err.count("\n") == 1


def test_detached_program_runs_on(tmp_path: Path) -> None:
    """--detach comes back at once; the program is seen before and while it has a pool, and ends by itself."""
    name = script(tmp_path, PROGRAM)
    done = poolmgr("run", "--detach", "--name", "prog", name, "Pool", "fork", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("prog runs as process ")
    snapshot = wait_for_jobs()
    owner = next(each.entry.pid for each in look())
    assert psutil.Process(owner).terminal() is None or os.getsid(owner) == owner
    with started("wait", "prog", cwd=tmp_path) as waiting:
        wait_until(lambda: (s := seen()) is not None and s.viewers > 0, what="somebody waits for it")
        (tmp_path / "go").touch()
        out, _ = waiting.communicate(timeout=PATIENCE)
        assert waiting.returncode == 1
        assert "18 done, 2 failed" in out
    wait_until(lambda: not psutil.pid_exists(owner), what="the run is over")
    assert not psutil.pid_exists(snapshot.pid)


def test_detached_program_that_ends_at_once_is_told(tmp_path: Path) -> None:
    """What a program printed that ended before anybody could see it, and its exit code, are the command's own."""
    done = poolmgr("run", "--detach", "--name", "prog", "sh", "-c", "echo begun; echo broken >&2; exit 3", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stdout == "begun\nbroken\n"
    assert done.stderr == "poolmgr: prog ended with exit code 3 before it could be seen; nothing runs on\n"


def test_what_cannot_be_detached_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--detach tells what is wrong as a run in the foreground does, with the same exit code."""
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    for runtime, code in ((tmp_path, 126), (Path("/proc"), 2)):
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
        plain = poolmgr("run", "--headless", "./text", cwd=tmp_path)
        done = poolmgr("run", "--detach", "./text", cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (code, "", plain.stderr)
        assert done.stderr.count("\n") == 1


def test_engine_of_poolmgr_in_a_program(tmp_path: Path) -> None:
    """With --engine poolmgr the program's Pool is made by poolmgr's engine, and steered like any pool of it."""
    with running("--engine", "poolmgr", "-v", script(tmp_path, PROGRAM), "Pool", "fork", cwd=tmp_path) as process:

        def found() -> list[PoolSnapshot]:
            pictures = [each.snapshot for each in look()]
            shown = [each for each in pictures if each is not None and each.counts.submitted == 20]
            # Jobs have numbers from 1 here, and both workers may still be in one of the first four, which do not wait.
            return [each for each in shown if [(worker.job_id or 0) > 4 for worker in each.workers] == [True, True]]

        (snapshot,) = wait_until(found, what="its pool is on a board of its own")
        assert snapshot.engine == ""
        done = poolmgr("ctl", str(snapshot.pid), "kill", str(snapshot.workers[0].job_id), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        (tmp_path / "go").touch()
        out, told = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        assert len(out.split()) == 20
        assert "prog: 1 pool of poolmgr's engine; exit code 0" in told
