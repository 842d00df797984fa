"""The completion thread: rebuilds results, runs callbacks, wakes those who wait.

Thread: "poolmgr-completion", one for each pool, and the only place in the owner where a user's callback or a user's
unpickling code runs.  It may take any time over them: feeding goes on meanwhile.
Order: as in the stock pool, a job's callback runs before its ``get()`` returns, and callbacks run one at a time.
If it dies: it cannot by a user's code, which is guarded; the interpreter's end is its only other end.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from poolmgr.engine import wire
from poolmgr.engine.job import AnyJob, Job
from poolmgr.engine.parts import Buffer
from poolmgr.errors import JobExited, JobStopped, RemoteError
from poolmgr.model.states import JobState


class Outcome(NamedTuple):
    """What became of one task: a value or an error, or a pickle of one."""

    job: AnyJob
    position: int
    success: bool
    value: Any = None
    #: The pickle of the value and the buffers that were left out of it, None if ``value`` is it.
    parts: list[Buffer] | None = None
    #: The error in one line and its traceback, for an error that cannot be rebuilt.
    summary: str = ""
    traceback: str = ""
    #: What is to be said of the attempts before this one.
    notes: tuple[str, ...] = ()


class Values(NamedTuple):
    """The plain values of many jobs."""

    jobs: list[Job]
    values: list[Any]


Item = Outcome | Values | Callable[[], object] | None


class Completion(threading.Thread):
    """Settles outcomes one after the other."""

    def __init__(
        self, report: Callable[[str, AnyJob | None], None], spoiled: Callable[[AnyJob, str, str], None]
    ) -> None:
        """Make the thread.

        Args:
            report: Takes what went wrong in a callback, for the log.
            spoiled: Takes a job whose result could not be unpickled, with a line and a traceback.
        """
        super().__init__(name="poolmgr-completion", daemon=True)
        self._queue: queue.SimpleQueue[Item] = queue.SimpleQueue()
        #: Have an outcome, many values, or a step settled in its turn.
        self.put: Callable[[Outcome | Values | Callable[[], object]], None] = self._queue.put
        self._report = report
        self._spoiled = spoiled
        #: Callbacks that wait for another job, one inside the other.
        self.helping = 0
        self._stopped = False
        #: True once the thread settles no more: who puts something later settles it by :meth:`settle_rest`.
        self.ended = False

    def stop(self) -> None:
        """Settle what is there, then end."""
        self._queue.put(None)

    def serves_me(self) -> bool:
        """Whether the caller is the completion thread, that is, a callback."""
        return threading.get_ident() == self.ident

    def look_again(self) -> None:
        """A job was settled elsewhere: a callback may wait for just that."""
        self._queue.put(_nothing)

    def help(self, condition: Callable[[], bool], timeout: float | None) -> None:
        """Settle what is due, inside a callback, until ``condition`` holds or ``timeout`` seconds are over."""
        end = None if timeout is None else time.monotonic() + timeout
        self.helping += 1
        try:
            while not condition() and not self._stopped:
                try:
                    self._take(None if end is None else max(0.0, end - time.monotonic()))
                except queue.Empty:
                    return
        finally:
            self.helping -= 1

    def run(self) -> None:
        """Settle until stopped."""
        while not self._stopped:
            self._take(None)
        self.ended = True
        self.settle_rest()

    def settle_rest(self) -> None:
        """Settle what was put when the thread had ended or was about to: a job submitted while the pool ended, say."""
        while True:
            try:
                self._take(0)
            except queue.Empty:
                return

    def _take(self, timeout: float | None) -> None:
        item = self._queue.get(timeout=timeout)
        if item is None:
            self._stopped = True
        elif type(item) is Values:
            self._settle_many(item.jobs, item.values)
        elif type(item) is Outcome:
            self._settle(item)
        else:
            self._guarded(item, None)  # type: ignore[arg-type]

    def _settle_many(self, jobs: list[Job], values: list[Any]) -> None:
        done = JobState.DONE
        for job, value in zip(jobs, values, strict=True):
            job._value, job._ended = value, done
            callback = job._callback
            if callback is not None:
                try:
                    callback(value)
                except BaseException as error:  # user code: a callback
                    self._callback_raised(error, job)
            job._settled = True
            if job._waiters is not None:
                job._waiters.wake()
            job.args, job.kwds, job._callback, job._error_callback, job._pool = (), None, None, None, None

    def _settle(self, outcome: Outcome) -> None:
        job, position = outcome.job, outcome.position
        result = outcome.success, outcome.value
        if outcome.parts is not None:
            result = self._rebuild(outcome, outcome.parts)
        # Neither this frame nor the next may keep the value alive while the thread waits for more.
        del outcome
        self._guarded(lambda: job._set(position, result), job)

    def _rebuild(self, outcome: Outcome, parts: list[Buffer]) -> tuple[bool, Any]:
        job = outcome.job
        try:
            if not parts[0]:
                raise ValueError("it could not be pickled by the worker")
            value = wire.loads(parts[0], parts[1:])
            if not outcome.success and not isinstance(value, BaseException):
                raise TypeError(f"it became a {type(value).__name__}, which cannot be raised")
            for note in outcome.notes:
                value.add_note(note)
        except BaseException as error:  # user code: __setstate__ and what a module runs when it is imported
            reason = f"{type(error).__name__}: {_text(error)}"
            what = "its result" if outcome.success else f"its exception ({outcome.summary})"
            remote = RemoteError(job.id, what, f"{reason}\n{outcome.traceback}".rstrip())
            if outcome.success:
                self._spoiled(job, f"its result could not be unpickled: {reason}", outcome.traceback)
            return False, remote
        finally:
            # The callback that comes now may take any time, and a pickle any room.
            parts.clear()
        return outcome.success, value

    def _guarded(self, step: Callable[[], object], job: AnyJob | None) -> None:
        try:
            step()
        except BaseException as error:  # user code: a callback
            self._callback_raised(error, job)

    def _callback_raised(self, error: BaseException, job: AnyJob | None) -> None:
        self._report(f"a callback raised {type(error).__name__}: {_text(error)}", job)
        # As with any thread's exception: printed by default, and the program's own hook sees it.
        threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), self)))


def ended_error(job_id: int, summary: str, stopped: bool) -> BaseException:
    """The error of a job that ended by what is meant to end a program, or because it was asked to."""
    return JobStopped(job_id) if stopped else JobExited(job_id, summary)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:  # user code: __str__
        return "(its __str__ raised)"


def _nothing() -> None:
    """Makes a waiting callback look at its condition."""
