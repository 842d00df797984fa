"""What a job fails with when poolmgr had a hand in it, or when its worker died.

They reach the program as the errors of its own jobs, so they are plain exceptions of the standard library's kind, carry
their facts, and can be pickled.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class WorkerLost(RuntimeError):
    """The worker died inside the task, which is not run again: it may have had effects.

    Attributes:
        job: Number of the job in its pool.
        index: Which task of the job.
        pid: The worker.
        exitcode: As in ``multiprocessing.Process.exitcode``: the negative number of the signal that killed it.
        function: The job's function, by its name; empty if that is not known.
        requested: Whether the worker was killed because somebody asked for it.
    """

    def __init__(
        self, job: int, index: int, pid: int, exitcode: int | None, function: str = "", requested: bool = False
    ) -> None:
        super().__init__(job, index, pid, exitcode, function, requested)
        self.job, self.index, self.pid, self.exitcode = job, index, pid, exitcode
        self.function, self.requested = function, requested

    def __str__(self) -> str:
        what = f"job {self.job}" + (f" ({self.function}, task {self.index})" if self.function else "")
        if self.requested:
            how = f"was killed on request with its worker {self.pid}"
        else:
            how = f"was lost: worker {self.pid} {_how(self.exitcode)}"
        return f"{what} {how}; it was not retried, it may have had effects"


def _how(exitcode: int | None) -> str:
    if exitcode is None:
        return "is gone"
    if exitcode >= 0:
        return f"ended with exit code {exitcode}"
    import signal

    try:
        return f"was killed by {signal.Signals(-exitcode).name}"
    except ValueError:
        return f"was killed by signal {-exitcode}"


class JobFailed(RuntimeError):
    """The job was stopped on request; what :class:`JobStopped` becomes on its way to the program."""


class JobStopped(SystemExit):
    """Raised inside a job that is asked to stop.

    A stock Pool's worker lets it through, leaves without a word, and is replaced; its job then fails with WorkerLost.
    An executor's worker sends it back, and what arrives is a :class:`JobFailed`: SystemExit would end the program.
    """

    def __init__(self, text: str) -> None:
        super().__init__(1)
        self.text = text

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> Any:
        return JobFailed, (self.text,)
