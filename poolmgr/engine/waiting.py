"""Waiting for a job: by threads, by coroutines, and by callbacks, which must not wait for themselves.

A job is settled once, by one thread.  Whoever waits needs no lock until it really has to wait, so a pending job costs
few bytes.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from poolmgr.engine.pool import Pool

#: Makes the one event that the waiters of a job share; held for a few instructions, by waiters only.
_waiters = threading.Lock()


class Waitable:
    """Waiting for a job that has a ``_settled`` flag, a ``_success`` and a ``_value``."""

    _settled: bool
    _success: bool
    _value: Any
    _pool: Pool | None
    #: Made by the first who has to wait.
    _waiter: threading.Event | None = None
    _watchers: tuple[Callable[[], object], ...] = ()

    def ready(self) -> bool:
        """Whether the job has ended, well or badly."""
        return self._settled

    def successful(self) -> bool:
        """Whether it ended well; ValueError if it has not ended."""
        if not self._settled:
            raise ValueError(f"{self!r} not ready")
        return self._success

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the job has ended, or for ``timeout`` seconds."""
        if self._settled:
            return
        pool = self._pool
        if pool is not None:
            if pool._completion.serves_me():
                # A callback that waits for another job would wait for itself: settle what is due meanwhile.
                pool._completion.help(self.ready, timeout)
                return
            if pool._dispatcher.lead(self, timeout):
                return
        with _waiters:
            waiter = self._waiter
            if waiter is None:
                waiter = self._waiter = threading.Event()
        # Settled first, then the waiter read: one of the two sides sees the other.
        if not self._settled:
            waiter.wait(timeout)

    def _wake(self) -> None:
        self._settled = True
        if self._waiter is not None:
            self._waiter.set()
        pool = self._pool
        if pool is not None and pool._completion.helping:
            pool._completion.look_again()
        if self._watchers:
            with _waiters:
                watchers, self._watchers = self._watchers, ()
            for watcher in watchers:
                watcher()

    def _watch(self, watcher: Callable[[], object]) -> None:
        """Have ``watcher`` called once the job has ended; at once if it has. It must neither block nor raise."""
        with _waiters:
            if not self._settled:
                self._watchers = (*self._watchers, watcher)
                return
        watcher()

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait in asyncio, without a thread. A cancelled wait leaves the job alone."""
        if not self._settled:
            loop = asyncio.get_running_loop()
            future = loop.create_future()

            def settle() -> None:
                if not future.done():
                    future.set_result(None)

            def watcher() -> None:
                try:
                    loop.call_soon_threadsafe(settle)
                except RuntimeError:
                    pass  # The loop was closed, so nobody waits any more.

            self._watch(watcher)
            yield from future
        return self.get()

    def get(self, timeout: float | None = None) -> Any:
        raise NotImplementedError
