"""The options of jobs: what is taken, and what is refused with a sentence that says why."""

from __future__ import annotations

import math
from typing import Any

import pytest

from poolmgr.engine.options import NO_OPTIONS, Options, checked


def test_nothing_given_is_the_same_object_for_all() -> None:
    """Jobs without options share one object, also if the options are given as what they are by default."""
    assert checked({}) == ("", NO_OPTIONS)
    assert checked({"priority": 0, "name": ""})[1] is NO_OPTIONS
    assert checked({"name": "train"}) == ("train", NO_OPTIONS)


def test_what_is_given_is_kept() -> None:
    """Each option arrives in its place."""
    assert checked({"priority": -3, "name": "n"}) == ("n", Options(priority=-3))
    assert checked({"timeout": 5, "soft_timeout": 0.5}) == ("", Options(timeout=5.0, soft_timeout=0.5))


def test_the_shortest_limit_is_the_first_that_can_be_reached() -> None:
    """The soft limit comes before the hard one; a job without limits has none."""
    assert Options(timeout=5, soft_timeout=3).shortest == 3
    assert Options(timeout=5).shortest == 5
    assert Options(soft_timeout=3).shortest == 3
    assert Options(priority=3).shortest is None


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"prio": 1}, TypeError, "'prio'; the options of a job are name, .*priority"),
        ({"name": 5}, TypeError, "name must be a str, not int"),
        ({"priority": 1.0}, TypeError, "priority must be an int, not float"),
        ({"priority": True}, TypeError, "priority must be an int, not bool"),
        ({"priority": None}, TypeError, "priority must be an int, not NoneType"),
        ({"retries": -1}, ValueError, "retries must be 0 or more, not -1"),
        ({"retries": True}, TypeError, "retries must be an int, not bool"),
        ({"timeout": 0}, ValueError, "timeout must be more than 0 seconds and finite, not 0"),
        ({"timeout": -1.5}, ValueError, "timeout must be more than 0"),
        ({"timeout": math.nan}, ValueError, "finite, not nan"),
        ({"soft_timeout": math.inf}, ValueError, "soft_timeout must be .* not inf; None is no limit"),
        ({"timeout": "5"}, TypeError, "timeout must be a number of seconds or None, not str"),
        ({"soft_timeout": True}, TypeError, "soft_timeout must be a number of seconds or None, not bool"),
        ({"timeout": 1, "soft_timeout": 1}, ValueError, "soft_timeout must be shorter than timeout"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(given: Any, error: type[Exception], text: str) -> None:
    """A wrong name, type or value is told in one sentence that names the option."""
    with pytest.raises(error, match=text):
        checked(given)
