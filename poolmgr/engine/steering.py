"""What may be asked of a pool while it runs, beyond the stock pool's methods: by a program, a screen, or an executor.

Any thread may call these.  What changes the pool is done by the dispatcher (``acts.py``), whose answer is waited for.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from multiprocessing import pool
from typing import TYPE_CHECKING, Any, Self

from poolmgr.engine import acts, picture
from poolmgr.engine.dispatcher import Dispatcher
from poolmgr.engine.tape import Reader
from poolmgr.errors import PoolClosed

if TYPE_CHECKING:
    from poolmgr.model.snapshot import PoolSnapshot


class SteeredPool(pool.Pool):
    """A pool that can be looked at and steered; :class:`poolmgr.Pool` is one."""

    _ctx: Any
    #: Made by the constructor of the pool.
    _dispatcher: Dispatcher
    _started: float
    name: str

    def resize(self, size: int) -> None:
        """Have ``size`` workers: more at once, fewer as they finish their jobs.

        Raises:
            ValueError: ``size`` is below 1 (to stop the feeding, use :meth:`pause`).
            PoolClosed: The pool has ended.
        """
        if size < 1:
            raise ValueError("Number of processes must be at least 1; pause() stops the feeding")
        self._dispatcher.mailbox.ask(acts.resize, self._dispatcher, size)

    def pause(self) -> None:
        """Start no more tasks until :meth:`resume`; what runs goes on."""
        self._dispatcher.mailbox.ask(acts.hold, self._dispatcher, True)

    def resume(self) -> None:
        """Start tasks again."""
        self._dispatcher.mailbox.ask(acts.hold, self._dispatcher, False)

    def cancel(self, job_id: int) -> bool:
        """Take a job out of the queue; if it runs, raise KeyboardInterrupt inside it.

        Returns:
            False if it had ended already.

        Raises:
            UnknownJob: There is no such job.
            PoolClosed: The pool has ended.
        """
        return self._dispatcher.mailbox.ask(acts.cancel, self._dispatcher, job_id)

    def withdraw(self, job_ids: Iterable[int]) -> list[int]:
        """Cancel those of the jobs that no worker has begun, and leave the others alone; unknown ids too.

        Returns:
            The ids of those that were cancelled: they never run.
        """
        withdrawn: list[int] = []
        wanted = list(job_ids)
        with contextlib.suppress(PoolClosed):
            for _ in range(acts.RECALLS):
                found, wanted = self._dispatcher.mailbox.ask(acts.withdraw, self._dispatcher, wanted)
                withdrawn += found
                if not wanted:
                    break
                time.sleep(acts.LOOK)
        return withdrawn

    def kill(self, job_id: int, *, grace: float = 0.0) -> bool:
        """Kill the worker that runs a job, and with it the job and what it has started. The worker is replaced.

        Args:
            job_id: The job; one that waits is cancelled.
            grace: Seconds that it is given to clean up: SIGINT at once, SIGTERM after half of them, then SIGKILL.

        Returns:
            False if it had ended already.

        Raises:
            UnknownJob: There is no such job.
            PoolClosed: The pool has ended.
        """
        return self._dispatcher.mailbox.ask(acts.kill, self._dispatcher, job_id, grace)

    def snapshot(self) -> PoolSnapshot:
        """The picture of the pool now. CPU and memory are left out: a monitor adds them."""
        submitted = self._dispatcher.next_id() - 1
        return picture.take(self._dispatcher, self.name, str(self._ctx.get_start_method()), self._started, submitted)

    def record(self) -> Reader:
        """Have it taken down from now on what the workers do, for the one reader that this returns: a monitor."""
        dispatcher = self._dispatcher
        return Reader(dispatcher.accounts.tape, dispatcher.crew.handles, dispatcher.feeding)

    def log(self, text: str, *, kind: str = "event", level: str = "info", job_id: int | None = None) -> None:
        """Add a line to the pool's log. Any thread may."""
        self._dispatcher.ledger.log(text, kind=kind, level=level, job_id=job_id)

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have ``listener`` called when a worker starts or dies, a job ends badly, or the pool changes its state.

        A thread of the pool calls it: it must not block. Returns what ends the subscription.
        """
        dispatcher = self._dispatcher
        dispatcher.listeners += (listener,)

        def unsubscribe() -> None:
            dispatcher.listeners = tuple(other for other in dispatcher.listeners if other is not listener)

        return unsubscribe

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        """Wait for all jobs and for the pool's end, while the loop goes on; terminate it if the block has raised."""
        import asyncio

        if kind is None:
            self.close()
        else:
            await asyncio.to_thread(self.terminate)
        await asyncio.to_thread(self.join)
