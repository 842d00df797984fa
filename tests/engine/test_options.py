"""What a caller may say of a job beside what it calls, on real processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import poolmgr
from tests.engine.conftest import MakePool
from tests.engine.test_faults import LONG, started, works
from tests.helpers import jobs


def pair(x: Any) -> tuple[Any]:
    return (x,)


#: Every submitting method, as a call of ``double`` on 3 that waits for its one result.
METHODS: dict[str, Callable[..., Any]] = {
    "apply": lambda pool, func, **options: pool.apply(func, (3,), **options),
    "apply_async": lambda pool, func, **options: pool.apply_async(func, (3,), **options).get(LONG),
    "map": lambda pool, func, **options: pool.map(func, [3], **options)[0],
    "map_async": lambda pool, func, **options: pool.map_async(func, iter([3]), **options).get(LONG)[0],
    "imap": lambda pool, func, **options: next(pool.imap(func, [3], **options)),
    "imap in chunks": lambda pool, func, **options: next(pool.imap(func, [3], 2, **options)),
    "imap_unordered": lambda pool, func, **options: next(pool.imap_unordered(func, [3], **options)),
    "starmap": lambda pool, func, **options: pool.starmap(func, [(3,)], **options)[0],
    "starmap_async": lambda pool, func, **options: pool.starmap_async(func, [(3,)], **options).get(LONG)[0],
}

each_method = pytest.mark.parametrize("call", METHODS.values(), ids=METHODS.keys())


@each_method
def test_every_method_takes_a_name_and_a_priority(pool: poolmgr.Pool, call: Callable[..., Any]) -> None:
    """The name is what screens show, and the result is what it is without options."""
    assert call(pool, jobs.double, name="mine", priority=3) == 6
    assert [job.name for job in pool.snapshot().jobs] == ["mine"]


@each_method
def test_every_method_refuses_what_it_does_not_know(pool: poolmgr.Pool, call: Callable[..., Any]) -> None:
    """A misspelt option is an error at once, and leaves nothing behind."""
    with pytest.raises(TypeError, match="'prioritty'"):
        call(pool, jobs.double, prioritty=3)
    with pytest.raises(TypeError, match="priority must be an int"):
        call(pool, jobs.double, priority="high")
    assert works(pool)
    pool.close()
    assert pool.join(LONG)


def test_higher_priorities_run_first(make_pool: MakePool, tmp_path: Path) -> None:
    """What waits is started by priority, then in the order of submission, whatever submitted it."""
    pool = make_pool(1)
    ran = tmp_path / "ran"
    folder = tmp_path / "folder"
    folder.mkdir()
    pool.apply_async(jobs.mark_and_wait, (str(folder), "first"))
    started(folder)
    path = str(ran)
    waiting: list[Any] = [
        pool.apply_async(jobs.append, (path, "plain")),
        pool.apply_async(jobs.append, (path, "low"), priority=-1),
        pool.apply_async(jobs.append, (path, "high"), priority=1),
        pool.starmap_async(jobs.append, [(path, "map 1"), (path, "map 2")], 1, priority=2),
        pool.apply_async(jobs.append, (path, "high again"), priority=1),
    ]
    assert [job.id for job in pool.snapshot().jobs if job.state == "queued"][:2] == [5, 4]
    (folder / "go").write_text("")
    for job in waiting:
        job.get(LONG)
    assert ran.read_text().splitlines() == ["map 1", "map 2", "high", "high again", "plain", "low"]


def test_priority_holds_for_a_job_that_is_retried_by_hand(pool: poolmgr.Pool) -> None:
    """A retry has the options and the name of what it retries."""
    job = pool.apply_async(jobs.fail, priority=4, name="mine")
    job.wait(LONG)
    again = pool.retry(job.id)
    assert again.options.priority == 4
    assert again.name == "mine"
    assert isinstance(again, poolmgr.Job)
    again.wait(LONG)
