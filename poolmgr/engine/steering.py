"""What may be asked of a pool while it runs, beyond the stock pool's methods: by a program, a screen, or an executor.

Any thread may call these.  What changes the pool is done by the dispatcher (``acts.py``), whose answer is waited for.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from multiprocessing import pool
from typing import TYPE_CHECKING, Any, Literal, Self

from poolmgr.engine import acts, picture, worker_acts
from poolmgr.engine.dispatcher import Dispatcher
from poolmgr.engine.tape import Reader
from poolmgr.errors import PoolClosed

if TYPE_CHECKING:
    from poolmgr.model.snapshot import PoolSnapshot


Where = Literal["up", "down", "top"]


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

    def cancel(self, job_id: int, *, undo: float = 0.0) -> bool:
        """Take a job out of the queue; if it runs, raise KeyboardInterrupt inside it.

        Args:
            job_id: The job.
            undo: Seconds in which :meth:`uncancel` can put a job that waits back into its place. It ends when they
                are over; who waits for it waits for so long.

        Returns:
            False if it had ended already.

        Raises:
            UnknownJob: There is no such job.
            PoolClosed: The pool has ended.
        """
        return self._cancel(job_id, undo) is not acts.Met.HAD_ENDED

    def _cancel(self, job_id: int, undo: float) -> acts.Met:
        return self._dispatcher.mailbox.ask(acts.cancel, self._dispatcher, job_id, undo)

    def uncancel(self, job_id: int) -> bool:
        """Put a job back into the queue that was cancelled with ``undo``, as if nothing had been.

        Returns:
            False if it is too late, or it was not cancelled so.

        Raises:
            PoolClosed: The pool has ended.
        """
        return self._dispatcher.mailbox.ask(acts.uncancel, self._dispatcher, job_id)

    def move(self, job_id: int, where: Where) -> bool:
        """Move a job that waits past one other, or before all others, of its priority.

        Args:
            job_id: The job.
            where: ``up``, ``down`` or ``top``.

        Returns:
            False if it was there already, or does not wait.

        Raises:
            PoolClosed: The pool has ended.
        """
        return self._move(job_id, where)[1] is not None

    def _move(self, job_id: int, where: Where) -> tuple[bool, int | None]:
        return self._dispatcher.mailbox.ask(acts.move, self._dispatcher, job_id, where)

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
        return self._kill(job_id, grace) is not acts.Met.HAD_ENDED

    def _kill(self, job_id: int, grace: float) -> acts.Met:
        return self._dispatcher.mailbox.ask(acts.kill, self._dispatcher, job_id, grace)

    def failed_ids(self) -> list[int]:
        """The jobs that failed or were lost, are remembered, and were not retried; who killed a job has meant it.

        Raises:
            PoolClosed: The pool has ended.
        """
        return self._dispatcher.mailbox.ask(acts.retryable, self._dispatcher)

    # -- one worker: by its slot, and, so that no act meets another one, by the number of its process there

    def suspend(self, slot: int, generation: int | None = None) -> int:
        """Stop a worker and what its jobs have started (SIGSTOP): it is fed nothing, and its time limits stand still.

        Args:
            slot: The worker's, as in a snapshot.
            generation: Its process, as in a snapshot; None means whichever is there.

        Returns:
            Its process id.

        Raises:
            UnknownWorker: There is none, or it is another process.
            ValueError: It is still starting.
            PoolClosed: The pool has ended.
        """
        return self._dispatcher.mailbox.ask(worker_acts.suspend, self._dispatcher, slot, generation)

    def unsuspend(self, slot: int, generation: int | None = None) -> int:
        """Let a worker go on that was stopped, by :meth:`suspend` or by anybody. As :meth:`suspend` for the rest."""
        return self._dispatcher.mailbox.ask(worker_acts.go_on, self._dispatcher, slot, generation)

    def recycle(self, slot: int, generation: int | None = None) -> int:
        """Have a worker leave after its job, and another one take its place. As :meth:`suspend` for the rest."""
        return self._dispatcher.mailbox.ask(worker_acts.recycle, self._dispatcher, slot, generation)

    def renice(self, slot: int, value: int, generation: int | None = None) -> int:
        """Set the nice value of a worker and of what its jobs have started. As :meth:`suspend` for the rest.

        Raises:
            OSError: The system does not allow it.
        """
        return self._dispatcher.mailbox.ask(worker_acts.renice, self._dispatcher, slot, generation, value)

    def set_affinity(self, slot: int, cpus: Iterable[int], generation: int | None = None) -> int:
        """Bind a worker and what its jobs have started to some CPUs. As :meth:`suspend` for the rest.

        Raises:
            OSError: There are no such CPUs, or the system does not allow it.
        """
        return self._dispatcher.mailbox.ask(
            worker_acts.set_affinity, self._dispatcher, slot, generation, frozenset(cpus)
        )

    def send_signal(self, slot: int, number: int, generation: int | None = None) -> tuple[int, str]:
        """Send a signal to a worker's process alone. As :meth:`suspend` for the rest.

        Returns:
            Its process id, and what the process makes of it, a verb: it handles, ignores, stops, goes on, or ends.
        """
        return self._dispatcher.mailbox.ask(worker_acts.send_signal, self._dispatcher, slot, generation, number)

    def pid_of(self, slot: int, generation: int | None = None) -> int:
        """The process id of a worker that lives. As :meth:`suspend` for the rest."""
        return self._dispatcher.mailbox.ask(worker_acts.find, self._dispatcher, slot, generation).pid

    def stack(self, slot: int, generation: int | None = None) -> str:
        """The stacks of all threads of a worker now, as faulthandler writes them, also while its job computes in C.

        Takes a few milliseconds; in C 30, and is then of that thread alone, with a line that says so. As
        :meth:`suspend` for the rest.

        Raises:
            NoStack: The worker does not tell; the text says why.
        """
        return self.stacks(slot, 1, 0.0, generation)[0]

    def stacks(self, slot: int, count: int, every: float, generation: int | None = None) -> list[str]:
        """As :meth:`stack`, ``count`` times, one every so many seconds: a profile, if there are many."""
        handle, tap = self._dispatcher.mailbox.ask(worker_acts.tap, self._dispatcher, slot, generation)
        found: list[str] = []
        with tap, handle.tapped:
            begun = time.monotonic()
            while len(found) < count:
                found.append(tap.take())
                handle.last_stack = time.time(), found[-1]
                if len(found) < count:
                    time.sleep(max(0.0, begun + len(found) * every - time.monotonic()))
        return found

    def snapshot(self) -> PoolSnapshot:
        """The picture of the pool now. CPU and memory are left out: a monitor adds them."""
        submitted = self._dispatcher.next_id() - 1
        self._dispatcher.undertaker.oom.look()
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
        return self._dispatcher.listeners.subscribe(listener)

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
