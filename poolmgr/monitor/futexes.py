"""Which semaphore each thread of a program waits for, told by the kernel alone: nothing has to run in the program.

A thread that waits for a semaphore is in the system call ``futex``, at the semaphore's address.  The kernel tells the
call of each thread (``/proc/PID/task/TID/syscall``); what is mapped at that address (``maps``: multiprocessing's are
files named ``/dev/shm/sem.*``, also once they have no name any more); and the two words there (``mem``), the count and
how many wait.  Two threads wait for the same one if the file is the same.  Who has it, nobody can see from outside.

Works on Linux for x86-64 with the GNU C library, whose semaphores these are, and for processes that one may trace.

Thread: the caller's.
"""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from dataclasses import dataclass

from poolmgr.errors import UsageError
from poolmgr.runtime.procfs import threads
from poolmgr.runtime.tree import descendants

#: The number of the system call.
_FUTEX = 202
_PREFIX = "/dev/shm/sem."
_GONE = " (deleted)"


@dataclass(frozen=True, slots=True)
class Semaphore:
    """A semaphore that somebody waits for."""

    #: What is the same for all that wait for the same one.
    inode: int
    #: Its name in the system; the one that it had, if it has none any more.
    name: str
    #: Whether another process could still open it by that name.
    is_named: bool
    #: How many more may take it.
    value: int
    #: How many wait, by its own count, those of other programs included.
    waiting: int


@dataclass(frozen=True, slots=True)
class WaitingThread:
    """A thread that waits for one."""

    pid: int
    thread: int
    #: What the kernel calls it: the program's name, unless that gave it another one.
    name: str
    semaphore: Semaphore


@dataclass(frozen=True, slots=True)
class Waits:
    """A program and its children at one moment."""

    processes: tuple[int, ...]
    waiting: tuple[WaitingThread, ...]
    #: Processes that could not be looked into, with the reason.
    refused: tuple[tuple[int, str], ...]


def look(pid: int) -> Waits:
    """What the threads of a process, and of what it has started, wait for.

    Raises:
        UsageError: There is no such process, it may not be looked into, or this is not a system where that works.
    """
    _check_system()
    if not os.path.exists(f"/proc/{pid}"):
        raise UsageError(f"there is no process {pid}; poolmgr ps lists pools, and ps lists processes")
    processes = (pid, *descendants(pid))
    found: list[WaitingThread] = []
    refused: list[tuple[int, str]] = []
    for each in processes:
        try:
            found += _look_into(each)
        except PermissionError:
            if each == pid:
                raise UsageError(_denied(pid)) from None
            refused.append((each, "you may not trace it"))
        except _OtherLibrary as error:
            if each == pid:
                raise UsageError(str(error)) from None
            refused.append((each, str(error)))
        except OSError:
            # It has ended in this moment.
            continue
    return Waits(processes, tuple(found), tuple(refused))


class _OtherLibrary(Exception):
    """Its semaphores are not those of the GNU C library."""


def _check_system() -> None:
    if sys.platform != "linux" or not os.path.isdir("/proc/self"):
        raise UsageError("semaphores can be seen from outside on Linux with /proc only; use poolmgr run instead")
    if platform.machine() != "x86_64" or sys.maxsize < 2**32:
        raise UsageError(
            f"semaphores can be seen from outside on x86-64 only, and this is {platform.machine()}; "
            "use poolmgr run instead"
        )


def _denied(pid: int) -> str:
    text = f"you may not look into process {pid}: it is another user's, or the system lets nobody trace it"
    with contextlib.suppress(OSError), open("/proc/sys/kernel/yama/ptrace_scope", "rb") as file:
        scope = file.read().strip().decode()
        if scope != "0":
            text += f" (kernel.yama.ptrace_scope is {scope})"
    return f"{text}; ask as root, or start the program with poolmgr run"


def _look_into(pid: int) -> list[WaitingThread]:
    found = []
    maps: list[tuple[int, int, int, str]] | None = None
    for thread in threads(pid):
        # Between the list and the look it may have ended.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            address = _waits_at(pid, thread)
            if address is None:
                continue
            if maps is None:
                maps = _semaphores(pid)
            place = next((place for place in maps if place[0] <= address < place[1]), None)
            if place is not None:
                found.append(WaitingThread(pid, thread, _name(pid, thread), _semaphore(pid, address, place)))
    return found


def _waits_at(pid: int, thread: int) -> int | None:
    """The address at which a thread waits in ``futex``; None if it does not."""
    with open(f"/proc/{pid}/task/{thread}/syscall", "rb") as file:
        words = file.read().split()
    # A thread that runs is in no call.
    return int(words[1], 16) if len(words) > 1 and words[0].isdigit() and int(words[0]) == _FUTEX else None


def _semaphores(pid: int) -> list[tuple[int, int, int, str]]:
    """Where semaphores are mapped: begin, end, inode, path."""
    found = []
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as file:
        for line in file:
            fields = line.rstrip("\n").split(maxsplit=5)
            path = fields[5] if len(fields) > 5 else ""
            if "/ld-musl-" in path:
                raise _OtherLibrary(f"process {pid} uses musl, whose semaphores are not known here; use poolmgr run")
            if path.startswith(_PREFIX):
                begin, _, end = fields[0].partition("-")
                found.append((int(begin, 16), int(end, 16), int(fields[4]), path))
    return found


def _semaphore(pid: int, address: int, place: tuple[int, int, int, str]) -> Semaphore:
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        data = os.pread(memory.fileno(), 8, address)
    path = place[3]
    return Semaphore(
        inode=place[2],
        name="/" + path.removesuffix(_GONE).removeprefix(_PREFIX),
        is_named=not path.endswith(_GONE),
        value=int.from_bytes(data[:4], "little"),
        waiting=int.from_bytes(data[4:], "little"),
    )


def _name(pid: int, thread: int) -> str:
    with open(f"/proc/{pid}/task/{thread}/comm", encoding="utf-8", errors="replace") as file:
        return file.read().rstrip("\n")
