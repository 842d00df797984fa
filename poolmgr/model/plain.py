"""Requests and replies as plain values: what crosses from one program to another, and how it is checked.

    {"verb": "resize", "size": 4}                       a request
    {"ok": True, "text": "4 workers", "job_id": None, "lines": (), ...}                  a reply

A request is taken only if it is one of ours to the letter: a verb that there is, its fields and no others, each of
its type. So whoever carries it out gets a request, or an error with one sentence.

Pure; for any thread.
"""

from __future__ import annotations

import dataclasses
import math
import re
import typing
from collections.abc import Mapping
from functools import cache
from types import EllipsisType, UnionType
from typing import Any

from poolmgr.errors import UsageError
from poolmgr.model.requests import Reply, Request

#: Values in one request, members of containers included, and characters of all its texts together.  A person types
#: less; a program that sends more means a file.
MOST_VALUES = 10_000
MOST_CHARACTERS = 1_000_000

_ATOMS = (bool, int, float, complex, type(None), EllipsisType)
_CONTAINERS = (tuple, list, set, frozenset)


def to_plain(request: Request) -> dict[str, Any]:
    """A request as a dict of plain values."""
    fields = {field.name: getattr(request, field.name) for field in dataclasses.fields(request)}
    return {"verb": verb_of(type(request)), **fields}


def from_plain(values: object) -> Request:
    """The request that the dict was made from.

    Raises:
        UsageError: It is not a request, to the letter.
    """
    check_plain(values)
    if not isinstance(values, dict) or not isinstance(values.get("verb"), str):
        raise UsageError("a request is a dict with a verb")
    kind = _kinds().get(values["verb"])
    if kind is None:
        raise UsageError(f"there is no request {values['verb']!r}; there is {', '.join(sorted(_kinds()))}")
    return typing.cast(Request, _build(kind, {key: value for key, value in values.items() if key != "verb"}))


def reply_to_plain(reply: Reply) -> dict[str, Any]:
    """A reply as a dict of plain values."""
    return {field.name: getattr(reply, field.name) for field in dataclasses.fields(reply)}


def reply_from_plain(values: object) -> Reply:
    """The reply that the dict was made from.

    Raises:
        UsageError: It is none.
    """
    if not isinstance(values, dict):
        raise UsageError("a reply is a dict")
    reply: Reply = _build(Reply, values)
    return reply


def check_plain(value: object) -> None:
    """Let builtin types pass, exactly those, and in bounds: no subclass, no object of anybody's, no code.

    Raises:
        UsageError: There is something else in it, or too much.
    """
    characters = 0
    waiting: list[object] = [value]
    seen = 0
    while waiting:
        each = waiting.pop()
        seen += 1
        if type(each) is str or type(each) is bytes:
            characters += len(each)
        elif type(each) is dict:
            waiting += (*each.keys(), *each.values())
        elif type(each) in _CONTAINERS:
            waiting += typing.cast("list[object]", each)
        elif type(each) not in _ATOMS:
            raise UsageError(f"a {type(each).__name__} is no plain value")
        elif type(each) is int:
            characters += each.bit_length() // 3
        if seen + len(waiting) > MOST_VALUES or characters > MOST_CHARACTERS:
            raise UsageError("too much for one request: put it into a file, and send its name")


def verb_of(kind: type[Any]) -> str:
    """``resize`` for ``Resize``, ``kill_worker`` for ``KillWorker``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


@cache
def _kinds() -> Mapping[str, type[Any]]:
    return {verb_of(kind): kind for kind in typing.get_args(Request)}


@cache
def _hints(kind: Any) -> Mapping[str, Any]:
    return typing.get_type_hints(kind)


def _build(kind: Any, values: Mapping[str, Any]) -> Any:
    hints = _hints(kind)
    what = verb_of(kind)
    for key, value in values.items():
        if key not in hints:
            raise UsageError(f"{what}: there is no field {key!r}; use the same poolmgr on both sides")
        if not _fits(value, hints[key]):
            raise UsageError(f"{what}: {key} cannot be a {type(value).__name__}")
    try:
        return kind(**values)
    except TypeError as error:
        missing = [
            field.name
            for field in dataclasses.fields(kind)
            if field.name not in values and field.default is field.default_factory is dataclasses.MISSING
        ]
        raise UsageError(f"{what}: {', '.join(missing)} is missing") from error


def _fits(value: object, hint: Any) -> bool:
    if hint is Any:
        return True
    if hint is float:
        return (type(value) is int or type(value) is float) and math.isfinite(value)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is None:
        return type(value) is (type(None) if hint is None else hint)
    if origin is typing.Literal:
        return any(type(value) is type(each) and value == each for each in args)
    if origin in (typing.Union, UnionType):
        return any(_fits(value, each) for each in args)
    if origin is tuple:
        return type(value) is tuple and all(_fits(member, args[0]) for member in value)
    if origin is dict:
        return type(value) is dict and all(_fits(k, args[0]) and _fits(v, args[1]) for k, v in value.items())
    return False
