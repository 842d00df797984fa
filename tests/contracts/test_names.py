"""The public names are there, and each says what it promises."""

from __future__ import annotations

import inspect

import pytest

import poolmgr


@pytest.mark.parametrize("name", sorted(set(poolmgr.__all__) - {"__version__"}))
def test_public_name_is_documented(name: str) -> None:
    """Every public name can be had and has a docstring of its own."""
    value = getattr(poolmgr, name)
    assert inspect.getdoc(value)
    assert value.__doc__


def test_every_name_has_its_home() -> None:
    """The list of public names and the list of their modules agree."""
    assert set(poolmgr.__all__) == {*poolmgr._HOMES, "__version__"}
    assert set(poolmgr.__all__) <= set(dir(poolmgr))


def test_unknown_name_is_an_attribute_error() -> None:
    """A name that poolmgr does not have fails as in any module."""
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = poolmgr.nonsense
