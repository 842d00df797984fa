"""Waiting for a job: by threads, by coroutines, and by callbacks, which must not wait for themselves.

A job is settled once, by one thread.  Whoever waits needs no lock until it really has to wait, so a pending job costs
few bytes.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator
from multiprocessing import TimeoutError
from typing import TYPE_CHECKING, Any

from poolmgr.engine import leader

if TYPE_CHECKING:
    import asyncio

    from poolmgr.engine.handle import Handle
    from poolmgr.engine.pool import Pool


class Waiters:
    """Who waits for a job: threads at a gate, coroutines by their watchers.

    The gate is a bare lock and not an Event: a KeyboardInterrupt in the middle of ``Event.wait()`` can leave the
    event's own lock held, and then whoever settles the job would wait for ever.
    """

    __slots__ = ("gate", "watchers")

    def __init__(self) -> None:
        self.gate = threading.Lock()
        self.gate.acquire()
        self.watchers: list[Callable[[], object]] = []

    def wait(self, timeout: float | None) -> None:
        """Wait at the gate."""
        limit = -1 if timeout is None else min(max(0.0, timeout), threading.TIMEOUT_MAX)
        if self.gate.acquire(timeout=limit):
            # Left open for the next one who waits; a second wake() may have opened it meanwhile.
            with contextlib.suppress(RuntimeError):
                self.gate.release()

    def wake(self) -> None:
        """Wake all of them; each watcher is called once, whoever calls this."""
        if self.gate.locked():
            # Another thread may have opened it since, or one who waited may be passing.
            with contextlib.suppress(RuntimeError):
                self.gate.release()
        while self.watchers:
            try:
                watcher = self.watchers.pop()
            except IndexError:
                return
            watcher()


def on_this_loop() -> tuple[asyncio.Future[None], Callable[[], None]]:
    """Something to await in asyncio, without a thread, and what any thread calls to end the wait."""
    # Here, since it takes as long to import as all the rest of a pool.
    import asyncio

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

    return future, watcher


class Waitable:
    """Waiting for a job that has a ``_settled`` flag, a ``_success`` and a ``_value``."""

    _settled: bool
    _success: bool
    _value: Any
    _pool: Pool | None
    #: The worker that a caller sent it alone, and its number there.
    _handle: tuple[Handle, int] | None = None
    #: Made by the first who has to wait.
    _waiters: Waiters | None

    def ready(self) -> bool:
        """Whether the job has ended, well or badly."""
        if not self._settled:
            self._make_way()
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
            if self._handle is not None and leader.lead(self, pool, timeout):  # type: ignore[arg-type]
                return
        self._waiters_made()
        self._make_way()
        # Settled first, then the waiters read: one of the two sides sees the other.
        if not self._settled:
            self._waiters_made().wait(timeout)

    def _waiters_made(self) -> Waiters:
        """The waiters, made by the first who needs them; without a lock, for which a signal handler would wait."""
        if self._waiters is None:
            made = Waiters()
            # In one piece: who was quicker, in another thread or in a handler, may have those who wait already.
            if self._waiters is None:
                self._waiters = made
        return self._waiters

    def _make_way(self) -> None:
        """Somebody waits for the job without being its leader: one that is must not keep the result to itself."""
        pool = self._pool
        if self._handle is not None and pool is not None:
            leader.make_way(self._handle[0], pool._dispatcher.mailbox)

    def _wake(self) -> None:
        self._settled = True
        if self._handle is not None:
            # A job that is kept must not keep its worker's memory.
            self._handle = None
        if self._waiters is not None:
            self._waiters.wake()
        pool = self._pool
        if pool is not None and pool._completion.helping:
            pool._completion.look_again()

    def _watch(self, watcher: Callable[[], object]) -> None:
        """Have ``watcher`` called once the job has ended; at once if it has. It must neither block nor raise."""
        waiters = self._waiters_made()
        waiters.watchers.append(watcher)
        self._make_way()
        if self._settled:
            waiters.wake()

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait in asyncio, without a thread. A cancelled wait leaves the job alone."""
        if not self._settled:
            future, watcher = on_this_loop()
            self._watch(watcher)
            yield from future
        return self.get()

    def get(self, timeout: float | None = None) -> Any:
        """Wait as :meth:`wait` does, then return the result or raise the job's exception.

        Raises:
            multiprocessing.TimeoutError: It has not ended in time.
        """
        if not self._settled:
            self.wait(timeout)
        if not self._settled:
            raise TimeoutError
        if self._success:
            return self._value
        raise self._value
