"""What the kernel tells of one process, in one short read. Unknown on a system without /proc: then nothing is told."""

from __future__ import annotations


def stopped(pid: int) -> bool:
    """Whether the process is stopped from outside: by SIGSTOP, or by a debugger."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name of the program, in parentheses, may have anything in it.
            return file.read().rpartition(b") ")[2][:1] in b"Tt"
    except OSError:
        return False
