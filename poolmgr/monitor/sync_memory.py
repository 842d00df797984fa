"""What can be read of a program's objects from outside: semaphores, shared values, bytes in one-way pipes.

Each is one short read of what the kernel shows of a process of the same user.  What it refuses to show is not told.

Thread: any one at a time; :class:`Outside` keeps descriptors between two pictures, which :meth:`Outside.close` closes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import sys
import termios
from collections.abc import Iterable

#: Elements of an array that are shown.
SHOWN = 8
_INT = struct.calcsize("i")


class Outside:
    """Descriptors of what was looked at last."""

    def __init__(self) -> None:
        #: The memory of processes, and the files that shared values lie in, by (process, what).
        self._open: dict[tuple[int, str], int] = {}
        self._used: set[tuple[int, str]] = set()
        self._pipes: dict[int, tuple[int, str]] = {}
        #: The processes that pipes were looked for in, and those that were not found.
        self._looked: tuple[frozenset[int], frozenset[int]] = frozenset(), frozenset()

    def close(self) -> None:
        """Close all."""
        for fd in self._open.values():
            os.close(fd)
        self._open.clear()

    def turn(self) -> None:
        """A picture is made: close what was not needed for it."""
        for key in self._open.keys() - self._used:
            os.close(self._open.pop(key))
        self._used.clear()

    def semaphore(self, name: str, pid: int, address: int) -> int | None:
        """The count of a semaphore: by its name in the system while it has one, else where a process has mapped it."""
        if sys.byteorder != "little" or sys.maxsize < 2**32:
            # The C library keeps it otherwise on such machines.
            return None
        if name:
            with contextlib.suppress(OSError), open(f"/dev/shm/sem.{name.lstrip('/')}", "rb") as file:
                return _count(file.read(8))
        fd = self._descriptor(pid, "mem")
        if fd < 0 or not address:
            return None
        with contextlib.suppress(OSError, OverflowError):
            return _count(os.pread(fd, 8, address))
        return None

    def block(self, pid: int, fd: int, inode: int, begin: int, size: int) -> bytes | None:
        """A piece of the memory that values are shared in; None if its process has ended and nobody kept it."""
        found = self._descriptor(pid, f"fd/{fd}", inode)
        if found < 0:
            return None
        with contextlib.suppress(OSError, OverflowError):
            data = os.pread(found, size, begin)
            return data if len(data) == size else None
        return None

    def _descriptor(self, pid: int, what: str, inode: int = 0) -> int:
        key = (pid, what)
        self._used.add(key)
        fd = self._open.get(key, -1)
        if fd >= 0 and (not inode or os.fstat(fd).st_ino == inode) and (inode or os.path.exists(f"/proc/{pid}")):
            return fd
        if fd >= 0:
            os.close(self._open.pop(key))
        try:
            fd = os.open(f"/proc/{pid}/{what}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return -1
        if inode and os.fstat(fd).st_ino != inode:
            os.close(fd)
            return -1
        self._open[key] = fd
        return fd

    def pipes(self, inodes: Iterable[int], processes: Iterable[int]) -> dict[int, int]:
        """Bytes that wait in pipes, by inode; those that no process has open any more are left out."""
        wanted = set(inodes)
        if not wanted:
            return {}
        found: dict[int, int] = {}
        for inode in wanted & self._pipes.keys():
            pid, name = self._pipes[inode]
            if (size := _bytes_in(pid, name, inode)) is not None:
                found[inode] = size
            else:
                del self._pipes[inode]
        missing, running = frozenset(wanted - found.keys()), frozenset(processes)
        # Who has closed a pipe does not open it again: it is looked for once, and again when there are new processes.
        if missing and (running != self._looked[0] or missing - self._looked[1]):
            for inode, place in _holders(missing, running).items():
                if (size := _bytes_in(*place, inode)) is not None:
                    found[inode], self._pipes[inode] = size, place
        self._looked = running, missing - found.keys()
        return found


def _count(data: bytes) -> int | None:
    return int.from_bytes(data[:4], "little") if len(data) == 8 else None


def _holders(inodes: Iterable[int], processes: Iterable[int]) -> dict[int, tuple[int, str]]:
    links = {f"pipe:[{inode}]": inode for inode in inodes}
    found: dict[int, tuple[int, str]] = {}
    for pid in processes:
        with contextlib.suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    inode = links.get(os.readlink(f"/proc/{pid}/fd/{name}"))
                    if inode is not None:
                        found[inode] = (pid, name)
    return found


def _bytes_in(pid: int, name: str, inode: int) -> int | None:
    """Bytes in a pipe. It is open for a moment here too, so whoever writes then is not told that nobody reads."""
    try:
        fd = os.open(f"/proc/{pid}/fd/{name}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if os.fstat(fd).st_ino != inode:
            return None
        return int(struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, bytes(_INT)))[0])
    except OSError:
        return None
    finally:
        os.close(fd)


def shown(code: str, data: bytes, length: int) -> tuple[str, float | None]:
    """A shared value or array in short, and as a number if it is one."""
    if not code:
        return f"{len(data)} bytes", None
    if code == "c":
        text = data.partition(b"\0")[0]
        return repr(text if len(text) <= 40 else text[:40] + b"..."), None
    if code == "u":
        return repr(data.decode("utf-32", "replace").partition("\0")[0][:40]), None
    try:
        size = struct.calcsize(code)
        values = struct.unpack(f"{min(length, SHOWN)}{code}", data[: size * min(length, SHOWN)])
    except struct.error:
        return f"{len(data)} bytes", None
    if length == 1:
        return _short(values[0]), float(values[0])
    rest = f", ... {length - SHOWN:,} more" if length > SHOWN else ""
    return f"[{', '.join(map(_short, values))}{rest}]", None


def _short(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
