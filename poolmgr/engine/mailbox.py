"""How others reach the dispatcher: an inbox of steps to run on its thread, and a bell that wakes it.

The bell is an event descriptor: callers ring it, and so do workers when results are there.  The dispatcher reads it.
Nobody waits for anybody but :meth:`Mailbox.ask`, which waits for its answer.

While the dispatcher naps, what it owns is free for callers: they send a job to an idle worker and take its result out
themselves (``inline.py``, ``leader.py``), each by a step in one piece that begins with a look at ``nap``.  While it is
awake they leave all to it.  So neither side ever waits for the other.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from poolmgr.errors import PoolClosed
from poolmgr.runtime.inherit import disown, own

P = ParamSpec("P")
T = TypeVar("T")


class _Step:
    """A step to run on the dispatcher's thread, and the gate at which its asker waits for what comes of it.

    Not a ``concurrent.futures.Future``: that import alone takes as long as starting two workers by fork, and a
    KeyboardInterrupt in the middle of its wait can leave its lock held, for which the dispatcher would then wait.
    """

    __slots__ = ("_call", "_error", "_gate", "_value")

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self._value: Any = None
        #: What its asker is told if it never runs.
        self._error: BaseException | None = PoolClosed("the pool has ended")
        self._gate = threading.Lock()
        self._gate.acquire()

    def run(self) -> None:
        """Run it, and let its asker go on."""
        try:
            self._value = self._call()
            self._error = None
        except Exception as error:  # the asker's: it is raised there
            self._error = error
        finally:
            self._gate.release()

    def refuse(self) -> None:
        """Let its asker go on: it will not be run."""
        self._gate.release()

    def result(self) -> Any:
        """Wait for what it returns, or raises."""
        self._gate.acquire()
        if self._error is None:
            return self._value
        try:
            raise self._error
        finally:
            # Else the error's traceback, which has this frame, and the step, which has the error, keep each other.
            del self


class Mailbox:
    """The inbox and the wake-up of one dispatcher."""

    def __init__(self) -> None:
        #: Readable when somebody has rung.
        self.bell = own(os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK))
        #: Re-entrant: a signal handler of the user's may submit a job while its thread is in here.
        self.lock = threading.RLock()
        #: Written by the dispatcher: the number of its nap while it sleeps or is about to, 0 while it is awake.
        self.nap = 0
        #: Callers that may be using descriptors and memory of workers: nothing is closed before they have gone.
        self.inside = 0
        self._closers: list[Callable[[], object]] = []
        self._naps = 0
        #: True once the dispatcher takes no more.
        self.closed = False
        self._inbox: deque[_Step] = deque()

    def wake(self) -> None:
        """Have the dispatcher look at its inbox and its backlog."""
        if self.nap:
            self.ring()

    def ring(self) -> None:
        """Wake the dispatcher, asleep or not: it must look at the workers."""
        with self.lock:
            # Under the lock, since a descriptor that is closed meanwhile may be somebody else's by now.
            if not self.closed:
                os.eventfd_write(self.bell, 1)

    def ask(self, step: Callable[P, T], *args: P.args, **kwds: P.kwargs) -> T:
        """Run ``step`` on the dispatcher's thread and return what it returns, or raise what it raises.

        Raises:
            PoolClosed: The pool has ended.
        """
        asked = _Step(lambda: step(*args, **kwds))
        self._put(asked)
        value: T = asked.result()
        return value

    def tell(self, step: Callable[[], object]) -> None:
        """Have ``step`` run on the dispatcher's thread some time soon; never if the pool has ended."""
        self._put(_Step(step))

    def _put(self, step: _Step) -> None:
        self._inbox.append(step)
        # Put first, then looked: either the closing dispatcher empties the inbox, or this does.
        if self.closed:
            self._refuse()
        self.wake()

    # -- for the dispatcher

    @property
    def waiting(self) -> bool:
        """Whether there is a step to run."""
        return bool(self._inbox)

    def hear(self) -> None:
        """Take note that the bell has rung."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.bell)

    def lie_down(self) -> None:
        """The dispatcher is about to sleep: callers have their turn."""
        self._naps += 1
        self.nap = self._naps

    def run(self) -> bool:
        """Run what is in the inbox. Returns whether there was anything."""
        self.sweep()
        if not self._inbox:
            return False
        while self._inbox:
            self._inbox.popleft().run()
        return True

    def close_later(self, closer: Callable[[], object]) -> None:
        """Have ``closer`` called once no caller is inside: it closes what callers use as well."""
        self._closers.append(closer)
        self.sweep()

    def sweep(self) -> None:
        """Close what is to be closed, if nobody is inside: on the dispatcher's thread, or by the last when it ended."""
        while self._closers and not self.inside:
            try:
                closer = self._closers.pop()
            except IndexError:
                return
            closer()

    def close(self) -> None:
        """Take no more."""
        with self.lock:
            if not self.closed:
                self.closed = True
                self.close_later(lambda: disown(self.bell))
        self._refuse()

    def _refuse(self) -> None:
        while True:
            try:
                step = self._inbox.popleft()
            except IndexError:
                return
            step.refuse()
