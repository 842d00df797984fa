"""Has this process tell the stacks of its threads when it is asked by a signal.

faulthandler writes them into memory of this process's own, in the signal's handler and without running any Python code,
so also while a thread waits for a lock or computes in C.

Thread: whichever asks first.
"""

from __future__ import annotations

import os
import signal

from . import files

#: A real-time signal: those with names belong to programs, and the first ones to the C library.
SIGNAL = getattr(signal, "SIGRTMIN", 0) + 5
#: The name of the memory, by which whoever asks makes sure that the descriptor still is that.
NAME = "poolmgr-stacks"

#: The process that has offered them, and the descriptor: a forked child makes memory of its own.
_offered = (0, -1)


def offer() -> int:
    """The descriptor of the memory, made and registered at the first call; -1 if that cannot be."""
    global _offered
    if _offered[0] != os.getpid():
        _offered = (os.getpid(), _register())
    return _offered[1]


def _register() -> int:
    if not hasattr(os, "memfd_create") or signal.getsignal(SIGNAL) is not signal.SIG_DFL:
        return -1
    import faulthandler
    import fcntl

    fd = files.above_standard(os.memfd_create(NAME, os.MFD_CLOEXEC))
    # To the end, wherever that is by then: who reads it empties it now and then.
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_APPEND)
    faulthandler.register(SIGNAL, file=fd, all_threads=True)
    return fd
