"""What a program has left behind when it ended: found, and ended too.

A program's processes are known by a variable in their environment, as it was when each was started.  This process is
made their reaper, so that what loses its parent comes to it and not to the system's first process.

What is left alone: a process that began a session of its own, as daemons do, and one that ignores SIGHUP, as with
nohup, unless this process does too.  Both were told to outlive what had started them.  All else gets a moment to
notice by itself, as the resource tracker does, then SIGTERM, then SIGKILL.

Thread: the caller's.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import select
import signal
import time
from collections.abc import Collection

from poolmgr.runtime.procfs import alive, command, has, masks, session_of, state
from poolmgr.runtime.tree import children, descendants

_PR_SET_CHILD_SUBREAPER = 36
#: Seconds until SIGTERM, and from there to SIGKILL.  What ends by itself does so within milliseconds; a worker that
#: has lost its owner never does.
NOTICE, GRACE = 0.5, 1.0


def become_reaper() -> None:
    """Have what loses its parent, below this process, become its child. A kernel that cannot changes nothing."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap(ours: Collection[int]) -> None:
    """Take leave of children that have ended and are not ``ours``: nobody else will ask about them."""
    for pid in children(os.getpid()):
        if pid not in ours and state(pid) == "Z":
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def sweep(mark: bytes, session: int, ours: Collection[int]) -> int:
    """End what is left of a program, and return how many processes needed a signal.

    Args:
        mark: ``NAME=value``, as it is in the environment of the program.
        session: The session that the program ran in.
        ours: Children of this process that are not the program's.
    """
    found = _left(mark, session, ours)
    signalled: set[int] = set()
    for wait, signum in ((NOTICE, signal.SIGTERM), (GRACE, signal.SIGKILL)):
        left = _wait_for_ends(mark, session, ours, wait)
        for pid in left:
            signalled.add(pid)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                # A stopped process does not see SIGTERM before it goes on.
                os.kill(pid, signum)
                os.kill(pid, signal.SIGCONT)
    _wait_for_ends(mark, session, ours, GRACE)
    _see_off(signalled.union(found), ours)
    return len(signalled)


def _left(mark: bytes, session: int, ours: Collection[int]) -> list[int]:
    return [pid for pid in descendants(os.getpid()) if pid not in ours and _is_left(pid, mark, session)]


def _see_off(pids: Collection[int], ours: Collection[int]) -> None:
    """Reap them: one that is about to end has no environment any more, and whoever is our heir may reap nobody."""
    deadline = time.monotonic() + GRACE
    while ending := [pid for pid in pids if alive(pid)]:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            break
        _wait_for_one(ending, remaining)
    reap(ours)


def _wait_for_ends(mark: bytes, session: int, ours: Collection[int], seconds: float) -> list[int]:
    """Those that are still left after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        reap(ours)
        left = _left(mark, session, ours)
        remaining = deadline - time.monotonic()
        if not left or remaining <= 0:
            return left
        _wait_for_one(left, remaining)


def _wait_for_one(pids: Collection[int], seconds: float) -> None:
    """Until one of them has ended, or so many seconds are over."""
    with contextlib.ExitStack() as stack:
        poll = select.poll()
        for pid in pids:
            try:
                fd = os.pidfd_open(pid)
            except OSError:
                return
            stack.callback(os.close, fd)
            poll.register(fd, select.POLLIN)
        poll.poll(math.ceil(1000 * seconds))


def _is_left(pid: int, mark: bytes, session: int) -> bool:
    if not alive(pid) or session_of(pid) != session or not _is_marked(pid, mark):
        return False
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        # We are under nohup ourselves, and all of the program has it from us.
        return True
    return not has(masks(pid).get("SigIgn", 0), signal.SIGHUP)


def _is_marked(pid: int, mark: bytes) -> bool:
    """Whether a process is the program's: by its environment, or since that is still to come."""
    environment = _environment(pid)
    if environment:
        return mark in environment
    # In an exec it has no arguments yet either, and who starts any in this session is the program.  One that has some
    # has come out of it since, or was given an empty environment.
    return not any(command(pid)) or mark in _environment(pid)


def _environment(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return [each for each in file.read().split(b"\0") if each]
    except OSError:
        return []
