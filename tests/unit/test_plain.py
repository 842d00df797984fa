"""Requests and replies as plain values: they come back whole, and nothing else gets through."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolmgr.errors import UsageError
from poolmgr.model.plain import check_plain, from_plain, reply_from_plain, reply_to_plain, to_plain
from poolmgr.model.requests import (
    Cancel,
    CheckCall,
    Complete,
    Continue,
    Drain,
    Inspect,
    Kill,
    Move,
    Pace,
    Pause,
    Profile,
    Recycle,
    ReleaseLock,
    Renice,
    Reply,
    Request,
    Resize,
    Resume,
    Retry,
    RetryAllFailed,
    SendSignal,
    SetAffinity,
    Stack,
    Submit,
    Suspend,
    Terminate,
    Uncancel,
)

REQUESTS: list[Request] = [
    Submit("math:pow", (2, 3.5, "a", b"b", None, True, ..., 1j), {"x": [1, (2,), {3: {4}}]}),
    Submit("m:f", timeout=2.5, retries=3, items="names.txt"),
    CheckCall("math:pow", (2,), {"x": 3}),
    Complete("math:fac"),
    Pace(10.0),
    Resize(4),
    Pause(),
    Resume(),
    Cancel(1),
    Cancel(1, 5.0),
    Uncancel(1),
    Move(1, "down"),
    Kill(2),
    Kill(2, grace=1.5),
    Retry(3),
    RetryAllFailed(),
    Suspend(0, 2),
    Continue(0),
    Recycle(0),
    Renice(0, -5, 1),
    SetAffinity(0, (1, 2)),
    SendSignal(0, 15),
    Stack(0, 1),
    Profile(0, 2.5),
    Inspect(0),
    ReleaseLock(3),
    Drain(),
    Terminate(),
]

ROWS = Reply(False, "missing 'x'", parameters=(("x", "KEYWORD_ONLY", "int", ""), ("y", "VAR_KEYWORD", "", "")))


class Sly(str):
    """A text that is more than one."""


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: type(each).__name__)
def test_request_comes_back(request_: Request) -> None:
    """Every request is the same after it went through plain values."""
    assert from_plain(to_plain(request_)) == request_


def test_every_request_was_tried() -> None:
    """A request that is added is one of those above."""
    assert {type(each) for each in REQUESTS} == set(get_args(Request))


def test_reply_comes_back() -> None:
    """A reply too."""
    for reply in (Reply(True, "done", 7), Reply(True, "seen", lines=("one", "two")), ROWS):
        assert reply_from_plain(reply_to_plain(reply)) == reply


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (None, "a dict with a verb"),
        ([], "a dict with a verb"),
        ({}, "a dict with a verb"),
        ({"verb": 3}, "a dict with a verb"),
        ({"verb": "explode"}, "there is no request 'explode'; there is cancel, "),
        ({"verb": "explode"}, "there is no request 'explode'; there is cancel, check_call"),
        ({"verb": "resize"}, "resize: size is missing"),
        ({"verb": "resize", "size": "4"}, "size cannot be a str"),
        ({"verb": "move", "job_id": 1, "where": "away"}, "where cannot be a str"),
        ({"verb": "resize", "size": True}, "size cannot be a bool"),
        ({"verb": "resize", "size": 4, "force": True}, "no field 'force'"),
        ({"verb": "submit", "target": "math:pow", "args": [2, 3]}, "args cannot be a list"),
        ({"verb": "submit", "target": "math:pow", "kwargs": {1: 2}}, "kwargs cannot be a dict"),
        ({"verb": Sly("pause")}, "a Sly is no plain value"),
        ({"verb": "submit", "target": "math:pow", "args": (Kill(3),)}, "a Kill is no plain value"),
        ({"verb": "submit", "target": "math:pow", "args": (print,)}, "no plain value"),
        ({"verb": "submit", "target": "m:f", "args": ("x" * 2_000_000,)}, "too much for one request"),
        ({"verb": "submit", "target": "m:f", "args": (tuple(range(20_000)),)}, "too much for one request"),
        ({"verb": "resize", "size": 1 << 10_000_000}, "too much for one request"),
    ],
)
def test_what_is_no_request_is_refused(values: Any, words: str) -> None:
    """Anything that is not one of ours to the letter is refused with one sentence."""
    with pytest.raises(UsageError, match=words):
        from_plain(values)


@pytest.mark.parametrize("values", [None, {"ok": 1, "text": ""}, {"ok": True}, {"ok": True, "text": 3}])
def test_what_is_no_reply_is_refused(values: Any) -> None:
    """A reply is checked as well."""
    with pytest.raises(UsageError):
        reply_from_plain(values)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    )
)
def test_garbage_is_an_error_and_nothing_else(value: Any) -> None:
    """Plain values of any shape are plain; as a request they are refused, or are one."""
    check_plain(value)
    for values in (value, {"verb": "resize", "size": value}, {"verb": value}):
        try:
            request = from_plain(values)
        except UsageError:
            continue
        assert to_plain(request)


def test_numbers_that_are_none_are_no_numbers() -> None:
    """A request with a number of seconds would not take NaN or infinity."""
    from poolmgr.model import plain

    assert [plain._fits(value, float) for value in (1, 1.5, math.inf, math.nan, "1", True)] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]
    assert plain._fits(None, float | None)
