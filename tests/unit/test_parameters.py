"""The parameters of a function as fields: what they say, how they are read, and how a call is spread over them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from poolmgr.errors import UsageError
from poolmgr.model.parameters import (
    FieldError,
    Parameter,
    described,
    from_rows,
    read,
    signature_of,
    spread,
    to_rows,
    written,
)


def fetch(url: str, timeout: float = 30, *rest: int, mode: str | None = None, **options: Any) -> None:
    """Takes whatever there is."""


def place(x: int, y: int = 0, /, z: int = 0) -> None:
    """Takes some by their places alone."""


class Loud:
    """A default with a representation of its own."""

    def __repr__(self) -> str:
        raise AssertionError("nobody may call this")


def loud(where: Path = Path("x"), how: Any = Loud()) -> None:  # noqa: B008 - it is the default that is looked at
    """Has defaults that are objects."""


def of(func: Callable[..., Any]) -> tuple[Parameter, ...]:
    """The parameters of a function."""
    return described(inspect.signature(func, eval_str=True))


def test_parameters_say_what_the_signature_does() -> None:
    """Names, stars, annotations, defaults, and what is required; no default's code is run."""
    assert [(each.title, each.default, each.required) for each in of(fetch)] == [
        ("url: str", "", True),
        ("timeout: float", "30", False),
        ("*rest: int", "", False),
        ("mode: str | None", "None", False),
        ("**options: Any", "", False),
    ] or [each.title for each in of(fetch)][-1] == "**options: typing.Any"
    assert [each.default for each in of(loud)] == ["<PosixPath>", "<Loud>"]


def test_parameters_cross_processes_and_bind_the_same() -> None:
    """As rows of text they come back whole, and make a signature that takes what the function takes."""
    parameters = of(fetch)

    assert from_rows(to_rows(parameters)) == parameters
    assert signature_of(parameters).bind("u", 3, 4, x=5).arguments["options"] == {"x": 5}
    with pytest.raises(TypeError, match="url"):
        signature_of(parameters).bind()
    with pytest.raises(UsageError):
        from_rows([("x", "SIDEWAYS", "", "")])


@pytest.mark.parametrize(
    ("func", "typed", "args", "kwargs"),
    [
        (fetch, {"url": "'u'"}, ("u",), {}),
        (fetch, {"url": "https://a/b c"}, ("https://a/b c",), {}),
        (fetch, {"url": "20"}, ("20",), {}),
        (fetch, {"url": "u", "mode": "'r'"}, ("u",), {"mode": "r"}),
        (fetch, {"url": "u", "timeout": "1", "rest": "2, 3"}, ("u", 1, 2, 3), {}),
        (fetch, {"url": "u", "options": "x=[1], y=None"}, ("u",), {"x": [1], "y": None}),
        (place, {"x": "1", "z": "2"}, (1,), {"z": 2}),
        (place, {"x": "1, 2"}, ((1, 2),), {}),
    ],
)
def test_fields_become_arguments(
    func: Callable[..., Any], typed: dict[str, str], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """An empty field is the default, what can be positional is, and a ``str`` needs no quotes."""
    assert read(of(func), typed) == (args, kwargs)


@pytest.mark.parametrize(
    ("func", "typed", "field", "words"),
    [
        (fetch, {}, "url", "url has no default"),
        (fetch, {"url": "u", "timeout": "soon"}, "timeout", "put text in quotes"),
        (fetch, {"url": "u", "timeout": "1 +"}, "timeout", "not a value"),
        (fetch, {"url": "u", "rest": "1"}, "timeout", r"timeout cannot be left out when \*rest has values"),
        (fetch, {"url": "u", "timeout": "1", "rest": "x=1"}, "rest", "without names"),
        (fetch, {"url": "u", "options": "1"}, "options", "with names"),
        (fetch, {"url": "u", "mode": "'r'", "options": "mode=1"}, "options", "mode has a field of its own"),
        (fetch, {"url": "u", "options": "x="}, "options", "not a list of arguments"),
    ],
)
def test_what_is_wrong_names_its_field(func: Callable[..., Any], typed: dict[str, str], field: str, words: str) -> None:
    """An error belongs to one field, and says what to write there."""
    with pytest.raises(FieldError, match=words) as caught:
        read(of(func), typed)
    assert caught.value.field == field


def test_a_file_gives_the_first_argument() -> None:
    """Where each line of a file is the first argument, its field is to be empty."""
    assert read(of(fetch), {"timeout": "3"}, first_given=True) == ((3,), {})
    with pytest.raises(FieldError, match="leave it empty"):
        read(of(fetch), {"url": "u"}, first_given=True)


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("'u', 3, 4, 5, x=[1, 2]", {"url": "'u'", "timeout": "3", "rest": "4, 5", "options": "x=[1, 2]"}),
        ("('u',)", {"url": "'u'"}),
        ("", {}),
        ("...", {"url": "..."}),
        ("'u', **{}", None),
        ("'u", None),
        ("1, url=2", None),
    ],
)  # fmt: skip
def test_a_call_is_spread_over_the_fields(text: str, typed: dict[str, str] | None) -> None:
    """Each argument goes into the field of its parameter, as it was written; or nothing is moved."""
    assert spread(of(fetch), text) == typed


def test_fields_as_one_call() -> None:
    """Where fields have to go, what was typed is kept as a call."""
    assert written(of(fetch), {"url": "'u'", "options": "x=1", "mode": " "}) == "url='u', x=1"
