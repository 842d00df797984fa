"""A pool with all that belongs to it, opened and closed in the right order: the same under the screen and without.

Opening: resource tracker and fork server first, so that they are started from a process without threads and with
its own stderr; then the pool and its publication: the board, the collector, the control.  Closing: the pool, so that
the collector's last frame shows how it ended, then the control, the collector, the board.

Thread: the caller's.  Closing waits for the threads and processes of all of them.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing import forkserver, resource_tracker
from types import TracebackType
from typing import Any, Self

from poolmgr.control.local import LocalControl
from poolmgr.engine.crew import WORKER
from poolmgr.engine.pool import Pool
from poolmgr.errors import UsageError
from poolmgr.model.requests import Resume
from poolmgr.model.snapshot import Counts, PoolSnapshot
from poolmgr.model.states import PoolState
from poolmgr.runners.publication import Publication
from poolmgr.runtime.forkserver import preload


class Session:
    """An open pool, its monitor, its status dict and its control.

    Args:
        name: The pool's name, as viewers see it.
        workers: How many worker processes.
        start_method: ``fork``, ``spawn`` or ``forkserver``.
        initializer: Called in each worker before its first job.
        initargs: What it is called with.

    Raises:
        UsageError: The system has no room for such a pool, or no safe folder for its board. On entering.
    """

    def __init__(
        self,
        name: str,
        workers: int,
        start_method: str,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
    ) -> None:
        self._name = name
        self._initializer, self._initargs = initializer, initargs
        self._workers = workers
        self.start_method = start_method
        self._stack = ExitStack()
        self.pool: Pool
        self.control: LocalControl

    def __enter__(self) -> Self:
        try:
            self._open()
        except OSError as error:
            size = f"{self._workers} worker{'s' * (self._workers != 1)}"
            raise UsageError(f"a pool of {size} cannot be opened here: {error.strerror or error}") from error
        return self

    def _open(self) -> None:
        resource_tracker.ensure_running()
        if self.start_method == "forkserver":
            preload(WORKER)
            forkserver.ensure_running()
        with ExitStack() as stack:
            context = multiprocessing.get_context(self.start_method)
            self.pool = Pool(
                self._workers,
                self._initializer,
                self._initargs,
                context=context,
                name=self._name,
                capture_output=True,
            )
            stack.callback(self._end_pool)
            self.control = stack.enter_context(Publication(self.pool)).control
            # Ended before it is published no more, so that viewers see how it ended.
            stack.callback(self._end_pool)
            self._stack = stack.pop_all()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _end_pool(self) -> None:
        self.pool.terminate()
        self.pool.join()

    def frame(self) -> PoolSnapshot:
        """The newest picture of the collector: complete, and at most a frame old."""
        return self.control.snapshot()

    def counts(self) -> Counts:
        """The counts at this moment, exact."""
        return self.pool.snapshot().counts

    def idle(self) -> bool:
        """Whether no job runs or waits at this moment."""
        snapshot = self.pool.snapshot()
        return snapshot.state is PoolState.ENDED or snapshot.counts.ended >= snapshot.counts.submitted

    def let_go(self) -> None:
        """Start tasks again if the operator had held them: nobody is left to do it later."""
        if self.pool.snapshot().state is PoolState.HELD:
            self.control.send(Resume())

    def drain(self) -> None:
        """Take no more jobs; the workers leave when those there are have ended."""
        self.pool.close()
