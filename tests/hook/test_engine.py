"""``--engine poolmgr``: a program's multiprocessing.Pool made by poolmgr's engine, or left alone and watched."""

from __future__ import annotations

import os
import re
from pathlib import Path

import poolmgr
from poolmgr.hook import ENGINE_VARIABLE, SITE
from poolmgr.hook.site.poolmgr_hook import layout
from tests.helpers import hooked
from tests.helpers.hooked import look

ROOT = str(Path(poolmgr.__file__).parents[1])

SOURCE = """
    import multiprocessing
    import multiprocessing.pool
    from multiprocessing.pool import Pool

    class Polite(Pool):
        def __init__(self, workers):
            super().__init__(workers)

    class Private(Pool):
        def _setup_queues(self):
            super()._setup_queues()

    def step(x):
        return x + 1

    if __name__ == "__main__":
        for kind in (multiprocessing.Pool, Polite, Private, multiprocessing.pool.ThreadPool):
            with kind(2) as pool:
                print(type(pool).__name__, isinstance(pool, Pool), pool.map(step, range(4)))
"""

#: A job of poolmgr's engine waits for a lock that is tracked, and its stack is asked for.
STACK = """
    import multiprocessing

    def keep(shared):
        global lock
        lock = shared

    def want():
        with lock:
            return "had it"

    if __name__ == "__main__":
        mine = multiprocessing.Lock()
        mine.acquire()
        with multiprocessing.Pool(1, keep, (mine,)) as pool:
            job = pool.apply_async(want)
            # One that is starting has no stack to tell.
            while pool.snapshot().workers[0].job_id is None:
                pass
            while "in _wait\\n" not in (text := pool.stack(0)):
                pass
            print("in want" in text)
            mine.release()
            print(job.get())
"""


def test_pools_are_of_poolmgrs_engine(run_folder: str, tmp_path: Path) -> None:
    """The stock class and polite subclasses get the engine and are published; one that relies on the stock stays."""
    path = hooked.script(tmp_path, SOURCE)
    extra = {ENGINE_VARIABLE: "poolmgr"}
    env_path = os.pathsep.join([SITE, ROOT])
    run = hooked.run(path, folder=run_folder, PYTHONPATH=env_path, **extra)
    plain = hooked.run(path, folder=None)
    assert (run.stdout, run.stderr, run.returncode) == (plain.stdout, plain.stderr, 0)
    seen = look(run_folder)
    kinds = sorted((pool.facts["kind"], pool.facts["class"].rpartition(".")[2]) for pool in seen.pools.values())
    assert kinds == [("Pool", "Private"), ("poolmgr", "Polite"), ("poolmgr", "Pool")]
    published = [pool for pool in seen.pools.values() if pool.facts["kind"] == "poolmgr"]
    assert all(pool.facts["published"].startswith("program-") for pool in published)
    assert {pool.state for pool in published} == {layout.TERMINATED}
    (notes,) = seen.notes.values()
    assert [re.sub(r"^.*: ", "", note) for note in notes] == [
        "__main__.Private overrides _setup_queues; it stays as it is, watched"
    ]


def test_worker_that_waits_for_a_lock_tells_its_stack(run_folder: str, tmp_path: Path) -> None:
    """Engine and hook share the one memory that a process can tell its stacks into."""
    env_path = os.pathsep.join([SITE, ROOT])
    path = hooked.script(tmp_path, STACK)
    run = hooked.run(path, folder=run_folder, PYTHONPATH=env_path, **{ENGINE_VARIABLE: "poolmgr"})
    assert (run.stdout, run.stderr) == ("True\nhad it\n", "")


def test_program_without_poolmgr_keeps_its_pools(run_folder: str, tmp_path: Path) -> None:
    """Where poolmgr cannot be imported the pools stay as they are, and a note says so."""
    (tmp_path / "poolmgr.py").write_text("raise ImportError('not here')")
    run = hooked.run(hooked.script(tmp_path, SOURCE), folder=run_folder, **{ENGINE_VARIABLE: "poolmgr"})
    assert run.stdout.startswith("Pool True [1, 2, 3, 4]")
    seen = look(run_folder)
    assert {pool.facts["kind"] for pool in seen.pools.values()} == {"Pool"}
    assert any("cannot import" in note for notes in seen.notes.values() for note in notes)
