"""What a caller may say of a job beside what it calls: its limits, its turn, its name. One place checks it.

Nearly all jobs have no options: these share ``NO_OPTIONS``, and are neither larger nor slower for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol, TypedDict


class SupportsId(Protocol):
    """A job, as far as another one needs to know it."""

    @property
    def id(self) -> int:
        """Its number in its pool."""
        ...


class JobOptions(TypedDict, total=False):
    """The keyword arguments that every submitting method takes."""

    #: What screens call the job.
    name: str
    #: Seconds that the job, or each item of a map or stream, may run, counted from the moment at which its worker takes
    #: it up: then it is killed with its worker.
    timeout: float | None
    #: Seconds after which ``SoftTimeout`` is raised inside it, so that it may clean up.
    soft_timeout: float | None
    #: How often the job, or each item of a map or stream, is tried again after an error, a time limit, or the death of
    #: its worker, with a delay that grows. It must do no harm to run it twice.
    retries: int
    #: Jobs of a higher priority are started first, those of one priority in the order of their submission; 0 if it is
    #: not given, negative for what can wait.
    priority: int


class CallOptions(JobOptions, total=False):
    """The keyword arguments of ``apply`` and ``apply_async``: those of any job, and what makes sense for one call."""

    #: The jobs that have to be done before: it waits for them, and is cancelled if one of them ends badly.
    after: SupportsId | int | Iterable[SupportsId | int]


class Options(NamedTuple):
    """The options of a job, checked."""

    timeout: float | None = None
    soft_timeout: float | None = None
    retries: int = 0
    priority: int = 0
    #: The ids of the jobs that it waits for.
    after: tuple[int, ...] = ()

    @property
    def shortest(self) -> float | None:
        """The first of the time limits that a task can reach (s), None if it has none."""
        return self.timeout if self.soft_timeout is None else self.soft_timeout

    @property
    def each(self) -> bool:
        """Whether the items of a map or stream must be tasks of their own, since these options are of each item."""
        return self.shortest is not None or self.retries > 0


#: Those of a job that was submitted without any.
NO_OPTIONS = Options()


def checked(given: JobOptions, kind: type[JobOptions] = JobOptions) -> tuple[str, Options]:
    """The name and the options of a job.

    Args:
        given: What the caller has said.
        kind: What may be said.

    Raises:
        TypeError: There is no such option, or its value is of the wrong type.
        ValueError: A value is out of range.
    """
    values: dict[str, Any] = dict(given)
    unknown = sorted(values.keys() - kind.__annotations__.keys())
    if unknown:
        known = ", ".join(kind.__annotations__)
        raise TypeError(f"unexpected keyword argument {unknown[0]!r}; the options of a job are {known}")
    name = values.pop("name", "")
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {type(name).__name__}")
    options = Options(
        timeout=_seconds("timeout", values.get("timeout")),
        soft_timeout=_seconds("soft_timeout", values.get("soft_timeout")),
        retries=_integer("retries", values.get("retries", 0)),
        priority=_integer("priority", values.get("priority", 0)),
        after=_ids(values.get("after", ())),
    )
    if options.retries < 0:
        raise ValueError(f"retries must be 0 or more, not {options.retries}")
    if options.timeout is not None and options.soft_timeout is not None and options.soft_timeout >= options.timeout:
        raise ValueError(
            f"soft_timeout must be shorter than timeout, or the job has no time to clean up: "
            f"{options.soft_timeout!r} is not less than {options.timeout!r}"
        )
    return name, NO_OPTIONS if options == NO_OPTIONS else options


def _seconds(what: str, value: Any) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{what} must be a number of seconds or None, not {type(value).__name__}")
    # Written so that it is false for what is not a number at all.
    if not 0 < value < math.inf:
        raise ValueError(f"{what} must be more than 0 seconds and finite, not {value!r}; None is no limit")
    return float(value)


def _ids(value: Any) -> tuple[int, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable) or hasattr(value, "id"):
        value = (value,)
    return tuple(dict.fromkeys(_integer("after", getattr(each, "id", each)) for each in value))


def _integer(what: str, value: Any) -> int:
    # A bool is an int, but nobody means it.
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{what} must be an int, not {type(value).__name__}")
    return value
