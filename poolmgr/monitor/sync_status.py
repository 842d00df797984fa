"""The synchronisation objects in plain types, as the status dict has them. What does not exist is left out.

Thread: any; pure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from poolmgr.model.sync import Call, Deadlock, Holder, Link, SyncObject, SyncSnapshot, ThreadStack, Waiter

T = TypeVar("T")


def sync_to_plain(sync: SyncSnapshot) -> dict[str, Any]:
    """Dicts, lists, strings and numbers."""
    return {
        "objects": [{**_plain(each), "state": str(sync.state(each))} for each in sync.objects],
        "deadlocks": [[_plain(link) for link in deadlock.chain] for deadlock in sync.deadlocks],
        "abandoned": list(sync.abandoned),
        "total": sync.total,
        "stacks": [_plain(stack) for stack in sync.stacks],
    }


def sync_from_plain(record: Mapping[str, Any]) -> SyncSnapshot:
    """What they were made from; keys that are not known are left out."""
    return SyncSnapshot(
        objects=tuple(_object(each) for each in record["objects"]),
        deadlocks=tuple(Deadlock(tuple(_build(Link, link) for link in chain)) for chain in record["deadlocks"]),
        abandoned=tuple(record["abandoned"]),
        total=record["total"],
        stacks=tuple(_stack(each) for each in record.get("stacks", ())),
    )


def _object(record: Mapping[str, Any]) -> SyncObject:
    changed: dict[str, Any] = {"waiters": tuple(_build(Waiter, waiter) for waiter in record.get("waiters", ()))}
    if "holder" in record:
        changed["holder"] = _build(Holder, record["holder"])
    return _build(SyncObject, {**record, **changed})


def _stack(record: Mapping[str, Any]) -> ThreadStack:
    return _build(ThreadStack, {**record, "calls": tuple(_build(Call, call) for call in record.get("calls", ()))})


def _plain(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in dataclasses.fields(value):
        each = getattr(value, field.name)
        if field.default is not dataclasses.MISSING and each == field.default:
            continue
        if isinstance(each, tuple):
            each = [_plain(member) for member in each]
        found[field.name] = _plain(each) if dataclasses.is_dataclass(each) else each
    return found


def _build(kind: type[T], record: Mapping[str, Any]) -> T:
    known = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(**{key: value for key, value in record.items() if key in known})
