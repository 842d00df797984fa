"""Has this process tell the stacks of its threads when it is asked by a signal.

    ASK      a handler of Python's, which runs between two instructions of the main thread: all threads are told, and
             none of them moves meanwhile, since this one has the interpreter's lock
    SIGNAL   faulthandler's, which reads the main thread's frames wherever it is.  It may be sent only where these stand
             still, so to one that is in C and does not hear ASK: frames that move are read as they should not be, and
             that ends the process

Both write into memory of this process's own.  Whoever sends SIGNAL has that memory locked until it was heard: a thread
that comes back from C meanwhile answers ASK, and stays in there as long.

Thread: whichever asks first.  Only the main thread can take ASK, so ``listen`` is called by it before.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import time

from . import files

try:
    import fcntl
except ImportError:  # not on Windows, which has no such signals either
    pass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

#: Real-time signals: those with names belong to programs, and the first ones to the C library.
SIGNAL = getattr(signal, "SIGRTMIN", 0) + 5
ASK = getattr(signal, "SIGRTMIN", 0) + 7
#: The name of the memory, by which whoever asks makes sure that the descriptor still is that; behind it stands the main
#: thread's number as stacks have it, in hexadecimal.
NAME = "poolmgr-stacks-"
#: Around what ASK is answered.
BEGIN, END = b"poolmgr: all threads\n", b"poolmgr: end\n"
#: Seconds that the locked memory is waited for: whoever sends SIGNAL may be stopped in the middle.  And between two
#: looks at it.
_LOCKED, _STEP = 0.5, 0.0005

#: The process that has offered them, and the descriptor: a forked child makes memory of its own.
_offered = (0, -1)


def offer() -> int:
    """The descriptor of the memory, made and registered at the first call; -1 if that cannot be."""
    global _offered
    if _offered[0] != os.getpid():
        listen()
        _offered = (os.getpid(), _register())
    return _offered[1]


def listen() -> None:
    """Take ASK, if this is the main thread and nobody else has it."""
    main = threading.get_ident() == threading.main_thread().ident
    if main and sys.platform == "linux" and signal.getsignal(ASK) is signal.SIG_DFL:
        signal.signal(ASK, _tell)


def _register() -> int:
    if not hasattr(os, "memfd_create") or signal.getsignal(SIGNAL) is not signal.SIG_DFL:
        return -1
    fd = files.above_standard(os.memfd_create(f"{NAME}{threading.main_thread().ident:x}", os.MFD_CLOEXEC))
    # To the end, wherever that is by then: who reads it empties it now and then.
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_APPEND)
    faulthandler.register(SIGNAL, file=fd, all_threads=False)
    return fd


def _tell(_number: int, _frame: FrameType | None) -> None:
    pid, fd = _offered
    if pid != os.getpid() or fd < 0:
        return
    try:
        os.write(fd, BEGIN)
        faulthandler.dump_traceback(fd)
        os.write(fd, END)
        _stay(fd)
    except OSError:
        # The job has closed it: whoever asks finds that out, and it is no affair of the job's.
        pass


def _stay(fd: int) -> None:
    """Until SIGNAL, if it is on its way, has come: it may find this thread here, but not at what the job does next."""
    end = time.monotonic() + _LOCKED
    while time.monotonic() < end:
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_STEP)
        else:
            fcntl.flock(fd, fcntl.LOCK_UN)
            return
