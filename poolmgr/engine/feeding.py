"""Feeding: from the backlog to the workers.

Thread: the dispatcher, under ``lock``.  While it naps, a caller may send a single job to an idle worker itself, see
``inline.py``.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from poolmgr.engine.accounts import Accounts
from poolmgr.engine.after import After
from poolmgr.engine.backlog import Backlog, Batch, Segment, Source, count, part, task_at
from poolmgr.engine.drain import Durations
from poolmgr.engine.encode import Functions
from poolmgr.engine.handle import Handle
from poolmgr.engine.job import AnyJob, Job
from poolmgr.engine.leader import depose
from poolmgr.engine.pace import Pace
from poolmgr.engine.places import Places
from poolmgr.engine.scheduler import batch_size
from poolmgr.runtime.cells import BEGAN, COMMIT, SLOTS, START, UNLIMITED


def _began(handle: Handle) -> int:
    """When the worker began what it has in hand (CLOCK_MONOTONIC, ns); 0 if it is done, late if it is yet to begin."""
    cells = handle.cells.view
    return 0 if cells[COMMIT] >= handle.sequence else int(cells[BEGAN]) or UNLIMITED


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
        tell: Callable[[Callable[[], object]], None],
    ) -> None:
        """Make it.

        Args:
            handles: The workers by slot.
            accounts: Told of tasks that cannot be sent.
            durations: How long tasks take.
            functions: Numbers of functions.
            maxtasks: Tasks that a worker may have in its life.
            sending: Told of a worker that does not take all at once.
            tell: Has a step run on the dispatcher's thread; any thread may call it.
        """
        #: Re-entrant for the dispatcher, which decides while it holds it.
        self.lock = threading.RLock()
        self.backlog = Backlog()
        self.places = Places(self.backlog)
        self.after = After(self.backlog, accounts, lambda step: tell(lambda: self._locked(step)))
        #: Workers that have nothing to do, the last used last; callers may have given some something to do since.
        self.idle: deque[Handle] = deque()
        #: Whether it pays that callers and workers look before they sleep.
        self.pace = Pace()
        #: True while nothing is to be started.
        self.held = False
        #: Whether callers may send jobs to idle workers themselves, see ``callers.py``.
        self.callers_may = False
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

    def freed(self, handle: Handle) -> None:
        """The worker has nothing to do."""
        if not handle.listed:
            handle.listed = True
            self.idle.append(handle)

    def depose(self) -> None:
        """Somebody has asked something of the pool, and may wait for workers: nobody leads any more."""
        for handle in self._handles.values():
            depose(handle)

    def waiting_ids(self) -> list[int]:
        """The single jobs that wait."""
        return [entry._job for entry in self.backlog.entries() if isinstance(entry, Job) and entry._ended is None]

    @property
    def waits(self) -> bool:
        """Whether there is anything that may have to be fed, now or later."""
        return bool(self.backlog or self.places or self.after)

    def _locked(self, step: Callable[[], object]) -> None:
        with self.lock:
            step()

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
            # A caller that waits for this worker would keep from us that it is free again.
            depose(handle)
            if handle.empty and self.may_have(handle):
                return handle
        return None

    def may_have(self, handle: Handle) -> bool:
        """Whether the worker may be sent anything."""
        return (
            handle.ready
            and not handle.leaving
            and not handle.retired
            and not handle.suspended
            and handle.limit is None
            and self._handles.get(handle.slot) is handle
            and not self.spent(handle)
        )

    def spent(self, handle: Handle) -> bool:
        """Whether the worker has had its share of tasks or of memory, or somebody wants another one in its place."""
        if handle.oversized or handle.recycled:
            return True
        return self._maxtasks is not None and handle.taken >= self._maxtasks

    def _send_ahead(self) -> None:
        """Send busy workers the next batch before they have finished this one."""
        handles = list(self._handles.values())
        if self.backlog.tasks_about() < len(handles):
            # Not enough for all: to those first who have been at it longest, or one waits behind a task that has only
            # just begun while they become idle.
            handles.sort(key=_began)
        for handle in handles:
            if not self.backlog:
                return
            if handle.cells.view[START] < handle.inline:
                # A caller's write may be on its way: what is sent now could overtake it.
                continue
            if not handle.channel.sending and self.may_have(handle):
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

    def send_late(self, handle: Handle) -> None:
        """Send what a caller could not send itself."""
        frame, handle.late = handle.late, None
        if frame is not None:
            handle.channel.send([frame])
            if handle.channel.sending:
                self._sending(handle)

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
