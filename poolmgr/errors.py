"""The error tree: every error carries its facts, pickles from ``args``, and ends with what to do next.

An error keeps the standard library's type where a user of the stock pool catches that type.
"""

from __future__ import annotations

import signal as _signal


def describe_exit(exitcode: int | None) -> str:
    """Say in words how a process ended.

    Args:
        exitcode: As ``Process.exitcode`` gives it: negative for a signal, None if it is not known.
    """
    if exitcode is None:
        return "ended, nobody knows how"
    if exitcode < 0:
        return f"was killed by {signal_name(-exitcode)}"
    return f"exited with code {exitcode}"


def signal_name(number: int) -> str:
    """What a signal is called: ``SIGKILL``, or ``signal 40`` where it has no name."""
    try:
        return _signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


#: How the kernel kills where memory is short, behind what :func:`describe_exit` says.
FOR_MEMORY = " by the kernel for lack of memory"


class PoolmgrError(Exception):
    """The root of every error that poolmgr raises of its own."""


class UsageError(PoolmgrError):
    """What the user typed cannot be done; its text is the one sentence that says why."""


class PoolGone(PoolmgrError):
    """A pool of another program cannot be seen any more, or not at this moment; its text says why."""


class PoolClosed(PoolmgrError, ValueError):
    """The pool takes no more jobs (the stock pool raises ValueError here)."""


class UnknownJob(PoolmgrError, LookupError):
    """No job of this id is known to the pool, or no longer."""

    def __init__(self, job_id: int) -> None:
        super().__init__(job_id)
        self.job_id = job_id

    def __str__(self) -> str:
        return f"no job {self.job_id} is known to this pool: it never was, or it is done and forgotten"


class UnknownWorker(PoolmgrError, LookupError):
    """The worker that was meant is not there.

    Attributes:
        slot: Its place among the workers, from 0.
        replaced: Whether there is another process in that place now.
    """

    def __init__(self, slot: int, replaced: bool) -> None:
        super().__init__(slot, replaced)
        self.slot = slot
        self.replaced = replaced

    def __str__(self) -> str:
        name = f"w{self.slot + 1}"
        if self.replaced:
            return f"the {name} that was meant is gone, and nothing was done to the one in its place"
        return f"there is no worker {name}"


class NoStack(PoolmgrError):
    """A worker's stack is not to be had; the text says why."""


class JobError(PoolmgrError):
    """The root of the errors that end a job without its own result or exception."""


class WorkerDied(JobError):
    """The worker died while it ran this job.

    Attributes:
        job_id: The job that was lost.
        pid: Process id of the worker that died.
        exitcode: As ``Process.exitcode``: negative for a signal, None if unknown.
        call: The function and its arguments in short.
        deaths: How many workers have died under it: 2 for one that was tried again, and set aside then.
        for_memory: Whether the kernel has killed it for lack of memory, by its own count.
    """

    def __init__(
        self, job_id: int, pid: int, exitcode: int | None, call: str, deaths: int = 1, for_memory: bool = False
    ) -> None:
        super().__init__(job_id, pid, exitcode, call, deaths, for_memory)
        self.job_id = job_id
        self.pid = pid
        self.exitcode = exitcode
        self.call = call
        self.deaths = deaths
        self.for_memory = for_memory

    def __str__(self) -> str:
        how = describe_exit(self.exitcode) + (FOR_MEMORY if self.for_memory else "")
        what = f"job {self.job_id}: worker {self.pid} {how} while it ran {self.call}; "
        if self.deaths > 1:
            return f"{what}{self.deaths} workers have died of it, so it was set aside: find out why before you retry it"
        if self.for_memory:
            return f"{what}it was not run again: give it less to do at once, or run fewer workers"
        return f"{what}it was not run again, since it may have had effects: retry it if it may run twice"


class JobKilled(JobError):
    """An operator killed this job's worker to stop the job.

    Attributes:
        job_id: The job that was killed.
        pid: Process id of the worker that was killed with it.
        call: The function and its arguments in short.
    """

    def __init__(self, job_id: int, pid: int, call: str) -> None:
        super().__init__(job_id, pid, call)
        self.job_id = job_id
        self.pid = pid
        self.call = call

    def __str__(self) -> str:
        return (
            f"job {self.job_id}: killed on request with its worker {self.pid} while it ran {self.call}; "
            "what it had done so far stands"
        )


class JobTimedOut(JobError, TimeoutError):
    """The job ran for longer than its time limit, and was killed with its worker. It is a TimeoutError.

    Attributes:
        job_id: The job.
        seconds: How long it had run.
        limit: Its ``timeout`` (s).
        pid: Process id of the worker that was killed with it.
    """

    def __init__(self, job_id: int, seconds: float, limit: float, pid: int) -> None:
        # Not the next class's: OSError, from which TimeoutError comes, has an opinion of its own on four arguments.
        Exception.__init__(self, job_id, seconds, limit, pid)
        self.job_id = job_id
        self.seconds = seconds
        self.limit = limit
        self.pid = pid

    def __str__(self) -> str:
        return (
            f"job {self.job_id}: killed with its worker {self.pid} after {self.seconds:g} s, its time limit being "
            f"{self.limit:g} s; what it had done so far stands. A soft_timeout= would let it clean up"
        )


class MemoryLimitExceeded(JobError):
    """The job's worker had more memory than the pool's ``max_rss``, and was killed with the job.

    Attributes:
        job_id: The job.
        rss: Resident memory of the worker when it was looked at (bytes).
        limit: The pool's ``max_rss`` (bytes).
        pid: Process id of the worker.
    """

    def __init__(self, job_id: int, rss: int, limit: int, pid: int) -> None:
        super().__init__(job_id, rss, limit, pid)
        self.job_id = job_id
        self.rss = rss
        self.limit = limit
        self.pid = pid

    def __str__(self) -> str:
        return (
            f"job {self.job_id}: killed with its worker {self.pid}, which had {self.rss:,} bytes of memory, the limit "
            f"being {self.limit:,}; what it had done so far stands. Give it less to do at a time, or raise max_rss="
        )


class SoftTimeout(PoolmgrError):
    """Raised inside a job that has run for as long as its ``soft_timeout``. It may catch it, clean up, and return.

    It is an Exception like any other, as in Celery: a job that knows nothing of it fails by it, and is cleaned up after
    by its own ``finally`` and ``except Exception``. It is no TimeoutError: whoever catches that means a socket's.

    Attributes:
        limit: The job's ``soft_timeout`` (s).
    """

    def __init__(self, limit: float) -> None:
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        return f"the job has run for {self.limit:g} s, its soft time limit: it is to clean up and end"


class JobStopped(JobError):
    """A running job was stopped softly: this was raised inside it, and it did not catch it.

    Attributes:
        job_id: The job that was stopped.
    """

    def __init__(self, job_id: int) -> None:
        super().__init__(job_id)
        self.job_id = job_id

    def __str__(self) -> str:
        return f"job {self.job_id}: stopped on request while it ran; what it had done so far stands"


class JobCancelled(JobError):
    """The job was taken out of the queue before any worker had started it.

    Attributes:
        job_id: The job that was cancelled.
    """

    def __init__(self, job_id: int) -> None:
        super().__init__(job_id)
        self.job_id = job_id

    def __str__(self) -> str:
        return f"job {self.job_id}: cancelled before it started; it had no effect"


class PredecessorFailed(JobCancelled):
    """The job was to run after another one, which has ended badly. It was cancelled before any worker started it.

    Attributes:
        job_id: The job that was cancelled.
        predecessor: The job after which it was to run.
        how: How that has ended: ``failed``, ``lost``, ``killed`` or ``cancelled``.
    """

    def __init__(self, job_id: int, predecessor: int, how: str) -> None:
        super().__init__(job_id)
        self.args = (job_id, predecessor, how)
        self.predecessor = predecessor
        self.how = how

    def __str__(self) -> str:
        return (
            f"job {self.job_id}: cancelled before it started, since it was to run after job {self.predecessor}, "
            f"which {self.how if self.how == 'failed' else f'was {self.how}'}; retry that one, then this one"
        )


class JobExited(JobError):
    """The job raised SystemExit, KeyboardInterrupt or another error that is meant to end a program.

    It is not raised as it is in the caller: a job's ``sys.exit()`` must not end the caller's program.

    Attributes:
        job_id: The job that raised.
        what: The repr of what it raised.
    """

    def __init__(self, job_id: int, what: str) -> None:
        super().__init__(job_id, what)
        self.job_id = job_id
        self.what = what

    def __str__(self) -> str:
        return f"job {self.job_id}: raised {self.what}, which ends the job and nothing else"


class RemoteError(JobError):
    """A job's exception or result reached this process but could not be rebuilt here.

    Attributes:
        job_id: The job whose value was lost.
        what: The original type, or what could not be rebuilt.
        text: Why it could not be rebuilt, and the job's own traceback where there is one.
    """

    def __init__(self, job_id: int, what: str, text: str) -> None:
        super().__init__(job_id, what, text)
        self.job_id = job_id
        self.what = what
        self.text = text

    def __str__(self) -> str:
        return f"job {self.job_id}: {self.what} could not be unpickled in the caller. {self.text}"


class PoolTerminated(JobError):
    """The pool was terminated before this job had ended.

    Attributes:
        job_id: The job that had not ended.
        started: Whether a worker had started it.
    """

    def __init__(self, job_id: int, started: bool) -> None:
        super().__init__(job_id, started)
        self.job_id = job_id
        self.started = started

    def __str__(self) -> str:
        return f"job {self.job_id}: the pool was terminated " + (
            "while it ran; what it had done so far stands" if self.started else "before it started; it had no effect"
        )


class WorkerStartFailed(JobError):
    """Workers cannot start: the initializer raised, or they died before they were ready, time after time.

    Attributes:
        job_id: The job that could not be run.
        attempts: How many workers failed in a row.
        reason: What the last of them said, with its traceback where there is one.
    """

    def __init__(self, job_id: int, attempts: int, reason: str) -> None:
        super().__init__(job_id, attempts, reason)
        self.job_id = job_id
        self.attempts = attempts
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"job {self.job_id}: not run, since {self.attempts} workers in a row could not start. Mend the cause and "
            f"submit it again; the pool tries anew with the next job. The last one said: {self.reason}"
        )


def summary(error: BaseException) -> str:
    """``KeyError: 'etag'`` in one line, whatever the error's own ``__str__`` does."""
    try:
        text = " ".join(str(error).split())
    except BaseException as worse:  # user code: __str__
        text = f"its __str__ raised {type(worse).__name__}"
    name = type(error).__qualname__
    return f"{name}: {text[:500]}" if text else name
