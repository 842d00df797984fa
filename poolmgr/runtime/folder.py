"""The runtime folder: where the pools of this user can be found, and nobody else's business.

    ROOT/                 0700, ours: $XDG_RUNTIME_DIR/poolmgr, else poolmgr-UID in the temporary folder
      PID-RANDOM/         0700, one for each pool that has a board
        info.json         0600, written once, locked by its owner for as long as the owner lives
        key               0600, 32 random bytes: whoever can read it may read and steer the pool
        socket            0600, made by the board

The lock is a POSIX record lock: the kernel drops it however the owner dies, and no forked child inherits it.  A
reader that gets a shared lock knows that the owner is gone, and removes what it left.

Thread: any; a lock guards the list of this process's own entries, and is held for no system call but the last close.
Never: opens an entry of its own process.  Closing ANY descriptor of a file drops all the locks that the process has
on it, so to look would be to let go.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import stat
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass

from poolmgr.errors import UsageError

#: Bytes of a socket's path that the kernel takes, the closing zero byte not counted.
_LONGEST_ADDRESS = 107
#: Entries are made under a name with this in front, and renamed once they are whole and locked.
_UNFINISHED = ".new-"
#: Seconds after which an unfinished entry is taken for a dead owner's.  Making one takes milliseconds; a stopped
#: owner could take longer, and then only fails to be listed.
_UNFINISHED_AGE = 60.0
#: Owner alone; also what is refused to anybody else.
_PRIVATE = 0o700
_SHARED_BITS = 0o077

_lock = threading.Lock()
#: Entries that this process owns, by path, with the descriptors that hold their locks.
_own: dict[str, tuple[Entry, int]] = {}


@dataclass(frozen=True, slots=True)
class Entry:
    """One pool as its folder tells it."""

    path: str
    name: str
    pid: int
    #: Wall-clock seconds at which the entry was made.
    started: float
    #: The program that owns the pool, as it was started.
    program: str
    version: str

    @property
    def address(self) -> str:
        """The path of the board's socket."""
        return os.path.join(self.path, "socket")

    @property
    def key_path(self) -> str:
        """The path of the key file."""
        return os.path.join(self.path, "key")


def root() -> str:
    """The folder of all this user's pools, made if need be.

    Raises:
        UsageError: It cannot be made, or somebody else could look into it.
    """
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    path = (
        os.path.join(base, "poolmgr")
        if os.path.isabs(base) and os.path.isdir(base)
        else os.path.join(tempfile.gettempdir(), f"poolmgr-{os.getuid()}")
    )
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, _PRIVATE)
    except OSError as error:
        raise UsageError(
            f"the folder for running pools cannot be made: {error}; set XDG_RUNTIME_DIR to one of yours"
        ) from error
    check_private(path, stat.S_IFDIR)
    return path


def check_private(path: str, kind: int) -> None:
    """Refuse what is not ours alone.

    Args:
        path: What is about to be trusted. A symbolic link is never followed, and so never passes.
        kind: The file type it must have, such as ``stat.S_IFDIR``.

    Raises:
        UsageError: It is of another type, of another user, or others have rights on it.
        FileNotFoundError: It is not there.
    """
    found = os.lstat(path)
    if stat.S_IFMT(found.st_mode) != kind:
        raise UsageError(f"{path} is not what poolmgr puts there; remove it, or set XDG_RUNTIME_DIR to another folder")
    if found.st_uid != os.getuid():
        raise UsageError(f"{path} belongs to user {found.st_uid}, not to you; set XDG_RUNTIME_DIR to a folder of yours")
    if found.st_mode & _SHARED_BITS:
        raise UsageError(
            f"{path} is open to others (mode {stat.S_IMODE(found.st_mode):04o}): "
            f"check what is in it, then chmod go-rwx it"
        )


def open_entry(name: str, *, version: str) -> Entry:
    """Make the folder of a pool that this process owns; it is listed from now on until it is closed.

    Raises:
        UsageError: There is no safe place for it.
    """
    top = root()
    # Owners that were killed leave their entries; where nobody ever looks, the next owner has to.
    entries()
    try:
        unfinished = tempfile.mkdtemp(prefix=f"{_UNFINISHED}{os.getpid()}-", dir=top)
    except OSError as error:
        raise UsageError(f"no pool can be entered in {top}: {error}; set XDG_RUNTIME_DIR to another folder") from error
    path = os.path.join(top, os.path.basename(unfinished).removeprefix(_UNFINISHED))
    entry = Entry(path, name, os.getpid(), time.time(), " ".join(sys.orig_argv), version)
    try:
        if len(os.fsencode(entry.address)) > _LONGEST_ADDRESS:
            raise UsageError(f"{top} is too long a path for a socket; set XDG_RUNTIME_DIR to a shorter folder")
        _write_private(os.path.join(unfinished, "key"), os.urandom(32))
        _write_locked(os.path.join(unfinished, "info.json"), entry)
        os.rename(unfinished, path)
    except BaseException:  # raised again: whatever it is, and a Ctrl-C too, must leave no entry behind
        close_entry(entry)
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return entry


def close_entry(entry: Entry) -> None:
    """Remove the folder of a pool that this process owns, and let go of its lock. Closing twice does no harm."""
    with _lock:
        own = _own.pop(entry.path, None)
    if own is None:
        return
    # Removed first: between the two steps a reader may find a locked entry, never one that looks abandoned.
    shutil.rmtree(entry.path, ignore_errors=True)
    os.close(own[1])


def entries() -> list[Entry]:
    """The pools of this user that live, oldest first. Entries of owners that are gone are removed.

    Raises:
        UsageError: The folder of all pools is not ours alone.
    """
    top = root()
    with _lock:
        own = {path: entry for path, (entry, _) in _own.items()}
    found = []
    for name in os.listdir(top):
        path = os.path.join(top, name)
        if name.startswith(_UNFINISHED):
            _remove_if_forgotten(path)
            continue
        entry = own.get(path) or _read_entry(path)
        if entry is not None:
            found.append(entry)
    return sorted(found, key=lambda entry: entry.started)


def is_listed(entry: Entry) -> bool:
    """Whether the owner of this entry lives and has not closed it; what a dead one left is removed."""
    with _lock:
        own = entry.path in _own
    return own or _read_entry(entry.path) is not None


def _read_entry(path: str) -> Entry | None:
    """The entry of another process, or None if it is none, or its owner is gone (then it is removed)."""
    try:
        check_private(path, stat.S_IFDIR)
        fd = os.open(os.path.join(path, "info.json"), os.O_RDONLY | os.O_NOFOLLOW)
    except (OSError, UsageError):
        # Closed this moment, or not of our making: either way nothing to list, and nothing of ours to remove.
        return None
    try:
        if _owner_is_gone(fd):
            shutil.rmtree(path, ignore_errors=True)
            return None
        with open(fd, "rb", closefd=False) as file:
            facts = json.load(file)
        return Entry(
            path=path,
            name=str(facts["name"]),
            pid=int(facts["pid"]),
            started=float(facts["started"]),
            program=str(facts["program"]),
            version=str(facts["version"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    finally:
        os.close(fd)


def _owner_is_gone(fd: int) -> bool:
    try:
        # Shared, so that two readers at once do not take each other for the owner.
        fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _remove_if_forgotten(path: str) -> None:
    with contextlib.suppress(OSError):
        if time.time() - os.lstat(path).st_mtime > _UNFINISHED_AGE:
            shutil.rmtree(path, ignore_errors=True)


def _create_private(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)


def _write_locked(path: str, entry: Entry) -> None:
    fd = _create_private(path)
    with _lock:
        _own[entry.path] = (entry, fd)
    facts = asdict(entry) | {"address": entry.address}
    del facts["path"]
    os.write(fd, json.dumps(facts).encode())
    fcntl.lockf(fd, fcntl.LOCK_EX)


def _write_private(path: str, content: bytes) -> None:
    fd = _create_private(path)
    try:
        os.write(fd, content)
    finally:
        os.close(fd)


def _forget_in_child() -> None:
    """A forked child owns no entry: the locks stayed with its parent."""
    global _lock
    _lock = threading.Lock()
    for _, fd in _own.values():
        with contextlib.suppress(OSError):
            os.close(fd)
    _own.clear()


os.register_at_fork(after_in_child=_forget_in_child)
