"""What is asked of one worker, and the sentence that answers.

Thread: the caller's; in a pool of poolmgr's the dispatcher does it.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable
from typing import Protocol

from poolmgr.errors import UsageError
from poolmgr.model.cpus import shorten
from poolmgr.model.requests import Continue, Recycle, Renice, Reply, SendSignal, SetAffinity, Suspend, WorkerRequest


class Steerable(Protocol):
    """What has workers that can be acted on one by one. A slot without a generation is whoever sits there."""

    def suspend(self, slot: int, generation: int | None = None) -> int:
        """Stop it; its process id."""
        ...

    def unsuspend(self, slot: int, generation: int | None = None) -> int:
        """Let it go on; its process id."""
        ...

    def recycle(self, slot: int, generation: int | None = None) -> int:
        """Have another one take its place; its process id."""
        ...

    def renice(self, slot: int, value: int, generation: int | None = None) -> int:
        """Set its nice value; its process id."""
        ...

    def set_affinity(self, slot: int, cpus: Iterable[int], generation: int | None = None) -> int:
        """Bind it to CPUs; its process id."""
        ...

    def send_signal(self, slot: int, number: int, generation: int | None = None) -> tuple[int, str]:
        """Send it a signal; its process id, and what it makes of that."""
        ...


#: What a process makes of a signal, in words.
_MAKES = {
    "handles": ", which it handles itself",
    "ignores": ", which it ignores",
    "stops": ", which stops it",
    "goes on": "",
    "ends": ", which ends it",
}


def carry_out(pool: Steerable, request: WorkerRequest) -> Reply:
    """Do it, and say what became of it.

    Raises:
        UnknownWorker: The worker is not there, or another process is in its place.
        UsageError: What is asked makes no sense.
        PoolClosed: The pool has ended.
    """
    name, generation = f"w{request.slot + 1}", request.generation
    match request:
        case Suspend(slot):
            pid = pool.suspend(slot, generation)
            return Reply(True, f"{name} (pid {pid}) is suspended: it stands still until it is continued")
        case Continue(slot):
            pid = pool.unsuspend(slot, generation)
            return Reply(True, f"{name} (pid {pid}) goes on")
        case Recycle(slot):
            pid = pool.recycle(slot, generation)
            return Reply(True, f"{name} (pid {pid}) leaves after its job, and another worker takes its place")
        case Renice(slot, value):
            return _renice(pool, slot, value, generation)
        case SetAffinity(slot, cpus):
            return _set_affinity(pool, slot, cpus, generation)
        case SendSignal(slot, number):
            return _send_signal(pool, slot, number, generation)


def _renice(pool: Steerable, slot: int, value: int, generation: int | None) -> Reply:
    if not -20 <= value <= 19:
        raise UsageError(f"a nice value is from -20 (first) to 19 (last), not {value}")
    try:
        pid = pool.renice(slot, value, generation)
    except PermissionError:
        return Reply(False, f"the system does not let you set w{slot + 1} to nice {value}: only root may lower it")
    except OSError as error:
        return Reply(False, f"w{slot + 1} keeps its nice value: {error.strerror}")
    return Reply(True, f"w{slot + 1} (pid {pid}) and what it has started have nice {value} now")


def _set_affinity(pool: Steerable, slot: int, cpus: tuple[int, ...], generation: int | None) -> Reply:
    if not cpus or min(cpus) < 0:
        raise UsageError("name the CPUs by their numbers from 0, such as 0-3,6")
    shown = shorten(cpus)
    try:
        pid = pool.set_affinity(slot, cpus, generation)
    except OSError as error:
        return Reply(False, f"w{slot + 1} cannot be bound to CPUs {shown}: {error.strerror}")
    return Reply(True, f"w{slot + 1} (pid {pid}) and what it has started run on CPUs {shown} now")


def _send_signal(pool: Steerable, slot: int, number: int, generation: int | None) -> Reply:
    try:
        word = signal.Signals(number).name
    except ValueError:
        raise UsageError(f"there is no signal {number}") from None
    pid, makes = pool.send_signal(slot, number, generation)
    return Reply(True, f"w{slot + 1} (pid {pid}) got {word}{_MAKES.get(makes, '')}")
