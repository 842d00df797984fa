"""Time limits, alone: no process, no clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolmgr.engine.limits import PACE_LEAST, PACE_MOST, Due, Stopwatch, judge, pace
from poolmgr.engine.options import Options

BOTH = Options(timeout=10, soft_timeout=4)


def test_nothing_is_due_before_the_first_limit() -> None:
    """Before its soft limit a task is left alone, and looked at again at the limit or sooner."""
    assert judge(BOTH, 1.0, told=False, stopped=False) == (Due.NOTHING, pace(4))
    assert judge(BOTH, 3.9, told=False, stopped=False)[1] == pytest.approx(0.1)


def test_soft_limit_is_told_until_it_has_been_heard() -> None:
    """SoftTimeout is raised as long as the task has not been told, and never again after that."""
    assert judge(BOTH, 4.0, told=False, stopped=False)[0] is Due.SOFTEN
    assert judge(BOTH, 5.0, told=False, stopped=False)[0] is Due.SOFTEN
    assert judge(BOTH, 5.0, told=True, stopped=False)[0] is Due.NOTHING


def test_hard_limit_kills_whether_or_not_the_soft_one_was_heard() -> None:
    """A job that caught SoftTimeout and goes on, or that never heard it, has its hard limit all the same."""
    assert judge(BOTH, 10.0, told=True, stopped=False)[0] is Due.KILL
    assert judge(BOTH, 10.0, told=False, stopped=False)[0] is Due.KILL
    assert judge(Options(timeout=10), 10.5, told=False, stopped=False)[0] is Due.KILL


def test_stopped_worker_is_left_alone() -> None:
    """Nothing is due for a task whose worker is stopped, however long that lasts."""
    assert judge(BOTH, 99.0, told=False, stopped=True) == (Due.NOTHING, pace(4))


def test_time_stands_still_while_the_worker_is_stopped() -> None:
    """What a stopwatch tells leaves out all that lies between looks at a stopped worker."""
    watch = Stopwatch(100.0)
    assert watch.look(101.0, stopped=False) == 1.0
    assert watch.look(102.0, stopped=True) == 1.0
    assert watch.look(152.0, stopped=True) == 1.0
    assert watch.look(153.0, stopped=False) == 2.0
    assert Stopwatch(100.0).look(150.0, stopped=True) == 0.0


@given(
    timeout=st.none() | st.floats(0.001, 1e6),
    share=st.none() | st.floats(0.01, 0.99),
    ran=st.floats(0, 1e7),
    told=st.booleans(),
    stopped=st.booleans(),
)
def test_every_look_is_followed_by_another_in_time(
    timeout: float | None, share: float | None, ran: float, told: bool, stopped: bool
) -> None:
    """A task that is not killed is looked at again before its next limit, neither at once nor in a long time."""
    soft = None if share is None else (timeout or 10.0) * share
    options = Options(timeout=timeout, soft_timeout=soft)
    due, again = judge(options, ran, told=told, stopped=stopped)
    if due is Due.KILL:
        assert timeout is not None
        assert ran >= timeout
        assert not stopped
        return
    assert 0 < again <= PACE_MOST
    if not stopped and again < PACE_LEAST:
        assert any(limit is not None and ran + again == pytest.approx(limit) for limit in (timeout, soft))
    if not stopped and timeout is not None:
        assert ran + again <= timeout * 1.001
