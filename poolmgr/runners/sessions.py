"""The pools of one app: the one that it began with, and those that the operator opened since.

Thread: the caller's; :meth:`Sessions.open` is called in a thread of the app's, one call at a time.  A pool that is
being opened while the app ends is waited for, and closed with the others.
"""

from __future__ import annotations

import multiprocessing
import threading
from contextlib import ExitStack
from dataclasses import astuple
from types import TracebackType
from typing import Self

from poolmgr.control.described import load_target
from poolmgr.errors import UsageError
from poolmgr.model.fleet import LONGEST_NAME, MOST_WORKERS, Fleet, Member, Opening
from poolmgr.model.snapshot import Counts
from poolmgr.runners.session import Session
from poolmgr.runtime.stderr import startable_stderr


class Sessions:
    """Opens pools beside an open one, and closes those that it opened; the first one is its caller's.

    Args:
        first: A session that is entered already.
    """

    def __init__(self, first: Session) -> None:
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._closed = False
        self._sessions = [first]
        begin = Opening(first.pool.name, first.pool.snapshot().size, first.start_method)
        #: What the app shows.
        self.fleet = Fleet(
            opener=self.open,
            start_methods=tuple(multiprocessing.get_all_start_methods()),
            # What a function is in this program is what it is for the first pool of it.
            looker=first.control.send,
        )
        self._begin = begin
        self.fleet.add(first.control, name=begin.name)
        self.fleet.suggestion = self._suggestion()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._closed = True
            self._stack.close()

    @property
    def all(self) -> tuple[Session, ...]:
        """The first one, then the others in the order of their opening."""
        with self._lock:
            return tuple(self._sessions)

    def counts(self) -> Counts:
        """The jobs of all of them at this moment."""
        return Counts(*(sum(numbers) for numbers in zip(*(astuple(each.counts()) for each in self.all), strict=True)))

    def open(self, opening: Opening) -> Member:
        """Open a pool and add it to the fleet.

        Raises:
            UsageError: It cannot be opened as it is asked for.
        """
        with self._lock:
            self._check(opening)
            initializer = load_target(opening.initializer) if opening.initializer else None
            session = Session(opening.name, opening.workers, opening.start_method, initializer, opening.initargs)
            # Started from within the app: what starts processes must find a stderr that has a descriptor.
            with startable_stderr():
                self._stack.enter_context(session)
            self._sessions.append(session)
            self.fleet.suggestion = self._suggestion()
            return self.fleet.add(session.control, name=opening.name)

    def _check(self, opening: Opening) -> None:
        if self._closed:
            raise UsageError("poolmgr is ending: no pool is opened any more")
        if any(session.pool.name == opening.name for session in self._sessions):
            raise UsageError(f"there is a pool {opening.name!r} here already: call it otherwise")
        if len(opening.name) > LONGEST_NAME:
            raise UsageError(f"a pool's name has at most {LONGEST_NAME} characters")
        if opening.workers > MOST_WORKERS:
            raise UsageError(f"a pool has at most {MOST_WORKERS} workers, not {opening.workers:,}")

    def _suggestion(self) -> Opening:
        taken = {session.pool.name for session in self._sessions}
        stem = self._begin.name[: LONGEST_NAME - 4]
        number = next(number for number in range(2, len(taken) + 3) if f"{stem}-{number}" not in taken)
        return Opening(f"{stem}-{number}", self._begin.workers, self._begin.start_method)
