"""Locks of programs under ``poolmgr run``, as others see them, and what is done about deadlocks and dead holders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from poolmgr.model.snapshot import PoolSnapshot, Rule
from tests.cli.test_run import script
from tests.cli.test_run_seen import running, seen
from tests.helpers.commands import poolmgr
from tests.helpers.wait import wait_until

#: Two jobs of a pool that take two locks in different orders, if they are told to; a second one takes them, too.
CROSSED = """
    import multiprocessing, os, sys, time

    def keep(*shared):
        global first, second, meeting
        first, second, meeting = shared

    def take(turned):
        one, other = (second, first) if turned else (first, second)
        with one:
            meeting.wait()
            with other:
                return turned

    if __name__ == "__main__":
        ctx = multiprocessing.get_context(sys.argv[1])
        left, right = ctx.Lock(), ctx.RLock()
        gate = ctx.Barrier(2)
        with ctx.Pool(2, keep, (left, right, gate)) as pool:
            jobs = [pool.apply_async(take, (turned,)) for turned in (False, True)]
            for job in jobs:
                try:
                    print("job", job.get())
                except Exception as error:
                    print(type(error).__name__)
        # Who had the lock released is answered as long as the program is there.
        while not os.path.exists("go"):
            time.sleep(0.01)
"""

#: No pool: processes and a lock, crossed.
PLAIN = """
    import multiprocessing

    def take(one, other, meeting):
        with one:
            meeting.wait()
            with other:
                pass

    if __name__ == "__main__":
        ctx = multiprocessing.get_context("fork")
        left, right = ctx.Lock(), ctx.Lock()
        gate = ctx.Barrier(2)
        a = ctx.Process(target=take, args=(left, right, gate))
        b = ctx.Process(target=take, args=(right, left, gate))
        a.start(), b.start()
        a.join(), b.join()
"""

#: Two processes and a two-way pipe in which something waits both ways, until somebody has seen it.
TALK = """
    import multiprocessing, os, time

    def answer(theirs, sent):
        theirs.send_bytes(b"x" * 96)
        sent.set()
        while not os.path.exists("go"):
            time.sleep(0.01)
        print(theirs.recv())

    if __name__ == "__main__":
        ctx = multiprocessing.get_context("spawn")
        mine, theirs = ctx.Pipe()
        sent = ctx.Event()
        child = ctx.Process(target=answer, args=(theirs, sent))
        child.start()
        mine.send("how are you?")
        sent.wait()
        child.join()
        print(len(mine.recv_bytes()))
"""

#: A pool whose jobs do all of their work under one lock, until they are told to stop.
BUSY = """
    import multiprocessing, os, time

    def keep(lock):
        global results
        results = lock

    def write(number):
        with results:
            time.sleep(0.02)

    if __name__ == "__main__":
        ctx = multiprocessing.get_context("fork")
        ledger = ctx.Lock()
        with ctx.Pool(3, keep, (ledger,)) as pool:
            while not os.path.exists("go"):
                pool.map(write, range(30), 1)
"""


def picture(shows: Callable[[PoolSnapshot], object]) -> PoolSnapshot:
    """The first picture on the board that shows what is waited for."""
    found: list[PoolSnapshot] = []

    def look() -> object:
        snapshot = seen()
        if snapshot is None:
            return False
        found[:] = [snapshot]
        return shows(snapshot)

    wait_until(look, 30)
    return found[0]


def told(snapshot: PoolSnapshot, words: str) -> bool:
    """Whether a deadlock is in the picture, and in its log, which is copied before that, with these words."""
    known = snapshot.sync is not None and bool(snapshot.sync.deadlocks)
    return known and any("deadlock" in line.text and words in line.text for line in snapshot.log)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_deadlock_of_jobs_is_seen_and_ended(method: str, tmp_path: Path) -> None:
    """Jobs that wait for each other are told in picture, log and verdict; a kill and a release of its lock end it."""
    with running(script(tmp_path, CROSSED), method, cwd=tmp_path) as process:
        snapshot = picture(lambda it: told(it, "lock left (") and it.verdict)
        assert snapshot.sync is not None
        workers = {worker.pid: worker for worker in snapshot.workers}
        assert {link.pid for deadlock in snapshot.sync.deadlocks for link in deadlock.chain} == set(workers)
        (alarm,) = [line for line in snapshot.log if line.level == "error" and "deadlock" in line.text]
        assert "lock left (" in alarm.text
        assert "rlock right (" in alarm.text
        snapshot = picture(lambda it: it.verdict is not None and it.verdict.rule is Rule.LOCK_BOUND)
        assert snapshot.verdict is not None
        assert "deadlock: w1, w2 wait for each other's" in snapshot.verdict.text
        status = json.loads(poolmgr("top", "prog", "-1", "--json", cwd=tmp_path).stdout)["pools"][0]["status"]
        assert {each["name"] for each in status["sync"]["objects"] if each["state"] == "deadlock"} == {"left", "right"}
        victim = next(worker for worker in snapshot.workers if worker.slot == 1)
        kill = poolmgr("ctl", "prog", "kill", str(victim.job_id), cwd=tmp_path)
        assert kill.returncode == 0, kill.stderr
        snapshot = picture(lambda it: it.sync is not None and it.sync.abandoned and not it.sync.deadlocks)
        assert snapshot.sync is not None
        release = poolmgr("ctl", "prog", "release", str(snapshot.sync.abandoned[0]), cwd=tmp_path)
        assert release.returncode == 0, release.stderr
        assert "is released" in release.stdout
        (tmp_path / "go").touch()
        output, _ = process.communicate(timeout=30)
        assert sorted(output.splitlines())[1].startswith("job ")


def test_deadlock_without_a_pool_is_seen(tmp_path: Path) -> None:
    """A program of processes and locks, without a pool, is shown once its processes use them."""
    with running(script(tmp_path, PLAIN), cwd=tmp_path):
        snapshot = picture(lambda it: told(it, "stands at"))
        assert snapshot.sync is not None
        assert {each.name for each in snapshot.sync.objects} >= {"left", "right"}
        assert len(snapshot.workers) == 3
        lines = [line.text for line in snapshot.log if "deadlock" in line.text]
        assert any("stands at" in line and "take" in line for line in lines), lines


def test_what_waits_in_a_two_way_pipe_is_told(tmp_path: Path) -> None:
    """top --json has the bytes at either end of a Pipe(), which the program receives later as ever."""
    with running(script(tmp_path, TALK), cwd=tmp_path) as process:
        picture(lambda it: it.sync is not None and any(each.bytes_first == 100 for each in it.sync.objects))
        status = json.loads(poolmgr("top", "prog", "-1", "--json", cwd=tmp_path).stdout)["pools"][0]["status"]
        (pipe,) = [each for each in status["sync"]["objects"] if each["kind"] == "pipe"]
        assert pipe["name"] == "(mine, theirs)"
        assert pipe["bytes_waiting"] == pipe["bytes_first"] + pipe["bytes_second"]
        assert pipe["bytes_second"] > len("how are you?")
        (tmp_path / "go").touch()
        output, _ = process.communicate(timeout=30)
        assert output.splitlines() == ["how are you?", "96"]


def test_pool_that_waits_for_one_lock_is_told_so(tmp_path: Path) -> None:
    """Jobs that do all of their work under one lock are LOCK-BOUND, and those who wait name it."""
    with running(script(tmp_path, BUSY), cwd=tmp_path):
        snapshot = picture(lambda it: it.verdict is not None and it.verdict.rule is Rule.LOCK_BOUND)
        assert snapshot.verdict is not None
        assert "of the workers' time goes into waiting for lock ledger (program.py:" in snapshot.verdict.text
        assert "times it was not free" in snapshot.verdict.text
        assert not [line for line in snapshot.log if line.level == "error"]
        (tmp_path / "go").touch()


def test_locks_can_be_left_alone(tmp_path: Path) -> None:
    """With --no-locks the pictures of a program have no locks in them, and no locks of its own are there to release."""
    with running("--no-locks", script(tmp_path, CROSSED), "fork", cwd=tmp_path):
        snapshot = picture(lambda it: it.counts.running == 2)
        assert snapshot.sync is None
        release = poolmgr("ctl", "prog", "release", "1", cwd=tmp_path)
        assert release.returncode == 1
        assert "not there" in release.stderr
