"""What the kernel tells of one process, in one short read. Unknown on a system without /proc: then nothing is told."""

from __future__ import annotations

import os

_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident(pid: int) -> int | None:
    """Bytes of memory that the process has resident, with what it shares with others; None if nobody can tell."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except (OSError, IndexError):
        return None


def stopped(pid: int) -> bool:
    """Whether the process is stopped from outside: by SIGSTOP, or by a debugger."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name of the program, in parentheses, may have anything in it.
            return file.read().rpartition(b") ")[2][:1] in b"Tt"
    except OSError:
        return False
