"""Pools that are opened beside the first one of an app, with an initializer or without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from poolmgr.errors import UsageError
from poolmgr.model.fleet import Opening
from poolmgr.model.requests import CheckCall, Submit
from poolmgr.runners.session import Session
from poolmgr.runners.sessions import Sessions
from tests.helpers import jobs
from tests.helpers.wait import wait_until

JOBS = jobs.__name__


@pytest.fixture
def sessions() -> Iterator[Sessions]:
    """Those of an app with one pool."""
    with Session("first", 1, "fork") as first, Sessions(first) as opened:
        yield opened


def test_each_worker_begins_with_the_initializer(sessions: Sessions) -> None:
    """It is imported by its name, and called with what was written."""
    member = sessions.open(Opening("second", 1, "fork", f"{JOBS}:initialize", (7,)))
    assert member.control.send(Submit(f"{JOBS}:initialized_value")).ok
    # Not until it is done: a picture may count a job as done and still show it as one that runs.
    wait_until(lambda: [job.message for job in member.control.snapshot().jobs] == ["7"])


def test_an_initializer_that_raises_is_reported(sessions: Sessions, tmp_path: Path) -> None:
    """The pool's log tells what it raised, and the first pool knows nothing of it."""
    member = sessions.open(Opening("second", 1, "fork", f"{JOBS}:failing_initializer", (str(tmp_path / "tries"),)))
    wait_until(lambda: any("the initializer raised" in line.text for line in member.control.snapshot().log))
    assert sessions.all[0].pool.apply(jobs.double, (2,)) == 4


def test_what_is_no_function_opens_nothing(sessions: Sessions) -> None:
    """It is an error with one sentence; a look before says the same, in the program that opens pools."""
    with pytest.raises(UsageError, match="has no function 'nothing'"):
        sessions.open(Opening("second", 1, "fork", f"{JOBS}:nothing"))
    assert [session.pool.name for session in sessions.all] == ["first"]
    look = sessions.fleet.looker
    assert look is not None
    assert not look(CheckCall(f"{JOBS}:nothing")).ok
    assert look(CheckCall(f"{JOBS}:initialize", (7,))).ok
