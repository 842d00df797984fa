"""The control of a pool in a program that runs under ``poolmgr run``: its own engine, seen from outside.

    any worker      signals, nice, CPUs, stacks                                                    (outside.py)
    a stock pool    kill and stop a job, resize, hold, as far as that kind of pool can             (stock.py)
    the program     terminating the pool asks its program to end

The rest is refused, with a sentence that says why.

Thread: the caller's, for up to three seconds.  A kill with a grace has a timer's thread, "poolmgr-grace".
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from poolmgr.control import looks, worker_acts
from poolmgr.control.outside import OutsideWorkers
from poolmgr.control.stock import StockActs
from poolmgr.errors import UnknownJob, UnknownWorker, UsageError
from poolmgr.model.buckets import History
from poolmgr.model.listeners import Listener
from poolmgr.model.requests import (
    Cancel,
    Continue,
    Drain,
    Inspect,
    Kill,
    Move,
    Pace,
    Pause,
    Profile,
    Recycle,
    ReleaseLock,
    Renice,
    Reply,
    Request,
    Resize,
    Resume,
    Retry,
    RetryAllFailed,
    SendSignal,
    SetAffinity,
    Stack,
    Suspend,
    Terminate,
    Uncancel,
    WorkerLook,
)
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.monitor.collector import Collector
from poolmgr.monitor.observed_pool import ProgramPool
from poolmgr.monitor.observed_workers import Seated
from poolmgr.monitor.seat import Seat


class ObservedControl:
    """A :class:`~poolmgr.model.control.PoolControl` of the pool in a seat.

    Args:
        seat: Where the pool sits.
        collector: Takes its pictures.
        acts: Acts on what is in the run's folder.
        end_program: Asks the program to end, and says so in a sentence.
        hurry: Has the program looked at so many times a second, for as long as such a wish holds.
        release: Releases a lock whose holder is gone.
    """

    def __init__(
        self,
        seat: Seat,
        collector: Collector,
        acts: StockActs,
        *,
        end_program: Callable[[], str],
        hurry: Callable[[float], None],
        release: Callable[[int], Reply],
    ) -> None:
        self._seat = seat
        self._collector = collector
        self._acts = acts
        self._end_program = end_program
        self._hurry = hurry
        self._release = release
        self._workers = OutsideWorkers(seat)

    def snapshot(self) -> PoolSnapshot:
        """The collector's newest picture."""
        return self._collector.latest()

    def history(self) -> History:
        """The collector's history, up to its newest picture."""
        return self._collector.history()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have ``listener`` called, from the collector's thread, when a picture with news in it is there."""
        return self._collector.subscribe(listener)

    def send(self, request: Request) -> Reply:
        """Carry out what an operator asks, and say what became of it."""
        reply = self._answer(lambda: self._carry_out(request), getattr(request, "job_id", None))
        if not isinstance(request, WorkerLook | Pace):
            self._collector.request_frame()
        return reply

    def _answer(self, act: Callable[[], Reply], job_id: int | None) -> Reply:
        try:
            return act()
        except (UsageError, UnknownJob, UnknownWorker) as error:
            return Reply(False, str(error), job_id)

    def _carry_out(self, request: Request) -> Reply:
        match request:
            case Stack() | Profile() | Inspect():
                return looks.answer(self._workers, request)
            case Suspend() | Continue() | Recycle() | Renice() | SetAffinity() | SendSignal():
                return worker_acts.carry_out(self._workers, request)
            case Pace(hertz):
                self._hurry(hertz)
                return Reply(True, f"{self._collector.wish(hertz):g} pictures a second")
            case Terminate():
                return Reply(True, self._end_program())
            case ReleaseLock(lock_id):
                return self._release(lock_id)
        pool = self._seat.pool
        if pool is None or pool.ended:
            what = "has no pool that poolmgr sees" if pool is None else "has ended this pool"
            return Reply(False, f"the program {what}: there is nothing to act on")
        match request:
            case Kill(job_id, grace):
                return self._kill(pool, job_id, grace)
            case Cancel(job_id):
                return self._stop(pool, job_id)
            case Resize(size):
                return self._acts.resize(pool.record, size)
            case Pause() | Resume():
                return self._hold(pool, hold=isinstance(request, Pause))
        return Reply(False, refusal(request, pool.engine), getattr(request, "job_id", None))

    def _kill(self, pool: ProgramPool, job_id: int, grace: float) -> Reply:
        worker = self._runner(pool, job_id).worker
        # Before the deed: the pool may tell its end before we hear of it.
        pool.jobs.kill_asked(job_id)
        if grace <= 0:
            return self._acts.kill(worker, job_id)
        stopped = self._acts.stop(worker, job_id)
        if stopped.ok or not self._acts.is_in(worker, job_id):
            return stopped
        later = threading.Timer(grace, self._kill_late, (pool, job_id))
        later.name, later.daemon = "poolmgr-grace", True
        later.start()
        return Reply(True, f"job {job_id} did not stop when it was asked; it gets SIGKILL in {grace:g} s", job_id)

    def _kill_late(self, pool: ProgramPool, job_id: int) -> None:
        """The grace is over; nobody waits for the answer, so it goes to the log."""
        reply = self._answer(lambda: self._kill(pool, job_id, 0.0), job_id)
        self._seat.log(reply.text, job_id=job_id)
        self._collector.request_frame()

    def _stop(self, pool: ProgramPool, job_id: int) -> Reply:
        worker = self._runner(pool, job_id).worker
        pool.jobs.kill_asked(job_id)
        return self._acts.stop(worker, job_id)

    def _hold(self, pool: ProgramPool, *, hold: bool) -> Reply:
        workers = [seated.worker for seated in pool.workers()]
        pool.held = hold
        return (self._acts.hold if hold else self._acts.release)(pool.record, workers)

    def _runner(self, pool: ProgramPool, job_id: int) -> Seated:
        """The worker that runs a job.

        Raises:
            UsageError: None does.
        """
        seated = pool.seated_at(job_id)
        if seated is None:
            raise UsageError(
                f"job {job_id} is in no worker's hands: it has ended, or waits in the program's own queue, and nothing "
                "can be taken out of that"
            )
        return seated


def refusal(request: Request, engine: str) -> str:
    """Why a request cannot be carried out by another engine than poolmgr's."""
    whose = f"this pool is the program's own ({engine})"
    match request:
        case Retry() | RetryAllFailed():
            return f"{whose}, which keeps no arguments: a job cannot be given to it again"
        case Move() | Uncancel():
            return f"{whose}, whose queue keeps its order"
        case Drain():
            return f"{whose}: only that closes it"
    return f"{whose}: only that gives it jobs"
