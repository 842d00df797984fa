"""Mapping: how the calls of a map or stream are cut into tasks, and put into the backlog.

    map, starmap     whole chunks, since the first error is all that they raise
    imap             items one by one, or whole chunks if these are large: batches are made of either
    with options     that are of each item: items one by one, whatever the chunksize

Thread: the caller's.  What runs nobody's code is cut here and now, all else is read by a feeder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from multiprocessing.pool import mapstar  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

from poolmgr.engine.backlog import Segment
from poolmgr.engine.intake import EAGER, Feeder, LazyChunks, eager_chunks, read_in_chunks
from poolmgr.engine.job import MapJob
from poolmgr.engine.options import Options
from poolmgr.engine.stream import ChunkStream, Stream, StreamJob

if TYPE_CHECKING:
    from poolmgr.engine.pool import Pool

#: Results of an ``imap`` that may be waiting or in work, when the caller names no ``buffersize``: enough that workers
#: never wait for the caller, little enough that an endless iterable does no harm.
READ_AHEAD = 1024
#: The same for iterables that are there already, and so cost nothing to read.
READ_AHEAD_EAGER = 16384

#: Items of an ``imap`` travel one by one although the caller wants chunks of so many or fewer: batches are made anyway,
#: of as many as pay, and each item then fails alone.  Chunks of 10 no-ops are several times slower than that, of 32
#: about as fast, of 1000 several times faster (benchmarks/chunks.py); so larger ones stay whole.
FEW = 32


def submit_stream(
    pool: Pool,
    kind: type[StreamJob],
    func: Callable[..., Any],
    iterable: Iterable[Any],
    chunksize: int,
    buffersize: int | None,
    name: str,
    options: Options,
) -> Stream:
    """Have the iterable read and its items worked on, and return the iterator of the results.

    Raises:
        ValueError: ``chunksize`` or ``buffersize`` is below 1.
    """
    if chunksize < 1:
        raise ValueError(f"Chunksize must be 1+, not {chunksize!r}")
    if buffersize is not None and buffersize < 1:
        raise ValueError(f"buffersize must be 1 or more, not {buffersize!r}")
    if buffersize is None:
        buffersize = READ_AHEAD_EAGER if type(iterable) in EAGER else READ_AHEAD
    one_by_one = chunksize <= FEW or options.each
    job = kind(pool, func, buffersize * chunksize if one_by_one else buffersize)
    job.take_over(name, options)
    if one_by_one:
        Feeder(pool._dispatcher, job, func, read_in_chunks(iterable, chunksize)).start()
        return job
    Feeder(pool._dispatcher, job, mapstar, LazyChunks(func, iterable, chunksize)).start()
    return ChunkStream(job)


def submit_map(
    pool: Pool,
    func: Callable[..., Any],
    iterable: Iterable[Any],
    mapper: Callable[..., Any],
    chunksize: int | None,
    callback: Callable[[Any], object] | None,
    error_callback: Callable[[BaseException], object] | None,
    name: str,
    options: Options,
) -> MapJob:
    """Have ``mapper`` called with each chunk, and return the job."""
    dispatcher = pool._dispatcher
    items: Any = iterable if hasattr(iterable, "__len__") else list(iterable)
    length = len(items)
    if chunksize is None:
        chunksize, extra = divmod(length, max(1, dispatcher.scheduler.size) * 4)
        chunksize += bool(extra)
    if options.each:
        chunksize = 1
    job = MapJob(pool, func, chunksize if length else 0, length, callback, error_callback)
    job.take_over(name, options)
    if not job.tasks:
        return job
    if type(items) not in EAGER:
        Feeder(dispatcher, job, mapper, LazyChunks(func, items, chunksize)).start()
        return job
    dispatcher.submit_entry(Segment(job, 0, mapper, eager_chunks(func, items, chunksize)))
    return job
