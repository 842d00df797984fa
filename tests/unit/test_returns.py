"""Work return at moments that real processes come to too rarely."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from poolmgr.engine.drain import Drain
from poolmgr.engine.feeding import Feeding
from poolmgr.engine.handle import Handle
from poolmgr.engine.returns import Returns
from poolmgr.runtime.cells import START


class Worker:
    """A handle's side of a worker that has task 4 in hand and is kept from task 5."""

    limit: int | None = 5
    limited_at, final, listed, drained, sequence = 0.0, False, False, 4, 9
    seen, seen_at, read, empty = (-1, 0), 0.0, 0, False

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

    def set_limit(self, number: int, now: float) -> None:
        """Note from where on nothing is to be begun."""
        self.limit, self.limited_at = number, now


def make_returns(collect: Callable[[Worker], int]) -> Returns:
    """Returns in a pool whose tasks usually take 0.1 s."""
    feeding = SimpleNamespace(
        put_back=lambda batches: None,
        freed=lambda handle: None,
        may_have=lambda handle: handle.limit is None,
        usual=lambda handle: 0.1,
    )
    return Returns(cast(Feeding, feeding), cast(Drain, SimpleNamespace(collect=collect)))


def test_task_that_is_committed_while_one_looks_is_not_run_again() -> None:
    """A worker that commits its task and leaves its batch right after its results were taken has done that task."""
    worker = Worker()

    def collect(handle: Worker) -> int:
        # It is task 5 that it finds forbidden when it has committed task 4.
        handle.cells.view[START] = 5
        handle.all_left = True
        return 0

    returns = make_returns(collect)
    returns.due = 0.0
    returns.tick([cast(Handle, worker)], now=1.0)
    assert worker.taken_back == [5]


@pytest.mark.parametrize(("idle", "patience"), [(True, 0.005), (False, 0.2)])
def test_what_lies_behind_a_task_of_usual_length_stays_while_all_are_busy(idle: bool, patience: float) -> None:
    """It would only be sent ahead to another; once somebody has nothing to do, or the task takes long, it goes."""
    worker, other = Worker(), Worker()
    worker.limit = other.limit = None
    other.empty, other.sequence = idle, 5
    returns = make_returns(lambda handle: 0)
    handles = [cast(Handle, worker), cast(Handle, other)]
    for now, limited in ((1.0, False), (1.0 + patience * 0.7, False), (1.0 + patience * 1.01, True)):
        returns.due = 0.0
        returns.tick(handles, now)
        assert (worker.limit is not None) is limited
    assert worker.limit == 5
