"""What an operator asks of a pool, and what the pool answers. Frozen, plain, and the same from a key or a socket."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Submit:
    """Call ``module:function`` with literal arguments, once or ``repeat`` times, or once for each line of a file."""

    target: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    #: What screens call the job.
    name: str = ""
    repeat: int = 1
    #: Jobs of a higher one are started first.
    priority: int = 0
    #: Seconds that each may run.
    timeout: float | None = None
    #: How often each is tried again.
    retries: int = 0
    #: A file; what stands in each line is the first argument of a job, before ``args``. Empty for none.
    items: str = ""
    #: The jobs that have to be done before; if one of them ends badly, it is cancelled.
    after: tuple[int, ...] = ()
    #: Seconds after which an error is raised inside each, so that it may clean up.
    soft_timeout: float | None = None


@dataclass(frozen=True, slots=True)
class CheckCall:
    """Say what ``Submit`` would make of this call: import, signature, pickle. Nothing is called or submitted."""

    target: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    items: str = ""


@dataclass(frozen=True, slots=True)
class Complete:
    """Say in lines what the beginning of a ``module:function`` may become. No module is imported."""

    text: str


#: Pictures a second that a pool takes while nobody wishes for more, that it takes at the most, and seconds that a wish
#: lasts.
USUAL_PACE, FASTEST_PACE, WISH = 4.0, 10.0, 15.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Take so many pictures a second for the next seconds, within bounds; the fastest wish counts."""

    hertz: float


@dataclass(frozen=True, slots=True)
class Resize:
    """Have ``size`` workers, 1 or more: grows at once, shrinks as workers finish their jobs."""

    size: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Start no more tasks; those that run go on."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Start tasks again."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Take a queued job out, or raise ``JobStopped`` inside a running one."""

    job_id: int
    #: Seconds in which ``Uncancel`` can put a queued one back; whoever waits for it is told only then.
    undo: float = 0.0


@dataclass(frozen=True, slots=True)
class Uncancel:
    """Put a job back into its place in the queue that was cancelled with ``undo``."""

    job_id: int


@dataclass(frozen=True, slots=True)
class Move:
    """Move a queued job past one other, or before all others, of its priority."""

    job_id: int
    where: Literal["up", "down", "top"]


@dataclass(frozen=True, slots=True)
class Kill:
    """Kill the worker that runs this job, and with it the job and its child processes."""

    job_id: int
    #: Seconds that it is given to clean up: SIGINT at once, SIGTERM after half of them, then SIGKILL.
    grace: float = 0.0


@dataclass(frozen=True, slots=True)
class Retry:
    """Submit an ended job again with its own arguments."""

    job_id: int


@dataclass(frozen=True, slots=True)
class RetryAllFailed:
    """Submit all jobs again that failed or were lost, are remembered, and were not retried."""


@dataclass(frozen=True, slots=True)
class Suspend:
    """Stop a worker and what its jobs have started (SIGSTOP). It is fed nothing, and its time limits stand still."""

    slot: int
    #: The worker's process, as in a snapshot; None means whichever is in the slot.
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class Continue:
    """Let a stopped worker go on (SIGCONT)."""

    slot: int
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class Recycle:
    """Have a worker leave after its job, and another one take its place."""

    slot: int
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class Renice:
    """Set the nice value of a worker and of what its jobs have started."""

    slot: int
    value: int
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class SetAffinity:
    """Bind a worker and what its jobs have started to these CPUs."""

    slot: int
    cpus: tuple[int, ...]
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class SendSignal:
    """Send a signal to a worker's process."""

    slot: int
    number: int
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class ReleaseLock:
    """Release a lock whose holder is gone, in its place: what it was about to change may be half changed."""

    lock_id: int


@dataclass(frozen=True, slots=True)
class Stack:
    """Tell the stacks of a worker's threads now, with source lines; also while its job computes in C."""

    slot: int
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """Look at a worker's stack many times for so many seconds, and tell which lines were found how often."""

    slot: int
    seconds: float = 5.0
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class Inspect:
    """Look at a worker's process: nice, CPUs, threads, descriptors, memory, children."""

    slot: int
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class Drain:
    """Take no more jobs, finish those there are, then let the workers leave (``close`` and ``join``)."""


@dataclass(frozen=True, slots=True)
class Terminate:
    """End all workers now; jobs that have not ended are lost or cancelled."""


#: What is asked of one worker.
WorkerRequest = Suspend | Continue | Recycle | Renice | SetAffinity | SendSignal
#: What only looks at one worker; the answer has lines.
WorkerLook = Stack | Profile | Inspect

Request = (
    Submit | CheckCall | Complete | Pace | Resize | Pause | Resume | Cancel | Uncancel | Move | Kill | Retry
    | RetryAllFailed | WorkerRequest | WorkerLook | ReleaseLock | Drain | Terminate
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a request: whether it was taken, and one sentence for the operator."""

    ok: bool
    text: str
    job_id: int | None = None
    #: What was looked for, where a sentence cannot hold it.
    lines: tuple[str, ...] = ()
    #: For each of the lines the file and the number of the line in it that it tells of; empty where it tells of none.
    places: tuple[tuple[str, ...], ...] = ()
    #: The parameters of the function that was asked about, as ``model.parameters`` has them; None if it does not say.
    parameters: tuple[tuple[str, ...], ...] | None = None
