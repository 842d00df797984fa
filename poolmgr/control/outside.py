"""Acts on one worker of a program's own pool that need nothing of the program: signals, nice, CPUs, stacks.

The same methods as those of ``poolmgr.Pool`` for the same ends, so that screens get the same answers.

Thread: the caller's, which the acts and looks take a moment of.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Iterator

from poolmgr.errors import UnknownWorker, UsageError
from poolmgr.monitor.observed import is_alive
from poolmgr.monitor.observed_workers import Seated
from poolmgr.monitor.seat import Seat
from poolmgr.runtime.procfs import reaction, threads
from poolmgr.runtime.stacks import Tap
from poolmgr.runtime.tree import descendants


class OutsideWorkers:
    """The workers of the pool in a seat."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat

    def pid_of(self, slot: int, generation: int | None = None) -> int:
        """The process in a slot.

        Raises:
            UnknownWorker: There is none, or another one than is meant.
        """
        if self._seat.pool is None:
            return self._seat.process(slot)
        return self._find(slot, generation).worker.pid

    def suspend(self, slot: int, generation: int | None = None) -> int:
        """Stop the worker and what its jobs have started. Returns its process id.

        Raises:
            UsageError: It is between two jobs: it may hold the lock under which all of them take theirs.
        """
        pid = self.pid_of(slot, generation)
        if self._seat.pool is not None and self._find(slot, generation).worker.running is None:
            raise UsageError(
                f"w{slot + 1} is between two jobs, where all others would wait for it: suspend it in a job"
            )
        for each in (pid, *descendants(pid)):
            _send(each, signal.SIGSTOP)
        return pid

    def unsuspend(self, slot: int, generation: int | None = None) -> int:
        """Let a stopped worker go on. Returns its process id."""
        pid = self.pid_of(slot, generation)
        for each in (pid, *descendants(pid)):
            _send(each, signal.SIGCONT)
        return pid

    def recycle(self, slot: int, generation: int | None = None) -> int:
        """Not to be had from outside.

        Raises:
            UsageError: Always.
        """
        raise UsageError("a program's own pool replaces no worker on demand; its maxtasksperchild does")

    def renice(self, slot: int, value: int, generation: int | None = None) -> int:
        """Set the nice value of a worker and of what its jobs have started. Returns its process id.

        Raises:
            OSError: The system does not allow it.
        """
        pid = self.pid_of(slot, generation)
        for thread in _threads(pid):
            os.setpriority(os.PRIO_PROCESS, thread, value)
        return pid

    def set_affinity(self, slot: int, cpus: Iterable[int], generation: int | None = None) -> int:
        """Bind a worker and what its jobs have started to some CPUs. Returns its process id.

        Raises:
            OSError: There are no such CPUs, or the system does not allow it.
        """
        pid, cpus = self.pid_of(slot, generation), list(cpus)
        os.sched_setaffinity(pid, cpus)
        for thread in _threads(pid):
            # Other threads than the worker's own come and go.
            with contextlib.suppress(OSError):
                os.sched_setaffinity(thread, cpus)
        return pid

    def send_signal(self, slot: int, number: int, generation: int | None = None) -> tuple[int, str]:
        """Send a signal to a worker. Returns its process id, and what the process makes of it.

        Raises:
            UsageError: It would end it at a moment that nobody knows, maybe with the lock of all others in its hands.
        """
        pid = self.pid_of(slot, generation)
        makes = reaction(pid, number)
        if self._seat.pool is not None and (makes == "ends" or number == signal.SIGTERM):
            raise UsageError(
                f"{signal.Signals(number).name} could end w{slot + 1} while it holds the lock of the pool's queue, and "
                "the program would hang: kill its job instead (X)"
            )
        _send(pid, number)
        return pid, makes

    def stack(self, slot: int, generation: int | None = None) -> str:
        """The stacks of a worker's threads now.

        Raises:
            NoStack: It does not tell.
        """
        return next(self.stacks(slot, 1, 0.0, generation))

    def stacks(self, slot: int, count: int, every: float, generation: int | None = None) -> Iterator[str]:
        """The stacks, many times.

        Raises:
            NoStack: It does not tell.
        """
        pid = self.pid_of(slot, generation)
        fd = -1 if self._seat.pool is None else self._find(slot, generation).worker.stacks_fd
        with Tap.open(pid, fd) as tap:
            for number in range(count):
                if number:
                    time.sleep(every)
                yield tap.take()

    def _find(self, slot: int, generation: int | None) -> Seated:
        found = None if self._seat.pool is None else self._seat.pool.seated(slot)
        if found is None or not is_alive(found.worker):
            raise UnknownWorker(slot, replaced=False)
        if generation is not None and generation != found.generation:
            raise UnknownWorker(slot, replaced=True)
        return found


def _threads(pid: int) -> list[int]:
    return [thread for each in (pid, *descendants(pid)) for thread in threads(each)]


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
