"""Demos that are a load: finds their jobs in ``poolmgr.demos`` and feeds them to a pool.

Thread: "poolmgr-demo-feeder" submits; whoever started the feed stops it.  The demo's own iterator runs in that
thread and nowhere else.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from poolmgr.errors import PoolClosed, UsageError
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.runners.catalogue import find_entry

#: One job: a function and its arguments.
Call = tuple[Callable[..., Any], tuple[Any, ...]]

#: Jobs that are in the pool at once, at the least.  Each one more has to be drained after ``--for`` has run out; with
#: fewer, workers run dry until the feeder hears that jobs have ended.
AHEAD = 50
#: For each worker, on top of that: a pool of many workers empties its queue in proportion.
AHEAD_PER_WORKER = 4
#: As many times the jobs that ended between two looks are kept in the pool: news comes at most every 50 ms, in which
#: hundreds of tiny jobs may end.
AHEAD_BY_SPEED = 4
#: And no more, however fast they end.
AHEAD_MOST = 5000
#: Seconds between two looks when there is no news: a frame that failed tells nobody, and must not stop the feed.
LOOK = 1.0


class FeedControl(Protocol):
    """What a feed needs of a control."""

    def snapshot(self) -> PoolSnapshot: ...

    def submit_call(
        self, func: Callable[..., Any], args: tuple[Any, ...] = ..., kwds: dict[str, Any] | None = ...
    ) -> Any: ...

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]: ...

    def expect(self, jobs: int | None, until: float | None = ...) -> None: ...


@dataclass(frozen=True, slots=True)
class Demo:
    """One demo script: what it is called, what it says of itself, and the jobs that it gives for a seed."""

    name: str
    summary: str
    jobs: Callable[[int], Iterator[Call]]

    def calls(self, seed: int, *, endless: bool) -> Iterator[Call]:
        """The jobs of one pass, or of pass after pass, each in an order of its own that follows from ``seed``."""
        passes: Iterable[int] = itertools.count(seed) if endless else (seed,)
        for each in passes:
            empty = True
            for call in self.jobs(each):
                empty = False
                yield call
            if empty:
                # An installation without the demo's input: pass after pass of nothing would never end.
                return

    def count(self, seed: int) -> int:
        """How many jobs one pass has."""
        return sum(1 for _ in self.jobs(seed))


def find_demo(name: str) -> Demo:
    """The load of this name.

    Raises:
        UsageError: There is none.
    """
    entry = find_entry(name)
    if entry.kind != "load":
        raise UsageError(f"the demo {name!r} is a program of its own, and no load for a pool")
    return Demo(entry.name, entry.title, import_module(f"poolmgr.demos.{entry.path.stem}").jobs)


class Feed:
    """Keeps a pool supplied with a demo's jobs, a bounded number ahead of its workers.

    Args:
        control: The pool's control.
        demo: What is fed.
        seed: Gives the order of the jobs.
        seconds: Stop feeding after so long and begin pass after pass until then; None feeds one pass.
    """

    def __init__(self, control: FeedControl, demo: Demo, *, seed: int = 0, seconds: float | None = None) -> None:
        self._control = control
        self._demo = demo
        self._seed = seed
        self._seconds = seconds
        self._news = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="poolmgr-demo-feeder", daemon=True)
        #: Jobs handed to the pool.  Written by the feeder; read by anybody.
        self.submitted = 0
        #: Whether the last job of a single pass was submitted.  The feeder's alone.
        self._complete = False
        #: What the demo's own iterator raised, if it did.  Written by the feeder before it ends.
        self.error: BaseException | None = None

    def start(self) -> None:
        """Begin to feed."""
        self._thread.start()

    def stop(self) -> None:
        """Feed no more, and wait until the feeder has left."""
        self._stopped.set()
        self._news.set()
        self._thread.join()

    @property
    def ended(self) -> bool:
        """True once no further job will come."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        leave = self._control.subscribe(self._news.set)
        try:
            if self._seconds is None:
                self._control.expect(self._demo.count(self._seed))
            else:
                self._control.expect(None, time.time() + self._seconds)
            self._feed()
        except PoolClosed:
            # The operator drained or terminated the pool: nothing is left to feed.
            pass
        except Exception as error:
            # The top of this thread, and the demo's own iterator runs in it: the run ends with what it raised.
            self.error = error
        finally:
            if not self._complete or self._seconds is not None:
                self._control.expect(None)
            leave()

    def _feed(self) -> None:
        deadline = None if self._seconds is None else time.monotonic() + self._seconds
        open_jobs: list[Any] = []
        calls = self._demo.calls(self._seed, endless=self._seconds is not None)
        while not self._over(deadline):
            self._news.clear()
            before = len(open_jobs)
            open_jobs = [job for job in open_jobs if not job.ready()]
            room = self._ahead(ended=before - len(open_jobs)) - len(open_jobs)
            for func, args in itertools.islice(calls, max(0, room)):
                if self._over(deadline):
                    return
                open_jobs.append(self._control.submit_call(func, args))
                self.submitted += 1
                room -= 1
            if room > 0:
                self._complete = True
                return
            self._news.wait(LOOK if deadline is None else min(LOOK, max(0.0, deadline - time.monotonic())))

    def _over(self, deadline: float | None) -> bool:
        return self._stopped.is_set() or (deadline is not None and time.monotonic() >= deadline)

    def _ahead(self, ended: int) -> int:
        by_speed = min(AHEAD_MOST, AHEAD_BY_SPEED * ended)
        return max(AHEAD, by_speed) + AHEAD_PER_WORKER * self._control.snapshot().size
