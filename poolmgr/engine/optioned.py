"""A view of an executor whose calls have options: time limits, retries, a priority, a name.

``submit()`` of the standard library gives all its keyword arguments to the function, so the options are said before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from poolmgr.engine.options import JobOptions, checked

if TYPE_CHECKING:
    from poolmgr.engine.executor import PoolExecutor
    from poolmgr.engine.future import PoolFuture

P = ParamSpec("P")
T = TypeVar("T")


class ExecutorWithOptions(Executor):
    """What :meth:`poolmgr.PoolExecutor.with_options` returns: the same executor, with options for what is submitted."""

    def __init__(self, executor: PoolExecutor, options: JobOptions) -> None:
        """Make it.

        Raises:
            TypeError: There is no such option, or a value is of the wrong type.
            ValueError: The value of an option is out of range.
        """
        checked(options)
        self._executor = executor
        self._options = options

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> PoolFuture[T]:
        """As :meth:`poolmgr.PoolExecutor.submit`."""
        return self._executor._submit(fn, args, kwargs, self._options)

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[T]:
        """As :meth:`poolmgr.PoolExecutor.map`; ``timeout`` is how long the caller waits, not the limit of a call.

        With time limits or retries each call is a job of its own, whatever the ``chunksize``: they are of each call.
        """
        if chunksize > 1 and checked(self._options)[1].each:
            chunksize = 1
        return self._executor._map(fn, iterables, timeout, chunksize, buffersize, self._options)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As :meth:`poolmgr.PoolExecutor.shutdown`: it ends the executor, of which this is a view."""
        self._executor.shutdown(wait, cancel_futures=cancel_futures)
