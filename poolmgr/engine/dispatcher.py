"""The dispatcher: one thread that owns the workers, in place of the stock pool's three.

callers       apply_async -> Job -> backlog; the caller sends it itself if a worker is idle      map, imap -> backlog
feeders       a lazy iterable, read ahead to a bound -> backlog
couriers      what is large of arguments and results, over the same sockets, while it lasts
dispatcher    feeds workers, a batch at a time, long enough to pay, short enough to be shared out again
                   |  frame: base sequence number, function numbers, arguments        (one socket for each worker)
                   v
worker        START=i . call . result into its ring . COMMIT=i+1  ...  rings the bell at the end, or once a ms
                   |  shared memory: the ring survives its writer
                   v
dispatcher    drains rings up to COMMIT -> ledger -> job, or completion thread      a caller that waits in get() for
                                                                                      the one job of a worker does it
completion    rebuilds pickled results, runs callbacks, wakes who waits            <- users' code, here only

it waits for    the selector, and REAP seconds at most for the exit code of a process that has ended already
it never        runs users' code (but the pickling of arguments, guarded), blocks on a socket, or takes a lock that is
                held while users' code runs
a worker dies   at any instruction: what it had committed was delivered; the one task it had begun is lost; what it
                had not begun goes back to the head of the backlog
a caller dies   its jobs stay; nobody waits for them
completion      cannot die by users' code; if the interpreter ends it, jobs are not settled, but workers still leave
the owner dies  the lifeline kills the workers; nothing of the pool has a name on disk
it dies itself  by a fault of ours: :meth:`Dispatcher._collapse` kills the workers, fails every job and says so
"""

from __future__ import annotations

import itertools
import selectors
import signal
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from poolmgr.engine import inline, wire
from poolmgr.engine.accounts import Accounts
from poolmgr.engine.backlog import Segment
from poolmgr.engine.cloud import Sender
from poolmgr.engine.completion import Completion
from poolmgr.engine.crew import Crew
from poolmgr.engine.drain import Drain, Durations
from poolmgr.engine.encode import Functions
from poolmgr.engine.ending import Ending
from poolmgr.engine.ends import Spec
from poolmgr.engine.feeding import Feeding
from poolmgr.engine.handle import Handle
from poolmgr.engine.job import AnyJob, Job, ManyTasks
from poolmgr.engine.ledger import Ledger
from poolmgr.engine.mailbox import Mailbox
from poolmgr.engine.retries import Retries
from poolmgr.engine.scheduler import (
    Closed,
    End,
    Event,
    GiveUp,
    Instruction,
    Keep,
    Leave,
    Looked,
    Retire,
    Scheduler,
    Spawn,
    Ticked,
    WorkerExited,
    WorkerReady,
)
from poolmgr.engine.timers import Timers
from poolmgr.engine.undertaker import Undertaker
from poolmgr.engine.watches import Watches
from poolmgr.errors import WorkerStartFailed
from poolmgr.model.listeners import Listeners

if TYPE_CHECKING:
    from poolmgr.engine.memory import Bounds

#: Seconds between SIGTERM and SIGKILL when the pool is terminated: a job may clean up, but all must be gone in 3 s.
TERMINATE_GRACE = 1.0


class Dispatcher(threading.Thread):
    """Owns workers and ledger. It holds no reference to its Pool, which may be collected under it."""

    def __init__(
        self,
        spec: Spec,
        size: int,
        maxtasksperchild: int | None,
        cache: dict[int, ManyTasks],
        bounds: Bounds | None = None,
    ) -> None:
        super().__init__(name="poolmgr-dispatcher", daemon=True)
        #: Maps and streams that have not ended, by id.
        self.cache = cache
        #: Numbers for jobs, from 1.
        self.job_ids = itertools.count(1)
        self.ledger = Ledger()
        self.scheduler = Scheduler(size)
        self.completion = Completion(self._callback_failed, self._result_spoiled)
        self.accounts = Accounts(self.ledger, self.completion, self.news)
        self.mailbox = Mailbox()
        #: Called on rare news.
        self.listeners = Listeners()
        #: Feeders that still read; changed by callers and feeders under the mailbox's lock.
        self.feeders = 0
        self.closing = self.terminating = self.ended = False
        self._reason = ""
        #: Steps to run later, on this thread.
        self.timers = Timers()
        self._selector = selectors.DefaultSelector()
        functions = Functions(Sender(spec.forks))
        self.crew = Crew(
            spec, self.mailbox, functions, self.ledger, self._selector, self.mailbox.tell, self._later,
            exited=self._exited, spoke=self._receive, printed=self._printed,
        )  # fmt: skip
        durations = Durations()
        self.drain = Drain(self.accounts, durations)
        self.feeding = Feeding(
            self.crew.handles, self.accounts, durations, functions, maxtasksperchild,
            self.crew.watch_socket, self.mailbox.tell,
        )  # fmt: skip
        self._append = self.feeding.backlog.append
        self.watches = Watches(self.feeding, self.drain, self.ledger, bounds)
        self.returns = self.watches.returns
        self.undertaker = Undertaker(self.crew, self.accounts, self.drain, self.feeding)
        self.retries = Retries(self.feeding, self.ledger, self._later)
        self.accounts.again = self.retries.again
        self._ending = Ending(self.crew, self.accounts, self.feeding, self.retries, cache)
        self._selector.register(self.mailbox.bell, selectors.EVENT_READ, lambda _: self.mailbox.hear())

    # -- for other threads

    def submit(self, job: Job) -> None:
        """Put a job into the hands of an idle worker, or at the end of the backlog."""
        # No call of ours that can be spared: this is run for each of a million jobs.
        if self.mailbox.nap and not job._callback and inline.send(job, self.feeding, self.mailbox):
            return
        self._append(job)
        # If everybody is busy, whoever finishes wakes the dispatcher.
        if self.feeding.idle and not self.feeding.held:
            self.mailbox.wake()
        if self.ended:
            self._ending.fail_backlog()

    def submit_entry(self, entry: Job | Segment) -> None:
        """Put tasks of a map or stream, or a job that has options, at the end of its priority."""
        self.feeding.backlog.put(entry)
        if self.ended:
            self._ending.fail_backlog()
        if self.feeding.idle or not isinstance(entry, Job):
            self.mailbox.wake()

    def next_id(self) -> int:
        """The number that the next job will have."""
        # A count cannot be asked for its next value, but its repr tells it: "count(17)".
        return int(repr(self.job_ids)[6:-1])

    def count_feeder(self, change: int) -> None:
        """A feeder starts (1) or has read its iterable to the end (-1)."""
        with self.mailbox.lock:
            self.feeders += change
        self.mailbox.wake()

    def _later(self, seconds: float, step: Callable[[], None]) -> None:
        """Have a step run on this thread after so many seconds; also if another thread says so."""
        self.mailbox.tell(lambda: self.timers.later(seconds, step))

    def news(self) -> None:
        """Something rare has happened: tell the listeners."""
        self.listeners.tell()

    def open(self) -> None:
        """Start the workers and the threads, on the caller's thread: workers first, so that they fork from one thread.

        Raises:
            OSError: A process could not be started; those that could are gone again.
            RuntimeError: A thread could not be started, likewise.
        """
        try:
            self.crew.start_first(self.scheduler.size)
            for slot in self.crew.handles:
                self.scheduler.started(slot)
            self.completion.start()
            self.start()
        except BaseException:  # raised again: whatever it is, and a Ctrl-C too, must leave no process behind
            self.crew.abandon()
            if self.completion.is_alive():
                self.completion.stop()
            self.mailbox.close()
            self._selector.close()
            raise

    # -- the loop

    def run(self) -> None:
        """Serve the pool until it has ended."""
        try:
            while not self.ended:
                self._turn()
        except BaseException as error:  # the thread's top: a fault of ours must not look like a slow job
            self._collapse(error)
            raise

    def _turn(self) -> None:
        for key, mask in self._select():
            # Its descriptor may have been closed, and its number given to another, by the step before.
            current = self._selector.get_map().get(key.fd)
            if current is not None and current.data is key.data:
                key.data(mask)
        self._collect()
        if self.mailbox.run():
            self.feeding.depose()
        self._run_timers()
        if self.terminating:
            self._ending.fail_backlog()
            self._ending.fail_retries()
            if not self.crew.handles:
                self._end()
            return
        with self.feeding.lock:
            now, handles = time.monotonic(), list(self.crew.handles.values())
            self.watches.tick(handles, now)
            self.feeding.pump()
            self.watches.plan(handles, now)
            self._look()

    def _select(self) -> list[tuple[selectors.SelectorKey, int]]:
        self.mailbox.lie_down()
        try:
            # Asleep first, then a last look: a caller sees the one or is seen by the other.
            timeout = 0.0 if self.mailbox.waiting or self._can_feed() else self._timeout()
            return self._selector.select(timeout)
        finally:
            self.mailbox.nap = 0

    def _can_feed(self) -> bool:
        feeding = self.feeding
        return bool(feeding.backlog and feeding.idle and not feeding.held)

    def _timeout(self) -> float | None:
        moments = (self.timers.due, self.scheduler.not_before, self.watches.due)
        due = [moment for moment in moments if moment is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _collect(self) -> None:
        for handle in list(self.crew.handles.values()):
            self.feeding.send_late(handle)
            if handle.inflight:
                with handle.lock:
                    self.drain.collect(handle)
                if handle.listed and handle.empty:
                    handle.since = time.time()
            if handle.empty and handle.ready and not handle.listed:
                handle.since = time.time()
                self.feeding.freed(handle)

    def _run_timers(self) -> None:
        self.timers.run()
        now = time.monotonic()
        if self.scheduler.not_before is not None and now >= self.scheduler.not_before:
            self.handle(Ticked(now))

    def _look(self) -> None:
        self.feeding.backlog.forget_ended()
        spent = frozenset(handle.slot for handle in self.crew.handles.values() if self.feeding.spent(handle))
        waiting = bool(self.feeding.waits or self.retries.waiting)
        self.handle(Looked(self.crew.idle(), spent, waiting, self.feeders > 0))

    # -- the scheduler's instructions

    def handle(self, event: Event) -> None:
        """Let the scheduler decide, and do what it says."""
        if self.terminating:
            return
        for instruction in self.scheduler.handle(event):
            self._do(instruction)

    def _do(self, instruction: Instruction) -> None:
        match instruction:
            case Spawn(slot, replaces):
                self._spawn(slot, replaces)
            case Retire(slot):
                self.crew.handles[slot].retired = True
            case Keep(slot):
                self.crew.handles[slot].retired = False
                self.feeding.freed(self.crew.handles[slot])
            case Leave(slot):
                self.crew.handles[slot].leave()
                self.crew.watch_socket(self.crew.handles[slot])
            case GiveUp(attempts):
                self._give_up(attempts)
            case End():
                self._end()

    def _spawn(self, slot: int, replaces: bool) -> None:
        try:
            self.crew.start(slot, replaces)
        except Exception as error:  # user code: the pickling of the initializer's arguments; or the system's limits
            self._reason = f"{type(error).__name__}: {error}"
            self.ledger.log(f"w{slot + 1} could not be started: {self._reason}", level="error", slot=slot)
            self.handle(WorkerExited(slot, False, False, bool(self.feeding.backlog), time.monotonic()))
            return
        self.news()

    def _give_up(self, attempts: int) -> None:
        self.ledger.log(f"{attempts} workers in a row could not start: {self._reason}", level="error")
        self._ending.fail_backlog(lambda job_id: WorkerStartFailed(job_id, attempts, self._reason))
        self.news()

    # -- what workers do

    def _receive(self, handle: Handle) -> None:
        with handle.lock:
            frames = list(handle.channel.receive())
        for frame in frames:
            if frame.kind == wire.READY:
                handle.ready = True
                self.accounts.tape.ready(handle)
                handle.since = time.time()
                self._reason = ""
                self.handle(WorkerReady(handle.slot))
                self.feeding.freed(handle)
            elif frame.kind == wire.UNREADY:
                self._reason = f"the initializer raised\n{frame.fields[0]}"
                text = f"{handle.name}: {self._reason}"
                self.ledger.log(text, level="error", slot=handle.slot, pid=handle.pid)
        if not handle.channel.open:
            # The end of the socket says less than the end of the process, which is about to be told.
            self.crew.forget(handle.channel.fd)

    def _printed(self, handle: Handle) -> None:
        with handle.lock:
            handle.read_output(self.ledger)
        for pipe in handle.output:
            if not pipe.open:
                self.crew.forget(pipe.fd)

    def _exited(self, handle: Handle) -> None:
        """The process has ended: deliver what it had committed, then settle what it held."""
        received = -1
        while handle.channel.open and handle.channel.received != received:
            received = handle.channel.received
            self._receive(handle)
        # Under the lock to its end: nobody may send it anything more.
        with self.feeding.lock:
            exitcode, words = self.undertaker.bury(handle, self.terminating)
            if not handle.ready and not handle.leaving:
                self._reason = self._reason or f"{words} before it was ready; is the program's main guard missing?"
            killed = exitcode in (-signal.SIGKILL, -signal.SIGTERM)
            waiting = bool(self.feeding.backlog)
            self.handle(WorkerExited(handle.slot, handle.taken > 0, killed, waiting, time.monotonic()))
        self.news()

    # -- the end

    def close(self) -> None:
        """No more jobs will be submitted."""
        self.closing = True
        self._ending.nudge_feeders()
        self.handle(Closed())
        self.news()

    def terminate(self) -> None:
        """End all workers; what has not ended is failed. On this thread."""
        if self.terminating or self.ended:
            return
        self.terminating = True
        for handle in self.crew.handles.values():
            handle.signal(signal.SIGTERM)
        self.timers.later(TERMINATE_GRACE, self.crew.kill)
        self._ending.fail_backlog()
        self._ending.nudge_feeders()
        self.news()

    def _end(self) -> None:
        self.ended = True
        self._ending.abandon_rest()
        self.mailbox.close()
        self._selector.close()
        self.crew.couriers.stop()
        self.crew.landing.let_go()
        self.completion.stop()
        self.news()

    def _collapse(self, error: BaseException) -> None:
        """A fault of poolmgr itself: end everything rather than leave anybody waiting."""
        self.terminating = True
        self.ledger.log(f"the dispatcher failed, so the pool ends: {type(error).__name__}: {error}", level="error")
        self._ending.lose_workers()
        self._end()

    # -- what the completion thread reports

    def _callback_failed(self, text: str, job: AnyJob | None) -> None:
        self.ledger.log(text, level="error", job_id=None if job is None else job.id)
        self.news()

    def _result_spoiled(self, job: AnyJob, message: str, traceback: str) -> None:
        self.ledger.spoil(job, message, traceback)
