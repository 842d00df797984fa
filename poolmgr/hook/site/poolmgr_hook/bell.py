"""The bell of a pool: a socket that wakes the pool's own thread, which then looks what is wished (``layout.P_WISH``).

The words say what is wanted, the bell only that there is something: what comes through it is thrown away.  It stands
among the things that the pool's thread waits for anyway, so no thread is needed.

Threads: made by the program's, listened to by the pool's worker handler, closed by whichever drops it last.
"""

from __future__ import annotations

import os
import socket

from . import files


class Bell:
    """A bound socket by its descriptor."""

    def __init__(self, key: str) -> None:
        """Bind it.

        Raises:
            OSError: The run's folder is gone, or its path too long for a socket.
        """
        self.path = files.path("bell", key)
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            made.setblocking(False)
            made.bind(self.path)
        except BaseException:  # whatever it is goes on, and the socket is nobody's
            made.close()
            raise
        # The bare descriptor: a socket that is collected warns, and this one is collected with its pool.
        self._fd = files.above_standard(made.detach())

    @property
    def name(self) -> str:
        """Its file's name in the run's folder."""
        return os.path.basename(self.path)

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._fd

    def hear(self) -> None:
        """Have it ready for the next ring."""
        while True:
            try:
                os.read(self._fd, 64)
            except OSError:
                return

    def drop(self) -> None:
        """Close it here, and leave its file: called in a child of the owner."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        if self._fd >= 0:
            self.drop()
            try:
                os.unlink(self.path)
            except OSError:
                pass
