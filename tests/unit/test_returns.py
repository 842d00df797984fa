"""Work return at moments that real processes come to too rarely."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from poolmgr.engine.channel import KEPT
from poolmgr.engine.drain import Drain
from poolmgr.engine.feeding import Feeding
from poolmgr.engine.handle import Handle
from poolmgr.engine.returns import STUCK, STUCK_EACH, TICK, Returns
from poolmgr.runtime.cells import START


class Worker:
    """A handle's side of a worker that has task 4 in hand and is kept from task 5."""

    limit: int | None = 5
    limited_at, final, listed, drained, sequence, taken = 0.0, False, False, 4, 9, 9
    seen, seen_at, written_then, began = (-1, 0), 0.0, 0, True

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


def make_returns(collect: Callable[[Worker], int] = lambda handle: 0) -> Returns:
    """Returns that put back what they take back nowhere."""
    feeding = SimpleNamespace(put_back=lambda batches: None, freed=lambda handle: None)
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


@pytest.mark.parametrize(
    ("in_hand", "size", "patience"),
    [
        (False, 100 * KEPT, STUCK + 100 * KEPT * STUCK_EACH),
        (True, 100 * KEPT, TICK),
        (False, KEPT, TICK),
    ],
)
def test_argument_that_was_sent_is_given_time_to_be_read(in_hand: bool, size: int, patience: float) -> None:
    """A large one, to a worker that has nothing else to do; what is small, or lies behind a task, goes to another."""
    worker = Worker()
    worker.limit, worker.began = None, in_hand
    returns = make_returns()
    moments = [(1.0, False), (2.0, False), (2.0 + patience * 0.7, False), (2.0 + patience * 1.01, True)]
    for now, limited in moments:
        returns.due = 0.0
        returns.tick([cast(Handle, worker)], now)
        assert (worker.limit is not None) is limited
        # It has all gone out between the first two looks.
        worker.channel.written = size
