"""Numbers of CPUs, in short and spelled out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolmgr.model.cpus import shorten, spelled_out


def test_neighbours_are_a_range() -> None:
    """Neighbours are told as a range, whatever their order."""
    assert shorten((6, 0, 1, 2, 3, 3)) == "0-3,6"


@given(st.sets(st.integers(0, 300), min_size=1))
def test_short_form_is_read_back(cpus: set[int]) -> None:
    """What is told in short means the same numbers."""
    assert spelled_out(shorten(cpus)) == tuple(sorted(cpus))


@pytest.mark.parametrize("text", ["", "a", "1-", "-1", "1,,2", "3-1", "99999"])
def test_what_means_no_cpu_is_refused(text: str) -> None:
    """One sentence says what to write."""
    with pytest.raises(ValueError, match=r"0-3"):
        spelled_out(text)
