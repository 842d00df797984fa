"""Who is told of news.

Threads: anyone subscribes and leaves in any thread, also while listeners are being told; the lock is held for nobody's
code.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

#: Called from any thread when something rare happened or a job ended: time to take a snapshot.  Must not block.
Listener = Callable[[], None]


class Listeners:
    """The listeners of one source of news."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: A new tuple for each change, so that telling needs no lock.
        self._all: tuple[Listener, ...] = ()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have ``listener`` called on news, from the thread that has them.

        Returns:
            What ends the subscription.
        """
        with self._lock:
            self._all = (*self._all, listener)

        def unsubscribe() -> None:
            with self._lock:
                self._all = tuple(other for other in self._all if other is not listener)

        return unsubscribe

    def tell(self) -> None:
        """There are news."""
        for listener in self._all:
            listener()
