"""What one types into the submit form: read as literals, never run."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolmgr.errors import UsageError
from poolmgr.model.literals import parse_call, parse_target

LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.floats(-1e9, 1e9),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "args", "kwargs"),
    [
        ("", (), {}),
        ("()", (), {}),
        ("20", (20,), {}),
        ("(20,)", (20,), {}),
        ("20, x=3", (20,), {"x": 3}),
        ("(20, x=3)", (20,), {"x": 3}),
        ("1, 'a', x=[1, {'b': None}]", (1, "a"), {"x": [1, {"b": None}]}),
        ("((1, 2),)", ((1, 2),), {}),
        ("(1, 2),", ((1, 2),), {}),
        ("(1), (2)", (1, 2), {}),
        ("-1.5, 1+2j, b'x', {1}", (-1.5, 1 + 2j, b"x", {1}), {}),
        ("'#', 1 # a remark", ("#", 1), {}),
        (r"'\d'", ("\\d",), {}),
    ],
)
def test_literal_arguments_are_read(text: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Arguments are written as in a call, with or without its parentheses."""
    assert parse_call(text) == (args, kwargs)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("x", "quotes"),
        ("1, open('f')", "argument 2"),
        ("x=open", "argument x"),
        ("*[1]", r"\*"),
        ("**{}", r"\*\*"),
        ("x=1, x=2", "twice"),
        ("1,,", "arguments"),
        ("1) + g(2", "arguments"),
        ("'", "arguments"),
        ("x=1, 2", "arguments"),
        ("{[]: 1}", "not a literal"),
        ("(" * 500, "arguments"),
        ("\0", "arguments"),
        ("9" * 5000, "arguments"),
    ],
)
def test_anything_else_is_refused_in_one_sentence(text: str, word: str) -> None:
    """What is no list of literals raises UsageError, whose text names the place."""
    with pytest.raises(UsageError, match=word) as caught:
        parse_call(text)

    assert "\n" not in str(caught.value)


@given(st.lists(LITERALS), st.dictionaries(st.from_regex("[a-z]{3}_", fullmatch=True), LITERALS))
def test_what_repr_writes_is_read_back(args: list[Any], kwargs: dict[str, Any]) -> None:
    """Any literal value survives being written out and read."""
    text = ", ".join([*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())])

    assert parse_call(f"({text})") == (tuple(args), kwargs)


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    """Any text at all is either read or refused with UsageError."""
    with contextlib.suppress(UsageError):
        parse_call(text)


def test_target_is_split_at_the_colon() -> None:
    """module:function gives both parts, dots and all."""
    assert parse_target(" os.path:join ") == ("os.path", "join")
    assert parse_target("datetime:datetime.now") == ("datetime", "datetime.now")


@pytest.mark.parametrize("text", ["", "math", "math.factorial", ":f", "math:", "a b:c", "math:f()", "math:f:g", "1:2"])
def test_target_of_another_shape_is_refused(text: str) -> None:
    """The refusal says how a target is written."""
    with pytest.raises(UsageError, match="module:function"):
        parse_target(text)
