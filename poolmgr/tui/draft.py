"""What stands in the submit form, and how its fields are read.  Pure.

The field that an error names is a parameter, or ``#`` and the id of another field.
"""

from __future__ import annotations

import builtins
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from poolmgr.errors import UsageError
from poolmgr.model.literals import parse_call, parse_target
from poolmgr.model.parameters import FieldError, Parameter
from poolmgr.model.snapshot import JobSnapshot
from poolmgr.tui.filter_fields import read_duration

#: The options of a job, by the fields of the form.
OPTIONS = ("name", "repeat", "priority", "timeout", "soft", "retries", "after", "items")


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the form."""

    target: str = ""
    #: The arguments as in a call, where the parameters are not known.
    arguments: str = ""
    name: str = ""
    repeat: str = "1"
    priority: str = "0"
    timeout: str = ""
    #: The soft time limit.
    soft: str = ""
    retries: str = "0"
    #: The jobs that have to be done before.
    after: str = ""
    items: str = ""
    #: What whoever fills in the form should know.
    note: str = ""
    #: The function's parameters, if they are known, and what stands in the field of each.
    parameters: tuple[Parameter, ...] | None = None
    typed: Mapping[str, str] = field(default_factory=dict)


def draft_of(job: JobSnapshot) -> Draft:
    """The form for the same call again, as far as a picture knows it."""
    module, dot, function = job.function.rpartition(".")
    home = module if dot else "builtins" if hasattr(builtins, job.function) else "__main__"
    arguments = job.args[1:-1].strip() if job.args.startswith("(") and job.args.endswith(")") else job.args
    note = ""
    try:
        parse_call(arguments)
        cut = "…" in arguments
    except UsageError:
        cut = True
    if job.tasks > 1:
        arguments, note = "", f"Job {job.id} was a map: this submits one call. Write its arguments."
    elif cut:
        note = f"The arguments of job {job.id} are not known in full: write them out."
    return Draft(
        f"{home}:{function}",
        arguments,
        job.name,
        priority=str(job.priority),
        timeout=_limit(job.limit),
        soft=_limit(job.soft_limit),
        retries=str(job.retries),
        after=", ".join(map(str, job.after)),
        note=note,
    )


def _limit(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.15g}s"


def read_target(typed: str) -> str:
    """``module:function``.

    Raises:
        FieldError: It is something else.
    """
    try:
        return ":".join(parse_target(typed))
    except UsageError as error:
        raise FieldError("#target", str(error)) from error


def read_count(field: str, what: str, typed: str, least: int | None) -> int:
    """A whole number, of ``least`` or more if there is a least.

    Raises:
        FieldError: It is something else.
    """
    try:
        number = int(typed.strip())
    except ValueError:
        number = None
    if number is None or (least is not None and number < least):
        bound = "" if least is None else f" of {least} or more"
        raise FieldError(f"#{field}", f"{what} is a whole number{bound}, not {typed.strip()!r}")
    return number


def read_limit(field: str, what: str, typed: str) -> float | None:
    """Seconds of ``30``, ``1.5s``, ``1h30m``; None if nothing stands there.

    Raises:
        FieldError: It is something else, or no time at all.
    """
    if not typed.strip():
        return None
    try:
        seconds = read_duration(typed.strip())
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise FieldError(f"#{field}", f"{what} is a duration such as 30s or 1h30m, not {typed.strip()!r}")
    return seconds


def read_ids(typed: str) -> tuple[int, ...]:
    """Jobs' numbers of ``7``, ``7, 9``, ``7 9``; none if nothing stands there.

    Raises:
        FieldError: It is something else.
    """
    words = typed.replace(",", " ").split()
    if not all(word.isascii() and word.isdigit() for word in words):
        raise FieldError("#after", f"after takes numbers of jobs, such as 7 or 7, 9, not {typed.strip()!r}")
    return tuple(map(int, words))


def read_path(typed: str) -> str:
    """A file's path that means the same in every program; empty if nothing stands there."""
    return os.path.abspath(os.path.expanduser(typed.strip())) if typed.strip() else ""
