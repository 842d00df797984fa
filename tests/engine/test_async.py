"""Pools in asyncio: streams by ``async for``, jobs by ``await``, pools by ``async with``; no thread for any of them."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import poolmgr
from poolmgr.engine.mapping import FEW
from poolmgr.errors import PoolTerminated
from tests.engine.conftest import MakePool
from tests.engine.test_faults import LONG
from tests.engine.test_pool import go
from tests.helpers import jobs
from tests.helpers.wait import DEADLINE


async def soon(condition: Callable[[], object]) -> None:
    """Give way until the condition holds."""
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.01)


async def taken(stream: Any) -> list[Any]:
    async with asyncio.timeout(LONG):
        return [result async for result in stream]


async def test_streams_can_be_iterated(pool: poolmgr.Pool) -> None:
    """imap gives results in order, imap_unordered all of them, one by one and in chunks, an empty one none."""
    wanted = [2 * i for i in range(1000)]
    for chunksize in (1, 7, 70):
        assert await taken(pool.imap(jobs.double, range(1000), chunksize)) == wanted
        assert sorted(await taken(pool.imap_unordered(jobs.double, range(1000), chunksize))) == wanted
        assert await taken(pool.imap(jobs.double, [], chunksize)) == []


async def test_streams_need_no_thread_each(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """Many coroutines wait for many streams with the threads that the pool has anyway."""
    streams = [pool.imap(jobs.mark_and_wait, [str(tmp_path)]) for _ in range(20)]
    tasks = [asyncio.create_task(taken(stream)) for stream in streams]
    # What reads the input ends with it.
    await soon(lambda: not [thread for thread in threading.enumerate() if thread.name == "poolmgr-feeder"])
    before = threading.active_count()
    await asyncio.sleep(0)
    assert threading.active_count() == before
    assert {thread.name for thread in threading.enumerate() if thread.name.startswith("asyncio")} == set()
    go(tmp_path)
    assert len(await asyncio.gather(*tasks)) == 20


async def test_iteration_goes_on_after_an_error(pool: poolmgr.Pool) -> None:
    """The error of an item is raised in its place, and the next step gives the next item."""
    stream = pool.imap(jobs.reciprocal, [1, 0, 2])
    assert await anext(stream) == 1
    with pytest.raises(ZeroDivisionError):
        await anext(stream)
    assert await anext(stream) == 0.5
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_failing_iterable_ends_the_stream(pool: poolmgr.Pool) -> None:
    """What the input raises is raised after the results of what it gave before."""

    def items() -> Any:
        yield 1
        raise KeyError("the end")

    stream = pool.imap(jobs.double, items())
    assert await anext(stream) == 2
    with pytest.raises(KeyError, match="the end"):
        await anext(stream)
    assert await taken(stream) == []


async def test_cancelled_wait_loses_no_result(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """A step that is cancelled or times out takes nothing: the next one gives what it waited for."""
    stream = pool.imap(jobs.mark_and_wait, [str(tmp_path)])
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream), 0.01)
    waiting = asyncio.create_task(taken(stream))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go(tmp_path)
    assert len(await taken(stream)) == 1


async def test_coroutines_share_a_stream(pool: poolmgr.Pool) -> None:
    """Each result goes to one of several coroutines, and all of them see the end."""
    stream = pool.imap_unordered(jobs.double, range(500))
    shares = await asyncio.gather(*(taken(stream) for _ in range(5)))
    assert sorted(itertools.chain.from_iterable(shares)) == [2 * i for i in range(500)]


async def test_stream_that_is_full_of_results_lets_others_run(pool: poolmgr.Pool) -> None:
    """A loop over results that are all there gives way to other coroutines now and then."""
    stream: Any = pool.imap(jobs.double, range(1000))
    await soon(lambda: len(stream._items) == 1000)
    taking = asyncio.create_task(taken(stream))
    turns = 0
    while not taking.done():
        turns += 1
        await asyncio.sleep(0)
    assert len(taking.result()) == 1000
    assert turns > 5


async def test_terminated_pool_ends_an_iteration(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """A coroutine that waits for a result is told when there will be none."""
    stream = pool.imap(jobs.mark_and_wait, [str(tmp_path)])
    waiting = asyncio.create_task(taken(stream))
    await asyncio.sleep(0)
    await asyncio.to_thread(pool.terminate)
    with pytest.raises(PoolTerminated):
        await waiting


def test_chunked_stream_is_an_iterator_with_a_timeout(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """next(timeout) works with large chunks too, and a chunk that fails does not end the stream."""
    size = FEW + 1
    stream = pool.imap(jobs.reciprocal, [*[2] * size, 0, *[4] * FEW, 5], size)
    assert [stream.next(LONG), *[next(stream) for _ in range(FEW)]] == [0.5] * size
    with pytest.raises(ZeroDivisionError):
        stream.next(LONG)
    assert list(stream) == [0.2]
    late = pool.imap(jobs.mark_and_wait, [str(tmp_path)] * 2, size)
    with pytest.raises(multiprocessing.TimeoutError):
        late.next(0.01)
    go(tmp_path)
    assert len(list(late)) == 2


async def test_every_job_can_be_awaited(pool: poolmgr.Pool) -> None:
    """apply_async, map_async and starmap_async give what asyncio can wait for, with result or error."""
    assert await pool.apply_async(jobs.double, (21,)) == 42
    assert await pool.map_async(jobs.double, [1, 2, 3]) == [2, 4, 6]
    assert await pool.starmap_async(jobs.add, [(1, 2)]) == [3]
    with pytest.raises(ZeroDivisionError):
        await pool.map_async(jobs.reciprocal, [1, 0])


async def test_async_with_waits_for_the_jobs_while_the_loop_goes_on(method: str, tmp_path: Path) -> None:
    """Leaving the block closes the pool and waits for its end; other coroutines run meanwhile."""

    async def let_go() -> None:
        await soon(lambda: pool.snapshot().state == "close")
        go(tmp_path)

    async with poolmgr.Pool(1, context=multiprocessing.get_context(method)) as pool:
        job = pool.apply_async(jobs.mark_and_wait, (str(tmp_path),))
        letting = asyncio.create_task(let_go())
    await letting
    assert job.successful()
    assert pool.snapshot().state == "ended"


async def test_async_with_terminates_after_an_error(make_pool: MakePool, tmp_path: Path) -> None:
    """A block that raises does not wait for jobs that might never end."""
    pool = make_pool(1)
    job = pool.apply_async(jobs.mark_and_wait, (str(tmp_path),))

    async def leave() -> None:
        async with pool:
            raise KeyError

    with pytest.raises(KeyError):
        await leave()
    with pytest.raises(PoolTerminated):
        job.get(LONG)


async def test_stream_is_an_async_iterator(pool: poolmgr.Pool) -> None:
    """isinstance knows both kinds of stream for what they are."""
    for chunksize in (1, 2, 70):
        assert isinstance(pool.imap(jobs.double, [1], chunksize), AsyncIterator)
