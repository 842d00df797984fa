"""Couriers: threads that carry what is large, so that the dispatcher never waits for a worker.

Thread: "poolmgr-courier", as many as there are large transfers at once; none in a pool that moves nothing large.  One
that has nothing to carry waits LINGER seconds for more, then ends.
Owns: for one trip a load, and a descriptor of its own for the worker's socket.
May wait: in a system call, for the worker to read or to write.  A worker that is stopped keeps one courier waiting and
nobody else.
If the worker dies, or its handle is closed, the call returns and the trip is over.  If a courier dies, which takes a
fault of ours, its trip is over all the same; what it left unsent is dropped, and the worker found silent.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from collections.abc import Callable

from poolmgr.engine.parts import Load
from poolmgr.runtime.inherit import disown, own_socket

#: Seconds that a courier waits for its next trip.  Starting a thread takes 0.1 ms, and more on busy cores; one that
#: waits costs nothing but its stack.
LINGER = 1.0

#: One system call on some views: returns how many bytes it moved, 0 at the end of the socket.
Move = Callable[[socket.socket, list[memoryview]], int]


def send_some(there: socket.socket, views: list[memoryview]) -> int:
    """Send until all is sent, or a signal comes."""
    return there.sendmsg(views, (), socket.MSG_NOSIGNAL)


def receive_some(there: socket.socket, views: list[memoryview]) -> int:
    """Receive until all is filled, or a signal comes: one call, not one for each piece that the kernel has ready."""
    return there.recvmsg_into(views, 0, socket.MSG_WAITALL)[0]


class Trip:
    """One load on its way. The courier's until it is ``over``, then whoever's it was before."""

    def __init__(self, there: socket.socket, load: Load, move: Move) -> None:
        """Make it.

        Raises:
            OSError: There is no descriptor for it.
        """
        self.load = load
        #: Bytes moved so far; written by the courier.
        self.moved = 0
        self._there = own_socket(there.dup())
        self._move = move
        self._over = threading.Event()

    @property
    def over(self) -> bool:
        """Whether the courier has done with it: all is moved, or the other end is gone."""
        return self._over.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait until it is over, or for so many seconds; returns whether it is."""
        return self._over.wait(seconds)

    def run(self) -> None:
        """Move the load. On the courier's thread."""
        load = self.load
        try:
            while load.left:
                moved = self._move(self._there, load.next())
                if not moved:
                    break
                load.moved(moved)
                self.moved += moved
        except OSError:
            # The worker is gone, or its handle closed.  The process's end tells the dispatcher.
            pass
        finally:
            self.cancel()

    def cancel(self) -> None:
        """It is over, or nobody has carried it."""
        disown(self._there.fileno())
        self._over.set()


class Couriers:
    """The couriers of one pool."""

    def __init__(self, tell: Callable[[Callable[[], object]], None]) -> None:
        """Make none yet. ``tell`` has a step run on the dispatcher's thread."""
        self._tell = tell
        #: Held for a few instructions.
        self._lock = threading.Lock()
        self._errands: queue.SimpleQueue[tuple[Trip, Callable[[], object]] | None] = queue.SimpleQueue()
        #: Couriers that wait and were promised nothing.
        self._idle = 0
        self._stopped = False

    def carry(self, trip: Trip, then: Callable[[], object]) -> bool:
        """Have a courier run ``trip``, and the dispatcher then ``then``. False if the system starts no more threads."""
        with self._lock:
            waiting = self._idle > 0
            if waiting:
                self._idle -= 1
                self._errands.put((trip, then))
        if not waiting:
            courier = threading.Thread(target=self._serve, args=((trip, then),), name="poolmgr-courier", daemon=True)
            try:
                courier.start()
            except RuntimeError:
                return False
        return True

    def stop(self) -> None:
        """Let those go that wait; the others go when their trips are over."""
        with self._lock:
            self._stopped = True
            for _ in range(self._idle):
                self._errands.put(None)
            self._idle = 0

    def _serve(self, errand: tuple[Trip, Callable[[], object]] | None) -> None:
        while errand is not None:
            trip, then = errand
            trip.run()
            self._tell(then)
            # Not kept while the next one is waited for: they hold what was carried.
            del errand, trip, then
            errand = self._next()

    def _next(self) -> tuple[Trip, Callable[[], object]] | None:
        with self._lock:
            if self._stopped:
                return None
            self._idle += 1
        with contextlib.suppress(queue.Empty):
            return self._errands.get(timeout=LINGER)
        with self._lock:
            # Promised in the last moment, or not.
            with contextlib.suppress(queue.Empty):
                return self._errands.get_nowait()
            self._idle -= 1
        return None
