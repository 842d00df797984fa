"""Feeding: from the backlog to the workers.

Thread: whoever holds ``lock``: the dispatcher, or a caller that submits a single job while a worker is idle and so
saves the hand-over.  A caller only tries the lock, and only sends what runs no code of a user.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from poolmgr.engine import wire
from poolmgr.engine.accounts import Accounts
from poolmgr.engine.backlog import Backlog, Batch, Segment, Source, count, part, task_at
from poolmgr.engine.drain import Durations
from poolmgr.engine.encode import Functions
from poolmgr.engine.handle import Handle
from poolmgr.engine.job import AnyJob, Job
from poolmgr.engine.scheduler import batch_size
from poolmgr.runtime.cells import SLOTS
from poolmgr.runtime.signals import interruptible


class Feeding:
    """Who gets what, and when."""

    def __init__(
        self,
        handles: dict[int, Handle],
        accounts: Accounts,
        durations: Durations,
        functions: Functions,
        maxtasks: int | None,
        sending: Callable[[Handle], None],
    ) -> None:
        """Make it.

        Args:
            handles: The workers by slot.
            accounts: Told of tasks that cannot be sent.
            durations: How long tasks take.
            functions: Numbers of functions.
            maxtasks: Tasks that a worker may have in its life.
            sending: Told of a worker that does not take all at once.
        """
        #: Re-entrant for the dispatcher, which decides while it holds it.
        self.lock = threading.RLock()
        self.backlog = Backlog()
        #: Workers that have nothing to do, the last used last; some may have got something to do since.
        self.idle: deque[Handle] = deque()
        #: True while nothing is to be started.
        self.held = False
        #: Jobs that are to be stopped: what of them comes back from a worker is failed, not put back.
        self.doomed: dict[AnyJob, BaseException] = {}
        #: Told of what was sent to whom; None until there are tasks that have a time limit.
        self.limited: Callable[[Handle, Batch], None] | None = None
        self._handles = handles
        self._accounts = accounts
        self._durations = durations
        self._maxtasks = maxtasks
        self._sending = sending
        self._functions = functions

    # -- for any thread

    def submit(self, job: Job) -> bool:
        """Put a job at the end; send it now if a worker is idle. Returns whether the dispatcher must be woken."""
        self.backlog.append(job)
        if not self.idle:
            # Everybody is busy; whoever finishes wakes the dispatcher.
            return False
        if interruptible():
            return True
        if not self.lock.acquire(blocking=False):
            return True
        try:
            return not self._send_plain() or bool(self.backlog and self.idle)
        finally:
            self.lock.release()

    def _send_plain(self) -> bool:
        """Send the job at the head to an idle worker, if that runs nobody's code."""
        backlog = self.backlog
        if self.held:
            return True
        plain = backlog.plain
        if backlog.arrived or backlog.lanes:
            # Somebody else's turn may come first: let the dispatcher see.
            return False
        if not plain:
            return True
        head = plain[0]
        if type(head) is not Job or head.kwds or head._ended is not None or not wire.all_plain(head.args):
            return False
        if not self._functions.known(head.func):
            return False
        handle = self._next_idle()
        if handle is None:
            return False
        plain.popleft()
        head._handle = (handle, handle.sequence)
        handle.feed([head])
        if handle.channel.sending:
            self._sending(handle)
        return True

    def freed(self, handle: Handle) -> None:
        """The worker has nothing to do."""
        if not handle.listed:
            handle.listed = True
            self.idle.append(handle)

    def waiting_ids(self) -> list[int]:
        """The single jobs that wait."""
        return [entry._job for entry in self.backlog.entries() if isinstance(entry, Job) and entry._ended is None]

    # -- under the lock

    def pump(self) -> None:
        """Send what waits, as far as workers may have it."""
        while self.backlog and not self.held:
            handle = self._next_idle()
            if handle is None:
                self._send_ahead()
                return
            if not self._send(handle):
                self.freed(handle)
                return

    def _next_idle(self) -> Handle | None:
        while self.idle:
            try:
                handle = self.idle.pop()
            except IndexError:
                return None
            handle.listed = False
            if handle.empty and self._may_have(handle):
                return handle
        return None

    def _may_have(self, handle: Handle) -> bool:
        return (
            handle.ready
            and not handle.leaving
            and not handle.retired
            and handle.limit is None
            and self._handles.get(handle.slot) is handle
            and not self.spent(handle)
        )

    def spent(self, handle: Handle) -> bool:
        """Whether the worker has had its share of tasks."""
        return self._maxtasks is not None and handle.taken >= self._maxtasks

    def _send_ahead(self) -> None:
        """Send busy workers the next batch before they have finished this one."""
        for handle in list(self._handles.values()):
            if not self.backlog:
                return
            if not handle.channel.sending and self._may_have(handle):
                self._send(handle)

    def _send(self, handle: Handle) -> bool:
        """Send the worker what it may have now; False if that was nothing."""
        size = self._size(handle)
        while size > 0:
            batch = self.backlog.take(size)
            if not count(batch):
                return False
            sent = self._encode_and_send(handle, batch)
            if sent < count(batch):
                self.backlog.put_back(part(batch, max(sent, 1)))
            if sent:
                return True
        return False

    def _encode_and_send(self, handle: Handle, batch: Batch) -> int:
        try:
            sent = handle.feed(batch)
        except BaseException as error:  # user code: __reduce__ and __getstate__ of an argument
            self._accounts.failed(task_at(batch, 0), error, handle)
            return 0
        if self.limited is not None:
            self.limited(handle, batch)
        if isinstance(batch, Segment) and batch.job.started is None:
            self._accounts.ledger.begin(batch.job)
        if handle.channel.sending:
            self._sending(handle)
        return sent

    def _size(self, handle: Handle) -> int:
        head = self.backlog.head()
        func: Any = head.func
        held = handle.held
        mean = self._durations.of(func)
        size = batch_size(mean, self.backlog.tasks_about(), max(1, len(self._handles)), held)
        size = min(size, SLOTS - (handle.sequence - handle.drained))
        return size if self._maxtasks is None else min(size, self._maxtasks - handle.taken)

    def put_back(self, batches: list[Batch]) -> None:
        """What a worker was sent and has not begun waits again, at the head and in its order."""
        for batch in reversed(batches):
            if not self.doomed:
                self.backlog.put_back(batch)
                continue
            for i in reversed(range(count(batch))):
                task = task_at(batch, i)
                error = self.doomed.get(task.job)
                if error is None:
                    self.backlog.put_back(part(batch, i, i + 1))
                else:
                    self._accounts.failed(task, error)

    def offer(self, source: Source) -> None:
        """A feeder has read something."""
        self.backlog.offer(source)
