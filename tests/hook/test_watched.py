"""Programs under the hook: they behave as without it, and all their pools, workers and jobs are seen."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from poolmgr.hook.site.poolmgr_hook import layout
from tests.helpers import hooked
from tests.helpers.hooked import look

BOTH = """
    import multiprocessing, sys
    from concurrent.futures import ProcessPoolExecutor

    class Point:
        def __init__(self, x):
            self.x = x

    def step(point):
        return Point(point.x + 1)

    def fail(x):
        raise ValueError(x)

    def show(error):
        print(repr(error), repr(error.__cause__))

    if __name__ == "__main__":
        context = multiprocessing.get_context(sys.argv[1])
        points = [Point(x) for x in range(20)]
        with context.Pool(2) as pool:
            print([point.x for point in pool.map(step, points)])
            print(sorted(point.x for point in pool.imap_unordered(step, points, 3)))
            try:
                pool.apply(fail, (3,))
            except ValueError as error:
                show(error)
            pool.close()
            pool.join()
        with ProcessPoolExecutor(2, mp_context=context) as executor:
            print([point.x for point in executor.map(step, points, chunksize=3)])
            try:
                executor.submit(fail, 4).result()
            except ValueError as error:
                show(error)
        print("to stderr", file=sys.stderr)
        sys.exit(7)
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_program_behaves_as_without(run_folder: str, tmp_path: Path, method: str) -> None:
    """stdout, stderr and exit code are those of the plain program, and both of its pools are seen with all jobs."""
    path = hooked.script(tmp_path, BOTH)
    plain = hooked.run(path, method, folder=None)
    seen = hooked.run(path, method, folder=run_folder)
    assert (seen.stdout, seen.stderr, seen.returncode) == (plain.stdout, plain.stderr, 7)
    found = look(run_folder)
    assert not found.notes
    pools = {pool.facts["kind"]: pool for pool in found.pools.values()}
    pool, executor = pools["Pool"], pools["ProcessPoolExecutor"]
    assert pool.facts["start_method"] == executor.facts["start_method"] == method
    assert re.fullmatch(r".*/program\.py:\d+", pool.facts["site"])
    assert (pool.submitted, pool.finished, pool.tasks, pool.items, pool.good, pool.bad) == (3, 3, 15, 41, 14, 1)
    assert (executor.submitted, executor.finished, executor.good, executor.bad) == (8, 8, 7, 1)
    assert pool.state in (layout.TERMINATED, layout.GONE)
    assert {one.function for one in pool.submissions} == {"__main__.step", "__main__.fail"}
    assert [one.outcome for one in pool.ends] == [layout.OK, layout.OK, layout.ERROR]
    for one in (pool, executor):
        workers = found.workers_of(one)
        assert sum(worker.done for worker in workers) == one.good
        assert sum(worker.failed for worker in workers) == one.bad
        assert {task.function for worker in workers for task in worker.finished} == {"__main__.step", "__main__.fail"}


def test_worker_that_cannot_load_the_hook_works(run_folder: str, tmp_path: Path) -> None:
    """Children that get another environment run the stock worker."""
    source = """
        import multiprocessing, os
        if __name__ == "__main__":
            del os.environ["PYTHONPATH"]
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.map(abs, [-1, 2]))
    """
    run = hooked.run(hooked.script(tmp_path, source), folder=run_folder)
    assert (run.stdout, run.stderr, run.returncode) == ("[1, 2]\n", "", 0)
    assert not look(run_folder).workers


@pytest.mark.parametrize("closed", ["at the start", "before the bell", "at the fork"])
def test_hook_has_no_thread_and_no_standard_descriptor(run_folder: str, tmp_path: Path, closed: str) -> None:
    """A program whose standard descriptors are closed has the stock pool's things there, and its threads, only."""
    source = """
        import multiprocessing, multiprocessing.pool, os, sys, threading

        class Closing(multiprocessing.pool.Pool):
            def _get_sentinels(self):
                # All that the pool itself needs is open, so none of it gets these numbers.
                if sys.argv[2] == "before the bell":
                    os.closerange(0, 3)
                return super()._get_sentinels()

        def standard(_=None):
            found = []
            for fd in range(3):
                try:
                    found.append(os.readlink("/proc/self/fd/%d" % fd).partition(":")[0])
                except OSError:
                    found.append("free")
            return found

        if __name__ == "__main__":
            if sys.argv[2] == "at the start":
                os.closerange(0, 3)
            if sys.argv[2] == "at the fork":
                os.register_at_fork(after_in_child=lambda: os.closerange(0, 3))
            with Closing(1, context=multiprocessing.get_context("fork")) as pool:
                mine, theirs, threads = standard(), pool.apply(standard), threading.active_count()
            with open(sys.argv[1], "w") as file:
                print(mine, theirs, threads, file=file)
    """
    path, result = hooked.script(tmp_path, source), tmp_path / "result"
    told = []
    for folder in (None, run_folder):
        hooked.run(path, str(result), closed, folder=folder)
        told.append(result.read_text())
        result.unlink()
    assert told[1] == told[0]
    assert "free" in told[1]
    assert told[1].split()[-1] == "4"
    assert len(look(run_folder).workers) == 1


def test_child_of_a_worker_is_not_the_worker(run_folder: str, tmp_path: Path) -> None:
    """What a process does that a job has forked is not told as the worker's, and a pool in it is one of its own."""
    source = """
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        def inner(x):
            return x + 1

        def outer(x):
            with multiprocessing.get_context("fork").Pool(1) as pool:
                result = pool.apply(inner, (x,))
                # Not terminated: the worker notes a moment after the result is here that it has sent it.
                pool.close()
                pool.join()
                return result

        if __name__ == "__main__":
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as executor:
                print(executor.submit(outer, 1).result())
    """
    assert hooked.run(hooked.script(tmp_path, source), folder=run_folder).stdout == "2\n"
    seen = look(run_folder)
    told = {
        pool.facts["kind"]: [task.function for worker in seen.workers_of(pool) for task in worker.finished]
        for pool in seen.pools.values()
    }
    assert told == {"Pool": ["__main__.inner"], "ProcessPoolExecutor": ["__main__.outer"]}


@pytest.mark.parametrize("call", ["apply(die, (1,))", "map(die, [1, 2], 1)", "map(leave, [1])"])
def test_crash_fails_its_job(run_folder: str, tmp_path: Path, call: str) -> None:
    """A job whose worker dies ends with an error that names it, where the plain program hangs, and the pool goes on."""
    source = f"""
        import multiprocessing, os, signal

        def die(x):
            os.kill(os.getpid(), signal.SIGSEGV)

        def leave(x):
            os._exit(3)

        if __name__ == "__main__":
            with multiprocessing.get_context("fork").Pool(2) as pool:
                try:
                    pool.{call}
                except Exception as error:
                    print(type(error).__name__, error)
                print(pool.map(abs, [-1, 2]))
    """
    run = hooked.run(hooked.script(tmp_path, source), folder=run_folder)
    assert run.stderr == ""
    error, after = run.stdout.splitlines()
    how = "ended with exit code 3" if "leave" in call else "was killed by SIGSEGV"
    name = "leave" if "leave" in call else "die"
    assert re.fullmatch(rf"WorkerLost job 0 \(__main__\.{name}, task [01]\) was lost: worker \d+ {how}; .*", error)
    assert (after, run.returncode) == ("[1, 2]", 0)
    (pool,) = look(run_folder).pools.values()
    assert [one.outcome for one in pool.ends] == [layout.WORKER_LOST, layout.OK]
    assert pool.lost == pool.deaths == (2 if "die, [1" in call else 1)


def test_jobs_that_wait_are_told(run_folder: str, tmp_path: Path) -> None:
    """While jobs run and wait, their names, numbers and states can be read."""
    source = """
        import multiprocessing

        def wait(x):
            import time
            time.sleep(1000)

        if __name__ == "__main__":
            pool = multiprocessing.get_context("fork").Pool(1)
            results = [pool.apply_async(wait, (x,)) for x in range(5)]
            print("submitted", flush=True)
            input()
    """
    with hooked.program(hooked.script(tmp_path, source), folder=run_folder) as program:
        assert program.line() == "submitted"
        (worker,) = program.running()
        assert worker.running is not None
        assert (worker.running.function, worker.running.job) == ("__main__.wait", 0)
        pool = program.pool()
        assert (pool.submitted, pool.finished, pool.state) == (5, 0, layout.OPEN)
        assert [one.job for one in pool.submissions] == [0, 1, 2, 3, 4]


def test_interpreter_that_takes_no_environment_says_no_hello(run_folder: str, tmp_path: Path) -> None:
    """A program that is started with -E works, and leaves nothing in the run's folder."""
    import sys

    command = [sys.executable, "-E", "-c", "print('fine')"]
    run = subprocess.run(command, env=hooked._environment(run_folder, {}), capture_output=True, text=True, timeout=30)
    assert (run.stdout, run.stderr) == ("fine\n", "")
    assert not look(run_folder).hellos
