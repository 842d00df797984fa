"""The owner's view of one worker process: its socket, its cells and ring, its output, and what was sent to it.

Made by whoever starts the worker.  After that all of it is the dispatcher's while that is awake.  While it naps,
callers give a worker that has nothing to do one job, and take its result out, each by a step in one piece
(``inline.py``, ``leader.py``): ``inflight``, ``sequence``, ``sent``, ``taken``, ``drained``, ``done`` are theirs then.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from poolmgr.engine import wire
from poolmgr.engine.backlog import Batch, Segment, count, part, task_at
from poolmgr.engine.encode import Encoder, Functions
from poolmgr.engine.ends import Ends, Spec
from poolmgr.engine.job import AnyJob, Task
from poolmgr.engine.leader import depose
from poolmgr.errors import JobError
from poolmgr.runtime.cells import ACK, COMMIT, DISPATCHER, LIMIT, NONE, NOTIFY, SENT, START, STOP, UNLIMITED
from poolmgr.runtime.inherit import disown, own
from poolmgr.runtime.tree import descendants, kill_group

if TYPE_CHECKING:
    from poolmgr.engine.ledger import Ledger
    from poolmgr.engine.mailbox import Mailbox
    from poolmgr.engine.parts import Buffer

#: Seconds to wait for the exit code of a worker whose end the kernel has told us of.  The fork server reports it a
#: moment later; if it is dead itself, nobody ever will.
REAP = 1.0


class Handle:
    """One worker."""

    #: The error of the task in its hands when it is killed for ``killed_for``; None if an operator kills it.
    fate: JobError | None = None
    #: Whether it has more memory than it may keep: it is sent nothing more.
    oversized = False
    #: The last stacks that were taken, and when (s since the epoch).
    last_stack: tuple[float, str] | None = None
    #: True while it is stopped because an operator wants it so, and fed nothing.
    suspended = False
    #: True once another one is wanted in its place: it leaves after its job.
    recycled = False
    #: True if it took the place of one that has left, or was leaving.
    replaces = False
    #: Whether a caller waits for this worker in ``get()``, and whether it is to make way for the dispatcher.
    #: Written in one piece each, see ``leader.py``.
    led = deposed = False
    #: The last task that a caller sent itself: until the worker has begun it, it may still be on its way.
    inline = NONE
    #: Its frame, if the socket did not take it: the dispatcher sends it.
    late: Buffer | None = None
    #: When that was (CLOCK_MONOTONIC, ns).
    inline_at = 0
    #: Bytes that had been written when START was last seen to change: all later ones are for what it has not begun.
    written_then = 0

    def __init__(self, slot: int, generation: int, spec: Spec, mailbox: Mailbox, functions: Functions) -> None:
        self.slot = slot
        self.generation = generation
        self.ready = False
        self.leaving = False
        #: True while it is fed no more, since the pool is to be smaller.
        self.retired = False
        #: True once its process is gone.
        self.dead = False
        #: Held while somebody takes its stacks.
        self.tapped = threading.Lock()
        #: Held while results are taken out of the ring.
        self.lock = threading.Lock()
        #: What was sent and not yet booked; ``offset`` tasks of its head are booked.
        self.inflight: deque[Batch] = deque()
        self.offset = 0
        #: The next sequence number to send, and the next to book.
        self.sequence = 0
        self.drained = 0
        #: Batches sent.
        self.sent = 0
        #: Tasks that it was sent and that were not given to others after all, and how they ended.
        self.taken = self.done = self.failed = 0
        #: What was known of BUSY, and tasks booked since.
        self.busy = self.unlearnt = 0
        self.started = time.time()
        #: When it last came to have nothing to do.
        self.since = self.started
        #: The job for whose sake it is being killed.
        self.killed_for: int | None = None
        #: Taken and released by a leader, it is a fence.
        self.fence = threading.Lock()
        #: The LIMIT that is set, and when (CLOCK_MONOTONIC, s); None if none is.
        self.limit: int | None = None
        self.limited_at = 0.0
        #: Whether tasks beyond the limit were taken back: it must not be raised before the worker has left its batches.
        self.final = False
        #: START, and bytes written to it, when the dispatcher last looked, and since when they have been that.
        self.seen = (NONE, 0)
        self.seen_at = 0.0
        #: Whether it is in the list of idle workers.
        self.listed = False
        self.pid = 0
        self._pidfd = NONE
        self.encoder = Encoder(functions)
        self._mailbox = mailbox
        self._ends = ends = Ends(spec, mailbox.bell, functions.sender)
        self.cells, self.channel, self.output = ends.cells, ends.channel, ends.output
        self.leader_bell, self.leader_poll = ends.leader_bell, ends.leader_poll
        self.process = ends.process(spec)

    def start(self) -> None:
        """Start the process; what cannot be started leaves nothing open."""
        self._ends.lend()
        try:
            self.process.start()
            # Before anybody sees the handle: a signal to process 0 would reach the owner's whole group.
            self.pid = getattr(self.process, "pid", None) or 0
        except BaseException:  # raised again: user code (the pickling of initargs), a Ctrl-C; its descriptors go
            self.close()
            raise
        finally:
            self._ends.part()

    def watch(self) -> int:
        """A descriptor that becomes readable when the process ends.

        A pidfd says so whatever the job has forked; the sentinel is a pipe, which a job's own children keep open.
        """
        try:
            self._pidfd = own(os.pidfd_open(self.pid))
        except (AttributeError, OSError):
            return self.process.sentinel
        return self._pidfd

    def fds(self) -> list[int]:
        """What a selector may watch of it."""
        end = self._pidfd if self._pidfd != NONE else self.process.sentinel
        return [end, self.channel.fd, *(pipe.fd for pipe in self.output)]

    @property
    def name(self) -> str:
        """``w1`` for slot 0, as the screens call it."""
        return f"w{self.slot + 1}"

    @property
    def encoding(self) -> int:
        """ns that pickling for this worker has taken."""
        return self.encoder.spent

    # -- feeding: under the feed lock

    @property
    def empty(self) -> bool:
        """Whether everything that was sent is booked."""
        return not self.inflight

    @property
    def held(self) -> int:
        """Tasks that were sent and not committed."""
        return self.sequence - max(int(self.cells.view[COMMIT]), self.drained)

    def feed(self, batch: Batch) -> int:
        """Send tasks, as many of ``batch`` as may travel together, and at least one.

        Returns:
            How many were sent.

        Raises:
            BaseException: What the pickling of the first task raises; nothing was sent then.
        """
        parts, size = self.encoder.encode(batch, self.sequence)
        # Recorded before it is sent: what is sent and not recorded would be lost.
        self.inflight.append(batch if size == count(batch) else part(batch, 0, size))
        self.sequence += size
        self.taken += size
        self.sent += 1
        depose(self)
        self.cells.view[NOTIFY] = DISPATCHER
        self.channel.send(parts)
        # Last: a worker that sees it shall find the frame.
        self.cells.view[SENT] = self.sent
        return size

    def leave(self) -> None:
        """Tell the worker that nothing more will come."""
        self.leaving = True
        if self.suspended:
            # It has nothing to do, and could not hear it.
            self.go_on()
        self.since = time.time()
        self.channel.send(wire.frame(wire.LEAVE, ()))

    def set_limit(self, limit: int, now: float) -> None:
        """Ask the worker not to begin task ``limit`` or a later one."""
        self.limit, self.limited_at = limit, now
        self.cells.view[LIMIT] = limit

    def lift_limit(self) -> None:
        """All batches have been left, so nothing is on its way that the limit kept from running."""
        self.cells.view[LIMIT] = UNLIMITED
        self.limit, self.final = None, False
        self.drained = self.sequence

    @property
    def all_left(self) -> bool:
        """Whether the worker has left every batch that it was sent."""
        return bool(self.cells.view[ACK] == self.sent)

    def take_back(self, first: int) -> list[Batch]:
        """Take task ``first`` and all after it out of ``inflight``, oldest first. Under ``lock`` too."""
        depose(self)
        number = self.drained - self.offset
        kept: deque[Batch] = deque()
        back: list[Batch] = []
        for batch in self.inflight:
            size = count(batch)
            inside = min(max(first - number, 0), size)
            if inside:
                kept.append(batch if inside == size else part(batch, 0, inside))
            if inside < size:
                back.append(part(batch, inside))
            number += size
        if kept and self.offset == count(kept[0]):
            # All that is left of the head is booked.
            kept.popleft()
            self.offset = 0
        self.inflight = kept
        return back

    # -- what it does now

    def current(self) -> Task | None:
        """The task that the worker has in its hands, or will have next; None if it has none. From any thread."""
        try:
            return task_at(self.inflight[0], self.offset)
        except IndexError:
            return None

    def holds(self, job: AnyJob) -> bool:
        """Whether a task of the job was sent to it and is not booked."""
        return any(batch.job is job if isinstance(batch, Segment) else job in batch for batch in tuple(self.inflight))

    def not_begun(self, job_ids: set[int]) -> list[int]:
        """Those of the single jobs that were sent and that the worker has not taken up, as far as can be told."""
        first, number = int(self.cells.view[START]) + 1, self.drained - self.offset
        if self.limit is not None:
            # A worker that has come to its limit may have named the task there, and not begun it.
            first = min(first, self.limit)
        found: list[int] = []
        for batch in self.inflight:
            if not isinstance(batch, Segment):
                jobs = enumerate(batch, number)
                found += [job._job for sequence, job in jobs if sequence >= first and job._job in job_ids]
            number += count(batch)
        return found

    @property
    def began(self) -> bool:
        """Whether the worker took up the first task that is not booked."""
        view = self.cells.view
        limit = view[LIMIT]
        return bool(view[START] == self.drained < limit)

    # -- output: the dispatcher, or a drainer under ``lock``

    def read_output(self, ledger: Ledger) -> None:
        """Move what the worker has printed into the log."""
        for pipe in self.output:
            for sequence, line, level in pipe.read():
                job_id = self._job_id(sequence)
                ledger.log(line, kind=pipe.stream, level=level, slot=self.slot, pid=self.pid, job_id=job_id)

    def _job_id(self, sequence: int) -> int | None:
        number = self.drained - self.offset
        for batch in tuple(self.inflight):
            size = count(batch)
            if number <= sequence < number + size:
                return batch.job.id if isinstance(batch, Segment) else batch[sequence - number].id
            number += size
        return None

    # -- signals

    def signal(self, number: int) -> None:
        """Send a signal to the worker, and never to a process that has got its pid since."""
        with contextlib.suppress(OSError):
            if self._pidfd != NONE:
                signal.pidfd_send_signal(self._pidfd, number)
            elif self.pid and self.process.is_alive():
                os.kill(self.pid, number)

    @property
    def alive(self) -> bool:
        """Whether its process is there, and has its number to itself. On the dispatcher's thread."""
        if self.dead or not self.pid:
            return False
        try:
            if self._pidfd != NONE:
                signal.pidfd_send_signal(self._pidfd, 0)
                return True
        except OSError:
            return False
        return bool(self.process.is_alive())

    def signal_group(self, number: int) -> None:
        """Send a signal to the worker and to what its jobs have started, as far as that is in its process group."""
        if self.alive:
            # One that has not made its group yet has none, and gets the signal alone.
            with contextlib.suppress(OSError):
                os.killpg(self.pid, number)
            self.signal(number)

    def suspend(self) -> None:
        """Stop the process and feed it nothing, until :meth:`go_on`."""
        self.suspended = True
        self.signal_group(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let the process run again."""
        self.suspended = False
        self.signal_group(signal.SIGCONT)

    def stop_softly(self, sequence: int) -> None:
        """Have KeyboardInterrupt raised inside the task that runs, if it is this one."""
        self.cells.view[STOP] = sequence
        self.signal(signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL to the worker and to all that its jobs have started."""
        below = descendants(self.pid) if self.pid else []
        self.signal(signal.SIGKILL)
        for pid in below:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    # -- the end

    def reap(self, sweep: bool) -> int | None:
        """Collect the process that has ended.

        Args:
            sweep: Whether to kill what its jobs left behind.

        Returns:
            Its exit code, None if somebody else collected it.
        """
        if sweep and self.pid:
            # While it is a zombie its number, and so its group's, cannot be anybody else's.
            kill_group(self.pid)
        self.process.join(REAP)
        return self.process.exitcode

    def close(self) -> None:
        """Close what belongs to it. Its process has ended, or never started."""
        self.dead = True
        self._ends.part()
        for pipe in self.output:
            disown(pipe.fd)
        if self._pidfd != NONE:
            disown(self._pidfd)
            self._pidfd = NONE
        # A process object holds descriptors of its own, and a traceback that a user keeps may hold this handle.
        del self.process
        depose(self)
        self._mailbox.close_later(self._close_shared)

    def _close_shared(self) -> None:
        self.cells.close()
        self.channel.close()
        disown(self.leader_bell)
