"""What an operator asks of a pool, and what the pool answers. Frozen, plain, and the same from a key or a socket."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Submit:
    """Call ``module:function`` with literal arguments, once or ``repeat`` times."""

    target: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    #: What screens call the job.
    name: str = ""
    repeat: int = 1
    #: Jobs of a higher one are started first.
    priority: int = 0


@dataclass(frozen=True, slots=True)
class CheckCall:
    """Say what ``Submit`` would make of this call: import, signature, pickle. Nothing is called or submitted."""

    target: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)


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
class Drain:
    """Take no more jobs, finish those there are, then let the workers leave (``close`` and ``join``)."""


@dataclass(frozen=True, slots=True)
class Terminate:
    """End all workers now; jobs that have not ended are lost or cancelled."""


Request = Submit | CheckCall | Resize | Pause | Resume | Cancel | Kill | Retry | Drain | Terminate


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a request: whether it was taken, and one sentence for the operator."""

    ok: bool
    text: str
    job_id: int | None = None
