"""The lifeline: the kernel ends every child of an owner the moment the owner is gone, however it died.

    owner                      one pipe for each process that owns something; nothing is ever written into it
      writer ------------+     held by the owner alone: closed on exec, closed in every forked child
      reader             |
                         v
    child   opens the pipe's read end AFRESH (its own open file description), asks for a signal on it
            (F_SETSIG SIGKILL, F_SETOWN itself, O_ASYNC): when the last writer closes, which is the owner's death,
            the kernel kills the child.  No thread, no GIL, no polling: it works while a job computes in C.

Why not PR_SET_PDEATHSIG: it fires when the *thread* that forked ends, and under forkserver the parent is the fork
server.  Why a pipe reopened through /proc and not a FIFO: nothing has a name, so nothing is left behind.  A byte
written into the pipe would kill all children: nobody may write.  Measured in benchmarks/lifeline.py.

Where /proc or F_SETSIG is missing (macOS), a thread waits on the pipe instead: it cannot end a child whose job holds
the GIL.

Not covered: processes that a job starts itself, unless they share the worker's process group.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import threading
from typing import Any

#: ``F_SETSIG`` of fcntl(2); the fcntl module does not name it before Python 3.14.
_F_SETSIG = 10

#: The lifeline of this process, and the process that made it.
_lock = threading.Lock()
_current: Lifeline | None = None


class Lifeline:
    """The owner's end of the lifeline, and what a child needs to hang on to it.

    May be passed in the arguments of a process (fork, spawn and forkserver), which then calls :meth:`protect`.
    """

    def __init__(self, reader: int, writer: int, owner: int) -> None:
        self._reader = reader
        self._writer = writer
        self._owner = owner

    @property
    def reader(self) -> int:
        """The descriptor that a child started by exec must inherit: ``Lifeline(reader, -1, owner)`` hangs on to it."""
        return self._reader

    def protect(self) -> None:
        """Have this process killed when the owner dies; at once if the owner is dead already.

        Called in the child, once, before it does anything else.
        """
        if os.getpid() == self._owner:
            return
        try:
            # Settings sit on the open file description, so an inherited one would be shared with all siblings.
            fd = os.open(f"/proc/self/fd/{self._reader}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            self._watch_in_thread()
            return
        os.close(self._reader)
        fcntl.fcntl(fd, _F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)
        poll = select.poll()
        poll.register(fd, 0)
        if poll.poll(0):
            os._exit(1)
        # The descriptor stays open for the life of the process: closing it would cut the line.

    def _watch_in_thread(self) -> None:
        reader = self._reader

        def watch() -> None:
            os.read(reader, 1)
            os._exit(1)

        threading.Thread(target=watch, name="poolmgr-lifeline", daemon=True).start()

    def __reduce__(self) -> tuple[Any, ...]:
        # DupFd passes the descriptor on while a process is being spawned, and only then.
        from multiprocessing.reduction import DupFd

        return _rebuild, (DupFd(self._reader), self._owner)


def _rebuild(reader: Any, owner: int) -> Lifeline:
    return Lifeline(reader.detach(), -1, owner)


def guard() -> Lifeline:
    """The lifeline of this process: made at the first call, then always the same."""
    global _current
    with _lock:
        if _current is None or _current._owner != os.getpid():
            reader, writer = os.pipe()
            _current = Lifeline(reader, writer, os.getpid())
        return _current


def protect(lifeline: Lifeline) -> None:
    """``lifeline.protect()`` as a function, for ``manager.start(initializer=protect, initargs=(guard(),))``."""
    lifeline.protect()


def _forget_in_child() -> None:
    """A forked child must not hold the writer: the line would outlive its owner."""
    global _lock
    _lock = threading.Lock()
    if _current is not None and _current._writer >= 0:
        with contextlib.suppress(OSError):
            os.close(_current._writer)
        _current._writer = -1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
