"""What the kernel tells of one process, in one short read. Unknown on a system without /proc: then nothing is told."""

from __future__ import annotations

import os
import signal
import time

_PAGE = os.sysconf("SC_PAGE_SIZE")
#: Of the kernel's, a second.
TICKS = os.sysconf("SC_CLK_TCK")
#: Where it stands in what :func:`_stat` gives: the session, and when it began, in ticks since the machine did.
_SESSION, _START = 3, 19
#: The CPU time in ticks, of itself and in the kernel; what follows is its children's.
_USER, _START_OF_CHILDREN = 11, 13
#: ns by which the start of a thread may seem later than it was: ticks are coarse.
_TICK_ERROR = 50_000_000
#: Signals that do nothing to a process that has no handler for them.
_HARMLESS = frozenset({signal.SIGCHLD, signal.SIGURG, signal.SIGWINCH, signal.SIGCONT})
_STOPPING = frozenset({signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})


def resident(pid: int) -> int | None:
    """Bytes of memory that the process has resident, with what it shares with others; None if nobody can tell."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except (OSError, IndexError):
        return None


def stopped(pid: int) -> bool:
    """Whether the process is stopped from outside: by SIGSTOP, or by a debugger."""
    return state(pid) in ("T", "t")


def alive(pid: int) -> bool:
    """Whether there is such a process, and it has not ended: one whose parent has not asked about it yet has."""
    return state(pid) not in ("", "Z", "X")


def state(pid: int) -> str:
    """The letter of what the kernel says a process does; empty if there is none."""
    fields = _stat(pid)
    return fields[0] if fields else ""


def session_of(pid: int) -> int | None:
    """The session that a process is in; None if nobody can tell."""
    fields = _stat(pid)
    return int(fields[_SESSION]) if fields else None


def command(pid: int) -> list[str]:
    """The arguments that a process was started with; empty if nobody can tell."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode("utf-8", "replace").rstrip("\0").split("\0")
    except OSError:
        return []


def begun(pid: int) -> float | None:
    """When the process began, in seconds of CLOCK_BOOTTIME; None if nobody can tell."""
    fields = _stat(pid)
    return int(fields[_START]) / TICKS if fields else None


def threads(pid: int) -> list[int]:
    """The threads of a process by their numbers; empty if it is gone."""
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []


def ran(pid: int, thread: int) -> int:
    """CPU time of a thread in ns: exact, or in the kernel's ticks where it tells no more; 0 if it is gone."""
    try:
        with open(f"/proc/{pid}/task/{thread}/schedstat", "rb") as file:
            return int(file.read().split()[0])
    except (OSError, IndexError):
        fields = _stat(pid, thread)
        return sum(map(int, fields[_USER:_START_OF_CHILDREN])) * 1_000_000_000 // TICKS


def switches(pid: int, thread: int) -> int:
    """How often a thread has given up its core, or lost it: the same number says that it has not run in between."""
    try:
        with open(f"/proc/{pid}/task/{thread}/status", "rb") as file:
            return sum(int(line.split()[1]) for line in file if b"ctxt_switches:" in line)
    except OSError:
        return 0


def masks(pid: int, thread: int | None = None) -> dict[str, int]:
    """The signals of a process, or of one of its threads, as bits: SigPnd, ShdPnd, SigBlk, SigIgn, SigCgt."""
    path = f"/proc/{pid}/status" if thread is None else f"/proc/{pid}/task/{thread}/status"
    try:
        with open(path, "rb") as file:
            lines = file.read().decode("ascii", "replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in lines)
    return {name: int(value, 16) for name, _, value in pairs if name.startswith(("Sig", "Shd")) and name != "SigQ"}


def is_gone(pid: int, thread: int, stamp: int) -> bool:
    """Whether a thread that ran at ``stamp`` (monotonic, ns) has ended, also if its number is another's by now."""
    fields = _stat(pid, thread)
    if not fields or fields[0] in ("Z", "X"):
        return True
    # Since the machine was started, while it slept too, in ticks.
    began = int(fields[_START]) * 1_000_000_000 // TICKS
    # In this order: held up between the two clocks, we take it for older than it is, and never for another one.
    awake = time.monotonic_ns()
    asleep = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - awake
    return began - asleep > stamp + _TICK_ERROR


def has(mask: int, number: int) -> bool:
    """Whether a signal is in a mask."""
    return bool(mask >> (number - 1) & 1)


def reaction(pid: int, number: int) -> str:
    """What a process makes of a signal: it handles, ignores, stops, goes on, or ends. Empty if nobody knows."""
    if number == signal.SIGKILL:
        return "ends"
    found = masks(pid)
    if not found:
        return ""
    if has(found.get("SigIgn", 0), number):
        return "ignores"
    if has(found.get("SigCgt", 0), number):
        return "handles"
    if number in _STOPPING:
        return "stops"
    if number in _HARMLESS:
        return "goes on" if number == signal.SIGCONT else "ignores"
    return "ends"


def _stat(pid: int, thread: int | None = None) -> list[str]:
    """What the kernel says of a process, or of one of its threads, from its state on; empty if it is gone."""
    path = f"/proc/{pid}/stat" if thread is None else f"/proc/{pid}/task/{thread}/stat"
    try:
        with open(path, "rb") as file:
            # The name of the program, in parentheses, may have anything in it.
            return file.read().rpartition(b") ")[2].decode("ascii", "replace").split()
    except OSError:
        return []
