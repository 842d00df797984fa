"""What a caller may say of a job beside what it calls: its turn and its name. One place checks it.

Nearly all jobs have no options: these share ``NO_OPTIONS``, and are neither larger nor slower for it.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypedDict


class JobOptions(TypedDict, total=False):
    """The keyword arguments that every submitting method takes."""

    #: What screens call the job.
    name: str
    #: Jobs of a higher priority are started first, those of one priority in the order of their submission; 0 if it is
    #: not given, negative for what can wait.
    priority: int


class Options(NamedTuple):
    """The options of a job, checked."""

    priority: int = 0


#: Those of a job that was submitted without any.
NO_OPTIONS = Options()


def checked(given: JobOptions) -> tuple[str, Options]:
    """The name and the options of a job.

    Raises:
        TypeError: There is no such option, or its value is of the wrong type.
        ValueError: A value is out of range.
    """
    values: dict[str, Any] = dict(given)
    unknown = sorted(values.keys() - JobOptions.__annotations__.keys())
    if unknown:
        known = ", ".join(JobOptions.__annotations__)
        raise TypeError(f"unexpected keyword argument {unknown[0]!r}; the options of a job are {known}")
    name = values.pop("name", "")
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {type(name).__name__}")
    options = Options(priority=_integer("priority", values.get("priority", 0)))
    return name, NO_OPTIONS if options == NO_OPTIONS else options


def _integer(what: str, value: Any) -> int:
    # A bool is an int, but nobody means it.
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{what} must be an int, not {type(value).__name__}")
    return value
