"""The errors of a ``PoolExecutor``'s futures: the pool's own, with the type that a user of the stock executor catches.

The stock executor says ``BrokenProcessPool`` and is of no use from then on.  These say what became of one job, and the
executor goes on.  They are not in ``errors.py``: whoever imports that shall not pay for ``concurrent.futures.process``.
"""

from __future__ import annotations

from ast import literal_eval
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.pool import MaybeEncodingError  # type: ignore[attr-defined]
from pickle import PicklingError

from poolmgr.engine.cloud import with_notes
from poolmgr.errors import JobExited, JobKilled, PoolTerminated, RemoteError, WorkerDied, WorkerStartFailed


class WorkerLost(WorkerDied, BrokenProcessPool):
    """The worker died while it ran this job; the executor goes on. See :class:`poolmgr.WorkerDied` for its facts."""


class WorkerKilled(JobKilled, BrokenProcessPool):
    """An operator killed this job with its worker; the executor goes on."""


class WorkerNotStarted(WorkerStartFailed, BrokenProcessPool):
    """The initializer raised in several workers in a row; the executor tries anew with the next job."""


class ExecutorTerminated(PoolTerminated, BrokenProcessPool):
    """The executor's pool was terminated before this job had ended."""


class ResultUnreadable(RemoteError, BrokenProcessPool):
    """The job's result or exception could not be rebuilt in this process; the executor goes on."""


class JobCalledExit(JobExited, SystemExit):
    """The job called ``sys.exit()``: SystemExit in the caller, as in the stock executor.

    Nobody's program ends by it in silence: uncaught, it is written to stderr and gives exit code 1.
    """

    def __init__(self, job_id: int, what: str) -> None:
        super().__init__(job_id, what)
        self.code = str(self)


class ResultUnsendable(MaybeEncodingError, PicklingError):  # type: ignore[misc]
    """The job's result could not be pickled by the worker.

    Attributes:
        exc: The repr of what the pickling raised.
        value: The repr of the result.
    """

    def __init__(self, exc: str, value: str) -> None:
        # Not the next class's: it would take the repr of what is one already.
        Exception.__init__(self, exc, value)
        self.exc, self.value = exc, value


class PicklingCalledExit(ResultUnsendable, SystemExit):
    """The pickling of the job's result called ``sys.exit()``, which the stock executor hands to the caller too."""

    def __init__(self, exc: str, value: str) -> None:
        super().__init__(exc, value)
        self.code = str(self)


_TWINS: dict[type[BaseException], type[BaseException]] = {
    WorkerDied: WorkerLost,
    JobKilled: WorkerKilled,
    WorkerStartFailed: WorkerNotStarted,
    PoolTerminated: ExecutorTerminated,
    RemoteError: ResultUnreadable,
}


def translated(error: BaseException) -> BaseException:
    """The error that a future is given for what its job ended with: the job's own as it is, the pool's as its twin."""
    if error.__cause__ is not None:
        # It has a worker's traceback, so a job raised it, whatever its type.
        return error
    kind = type(error)
    if kind is JobExited and error.args[1].partition(":")[0] == SystemExit.__name__:
        return JobCalledExit(*error.args)
    if kind is MaybeEncodingError:
        exc, value = map(_plain, error.args)
        twin = (PicklingCalledExit if exc.startswith(f"{SystemExit.__name__}(") else ResultUnsendable)(exc, value)
        return with_notes(twin, error)
    return with_notes(_TWINS[kind](*error.args), error) if kind in _TWINS else error


def _plain(text: str) -> str:
    """The text without the quotes that MaybeEncodingError adds whenever it is unpickled."""
    try:
        inner = literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return inner if isinstance(inner, str) else text
