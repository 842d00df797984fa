"""The run's folder: what this process puts there.

    hello.PID      one for each interpreter that loaded the hook: a Python literal, written once
    notes.PID      what the hook could not do in this process, a line each
    cells.PID      what this process does as a worker of a pool (``layout.py``, the cells)
    pool.PID.N     the Nth pool that this process owns (``layout.py``, the record)
    errors.PID     what jobs of this process's pools failed with, once there is one (``layout.py``, the failures)
    bell.PID.N     the socket at which that pool is woken, to see what is wished of it
    hold.PIPE      made by who watches the run: workers that take tasks from that pipe are to wait
    locks, locks.claims, waits.PID   the locks of all processes, and who waits (``lock_table.py``)

All are made by the process that they are of, 0600 in a folder of 0700.  Who reads them removes those of processes that
have ended; nothing here waits for a reader.

Threads: any, one at a time for each file.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Characters of one argument, and arguments, that the hello file keeps.
_LONGEST_ARGUMENT = 200
_MOST_ARGUMENTS = 50
_MOST_NOTES = 50

_notes_written = 0


def folder() -> str:
    """The run's folder; empty if this process is of no run."""
    return os.environ.get("POOLMGR_RUN", "")


def path(kind: str, *parts: object) -> str:
    """The path of a file of this process."""
    return os.path.join(folder(), ".".join([kind, *map(str, parts or (os.getpid(),))]))


def inode(file: Any) -> int:
    """The inode of what has a ``fileno()``."""
    return os.fstat(file.fileno()).st_ino


def started() -> int:
    """When this process started, in the kernel's ticks; 0 if nobody can tell."""
    try:
        fd = above_standard(os.open("/proc/self/stat", os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        return 0
    try:
        # The name of the program, in parentheses, may have anything in it.
        return int(os.read(fd, 4096).rpartition(b") ")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0
    finally:
        os.close(fd)


def hello() -> bool:
    """Tell that this interpreter has the hook. False if the run's folder is gone, or is not ours to write to."""
    arguments = getattr(sys, "orig_argv", None) or getattr(sys, "argv", [])
    facts = {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "version": ".".join(map(str, sys.version_info[:3])),
        "executable": sys.executable,
        "argv": [str(one)[:_LONGEST_ARGUMENT] for one in arguments[:_MOST_ARGUMENTS]],
    }
    try:
        _write(path("hello"), repr(facts) + "\n", os.O_TRUNC)
    except OSError:
        return False
    return True


def note(text: str) -> None:
    """Write down what the hook could not do, for whoever looks at the run; a few dozen for each process."""
    global _notes_written
    _notes_written += 1
    if _notes_written > _MOST_NOTES:
        return
    try:
        _write(path("notes"), " ".join(text.split()) + "\n", os.O_APPEND)
    except Exception:  # the folder is gone, with the run that made it: nobody reads notes any more
        pass


def _write(where: str, text: str, flag: int) -> None:
    fd = above_standard(os.open(where, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | flag, 0o600))
    try:
        os.write(fd, text.encode("utf-8", "backslashreplace"))
    finally:
        os.close(fd)


def memory(where: str, size: int) -> Any:
    """A file of that size, made anew, mapped into memory that everybody shares who maps it too.

    Raises:
        OSError: The folder is gone, or there is no room.
    """
    import mmap

    try:
        # Never emptied: who has mapped what an earlier process of this number left would be hit by SIGBUS.
        os.unlink(where)
    except FileNotFoundError:
        pass
    fd = above_standard(os.open(where, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    try:
        # Blocks and not a hole: a full disk is to be told here, and not by SIGBUS in the middle of a job.
        os.posix_fallocate(fd, 0, size)
        return map_memory(mmap, fd, size)
    finally:
        os.close(fd)


def map_memory(mmap: Any, fd: int, size: int) -> Any:
    """Map a file, without keeping a descriptor for it where Python can do without."""
    if sys.version_info >= (3, 13):
        return mmap.mmap(fd, size, trackfd=False)
    taken = _take_standard()
    try:
        return mmap.mmap(fd, size)
    finally:
        for one in taken:
            os.close(one)


def above_standard(fd: int) -> int:
    """The same file under a descriptor of 3 or more: a program may have closed its standard ones."""
    if fd > 2:
        return fd
    import fcntl

    higher = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    os.close(fd)
    return higher


def _take_standard() -> list[int]:
    """Occupy the standard descriptors that are free, so that a copy which Python makes by itself gets none of them."""
    taken: list[int] = []
    while True:
        fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        if fd > 2:
            os.close(fd)
            return taken
        taken.append(fd)
