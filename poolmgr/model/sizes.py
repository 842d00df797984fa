"""Amounts of memory as people write them."""

from __future__ import annotations

import re
from typing import Any

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_WRITTEN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", re.IGNORECASE)


def parse_size(what: str, value: Any) -> int:
    """Bytes of ``500_000_000``, ``"500M"``, ``"1.5 GB"`` or ``"2GiB"``; a K is 1024.

    Args:
        what: What it is the size of, for the errors.
        value: The size.

    Raises:
        TypeError: It is neither an int nor a str.
        ValueError: It is no amount of memory, or not more than 0.
    """
    if isinstance(value, str):
        written = _WRITTEN.fullmatch(value)
        if written is None:
            raise ValueError(f'{what} must be a number of bytes or written as in "500M" or "1.5G", not {value!r}')
        value = int(float(written[1]) * _UNITS[written[2].upper()])
    # A bool is an int, but nobody means it.
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f'{what} must be an int of bytes or a str such as "500M", not {type(value).__name__}')
    if value <= 0:
        raise ValueError(f"{what} must be more than 0 bytes, not {value}")
    return value


def in_bytes(value: float) -> str:
    """An amount of memory in short: ``1.9 GB``."""
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1024
    return f"{value:,.1f} TB"
