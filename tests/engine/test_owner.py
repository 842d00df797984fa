"""The owner of a pool dies, however: nobody of the pool is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.helpers.programs import line, program
from tests.helpers.wait import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent

PROGRAM = """
import multiprocessing, os, sys, time
import poolmgr
from tests.helpers import jobs

def main():
    context = multiprocessing.get_context(sys.argv[1])
    manager = poolmgr.Manager(context)
    pool = poolmgr.Pool(3, context=context)
    pool.apply_async(jobs.mark_and_spin_in_c, (sys.argv[2],))
    pool.apply_async(jobs.catch_everything_and_wait, (sys.argv[2],))
    print(manager._process.pid, *(worker.pid for worker in pool.snapshot().workers), flush=True)
    {end}

if __name__ == "__main__":
    main()
"""

WAIT = "time.sleep(600)"
#: How the owner ends, and what the program does about it. Each must leave nobody.
ENDS = {
    "killed": (WAIT, signal.SIGKILL),
    "terminated": (WAIT, signal.SIGTERM),
    "interrupted": (WAIT, signal.SIGINT),
    "returns": ("sys.stdin.readline()", None),
    "raises": ("sys.stdin.readline(); raise SystemExit(3)", None),
    "os._exit": ("sys.stdin.readline(); os._exit(4)", None),
}


@pytest.mark.parametrize("end", ENDS)
def test_no_worker_and_no_manager_outlives_its_owner(method: str, end: str, tmp_path: Path) -> None:
    """However the owner ends, busy workers, one that holds the interpreter included, and Managers are gone in 2 s."""
    code, number = ENDS[end]
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(end=code))
    marks = tmp_path / "marks"
    marks.mkdir()
    owner = subprocess.Popen(
        [sys.executable, str(program), method, str(marks)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert owner.stdout is not None
    try:
        left = [psutil.Process(int(word)) for word in owner.stdout.readline().split()]
        assert len(left) == 4
        wait_until(lambda: len([path for path in marks.iterdir() if path.suffix != ".tmp"]) == 2)
        if number is not None:
            owner.send_signal(number)
            owner.wait(10)
        else:
            owner.communicate("end\n", timeout=10)
        wait_until(lambda: not any(_lives(process) for process in left), deadline=2.0)
    finally:
        owner.kill()
        owner.communicate()


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_worker_starts_while_the_owner_reads_its_input(method: str) -> None:
    """A worker that is started while a thread of the owner waits for input starts, and runs jobs."""
    source = """
        import sys, threading, poolmgr
        if __name__ == "__main__":
            threading.Thread(target=sys.stdin.readline, daemon=True).start()
            pool = poolmgr.Pool(1, context=__import__("multiprocessing").get_context(sys.argv[1]))
            pool.resize(2)
            print(pool.map(abs, range(-3, 0), chunksize=1), flush=True)
            while sum(each.state == "idle" for each in pool.snapshot().workers) < 2:
                pass
            print("two", flush=True)
            pool.terminate()
            pool.join()
            import os
            os._exit(0)
    """
    with program(source, method) as owner:
        assert [line(owner), line(owner)] == ["[3, 2, 1]", "two"]
