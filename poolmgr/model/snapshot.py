"""One immutable picture of a pool, taken once a frame. Everything a screen, the board or a headless run shows.

Plain values only: it crosses threads and processes, and holds no live handle. Times are wall-clock seconds since
the epoch (``time.time()``) unless a name says otherwise; durations are seconds; sizes are bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from poolmgr.model.durations import Distribution
from poolmgr.model.log import LogLine
from poolmgr.model.states import JobState, PoolState, WorkerState
from poolmgr.model.sync import SyncSnapshot
from poolmgr.model.times import Times


@dataclass(frozen=True, slots=True)
class Counts:
    """How many jobs are where. A map counts as one job; its tasks are counted in ``tasks_done``."""

    submitted: int = 0
    queued: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    killed: int = 0
    lost: int = 0
    cancelled: int = 0
    #: Tasks that workers finished, well or badly (an ``apply_async`` is one task, a map one for each chunk).
    tasks_done: int = 0

    @property
    def ended(self) -> int:
        """Jobs that nothing more will happen to."""
        return self.done + self.failed + self.killed + self.lost + self.cancelled


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a task is, as it says itself, in a unit of its own."""

    done: float
    #: None if it did not say.
    total: float | None = None
    text: str = ""

    @property
    def share(self) -> float | None:
        """Between 0 and 1; None if there is no total."""
        if self.total is None or self.total <= 0:
            return None
        return min(1.0, max(0.0, self.done / self.total))


@dataclass(frozen=True, slots=True)
class Death:
    """How the worker of a lost job died, and what was known just before."""

    #: ``SIGKILL``, or ``exit code 3``.
    how: str
    #: How often the kernel had killed for lack of memory before and after, by its own count; None if nobody can say.
    oom_before: int | None = None
    oom_after: int | None = None
    #: The last stack that was taken of it, the innermost call first, and how many seconds before; None if none was.
    stack: tuple[str, ...] = ()
    stack_age: float | None = None
    #: The last lines that the job printed.
    output: tuple[str, ...] = ()

    @property
    def for_memory(self) -> bool:
        """Whether the kernel killed it for lack of memory: its count has risen, and nobody else accounts for that."""
        return self.oom_before is not None and self.oom_after is not None and self.oom_after > self.oom_before


@dataclass(frozen=True, slots=True)
class WorkerSnapshot:
    """One worker process. A slot keeps its number when its process is replaced.

    In a picture of the past, what nobody keeps is 0 (``pid``, ``started``, ``generation``) or -1 (``elapsed``,
    ``done``, ``failed``).
    """

    slot: int
    pid: int
    state: WorkerState
    started: float
    #: Processes that the slot has had, this one included.
    generation: int = 1
    job_id: int | None = None
    function: str = ""
    #: Seconds in the present state: how long the job has run, or how long the worker has been idle.
    elapsed: float = 0.0
    done: int = 0
    failed: int = 0
    #: Percent of one core over the last sample, None before the second one.
    cpu_percent: float | None = None
    rss: int | None = None
    #: CPU percent, one value a second, oldest first, at most 60.
    cpu_history: tuple[float, ...] = ()
    #: Where its time went over the last ten seconds; None where nobody records it.
    times: Times | None = None
    #: How far its task is; None if that says nothing.
    progress: Progress | None = None

    @property
    def name(self) -> str:
        """``w1`` for slot 0: people count from one."""
        return f"w{self.slot + 1}"


@dataclass(frozen=True, slots=True)
class JobSnapshot:
    """One job as the jobs table and the detail pane show it."""

    id: int
    state: JobState
    function: str
    #: Arguments in short, never produced by a user's ``__repr__``.
    args: str = ""
    slot: int | None = None
    pid: int | None = None
    #: 0 if nobody knows when.
    submitted: float = 0.0
    started: float | None = None
    ended: float | None = None
    #: The result in short, or the error in one line.
    message: str = ""
    #: The error with its remote traceback, whole.
    traceback: str = ""
    attempt: int = 1
    #: The job that this one retries.
    retry_of: int | None = None
    name: str = ""
    #: Seconds that it, or each item of a map, may run; None if there is no limit.
    limit: float | None = None
    #: The same, for the error that is raised inside it.
    soft_limit: float | None = None
    priority: int = 0
    #: How often it, or each item of a map, is tried again.
    retries: int = 0
    #: The jobs that had to be done before.
    after: tuple[int, ...] = ()
    #: Tasks of a map and how many are finished; 1 and 0 or 1 for an ``apply_async``.
    tasks: int = 1
    tasks_done: int = 0
    #: How far it is, or was when its worker died; None if it says nothing, or has many tasks.
    progress: Progress | None = None
    #: How its worker died, if that is why it is lost.
    death: Death | None = None

    def queued(self, now: float) -> float | None:
        """Seconds that it waited for a worker, or has waited; None if nobody knows when it was submitted."""
        if not self.submitted:
            return None
        until = self.started if self.started is not None else self.ended if self.ended is not None else now
        return max(0.0, until - self.submitted)

    def elapsed(self, now: float) -> float | None:
        """Seconds that it ran, or has been running at ``now``; None if it never started."""
        if self.started is None:
            return None
        return max(0.0, (now if self.ended is None else self.ended) - self.started)


@dataclass(frozen=True, slots=True)
class Trends:
    """The last two minutes of the pool, one value a second, oldest first, at most 120."""

    #: Tasks finished in each second.
    throughput: tuple[float, ...] = ()
    #: Sum of the workers' CPU percent.
    cpu: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class FunctionSnapshot:
    """All tasks of one function since recording began. Durations are of tasks that ended, in seconds."""

    name: str
    done: int = 0
    failed: int = 0
    running: int = 0
    #: Tasks there are, those that wait included; None if too many wait to be counted.
    total: int | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    longest: float | None = None
    #: Tasks that ended a second, over the last ten seconds.
    rate: float = 0.0
    #: Bytes to a worker and back for a task, on average.
    bytes_each: float | None = None
    #: Percent of the time that workers ran any function.
    share: float = 0.0
    durations: Distribution = field(default_factory=Distribution)


@dataclass(frozen=True, slots=True)
class Machine:
    """What the pool runs on."""

    #: Cores that the pool may use.
    cores: int
    #: Processes of anybody that compute or would like to, a mean over the last seconds.
    runnable: float
    memory: int
    memory_available: int


class Rule(StrEnum):
    """What a verdict can be, in the order in which they are looked for."""

    DEAD_LOOP = "DEAD LOOP"
    FAILING = "FAILING"
    LOCK_BOUND = "LOCK-BOUND"
    STRAGGLER = "STRAGGLER"
    IPC_BOUND = "IPC-BOUND"
    STARVED = "STARVED"
    OVERSUBSCRIBED = "OVERSUBSCRIBED"
    WAITING_ON_IO = "WAITING ON I/O"
    MEMORY = "MEMORY"
    START_UP = "START-UP"
    SKEW = "SKEW"
    HEALTHY = "HEALTHY"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why the pool is as fast as it is."""

    rule: Rule
    #: What was found, with its numbers.
    text: str
    #: The one thing to do about it, empty if there is none.
    advice: str = ""
    #: The job and the worker that it points at.
    job_id: int | None = None
    slot: int | None = None


#: In place of an engine, where a program is shown that has no pool: the hook is in it, or it is not.
NO_POOL, NOT_INSTRUMENTED = "no pool", "not instrumented"


@dataclass(frozen=True, slots=True)
class PoolSnapshot:
    """A pool at one moment."""

    name: str
    pid: int
    state: PoolState
    start_method: str
    #: Workers wanted; ``workers`` has those that are there.
    size: int
    started: float
    #: When this picture was taken.
    time: float
    counts: Counts = field(default_factory=Counts)
    workers: tuple[WorkerSnapshot, ...] = ()
    #: Running first, then those that ended badly (newest first), then queued, then done (newest first).
    jobs: tuple[JobSnapshot, ...] = ()
    #: The newest lines, oldest first.
    log: tuple[LogLine, ...] = ()
    history: Trends = field(default_factory=Trends)
    #: Tasks a second over the last ten seconds.
    rate: float = 0.0
    #: Seconds until the last job is done at that rate, those still to come included; None if nobody can say.
    eta: float | None = None
    #: Percent of one core that sampling and publishing cost the owner.
    monitor_percent: float = 0.0
    #: Process id of the board, None where there is none.
    board_pid: int | None = None
    #: Viewers in other programs that follow the pool.
    viewers: int = 0
    #: Jobs that there will be, those submitted included; None if nobody has said.
    expected: int | None = None
    #: When the last job will have been submitted, where time sets the end and not a number; None otherwise.
    until: float | None = None
    #: Those with most of the work first; none where nobody records them.
    functions: tuple[FunctionSnapshot, ...] = ()
    #: Where the workers' time went over the last ten seconds; None where nobody records it.
    times: Times | None = None
    verdict: Verdict | None = None
    machine: Machine | None = None
    #: Locks, queues and the like of its program; None where nobody tracks them.
    sync: SyncSnapshot | None = None
    #: Whose engine runs it, if that is not poolmgr's: what can be done to it then depends on that.
    engine: str = ""

    @property
    def whole(self) -> int:
        """The jobs that progress is measured by: those expected, or those submitted where that is more."""
        return max(self.counts.submitted, self.expected or 0)

    @property
    def uptime(self) -> float:
        """Seconds since the pool opened."""
        return max(0.0, self.time - self.started)

    @property
    def bare(self) -> bool:
        """Whether this is a program without a pool: its workers are processes of it, of which nobody knows more."""
        return self.engine in (NO_POOL, NOT_INSTRUMENTED)

    @property
    def brittle(self) -> bool:
        """Whether the death of one worker fails all that is pending, as in the standard library's executors."""
        return self.engine.startswith("stock ") and self.engine != "stock Pool"

    def job(self, job_id: int) -> JobSnapshot | None:
        """The job of this id, if it is one of those shown."""
        return next((job for job in self.jobs if job.id == job_id), None)
