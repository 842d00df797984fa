"""What a job tells of itself reaches whoever looks, and nobody else's job; on real workers."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

import poolmgr
from poolmgr.model.log import LogLine
from poolmgr.model.snapshot import Progress
from tests.engine.conftest import MakePool
from tests.engine.test_faults import LONG, works
from tests.engine.test_pool import go
from tests.helpers import jobs, telling
from tests.helpers.wait import wait_until


def progress_of(pool: poolmgr.Pool, job_id: int) -> Progress | None:
    """What is known of a job."""
    job = pool.snapshot().job(job_id)
    return None if job is None else job.progress


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ((3,), Progress(3.0)),
        ((3, 12), Progress(3.0, 12.0)),
        ((0.5, 1, "half"), Progress(0.5, 1.0, "half")),
        ((-1, 0, "\u00e9" * 200), Progress(-1.0, 0.0, "\u00e9" * 112)),
    ],
)
def test_job_says_how_far_it_is(make_pool: MakePool, tmp_path: Path, said: tuple[Any, ...], shown: Progress) -> None:
    """The job and its worker have it while it runs; neither has it any more for the next one."""
    pool = make_pool(1)
    job = pool.apply_async(telling.say, (str(tmp_path), *said))
    wait_until(lambda: progress_of(pool, job.id) == shown)
    assert pool.snapshot().workers[0].progress == shown
    go(tmp_path)
    assert job.get(LONG) == "said"
    (tmp_path / "go").unlink()
    other = pool.apply_async(telling.wait_only, (str(tmp_path),))
    wait_until(lambda: pool.snapshot().workers[0].job_id == other.id)
    assert progress_of(pool, other.id) is None
    assert pool.snapshot().workers[0].progress is None
    go(tmp_path)


def test_newest_is_shown(make_pool: MakePool, tmp_path: Path) -> None:
    """Each step replaces the one before."""
    pool = make_pool(1)
    job = pool.apply_async(telling.say_step_by_step, (str(tmp_path), 3))
    for step in range(3):
        wait_until(lambda step=step: progress_of(pool, job.id) == Progress(step, 3.0, f"step {step}"))  # type: ignore[misc]
        (tmp_path / f"step{step}").touch()
    job.get(LONG)


def test_map_has_the_progress_of_its_workers_only(make_pool: MakePool, tmp_path: Path) -> None:
    """How far one item is says nothing of the whole map."""
    pool = make_pool(1)
    job = pool.starmap_async(telling.say, [(str(tmp_path), 1, 2), (str(tmp_path), 1, 2)], 1)
    wait_until(lambda: pool.snapshot().workers[0].progress == Progress(1.0, 2.0))
    assert progress_of(pool, job.id) is None
    go(tmp_path)
    assert job.get(LONG) == ["said", "said"]


def test_threads_speak_for_the_job_and_children_do_not(make_pool: MakePool, tmp_path: Path) -> None:
    """A thread of the job may say it; a process that it has forked says nothing."""
    pool = make_pool(1)
    for work, text in ((telling.say_in_a_thread, "thread"), (telling.say_in_a_child, "job")):
        job = pool.apply_async(work, (str(tmp_path),))
        wait_until(lambda job=job: progress_of(pool, job.id) is not None)  # type: ignore[misc]
        assert progress_of(pool, job.id) == Progress(1.0, 2.0, text)
        go(tmp_path)
        job.get(LONG)
        (tmp_path / "go").unlink()


def test_what_is_no_number_is_refused(make_pool: MakePool) -> None:
    """The job that says it is told; outside of a pool it is the same, and else nothing happens there."""
    pool = make_pool(1)
    for said, error in (("x",), "ValueError"), ((None,), "TypeError"), ((1, float("nan")), "ValueError"), ((1, 2), ""):
        assert pool.apply(telling.refused, said) == telling.refused(*said) == error


def lines_of(pool: poolmgr.Pool, job_id: int) -> list[LogLine]:
    """What the job has printed and logged."""
    return [line for line in pool.snapshot().log if line.job_id == job_id and line.kind != "event"]


def test_bar_of_tqdm_is_the_progress_of_the_job(make_pool: MakePool, tmp_path: Path) -> None:
    """The outer bar is shown beside the job; what is printed in the end is its last state alone."""
    pool = make_pool(1, capture_output=True)
    job = pool.apply_async(telling.bar, (str(tmp_path), 3, False))
    for step in range(3):
        shown = Progress(step, 3.0, "outer")
        wait_until(lambda shown=shown: progress_of(pool, job.id) == shown)  # type: ignore[misc]
        (tmp_path / f"step{step}").touch()
    assert job.get(LONG) == 0
    [line] = wait_until(lambda: [line.text for line in lines_of(pool, job.id) if line.text.strip()])
    assert line.startswith("outer: 100%")
    assert "3/3" in line


def test_import_hooks_of_a_job_are_not_in_the_way() -> None:
    """A module is found, and patched, past a finder that is none for Python of today."""
    with poolmgr.Pool(1, context=multiprocessing.get_context("spawn"), capture_output=True) as pool:
        assert pool.apply(telling.import_beside_an_odd_finder) == "poolmgr.runtime.hooks"


def test_bar_into_a_file_is_left_alone(make_pool: MakePool, tmp_path: Path) -> None:
    """A bar that is not drawn on the worker's output is drawn where it belongs."""
    pool = make_pool(1, capture_output=True)
    for step in range(3):
        (tmp_path / f"step{step}").touch()
    assert pool.apply(telling.bar, (str(tmp_path), 3, True)) > 100


def test_nothing_is_patched_where_output_is_not_captured(make_pool: MakePool) -> None:
    """A pool without a screen leaves libraries as they are."""
    pool = make_pool(1)
    assert pool.apply(hooked_modules) == []
    assert make_pool(1, capture_output=True).apply(hooked_modules) != []


def hooked_modules() -> list[str]:
    """What of ours is in the way of imports, or in logging."""
    import logging

    found = [type(finder).__module__ for finder in sys.meta_path]
    found.append(logging.StreamHandler.emit.__module__)
    return [name for name in found if name.startswith("poolmgr")]


@pytest.mark.parametrize("configure", [None, telling.to_stderr])
def test_log_records_keep_their_level_and_their_job(make_pool: MakePool, configure: Any) -> None:
    """Warnings and errors are told as such, in all their lines; what is printed before and after is not."""
    pool = make_pool(1, capture_output=True)
    job = pool.apply_async(telling.log, (configure,))
    job.get(LONG)
    after = wait_until(lambda: [line for line in lines_of(pool, job.id) if line.text == "after"])
    assert after[0].level == "info"
    levels = {line.text.rpartition(" ")[2]: line.level for line in lines_of(pool, job.id)}
    expected = {"before": "info", "careful": "warning", "lines": "warning", "broken": "error", "after": "info"}
    assert levels == expected | ({} if configure is None else {"well": "info"})


def test_closed_stream_is_the_jobs_affair(make_pool: MakePool) -> None:
    """Logging into a stream that the job has closed does to the job what it does without us."""
    assert make_pool(1, capture_output=True).apply(telling.closes_stderr_and_logs) == "lives"


def test_handler_of_the_owner_speaks_for_the_job(tmp_path: Path) -> None:
    """A handler that a forked worker has inherited writes for the job that logs, not for the one before."""
    logger = logging.getLogger("pipeline")
    with open(2, "w", closefd=False) as stderr:
        handler = logging.StreamHandler(stderr)
        logger.addHandler(handler)
        try:
            pool = poolmgr.Pool(1, context=multiprocessing.get_context("fork"), capture_output=True)
        finally:
            logger.removeHandler(handler)
        try:
            assert works(pool)
            job = pool.apply_async(telling.log)
            job.get(LONG)
            wait_until(
                lambda: [line for line in lines_of(pool, job.id) if (line.text, line.level) == ("broken", "error")]
            )
        finally:
            pool.terminate()
            pool.join()


def test_worker_that_died_while_it_wrote_says_nothing(make_pool: MakePool, tmp_path: Path) -> None:
    """A record that is half written is not shown, and the next one is."""
    from poolmgr.runtime import progress
    from poolmgr.runtime.cells import PROGRESS

    pool = make_pool(1)
    job = pool.apply_async(telling.say, (str(tmp_path), 1, 2))
    wait_until(lambda: progress_of(pool, job.id) is not None)
    handle = pool._dispatcher.crew.handles[0]
    handle.cells.view[PROGRESS] += 1
    assert progress.read(handle.cells, handle.drained) is None
    os.kill(handle.pid, signal.SIGKILL)
    with pytest.raises(poolmgr.WorkerDied):
        job.get(LONG)
    go(tmp_path)
    assert works(pool)


def test_what_a_job_raises_where_python_drops_it_is_printed() -> None:
    """A KeyboardInterrupt of its own inside a __del__ is shown as without us, and stops nothing."""
    # A forked worker would have pytest's hook, which prints nothing.
    with poolmgr.Pool(1, context=multiprocessing.get_context("spawn"), capture_output=True) as pool:
        job = pool.apply_async(jobs.interrupt_where_exceptions_are_dropped)
        job.get(LONG)
        wait_until(lambda: any("of the job's own" in line.text for line in lines_of(pool, job.id)))
        assert works(pool)
