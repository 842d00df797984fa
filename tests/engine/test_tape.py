"""The tape: every task on it once, with its function, and nothing on it while nobody reads."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing import util
from pathlib import Path
from typing import Any

import pytest

import poolmgr
from poolmgr.engine.tape import COUNTED, Happened, Ran, Reader
from tests.helpers import jobs
from tests.helpers.wait import wait_until


class SlowToPickle:
    """Its pickles take a while, on either side."""

    def __getstate__(self) -> dict[str, int]:
        time.sleep(0.002)
        return {"x": 1}

    def __setstate__(self, state: dict[str, int]) -> None:
        time.sleep(0.002)


def wait_and_fail(folder: str) -> None:
    """An initializer that fails, once there is somebody who sees it."""
    jobs.mark_and_wait(folder)
    jobs.fail()


class Recorded:
    """A reader that keeps all that it was told."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.spans: list[Ran | Happened] = []

    def ran(self) -> list[Ran]:
        """The spans of work so far."""
        self.spans += self.reader.take()
        return [span for span in self.spans if isinstance(span, Ran)]

    def happened(self, what: str) -> list[Happened]:
        """The rare events of this kind so far."""
        self.spans += self.reader.take()
        return [span for span in self.spans if isinstance(span, Happened) and span.what == what]

    def done(self) -> Counter[object]:
        """Tasks that ended well, by function."""
        found: Counter[object] = Counter()
        for span in self.ran():
            found[span.func] += span.done
        return found


@pytest.fixture
def pool() -> Iterator[poolmgr.Pool]:
    """A pool of two."""
    with poolmgr.Pool(2) as pool:
        yield pool
        pool.terminate()
        pool.join()


@pytest.fixture
def tape(pool: poolmgr.Pool) -> Recorded:
    """What is recorded of it."""
    return Recorded(pool.record())


def test_every_task_is_on_it_once(pool: poolmgr.Pool, tape: Recorded) -> None:
    """Streams, maps and single jobs add up, whoever books them, and times do not overlap in a worker."""
    assert sum(pool.imap_unordered(jobs.double, range(20_000))) == 2 * sum(range(20_000))
    assert [pool.apply_async(jobs.add, (i,)).get() for i in range(50)] == list(range(50))
    assert [job.get() for job in [pool.apply_async(jobs.echo, (i,)) for i in range(5000)]] == list(range(5000))
    pool.map(jobs.length, ["a"] * 40, 10)
    wait_until(lambda: tape.done() == {jobs.double: 20_000, jobs.add: 50, jobs.echo: 5000, jobs.length: 4})
    for slot in (0, 1):
        spans = sorted((span.begin, span.end) for span in tape.ran() if span.slot == slot)
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
    assert all(0 < len(span.durations) <= span.done + span.failed for span in tape.ran())
    assert len(tape.ran()) < 20_000


def test_functions_of_one_batch_are_told_apart(pool: poolmgr.Pool, tape: Recorded) -> None:
    """Jobs of two functions that took turns have a span each, and share the time."""
    funcs: tuple[Callable[..., Any], ...] = (jobs.double, jobs.echo)
    made = [pool.apply_async(funcs[i % 2], (i,)) for i in range(6000)]
    assert made[-1].get() == 5999
    wait_until(lambda: tape.done() == {jobs.echo: 3000, jobs.double: 3000})
    assert all(span.busy == sum(span.durations) or len(span.durations) < span.done for span in tape.ran())
    assert all(span.busy <= span.end - span.begin for span in tape.ran())


def test_failed_tasks_are_told_from_those_that_ended_well(pool: poolmgr.Pool, tape: Recorded) -> None:
    """What raised counts as failed, in a batch with others too."""
    funcs: tuple[Callable[..., Any], ...] = (jobs.fail, jobs.echo, jobs.echo, jobs.echo)
    made = [pool.apply_async(funcs[i % 4], (i,)) for i in range(400)]
    for job in made:
        job.wait()
    # A batch of both is written down as two spans, one after the other.
    wait_until(lambda: tape.done() == {jobs.fail: 0, jobs.echo: 300})
    assert sum(span.failed for span in tape.ran()) == 100


def test_pickling_is_measured_where_it_happens(pool: poolmgr.Pool, tape: Recorded) -> None:
    """Plain jobs cost no pickling; slow pickles show in the worker and in the owner."""
    assert pool.apply(jobs.double, (1,)) == 2
    (span,) = wait_until(tape.ran)
    assert (span.serialise, span.encode) == (0, 0)
    pool.apply(jobs.echo, (SlowToPickle(),))
    wait_until(lambda: len(tape.ran()) == 2)
    span = tape.ran()[1]
    assert span.serialise > 0
    assert span.encode > 0
    assert span.serialise <= span.busy


def test_bytes_are_counted_both_ways(pool: poolmgr.Pool, tape: Recorded) -> None:
    """Arguments and results, small ones and large ones, are on the tape with their sizes."""
    pool.apply(jobs.length, (b"x" * 20_000,))
    pool.apply(jobs.big, (5000,))
    pool.apply(jobs.big, (1 << 20,))
    wait_until(lambda: len(tape.ran()) == 3)
    taken, small, large = tape.ran()
    assert 20_000 < taken.bytes_in < 21_000
    assert 5000 < small.bytes_out < 6000
    assert (1 << 20) < large.bytes_out < (1 << 20) + 2000


def test_starts_are_on_it() -> None:
    """A worker that replaces another says so when it is ready, and how long it took."""
    with poolmgr.Pool(1, maxtasksperchild=1) as pool:
        tape = Recorded(pool.record())
        pool.map(jobs.double, range(3), 1)
        wait_until(lambda: sum(event.replaced for event in tape.happened("ready")) >= 2)
        assert all(event.begin < event.end for event in tape.happened("ready"))
        assert tape.happened("died") == []


def linger(_: int) -> int:
    """Have this worker take its time to leave."""
    util.Finalize(None, time.sleep, (0.3,), exitpriority=1)
    return os.getpid()


def test_who_replaces_one_that_is_still_leaving_is_told_so() -> None:
    """Also in another slot, and only those that replace one: a pool that grows has not replaced any."""
    with poolmgr.Pool(1, maxtasksperchild=1) as pool:
        tape = Recorded(pool.record())
        assert len(set(pool.map(linger, range(3), 1))) == 3
        wait_until(lambda: sum(event.replaced for event in tape.happened("ready")) == 3)
    with poolmgr.Pool(1) as pool:
        tape = Recorded(pool.record())
        pool.resize(3)
        wait_until(lambda: len(tape.happened("ready")) >= 2)
        assert not any(event.replaced for event in tape.happened("ready"))


def test_deaths_are_on_it(pool: poolmgr.Pool, tape: Recorded, tmp_path: Path) -> None:
    """A task that its worker died with is lost, one that was killed is killed, with the time that it ran."""
    job = pool.apply_async(jobs.kill_self, (signal.SIGKILL,))
    job.wait()
    wait_until(lambda: len(tape.happened("died")) == 1)
    (lost,) = wait_until(lambda: tape.happened("lost"))
    assert lost.func is jobs.kill_self
    assert lost.begin < lost.end
    job = pool.apply_async(jobs.mark_and_wait, (str(tmp_path), "mark"))
    wait_until(lambda: (tmp_path / "mark").exists())
    assert pool.kill(job.id)
    job.wait()
    (killed,) = wait_until(lambda: tape.happened("killed"))
    assert killed.func is jobs.mark_and_wait
    assert len(tape.happened("died")) == 1


def test_dying_initializer_is_on_it(tmp_path: Path) -> None:
    """Workers that never get ready are deaths."""
    # A pool for which nobody waits starts three and no more: all of them are to be on the tape.
    with poolmgr.Pool(1, wait_and_fail, (str(tmp_path),)) as pool:
        tape = Recorded(pool.record())
        (tmp_path / "go").touch()
        wait_until(lambda: len(tape.happened("died")) >= 2)
        assert tape.happened("ready") == []


def test_present_is_seen(pool: poolmgr.Pool, tape: Recorded, tmp_path: Path) -> None:
    """What runs and since when, and what waits by function, held or not."""
    before = time.monotonic_ns()
    made = [pool.apply_async(jobs.mark_and_wait, (str(tmp_path), str(i))) for i in range(5)]
    stream = pool.map_async(jobs.double, range(6), 1)
    wait_until(lambda: len(tape.reader.look().running) == 2)
    now = tape.reader.look()
    assert all(before < begin < time.monotonic_ns() for _, begin, _ in now.running)
    assert {func for _, _, func in now.running} == {jobs.mark_and_wait}
    name = f"{jobs.__name__}.mark_and_wait"
    wait_until(lambda: tape.reader.look().waiting == {name: 3, f"{jobs.__name__}.double": 6})
    assert tape.reader.look().queued
    pool.pause()
    assert not tape.reader.look().queued
    pool.resume()
    (tmp_path / "go").touch()
    assert stream.get() == [0, 2, 4, 6, 8, 10]
    for job in made:
        job.get()
    wait_until(lambda: tape.reader.look().running == [])
    assert tape.reader.look().waiting == {}


def test_long_queue_is_not_counted(pool: poolmgr.Pool, tape: Recorded) -> None:
    """More than a person would count are not counted, since that would take longer with each."""
    pool.pause()
    for i in range(COUNTED + 1):
        pool.apply_async(jobs.double, (i,))
    assert tape.reader.look().waiting is None


def test_nothing_is_recorded_for_nobody(pool: poolmgr.Pool) -> None:
    """Until somebody asks for it, the tape is empty."""
    pool.map(jobs.double, range(100))
    tape = pool._dispatcher.accounts.tape
    assert not tape.on
    assert len(tape.spans) == 0


def test_jobs_whose_callers_took_the_results_are_on_the_tape(pool: poolmgr.Pool, tape: Recorded) -> None:
    """A job at a time, each waited for: however its result comes to its caller, it is on the tape once."""
    for i in range(100):
        assert pool.apply_async(jobs.double, (i,)).get(20) == 2 * i
    assert pool._dispatcher.ledger.taken_out, "no caller took its own result"
    wait_until(lambda: tape.done() == {jobs.double: 100})
