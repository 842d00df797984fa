"""The dispatcher: one thread that owns the workers, in place of the stock pool's three.

callers                 apply_async, map, ... -> Task -> backlog (deque) --.     requests -> inbox --.
feeders                 a lazy iterable, read ahead to a bound -> backlog --+-> wake                  |
                                                                           v                         v
dispatcher    select(wake, sockets, pidfds, outputs, timers) -> event -> scheduler -> instructions -> one task, one
              worker; a start; a leave.   frame or death of a worker -> ledger -> job, or completion thread
completion    rebuilds pickled results, runs callbacks, wakes who waits                       <- users' code, here only

it waits for    the selector, and REAP seconds at most for the exit code of a process that has ended already
it never        runs users' code (but the pickling of arguments, guarded), blocks on a socket, or takes a lock that is
                held while users' code runs
a worker dies   at any instruction: what it had committed was delivered; the one task it had begun is lost; one that it
                had not begun goes back to the head of the backlog
a caller dies   its jobs stay; nobody waits for them
completion      cannot die by users' code; if the interpreter ends it, jobs are not settled, but workers still leave
the owner dies  the lifeline kills the workers; nothing of the pool has a name on disk
it dies itself  by a fault of ours: :meth:`Dispatcher._collapse` kills the workers, fails every job and says so
"""

from __future__ import annotations

import heapq
import marshal
import selectors
import signal
import threading
import time
from collections import deque
from collections.abc import Callable

from poolmgr.engine import wire
from poolmgr.engine.accounts import Accounts
from poolmgr.engine.channel import Frame
from poolmgr.engine.completion import Completion
from poolmgr.engine.crew import Crew
from poolmgr.engine.handle import Functions, Handle, Spec
from poolmgr.engine.job import AnyJob, StreamJob, Task
from poolmgr.engine.ledger import Ledger
from poolmgr.engine.mailbox import Mailbox
from poolmgr.engine.scheduler import (
    Closed,
    End,
    Event,
    Feed,
    Finished,
    GiveUp,
    Instruction,
    Leave,
    Scheduler,
    Spawn,
    Submitted,
    Ticked,
    WorkerExited,
    WorkerReady,
)
from poolmgr.errors import PoolTerminated, WorkerStartFailed, describe_exit

#: Seconds between SIGTERM and SIGKILL when the pool is terminated: a job may clean up, but all must be gone in 3 s.
TERMINATE_GRACE = 1.0


class Dispatcher(threading.Thread):
    """Owns workers, backlog and ledger. It holds no reference to its Pool, which may be collected under it."""

    def __init__(self, spec: Spec, size: int, maxtasksperchild: int | None, cache: dict[int, AnyJob]) -> None:
        super().__init__(name="poolmgr-dispatcher", daemon=True)
        self.cache = cache
        self.backlog: deque[Task] = deque()
        self.ledger = Ledger()
        self.scheduler = Scheduler(size, maxtasksperchild)
        self.completion = Completion(self._callback_failed, self._result_spoiled)
        self.accounts = Accounts(self.ledger, self.completion, self.news)
        #: Called on rare news, from this thread; replaced as a whole, never changed in place.
        self.listeners: tuple[Callable[[], None], ...] = ()
        #: Feeders that still read; changed by callers and feeders under the mailbox's lock.
        self.feeding = 0
        self.closing = self.terminating = self.ended = False
        self.mailbox = Mailbox()
        self._functions = Functions()
        self._reason = ""
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._selector = selectors.DefaultSelector()
        self.crew = Crew(
            spec, self.ledger, self._selector, exited=self._exited, spoke=self._receive, printed=self._printed
        )
        #: Length of the backlog when the scheduler was last told of it.
        self._seen = 0
        self._selector.register(self.mailbox.fd, selectors.EVENT_READ, lambda _: self.mailbox.drain())

    # -- for other threads

    def submit(self, tasks: list[Task]) -> None:
        """Put tasks at the end of the backlog."""
        self.backlog.extend(tasks)
        if self.ended:
            self._fail_backlog()
        self.mailbox.wake()

    def count_feeder(self, change: int) -> None:
        """A feeder starts (1) or has read its iterable to the end (-1)."""
        with self.mailbox.lock:
            self.feeding += change
        self.mailbox.wake()

    def news(self) -> None:
        """Something rare has happened: tell the listeners."""
        for listener in self.listeners:
            listener()

    def start_workers(self) -> None:
        """Start the first workers, on the caller's thread, before this one runs.

        Raises:
            OSError: A process could not be started; those that could are gone again.
        """
        try:
            self.crew.start_first(self.scheduler.size)
        except BaseException:
            self.mailbox.close()
            self._selector.close()
            raise
        for slot in self.crew.handles:
            self.scheduler.started(slot)

    # -- the loop

    def run(self) -> None:
        """Serve the pool until it has ended."""
        try:
            while not self.ended:
                for key, mask in self._select():
                    # Its descriptor may have been closed, and its number given to another, by the step before.
                    current = None if self.ended else self._selector.get_map().get(key.fd)
                    if current is not None and current.data is key.data:
                        key.data(mask)
                self.mailbox.run()
                self._run_timers()
                self._look_at_backlog()
        except BaseException as error:  # the thread's top: a fault of ours must not look like a slow job
            self._collapse(error)
            raise

    def _select(self) -> list[tuple[selectors.SelectorKey, int]]:
        self.mailbox.asleep = True
        try:
            # Asleep first, then a last look: a caller sees the one or is seen by the other.
            timeout = 0.0 if self.mailbox.waiting or len(self.backlog) != self._seen else self._timeout()
            return self._selector.select(timeout)
        finally:
            self.mailbox.asleep = False

    def _timeout(self) -> float | None:
        due = [timer[0] for timer in self._timers[:1]]
        if self.scheduler.not_before is not None:
            due.append(self.scheduler.not_before)
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _run_timers(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()
        if self.scheduler.not_before is not None and now >= self.scheduler.not_before:
            self.handle(Ticked(now, len(self.backlog)))

    def later(self, seconds: float, step: Callable[[], None]) -> None:
        """Run ``step`` after ``seconds``; on this thread only."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, id(step), step))

    def _look_at_backlog(self) -> None:
        if self.terminating:
            self._finish_terminating()
            return
        self._seen = len(self.backlog)
        if self.closing:
            self.handle(Closed(self._seen, self.feeding > 0))
        elif self._seen:
            self.handle(Submitted(self._seen))
        self._seen = len(self.backlog)

    # -- the scheduler's instructions

    def handle(self, event: Event) -> None:
        """Let the scheduler decide, and do what it says."""
        if self.terminating:
            return
        for instruction in self.scheduler.handle(event):
            self._do(instruction)

    def _do(self, instruction: Instruction) -> None:
        match instruction:
            case Feed(slot):
                self._feed(self.crew.handles[slot])
            case Spawn(slot):
                self._spawn(slot)
            case Leave(slot):
                self.crew.handles[slot].leave()
                self.crew.watch_sending(self.crew.handles[slot])
            case GiveUp(attempts):
                self._give_up(attempts)
            case End():
                self._end()

    def _feed(self, handle: Handle) -> None:
        while self.backlog:
            task = self.backlog.popleft()
            if task.job.state.ended:
                continue
            try:
                handle.feed(task, self._functions)
            except BaseException as error:  # user code: __reduce__ and __getstate__ of an argument
                self.accounts.failed(task, error, slot=handle.slot, pid=handle.pid)
                continue
            self.accounts.began(task)
            self.crew.watch_sending(handle)
            return
        self.handle(Finished(handle.slot, 0, handle.taken))

    def _spawn(self, slot: int) -> None:
        try:
            self.crew.start(slot)
        except Exception as error:  # user code: the pickling of the initializer's arguments; or the system's limits
            self._reason = f"{type(error).__name__}: {error}"
            self.ledger.log(f"w{slot + 1} could not be started: {self._reason}", level="error", slot=slot)
            self.handle(WorkerExited(slot, len(self.backlog), time.monotonic()))
            return
        self.news()

    def _give_up(self, attempts: int) -> None:
        self.ledger.log(f"{attempts} workers in a row could not start: {self._reason}", level="error")
        while self.backlog:
            task = self.backlog.popleft()
            if not task.job.state.ended:
                self.accounts.failed(task, WorkerStartFailed(task.job.id, attempts, self._reason))
        self.news()

    # -- what workers do

    def _receive(self, handle: Handle) -> None:
        for frame in handle.channel.receive():
            self._frame(handle, frame)
        if not handle.channel.open:
            # The end of the socket says less than the end of the process, which is about to be told.
            self.crew.forget(handle.channel.fd)

    def _frame(self, handle: Handle, frame: Frame) -> None:
        envelope = marshal.loads(frame.envelope)
        if frame.kind == wire.READY:
            handle.ready = True
            handle.since = time.time()
            self._reason = ""
            self.handle(WorkerReady(handle.slot))
            return
        if frame.kind == wire.UNREADY:
            self._reason = f"the initializer raised\n{envelope[0]}"
            self.ledger.log(f"{handle.name}: {self._reason}", level="error", slot=handle.slot, pid=handle.pid)
            return
        self._printed(handle)
        task = handle.give_up_task()
        if task is None:
            return
        if self.accounts.finished(task, frame.kind, envelope, frame.payload, handle.slot, handle.pid):
            handle.done += 1
        else:
            handle.failed += 1
        del task
        self.handle(Finished(handle.slot, len(self.backlog), handle.taken))

    def _printed(self, handle: Handle) -> None:
        job_id = handle.task.job.id if handle.task is not None else None
        for pipe in handle.output:
            for line in pipe.read():
                self.ledger.log(line, kind=pipe.stream, slot=handle.slot, pid=handle.pid, job_id=job_id)
            if not pipe.open:
                self.crew.forget(pipe.fd)

    def _exited(self, handle: Handle) -> None:
        """The process has ended: deliver what it had committed, then settle what it held."""
        received = -1
        while handle.channel.open and handle.channel.received != received:
            received = handle.channel.received
            self._receive(handle)
        self._printed(handle)
        for pipe in handle.output:
            rest = pipe.rest()
            if rest:
                self.ledger.log(rest, kind=pipe.stream, slot=handle.slot, pid=handle.pid)
        orderly = handle.leaving or (not handle.ready and handle.task is None)
        exitcode = handle.reap(sweep=not orderly)
        self.crew.remove(handle)
        task, began = handle.give_up_task(), handle.began
        handle.close()
        words = f"{handle.name} (pid {handle.pid}) {describe_exit(exitcode)}"
        if not handle.ready and not handle.leaving:
            self._reason = self._reason or f"{words} before it was ready; is the program's main guard missing?"
        if task is not None:
            self._bereaved(handle, task, began, exitcode, words)
        elif not handle.leaving or exitcode != 0:
            self.ledger.log(words, level="warning", slot=handle.slot, pid=handle.pid)
        self.handle(WorkerExited(handle.slot, len(self.backlog), time.monotonic()))
        self.news()

    def _bereaved(self, handle: Handle, task: Task, began: bool, exitcode: int | None, words: str) -> None:
        killed = handle.killed_for == task.job.id
        if self.terminating or killed or began:
            self.accounts.died(
                task, handle.pid, exitcode, handle.slot, killed=killed, terminated=self.terminating, began=began
            )
            what = "while it ran" if began else "before it had begun"
            self.ledger.log(f"{words} {what} job {task.job.id}", level="warning", slot=handle.slot, pid=handle.pid)
            return
        # It never ran: no effect, no blame, and its turn comes first.
        self.backlog.appendleft(task)
        self.ledger.put_back(task.job)
        self.ledger.log(f"{words}; job {task.job.id} had not begun and waits for another", level="warning")

    # -- the end

    def close(self) -> None:
        """No more jobs will be submitted."""
        self.closing = True
        self._nudge_feeders()
        self.news()

    def terminate(self) -> None:
        """End all workers; what has not ended is failed. On this thread."""
        if self.terminating or self.ended:
            return
        self.terminating = True
        for handle in self.crew.handles.values():
            handle.signal(signal.SIGTERM)
        self.later(TERMINATE_GRACE, self.crew.kill)
        self._fail_backlog()
        self._nudge_feeders()
        self.news()

    def _nudge_feeders(self) -> None:
        for job in list(self.cache.values()):
            if isinstance(job, StreamJob):
                job.nudge()

    def _fail_backlog(self) -> None:
        while True:
            try:
                task = self.backlog.popleft()
            except IndexError:
                return
            if not task.job.state.ended:
                self.accounts.failed(task, PoolTerminated(task.job.id, started=False))

    def _finish_terminating(self) -> None:
        self._fail_backlog()
        if not self.crew.handles:
            self._end()

    def _end(self) -> None:
        self.ended = True
        self._fail_backlog()
        self._nudge_feeders()
        for job in list(self.cache.values()):
            # Streams whose iterable was not read to its end, and, if the dispatcher itself failed, anything.
            self.accounts.abandon(job)
        self.mailbox.close()
        self._selector.close()
        self.completion.stop()
        self.news()

    def _collapse(self, error: BaseException) -> None:
        """A fault of poolmgr itself: end everything rather than leave anybody waiting."""
        self.terminating = True
        self.ledger.log(f"the dispatcher failed, so the pool ends: {type(error).__name__}: {error}", level="error")
        self.crew.kill()
        for handle in list(self.crew.handles.values()):
            handle.reap(sweep=True)
            self.crew.remove(handle)
            task = handle.give_up_task()
            if task is not None and not task.job.state.ended:
                self.accounts.failed(task, PoolTerminated(task.job.id, started=True))
        self._end()

    # -- what the completion thread reports

    def _callback_failed(self, text: str, job: AnyJob | None) -> None:
        self.ledger.log(text, level="error", job_id=None if job is None else job.id)
        self.news()

    def _result_spoiled(self, job: AnyJob, message: str, traceback: str) -> None:
        self.mailbox.tell(lambda: self.ledger.spoil(job, message, traceback))
