"""Acts on a stock pool: what is killed, stopped, resized and held, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from poolmgr.control.stock import StockActs
from tests.helpers import hooked
from tests.helpers.wait import wait_until

#: A pool whose jobs are asked for by lines: "sleep", "spin", "add", "close".
POOL = """
    import multiprocessing, os, sys, time
    from concurrent.futures import ProcessPoolExecutor

    def sleep(x):
        time.sleep(1000)

    def spin(x):
        while True:
            try:
                sum(range(1000))
            except Exception:
                pass

    def add(x):
        return x + 1

    def ended(what):
        print(what, flush=True)

    if __name__ == "__main__":
        kind, method, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])
        context = multiprocessing.get_context(method)
        if kind == "Pool":
            pool = context.Pool(workers)
            def submit(func):
                pool.apply_async(func, (1,), callback=ended, error_callback=ended)
        else:
            pool = ProcessPoolExecutor(workers, mp_context=context)
            def submit(func):
                future = pool.submit(func, 1)
                future.add_done_callback(lambda one: ended(one.exception() or one.result()))
        # Not sys.stdin: its lock would be held at the fork of a new worker, which closes it.
        while line := os.read(0, 1000):
            for name in line.decode().split():
                submit(globals()[name])
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    """The program above."""
    return hooked.script(tmp_path, POOL)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_kill_ends_one_job(run_folder: str, path: str, method: str) -> None:
    """The job fails with an error that says so, a new worker takes the place, and the others are untouched."""
    acts = StockActs(run_folder)
    with hooked.program(path, "Pool", method, "2", folder=run_folder) as program:
        program.say("sleep")
        program.say("sleep")
        victim, other = program.running(2)
        assert victim.running is not None
        job = victim.running.job
        assert acts.kill(victim, job + 100).text.startswith(f"job {job + 100} is not running in worker {victim.pid}")
        assert program.running(2)[0].pid == victim.pid
        assert acts.kill(victim, job).ok
        assert program.line().startswith(f"job {job} (__main__.sleep, task 0) was killed on request with its worker")
        program.say("add")
        assert program.line() == "2"
        # The result is there a moment before the worker notes that it has sent it.
        wait_until(lambda: [one.pid for one in program.running()] == [other.pid])
        assert not acts.kill(victim, job).ok


@pytest.mark.parametrize(
    ("kind", "job"), [("Pool", "spin"), ("Pool", "sleep"), ("Executor", "spin"), ("Executor", "sleep")]
)
def test_soft_stop_ends_one_job(run_folder: str, path: str, kind: str, job: str) -> None:
    """A job that catches every Exception, and one that sleeps, end with an error; the pool or executor goes on."""
    with hooked.program(path, kind, "fork", "1", folder=run_folder) as program:
        program.say(job)
        (worker,) = program.running()
        assert StockActs(run_folder).stop(worker, 0).ok
        assert "on request" in program.line()
        program.say("add")
        assert program.line() == "2"


def test_kill_of_an_executors_job_breaks_it(run_folder: str, path: str) -> None:
    """The stock executor cannot lose a worker: killing its job fails all that is pending."""
    with hooked.program(path, "Executor", "fork", "1", folder=run_folder) as program:
        program.say("sleep")
        (worker,) = program.running()
        assert StockActs(run_folder).kill(worker, 0).ok
        assert "terminated abruptly" in program.line()


def test_pool_grows_and_shrinks(run_folder: str, path: str) -> None:
    """A pool grows at once, and shrinks by letting workers go: at once if they are idle, else after their job."""
    acts = StockActs(run_folder)
    with hooked.program(path, "Pool", "fork", "1", folder=run_folder) as program:
        program.say("sleep")
        program.running()
        assert acts.resize(program.pool(), 4).ok
        wait_until(lambda: len(program.workers()) == 4)
        program.say("sleep")
        busy = {one.pid for one in program.running(2)}
        assert acts.resize(program.pool(), 2).ok
        wait_until(lambda: {one.pid for one in program.workers()} == busy)
        assert acts.resize(program.pool(), 1).ok
        for worker in program.running(2):
            assert worker.running is not None
            assert acts.stop(worker, worker.running.job).ok
            assert "on request" in program.line()
        program.say("add")
        assert program.line() == "2"
        assert len(program.workers()) == 1
        assert not acts.resize(program.pool(), 0).ok


def test_executor_grows_and_shrinks(run_folder: str, path: str) -> None:
    """An executor grows at once, and shrinks by letting workers go after their next result."""
    acts = StockActs(run_folder)
    with hooked.program(path, "Executor", "fork", "1", folder=run_folder) as program:
        program.say("sleep")
        program.running()
        assert acts.resize(program.pool(), 3).ok
        wait_until(lambda: len(program.workers()) == 3)
        program.say("sleep")
        busy = program.running(2)
        assert acts.resize(program.pool(), 1).ok
        for worker in busy:
            assert worker.running is not None
            assert acts.stop(worker, worker.running.job).ok
            assert "on request" in program.line()
        wait_until(lambda: len(program.workers()) == 1)
        program.say("add")
        assert program.line() == "2"


@pytest.mark.parametrize("kind", ["Pool", "Executor"])
def test_hold(run_folder: str, path: str, kind: str) -> None:
    """A pool that is held calls nothing new, in new workers neither, until it is released."""
    acts = StockActs(run_folder)
    with hooked.program(path, kind, "fork", "1", folder=run_folder) as program:
        program.say("add")
        assert program.line() == "2"
        assert acts.hold(program.pool(), program.workers()).ok
        program.say("spin")
        (worker,) = program.running()
        assert worker.held
        assert acts.is_held(program.pool())
        program.say("add")
        assert acts.resize(program.pool(), 2).ok
        assert all(one.held for one in program.running(2))
        assert acts.release(program.pool(), program.workers()).ok
        assert program.line() == "2"


def test_job_whose_holder_is_gone_runs(run_folder: str, path: str) -> None:
    """Workers that are held go on when nobody is there any more who could release them."""
    with hooked.program(path, "Pool", "fork", "1", folder=run_folder) as program:
        program.say("add")
        assert program.line() == "2"
        assert StockActs(run_folder).hold(program.pool(), program.workers()).ok
        program.say("add")
        program.running()
        (Path(run_folder) / "lock").rename(Path(run_folder) / "unlocked")
        assert program.line() == "2"
