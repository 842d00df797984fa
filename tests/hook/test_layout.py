"""What the hook writes is what the reader reads."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from poolmgr.control.stock import StockActs
from poolmgr.hook.site.poolmgr_hook import burial, layout, names
from poolmgr.hook.site.poolmgr_hook.cells import Cells
from poolmgr.hook.site.poolmgr_hook.record import Record, next_key
from poolmgr.monitor.observed import Observation, decode_worker, is_alive
from poolmgr.monitor.run_reader import Reader


@pytest.fixture
def folder(run_folder: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run's folder that this process is of."""
    monkeypatch.setenv("POOLMGR_RUN", run_folder)
    return run_folder


def read(folder: str) -> Observation:
    """The folder at this moment."""
    reader = Reader(folder)
    seen = reader.read()
    reader.close()
    return seen


def test_worker_between_tasks_is_in_none(folder: str) -> None:
    """Before its first task a worker has no task, and says whose it is."""
    Cells(77).ready()
    worker = read(folder).workers[os.getpid()]
    assert (worker.pipe, worker.running, worker.done, worker.stacks_fd) == (77, None, 0, -1)
    assert worker.ready_ns is not None
    assert worker.ready_ns >= worker.born_ns


def test_worker_in_a_task_says_in_which(folder: str) -> None:
    """While a task runs its job, index, function and begin can be read."""
    cells = Cells(77)
    cells.begin(5, 2, os.path.join, ())
    running = read(folder).workers[os.getpid()].running
    assert running is not None
    assert (running.job, running.index, running.function, running.items) == (5, 2, "posixpath.join", 1)


def test_finished_tasks_are_counted_and_told(folder: str) -> None:
    """Tasks are counted, and the last ones can be read one by one with their outcomes."""
    cells = Cells(77)
    for job in range(30):
        cells.begin(job, 0, len, ())
        cells.sending(job % 10 != 0)
        cells.end()
    worker = read(folder).workers[os.getpid()]
    assert (worker.done, worker.failed, worker.running, worker.items_done) == (27, 3, None, 30)
    assert [(task.job, task.sequence) for task in worker.finished] == [(number, number) for number in range(30)]
    assert {task.job for task in worker.finished if task.outcome == layout.ERROR} == {0, 10, 20}
    assert {task.function for task in worker.finished} == {"len"}


def test_very_many_tasks_are_counted_and_told_in_part(folder: str) -> None:
    """Of more tasks than a reader could see each is counted, and only some are told one by one."""
    cells = Cells(77)
    for job in range(10_000):
        cells.begin(job, 0, len, ())
        cells.sending(True)
        cells.end()
    worker = read(folder).workers[os.getpid()]
    assert worker.done == worker.items_done == 10_000
    assert 0 < len(worker.finished) < layout.CELL_RING


def test_name_whose_slot_was_used_again_is_not_known(folder: str) -> None:
    """A ring entry never gets the name of another function."""
    cells = Cells(77)
    for job in range(layout.CELL_NAMES + 5):
        cells.begin(job, 0, type(f"Call{job}", (), {})(), ())
        cells.end()
    told = {task.job: task.function for task in read(folder).workers[os.getpid()].finished}
    assert all(name in ("", f"tests.hook.test_layout.Call{job}") for job, name in told.items())
    assert told[layout.CELL_NAMES + 4].endswith(f"Call{layout.CELL_NAMES + 4}")
    assert told[0] == ""


def test_record_tells_jobs_and_facts(folder: str) -> None:
    """A pool's record has its facts, its counts, and the last jobs that came and went."""
    record = Record(next_key(), 99, 4, {"kind": "Pool", "site": "script.py:3"})
    assert record.submitted()
    record.batch(16, 1000)
    record.describe(7, layout.MAP, "script.work", 16, 1000)
    assert record.submitted()
    record.batch(-1, -1)
    record.describe(8, layout.IMAP, "script.work", -1, -1)
    assert record.submitted()
    assert record.ended(True)
    record.tell_end(7, layout.OK)
    record.seen(4)
    (pool,) = read(folder).pools.values()
    assert (pool.pid, pool.pipe, pool.wanted, pool.workers, pool.pending) == (os.getpid(), 99, 4, 4, 2)
    assert (pool.submitted, pool.finished, pool.tasks, pool.unsized, pool.items) == (3, 1, 17, 1, 1001)
    assert (pool.facts["kind"], pool.facts["site"], pool.facts["bell"]) == ("Pool", "script.py:3", "")
    assert [(one.job, one.tasks, one.items, one.function) for one in pool.submissions] == [
        (7, 16, 1000, "script.work"),
        (8, None, None, "script.work"),
    ]
    assert [(one.job, one.outcome) for one in pool.ends] == [(7, layout.OK)]


def test_child_of_a_worker_writes_into_nothing(folder: str) -> None:
    """After detach() nothing reaches the worker's file."""
    cells = Cells(77)
    cells.detach()
    cells.begin(5, 2, len, ())
    worker = read(folder).workers[os.getpid()]
    assert (worker.running, worker.task) == (None, 0)


def test_half_made_file_is_no_worker() -> None:
    """Cells without the layout's number, or of another size, are nothing."""
    assert decode_worker(bytes(layout.CELLS_SIZE)) is None
    assert decode_worker(b"") is None


def test_items_of_chunks_are_counted() -> None:
    """A chunk of a map is named by the user's function and counts its items."""
    from concurrent.futures.process import _process_chunk
    from functools import partial
    from multiprocessing.pool import mapstar  # type: ignore[attr-defined]

    assert names.call(mapstar, ((len, ("a", "b", "c")),), {}) == (len, 3, ("a",), None)
    assert names.call(partial(_process_chunk, len), ([("a",), ("b",)],), {}) == (len, 2, ("a",), None)
    assert names.call(len, ("a",), {}) == (len, 1, ("a",), {})


def test_burst_is_counted_and_told_in_part(folder: str) -> None:
    """Of very many jobs at once each is counted, and only so many are described that the ring reaches back a while."""
    record = Record(next_key(), 99, 4, {})
    described = sum(record.submitted() for _ in range(10_000))
    (pool,) = read(folder).pools.values()
    assert pool.submitted == pool.tasks == pool.pending == 10_000
    assert 0 < described < 10_000


def test_number_that_was_used_again_is_not_the_worker(folder: str) -> None:
    """Cells of a worker whose number another process has now are nobody's, and nothing is sent to that process."""
    Cells(77).begin(5, 0, len, ())
    worker = read(folder).workers[os.getpid()]
    assert is_alive(worker)
    earlier = replace(worker, started_ticks=worker.started_ticks - 1)
    assert not is_alive(earlier)
    # It would stop and kill this very process.
    assert StockActs(folder).kill(earlier, 5).text == f"worker {os.getpid()} is gone"


def test_cells_stay_until_the_owner_has_looked(folder: str) -> None:
    """What a dead worker was in is not removed before its pool's owner knows; everything else of it is."""
    Record(next_key(), 77, 1, {"kind": "Pool"})
    Cells(77)
    reader = Reader(folder)
    reader.read()
    reader.forget(os.getpid())
    assert sorted(name for name in os.listdir(folder) if name != "lock") == [f"cells.{os.getpid()}"]
    Record(next_key(), 77, 1, {"kind": "Pool"})
    assert burial.mark(os.getpid(), layout.BURIED, 1)
    assert not is_alive(reader.read().workers[os.getpid()])
    reader.forget(os.getpid())
    assert os.listdir(folder) == ["lock"]
    reader.close()
