"""What is asked about one worker, and answered in lines. Nothing of the pool changes.

Thread: the caller's, for as long as the look takes; source lines are read from this program's files.
"""

from __future__ import annotations

import linecache
from collections.abc import Iterable
from typing import Protocol

from poolmgr.errors import NoStack, UnknownWorker, UsageError
from poolmgr.model.requests import Inspect, Profile, Reply, Stack, WorkerLook
from poolmgr.model.stacks import Profile as Found
from poolmgr.model.stacks import Told, parse, told
from poolmgr.monitor.inspect import inspect


class Visible(Protocol):
    """What has workers that can be looked at one by one."""

    def pid_of(self, slot: int, generation: int | None = None) -> int:
        """Its process id."""
        ...

    def stack(self, slot: int, generation: int | None = None) -> str:
        """The stacks of its threads."""
        ...

    def stacks(self, slot: int, count: int, every: float, generation: int | None = None) -> Iterable[str]:
        """Its stacks, many times."""
        ...


#: Stacks in a second of a profile: often enough to find what takes a percent in some seconds, and each costs the worker
#: less than a millisecond.
RATE = 20
#: Seconds that a profile may take: whoever asks from elsewhere waits no longer for an answer.
LONGEST = 8.0


def answer(pool: Visible, request: WorkerLook) -> Reply:
    """Look, and tell.

    Raises:
        UnknownWorker: The worker is not there, or another process is in its place.
        UsageError: What is asked makes no sense.
        PoolClosed: The pool has ended.
    """
    name = f"w{request.slot + 1}"
    try:
        match request:
            case Stack(slot, generation):
                return _reply(f"the stack of {name}", told(parse(pool.stack(slot, generation)), _source))
            case Profile(slot, seconds, generation):
                return _profile(pool, slot, seconds, generation)
            case Inspect(slot, generation):
                found = inspect(pool.pid_of(slot, generation))
                if found is None:
                    raise UnknownWorker(slot, replaced=False)
                return Reply(True, f"the process of {name}", lines=tuple(found))
    except NoStack as error:
        return Reply(False, f"{name} has no stack to tell: {error}")


def _profile(pool: Visible, slot: int, seconds: float, generation: int | None) -> Reply:
    if not 0 < seconds <= LONGEST:
        raise UsageError(f"a profile takes up to {LONGEST:g} s, not {seconds:g}")
    found = Found()
    for text in pool.stacks(slot, max(1, round(seconds * RATE)), 1 / RATE, generation):
        found.add(parse(text))
    return _reply(f"{seconds:g} s of w{slot + 1}", found.told(_source))


def _reply(text: str, found: list[Told]) -> Reply:
    places = (() if each.frame is None else (each.frame.file, str(each.frame.line)) for each in found)
    return Reply(True, text, lines=tuple(each.text for each in found), places=tuple(places))


def _source(file: str, line: int) -> str:
    linecache.checkcache(file)
    return linecache.getline(file, line).strip()
