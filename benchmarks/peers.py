"""The engines that are compared, behind one small face, and the jobs that they run.

Every engine is used as its own documentation shows, with its own defaults, except for what a case needs: a number of
workers, a start method where it can be chosen, and the chunk size where the case is about that.
"""

from __future__ import annotations

import importlib
import importlib.util
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent import futures
from typing import Any


def same(x: Any) -> Any:
    """The job that does nothing."""
    return x


def nap(seconds: float) -> int:
    """Sleep, and tell by whom."""
    time.sleep(seconds)
    return os.getpid()


def spin(seconds: float) -> float:
    """Compute for so long."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
    return seconds


def wait_for_file(path: str) -> None:
    """Keep a worker busy until somebody makes the file."""
    while not os.path.exists(path):
        time.sleep(0.02)


def touch_all(array: Any) -> float:
    """Read one number of each page of an array."""
    return float(array[::512].sum())


def make_array(length: int) -> Any:
    """An array of ones."""
    import numpy

    return numpy.ones(length)


def size_of(data: bytes) -> int:
    """How much has arrived."""
    return len(data)


def make_bytes(size: int) -> bytes:
    """A result of that size."""
    return bytes(size)


Get = Callable[[], Any]


class PoolLike:
    """An engine with the interface of ``multiprocessing.Pool``."""

    def __init__(self, workers: int, method: str) -> None:
        self.workers = workers
        self.pool: Any = self._open(workers, method)

    def _open(self, workers: int, method: str) -> Any:
        return multiprocessing.get_context(method).Pool(workers)

    def submit(self, fn: Any, x: Any) -> Get:
        """Submit one job; what is returned waits for its result."""
        get: Get = self.pool.apply_async(fn, (x,)).get
        return get

    def submit_with_callback(self, fn: Any, x: Any, callback: Callable[[Any], object]) -> Any:
        """Submit one job whose result is called back; the handle is returned, for the caller to keep."""
        return self.pool.apply_async(fn, (x,), callback=callback)

    def keep(self, fn: Any, x: Any) -> Any:
        """Submit one job; what a caller keeps of it is returned."""
        return self.pool.apply_async(fn, (x,))

    def map(self, fn: Any, items: Sequence[Any]) -> list[Any]:
        """All results, in order; chunks as the engine likes them."""
        return list(self.pool.map(fn, items))

    def stream(self, fn: Any, items: Iterable[Any]) -> Iterable[Any]:
        """Results as they come, one task an item."""
        results: Iterable[Any] = self.pool.imap_unordered(fn, items)
        return results

    def close(self) -> None:
        """End it now."""
        self.pool.terminate()
        self.pool.join()


class Ours(PoolLike):
    """``poolmgr.Pool``."""

    def _open(self, workers: int, method: str) -> Any:
        import poolmgr

        return poolmgr.Pool(workers, context=multiprocessing.get_context(method))


class Watched(Ours):
    """``poolmgr.Pool`` with all that its screens need: samples, pictures, and the board, a process of its own."""

    def _open(self, workers: int, method: str) -> Any:
        from poolmgr.monitor.board import Board
        from poolmgr.monitor.collector import Collector

        pool = super()._open(workers, method)
        self.board = Board(pool.name, pool.log)
        self.collector = Collector(pool, board=self.board)
        self.collector.start()
        return pool


class Billiard(PoolLike):
    """``billiard.Pool``."""

    def _open(self, workers: int, method: str) -> Any:
        import billiard

        return billiard.get_context(method).Pool(workers)


class Mpire(PoolLike):
    """``mpire.WorkerPool``."""

    def _open(self, workers: int, method: str) -> Any:
        from mpire import WorkerPool

        return WorkerPool(n_jobs=workers, start_method=method)

    def stream(self, fn: Any, items: Iterable[Any]) -> Iterable[Any]:
        results: Iterable[Any] = self.pool.imap_unordered(fn, items, chunk_size=1)
        return results

    def close(self) -> None:
        self.pool.terminate()


class Executor:
    """``concurrent.futures.ProcessPoolExecutor``, and what has its interface."""

    def __init__(self, workers: int, method: str) -> None:
        self.workers = workers
        self.pool: Any = self._open(workers, method)

    def _open(self, workers: int, method: str) -> Any:
        return futures.ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context(method))

    def keep(self, fn: Any, x: Any) -> Any:
        return self.pool.submit(fn, x)

    def submit(self, fn: Any, x: Any) -> Get:
        get: Get = self.keep(fn, x).result
        return get

    def submit_with_callback(self, fn: Any, x: Any, callback: Callable[[Any], object]) -> Any:
        future = self.keep(fn, x)
        future.add_done_callback(lambda done: callback(done.result()))
        return future

    def map(self, fn: Any, items: Sequence[Any]) -> list[Any]:
        # An executor's default is one task an item; four chunks a worker is what a Pool would choose.
        return list(self.pool.map(fn, items, chunksize=-(-len(items) // (4 * self.workers))))

    def stream(self, fn: Any, items: Iterable[Any]) -> Iterable[Any]:
        return (done.result() for done in futures.as_completed([self.keep(fn, x) for x in items]))

    def close(self) -> None:
        self.pool.shutdown(wait=True, cancel_futures=True)


class OurExecutor(Executor):
    """``poolmgr.PoolExecutor``."""

    def _open(self, workers: int, method: str) -> Any:
        import poolmgr

        return poolmgr.PoolExecutor(workers, mp_context=multiprocessing.get_context(method))


class Loky(Executor):
    """``loky.ProcessPoolExecutor``; it has a start method of its own."""

    def _open(self, workers: int, method: str) -> Any:
        from loky import ProcessPoolExecutor

        return ProcessPoolExecutor(workers)

    def close(self) -> None:
        self.pool.shutdown(wait=True, kill_workers=True)


class Pebble(Executor):
    """``pebble.ProcessPool``."""

    def _open(self, workers: int, method: str) -> Any:
        from pebble import ProcessPool

        return ProcessPool(workers, context=multiprocessing.get_context(method))

    def keep(self, fn: Any, x: Any) -> Any:
        return self.pool.schedule(fn, args=(x,))

    def map(self, fn: Any, items: Sequence[Any]) -> list[Any]:
        return list(self.pool.map(fn, items, chunksize=-(-len(items) // (4 * self.workers))).result())

    def close(self) -> None:
        self.pool.stop()
        self.pool.join()


class Joblib:
    """``joblib.Parallel``: it has maps and streams only, so one job is a map of one, and nothing is called back."""

    def __init__(self, workers: int, method: str) -> None:
        import joblib

        self.workers = workers
        self._delayed = joblib.delayed
        self._parallel = joblib.Parallel

    def submit(self, fn: Any, x: Any) -> Get:
        return lambda: self._parallel(self.workers)([self._delayed(fn)(x)])[0]

    def map(self, fn: Any, items: Sequence[Any]) -> list[Any]:
        return list(self._parallel(self.workers)(self._delayed(fn)(x) for x in items))

    def stream(self, fn: Any, items: Iterable[Any]) -> Iterable[Any]:
        parallel = self._parallel(self.workers, return_as="generator_unordered")
        results: Iterable[Any] = parallel(self._delayed(fn)(x) for x in items)
        return results

    def close(self) -> None:
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown(wait=True, kill_workers=True)


OURS = "poolmgr"
STOCK = "stock"
#: The engines by name, with what each needs: the module and the name in it.
ENGINES: dict[str, tuple[type[Any], str]] = {
    OURS: (Ours, "poolmgr:Pool"),
    STOCK: (PoolLike, "multiprocessing.pool:Pool"),
    "futures": (Executor, "concurrent.futures.process:ProcessPoolExecutor"),
    "loky": (Loky, "loky:ProcessPoolExecutor"),
    "joblib": (Joblib, "joblib:Parallel"),
    "pebble": (Pebble, "pebble:ProcessPool"),
    "mpire": (Mpire, "mpire:WorkerPool"),
    "billiard": (Billiard, "billiard.pool:Pool"),
    "poolmgr-executor": (OurExecutor, "poolmgr:PoolExecutor"),
    "poolmgr-watched": (Watched, "poolmgr:Pool"),
}
#: Those that are compared unless told otherwise.
DEFAULT = tuple(name for name in ENGINES if not name.startswith("poolmgr-"))


def installed(names: Iterable[str] = DEFAULT) -> list[str]:
    """Those of the engines that can be imported here."""
    return [name for name in names if importlib.util.find_spec(ENGINES[name][1].partition(".")[0].partition(":")[0])]


def load(name: str) -> type[Any]:
    """The engine by this name, with all that it needs imported, as a program's first lines do it."""
    engine, needs = ENGINES[name]
    module, _, attribute = needs.partition(":")
    getattr(importlib.import_module(module), attribute)
    return engine


def is_ours(name: str) -> bool:
    """Whether it is poolmgr in one of its forms."""
    return ENGINES[name][1].startswith("poolmgr:")
