"""Who gets what when there is not enough for all."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any, cast

import pytest

from poolmgr.engine.accounts import Accounts
from poolmgr.engine.backlog import Batch, count
from poolmgr.engine.cloud import Sender
from poolmgr.engine.drain import Durations
from poolmgr.engine.encode import Functions
from poolmgr.engine.feeding import Feeding
from poolmgr.engine.handle import Handle
from poolmgr.engine.job import Job
from poolmgr.runtime.cells import BEGAN, COMMIT, NONE, START


class Worker:
    """A handle of a worker that runs task 7, or has done it."""

    ready, leaving, retired, suspended, oversized, recycled, limit = True, False, False, False, False, False, None
    empty, listed, sequence, drained, held, taken, inline = False, False, 8, 7, 1, 8, NONE

    def __init__(self, slot: int, began: int, done: bool = False) -> None:
        self.slot = slot
        self.cells = SimpleNamespace(view={START: 7, BEGAN: began, COMMIT: 8 if done else 7})
        self.channel = SimpleNamespace(sending=False)
        self.fed = 0

    def feed(self, batch: Batch) -> int:
        """Take all."""
        self.fed += count(batch)
        self.held += count(batch)
        return count(batch)


@pytest.mark.parametrize(
    ("jobs", "fed"), [(1, [0, 0, 0, 1]), (2, [0, 1, 0, 1]), (3, [1, 1, 0, 1]), (4, [1, 1, 1, 1]), (9, [1, 1, 1, 1])]
)
def test_the_last_jobs_go_ahead_to_workers_that_have_been_busy_longest(jobs: int, fed: list[int]) -> None:
    """One that is done, and only not looked at yet, comes first, and one that has not begun what it has comes last."""
    workers = [Worker(0, 200), Worker(1, 100), Worker(2, 0), Worker(3, 0, done=True)]
    handles = {worker.slot: cast(Handle, worker) for worker in workers}
    durations = Durations()
    durations.learn(len, 10_000_000)
    feeding = Feeding(
        handles,
        cast(Accounts, None),
        durations,
        Functions(cast(Sender, None)),
        None,
        lambda handle: None,
        lambda step: None,
    )
    pool: Any = SimpleNamespace(_job_ids=itertools.count(1), _cache={})
    for _ in range(jobs):
        feeding.backlog.put(Job(pool, len, ("x",), None, None, None, 0.0))
    feeding.pump()
    assert [worker.fed for worker in workers] == fed
