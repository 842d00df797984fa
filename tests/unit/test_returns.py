"""Work return at the one moment that real processes come to too rarely."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any, cast

from poolmgr.engine.drain import Drain
from poolmgr.engine.feeding import Feeding
from poolmgr.engine.handle import Handle
from poolmgr.engine.returns import Returns
from poolmgr.runtime.cells import START


class Worker:
    """A handle's side of a worker that has task 4 in hand and is kept from task 5."""

    limit, limited_at, final, listed, drained, sequence = 5, 0.0, False, False, 4, 9
    seen, seen_at = (-1, 0), 0.0

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.cells = SimpleNamespace(view={START: 4})
        self.channel = SimpleNamespace(written=0, unsent=0)
        self.all_left = False
        self.taken_back: list[int] = []

    def take_back(self, first: int) -> list[Any]:
        """Note from where on tasks are taken back."""
        self.taken_back.append(first)
        return []


def test_task_that_is_committed_while_one_looks_is_not_run_again() -> None:
    """A worker that commits its task and leaves its batch right after its results were taken has done that task."""
    worker = Worker()

    def collect(handle: Worker) -> int:
        # It is task 5 that it finds forbidden when it has committed task 4.
        handle.cells.view[START] = 5
        handle.all_left = True
        return 0

    feeding = SimpleNamespace(put_back=lambda batches: None, freed=lambda handle: None)
    returns = Returns(cast(Feeding, feeding), cast(Drain, SimpleNamespace(collect=collect)))
    returns.due = 0.0
    returns.tick([cast(Handle, worker)], now=1.0)
    assert worker.taken_back == [5]
