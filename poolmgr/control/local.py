"""The control of a pool that lives in this process.

Thread: the caller's.  Draining and terminating take as long as jobs take, so each waits in a thread of its own,
"poolmgr-drain" or "poolmgr-terminate".
Never: raises for what an operator asks; the reply says what is wrong in one sentence.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Unpack

from poolmgr.control import looks, worker_acts
from poolmgr.control.described import load_target
from poolmgr.control.names import complete
from poolmgr.control.target import MOST_JOBS, check_call, items_of
from poolmgr.engine.acts import Met
from poolmgr.errors import UnknownJob, UnknownWorker, UsageError
from poolmgr.model.buckets import History
from poolmgr.model.listeners import Listener
from poolmgr.model.requests import (
    Cancel,
    CheckCall,
    Complete,
    Drain,
    Inspect,
    Kill,
    Move,
    Pace,
    Pause,
    Profile,
    ReleaseLock,
    Reply,
    Request,
    Resize,
    Resume,
    Retry,
    RetryAllFailed,
    Stack,
    Submit,
    Terminate,
    Uncancel,
    WorkerLook,
)
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.model.states import JobState, PoolState
from poolmgr.monitor.collector import Collector

if TYPE_CHECKING:
    from poolmgr.engine.job import Job
    from poolmgr.engine.options import CallOptions
    from poolmgr.engine.pool import Pool

#: Seconds that a drain waits before it looks whether the control was closed; what close() may cost at the most.
SLICE = 0.5


class LocalControl:
    """A :class:`~poolmgr.model.control.PoolControl` of a pool and its collector, both of which its owner closes."""

    def __init__(self, pool: Pool, collector: Collector) -> None:
        self._pool = pool
        self._collector = collector
        self._closing = threading.Event()
        self._waiters: list[threading.Thread] = []
        self._waiters_lock = threading.Lock()
        self._unsubscribe = pool.subscribe(collector.request_frame)

    def snapshot(self) -> PoolSnapshot:
        """The collector's newest picture."""
        return self._collector.latest()

    def history(self) -> History:
        """The collector's history, up to its newest picture."""
        return self._collector.history()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have ``listener`` called, from the collector's thread, when a picture with news in it is there."""
        return self._collector.subscribe(listener)

    def submit_call(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...] = (),
        kwds: dict[str, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> Job:
        """``apply_async`` with its options, and with callbacks that tell the listeners of the job's end.

        Raises:
            PoolClosed: The pool takes no more jobs.
            UnknownJob: There is no such job as it is to wait for.
        """
        return self._pool.apply_async(func, args, kwds, callback=self._heard, error_callback=self._heard, **options)

    def expect(self, jobs: int | None, until: float | None = None) -> None:
        """Say how many jobs :meth:`submit_call` will have submitted in the end, or until when it goes on.

        What an operator submits or retries meanwhile is added. Without either, nobody knows any more.
        """
        self._collector.expect(jobs, until)

    def send(self, request: Request) -> Reply:
        """Carry out what an operator asks, and say what became of it."""
        try:
            reply = self._carry_out(request)
        except (UsageError, UnknownJob, UnknownWorker, ValueError) as error:
            return Reply(False, str(error), getattr(request, "job_id", None))
        if not isinstance(request, WorkerLook | CheckCall | Complete | Pace):
            self._collector.request_frame()
        return reply

    def close(self) -> None:
        """Stop listening to the pool, and wait for this control's threads. The pool goes on."""
        self._unsubscribe()
        self._closing.set()
        with self._waiters_lock:
            waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.join()

    def _heard(self, _: object) -> None:
        self._collector.request_frame()

    def _carry_out(self, request: Request) -> Reply:
        match request:
            case Submit():
                return self._submit(request)
            case CheckCall():
                return check_call(request)
            case Complete(text):
                return Reply(True, "", lines=tuple(complete(text)))
            case Pace(hertz):
                return Reply(True, f"{self._collector.wish(hertz):g} pictures a second")
            case Resize(size):
                return self._resize(size)
            case Pause():
                self._pool.pause()
                return Reply(True, "held: no further task is started until you resume")
            case Resume():
                self._pool.resume()
                return Reply(True, "resumed: tasks are started again")
            case Cancel(job_id, undo):
                return self._cancel(job_id, undo)
            case Uncancel(job_id):
                return self._uncancel(job_id)
            case Move():
                return self._move(request)
            case Kill(job_id, grace):
                return self._kill(job_id, grace)
            case Retry(job_id):
                return self._retry(job_id)
            case RetryAllFailed():
                return self._retry_all()
            case Drain():
                return self._drain()
            case Terminate():
                self._wait_in_thread("poolmgr-terminate", self._terminate)
                return Reply(True, "terminating: all workers end now")
            case Stack() | Profile() | Inspect():
                return looks.answer(self._pool, request)
            case ReleaseLock():
                return Reply(False, "the locks of this pool are not tracked: start its program with poolmgr run")
            case _:
                return worker_acts.carry_out(self._pool, request)

    def _submit(self, request: Submit) -> Reply:
        if not 1 <= request.repeat <= MOST_JOBS:
            raise UsageError(f"a call is repeated from 1 to {MOST_JOBS:,} times, not {request.repeat:,}")
        items = items_of(request)
        if items is not None and request.repeat != 1:
            raise UsageError("there is a job for each line of the file: leave times at 1")
        func = load_target(request.target)
        ids = []
        for first in [()] * request.repeat if items is None else [(item,) for item in items]:
            job = self.submit_call(
                func,
                (*first, *request.args),
                request.kwargs,
                name=request.name,
                priority=request.priority,
                timeout=request.timeout,
                soft_timeout=request.soft_timeout,
                retries=request.retries,
                after=request.after,
            )
            self._collector.expect_one_more()
            ids.append(job.id)
        if len(ids) == 1:
            return Reply(True, f"job {ids[0]} submitted: {request.target}", ids[0])
        return Reply(True, f"{len(ids):,} jobs submitted, {ids[0]} to {ids[-1]}: {request.target}", ids[0])

    def _resize(self, size: int) -> Reply:
        before = self._pool.snapshot().size
        self._pool.resize(size)
        noun = "worker" if size == 1 else "workers"
        if size < before:
            return Reply(True, f"from {before} to {size} {noun}: those too many leave after their jobs")
        return Reply(True, f"{size} {noun}" if size == before else f"from {before} to {size} {noun}")

    def _cancel(self, job_id: int, undo: float) -> Reply:
        texts = {
            Met.HAD_ENDED: "has ended already",
            Met.SET_ASIDE: f"is taken out of the queue; it can be put back for {undo:g} s",
            Met.WAITING: "is cancelled before it started",
            Met.SENT: "is called back from its worker; if it has just started, it is asked to stop",
            Met.RUNNING: "is asked to stop; kill it if it does not",
        }
        met = self._pool._cancel(job_id, undo)
        return Reply(met is not Met.HAD_ENDED, f"job {job_id} {texts[met]}", job_id)

    def _uncancel(self, job_id: int) -> Reply:
        if self._pool.uncancel(job_id):
            return Reply(True, f"job {job_id} is in the queue again, in its place", job_id)
        return Reply(False, f"job {job_id} cannot be put back: nobody has just taken it out; retry it", job_id)

    def _move(self, request: Move) -> Reply:
        job_id, where = request.job_id, request.where
        waits, other = self._pool._move(job_id, where)
        if not waits:
            return Reply(False, f"job {job_id} does not wait in the queue", job_id)
        if other is None:
            end = "last" if where == "down" else "first"
            return Reply(False, f"job {job_id} is the {end} of its priority already", job_id)
        return Reply(True, f"job {job_id} comes {'after' if where == 'down' else 'before'} job {other} now", job_id)

    def _kill(self, job_id: int, grace: float) -> Reply:
        killed = "is killed with its worker"
        if grace > 0:
            killed = f"gets SIGINT now, SIGTERM in {grace / 2:g} s, SIGKILL in {grace:g} s"
        texts = {
            Met.HAD_ENDED: "has ended already: no worker was killed",
            Met.WAITING: "is cancelled before it started: no worker was killed",
            Met.SENT: "is called back from its worker; if it has just started, it is killed",
            Met.RUNNING: killed,
        }
        met = self._pool._kill(job_id, grace)
        return Reply(met is not Met.HAD_ENDED, f"job {job_id} {texts[met]}", job_id)

    def _retry(self, job_id: int) -> Reply:
        state = self._state_of(job_id)
        if state is not None and not state.retryable:
            why = "is done" if state.ended else f"is still {state}"
            return Reply(False, f"job {job_id} {why}: only a job that ended badly is retried", job_id)
        job = self._pool.retry(job_id)
        self._collector.expect_one_more()
        return Reply(True, f"job {job_id} is submitted again as job {job.id}", job.id)

    def _retry_all(self) -> Reply:
        ids = self._pool.failed_ids()
        for job_id in ids:
            self._pool.retry(job_id)
            self._collector.expect_one_more()
        if not ids:
            return Reply(False, "no job failed or was lost that was not retried already")
        return Reply(True, f"{len(ids):,} {'job is' if len(ids) == 1 else 'jobs are'} submitted again")

    def _state_of(self, job_id: int) -> JobState | None:
        """Its state a moment ago. What runs is always known; what waits may be too far back in the queue."""
        job = self._pool.snapshot().job(job_id)
        return None if job is None else job.state

    def _drain(self) -> Reply:
        held = self._pool.snapshot().state is PoolState.HELD
        self._pool.close()
        self._wait_in_thread("poolmgr-drain", self._join)
        if held:
            return Reply(True, "draining, but tasks are held: resume, or it never ends")
        return Reply(True, "draining: no more jobs are taken, the workers leave when those there are have ended")

    def _wait_in_thread(self, name: str, work: Callable[[], None]) -> None:
        with self._waiters_lock:
            self._waiters = [waiter for waiter in self._waiters if waiter.is_alive()]
            if any(waiter.name == name for waiter in self._waiters):
                return
            waiter = threading.Thread(target=self._guarded, args=(work,), name=name, daemon=True)
            self._waiters.append(waiter)
            waiter.start()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # the thread's top: the operator's log is the only one to tell
            self._pool.log(f"{type(error).__name__}: {error}", level="error")
        self._collector.request_frame()

    def _terminate(self) -> None:
        self._pool.terminate()
        self._join()

    def _join(self) -> None:
        while not self._closing.is_set() and not self._pool.join(SLICE):
            pass
