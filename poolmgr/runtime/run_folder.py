"""The folder of one run of a program that is watched: what its processes write, and one process reads.

It lies beside the folders of pools, is 0700, and is listed by nobody.  Whoever made it holds a lock on a file in it, so
that the next run can tell what a killed one left behind, and removes it.

Thread: any.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from types import TracebackType
from typing import Self

from poolmgr.errors import UsageError
from poolmgr.runtime.folder import root

_PREFIX = ".run-"
_LOCK = "lock"


class RunFolder:
    """A run's folder, which this process has made; used in a ``with``, it is removed at the end."""

    def __init__(self) -> None:
        """Make it, and remove those of runs that are gone.

        Raises:
            UsageError: There is no safe place for it.
        """
        top = root()
        _remove_forgotten(top)
        try:
            self.path = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=top)
            unlocked = os.path.join(self.path, f"{_LOCK}.new")
            self._fd = os.open(unlocked, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.lockf(self._fd, fcntl.LOCK_EX)
            # Only now under its name: who finds it unlocked finds that its owner is gone.
            os.rename(unlocked, os.path.join(self.path, _LOCK))
        except OSError as error:
            raise UsageError(
                f"no program can be watched from {top}: {error}; set XDG_RUNTIME_DIR to another folder"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the folder; the program, if it still runs, is watched no more. Closing twice does no harm."""
        if self._fd >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._fd)
            self._fd = -1


def _remove_forgotten(top: str) -> None:
    for name in os.listdir(top):
        if not name.startswith(_PREFIX):
            continue
        path = os.path.join(top, name)
        # One of this process's own: opening and closing its lock here would let go of it.
        if name.startswith(f"{_PREFIX}{os.getpid()}-"):
            continue
        with contextlib.suppress(OSError):
            fd = os.open(os.path.join(path, _LOCK), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(fd)
