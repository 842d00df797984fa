"""Amounts of memory as people write them."""

from __future__ import annotations

from typing import Any

import pytest

from poolmgr.engine.memory import Bounds, bounds
from poolmgr.model.sizes import in_bytes, parse_size


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (1, 1),
        (500_000_000, 500_000_000),
        ("512", 512),
        ("500M", 500 << 20),
        ("1.5G", 3 << 29),
        ("2 GB", 2 << 30),
        ("2gib", 2 << 30),
        (" 64 k ", 64 << 10),
    ],
)
def test_sizes_are_read(written: Any, size: int) -> None:
    """A number is bytes; letters are powers of 1024, with or without a B, in any case."""
    assert parse_size("max_rss", written) == size


@pytest.mark.parametrize(
    ("written", "error", "text"),
    [
        ("a lot", ValueError, 'max_rss must be a number of bytes or written as in "500M" or "1.5G", not \'a lot\''),
        ("-5M", ValueError, "not '-5M'"),
        ("", ValueError, "not ''"),
        (0, ValueError, "more than 0 bytes"),
        ("0.1", ValueError, "more than 0 bytes"),
        (True, TypeError, "not bool"),
        (1.5, TypeError, "not float"),
    ],
)
def test_what_is_no_size_is_refused(written: Any, error: type[Exception], text: str) -> None:
    """The error names the parameter, and shows how to write it."""
    with pytest.raises(error, match=text):
        parse_size("max_rss", written)


def test_bounds_that_contradict_each_other_are_refused() -> None:
    """A worker that is killed before it could be replaced is not what anybody wants."""
    assert bounds("2G", "1G") == Bounds(2 << 30, 1 << 30)
    assert bounds(None, "1G") == Bounds(None, 1 << 30)
    with pytest.raises(ValueError, match="recycle_rss must be less than max_rss"):
        bounds("1G", "1G")


def test_sizes_are_written() -> None:
    """Three digits and a unit."""
    assert [in_bytes(size) for size in (812, 2 << 20, 3 << 29, 5 << 40)] == ["812 B", "2 MB", "1.5 GB", "5.0 TB"]
