"""Numbers, durations, sizes, bars and sparks as text, and the cleaning of users' text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from poolmgr.tui import format as fmt


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0.0, "0.00s"),
        (0.084, "0.08s"),
        (9.994, "9.99s"),
        (9.996, "10.0s"),
        (59.94, "59.9s"),
        (59.96, "1m00s"),
        (192.0, "3m12s"),
        (3599.4, "59m59s"),
        (3720.0, "1h02m"),
        (183_600.0, "2d03h"),
    ],
)
def test_durations_are_short(seconds: float | None, text: str) -> None:
    """A duration takes at most six cells and does not lie at the edges."""
    assert fmt.duration(seconds) == text


@given(st.integers(0, 10**15))
def test_counts_and_sizes_fit_their_columns(number: int) -> None:
    """No count and no size takes more than five cells."""
    assert len(fmt.short_count(number)) <= 5 or number >= 10**12
    assert len(fmt.size(number)) <= 5


def test_sizes_have_units() -> None:
    """Bytes are shown in units of 1024."""
    assert [fmt.size(n) for n in (None, 812, 212 * 1024**2, int(1.9 * 1024**3))] == ["", "812", "212M", "1.9G"]


def test_clock_and_rate() -> None:
    """Long durations look like a clock, rates have a decimal while it says something."""
    assert fmt.clock(761) == "00:12:41"
    assert fmt.clock(2 * 86_400 + 3 * 3600) == "2d 03:00:00"
    assert [fmt.rate(r) for r in (0.04, 63.1, 1204.6)] == ["0.0", "63.1", "1,205"]


def test_bar_is_drawn_in_eighths() -> None:
    """A bar fills by eighths of a cell; a trace is visible, and only the top is full."""
    assert fmt.bar(0, 100, 4) == "    "
    assert fmt.bar(0.01, 100, 4) == "▏   "
    assert fmt.bar(50, 100, 4) == "██  "
    assert fmt.bar(60, 100, 4) == "██▍ "
    assert fmt.bar(99.9, 100, 4) == "███▉"
    assert fmt.bar(100, 100, 4) == fmt.bar(250, 100, 4) == "████"


def test_spark_has_a_fixed_scale() -> None:
    """Half of the top is half a column whatever the other values are, and no value is no mark."""
    assert fmt.spark((50.0, 50.0), 4, 100, span=4) == "  ▅▅"
    assert fmt.spark((0.0, 100.0, 400.0), 3, 100, span=3) == "▁██"
    assert fmt.spark((), 3, 100) == "   "
    assert fmt.spark((10.0,) * 60, 6, 100) == "▁▁▁▁▁▁"


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP1;2|data\x1b\\after", "after"),
        ("10%\r20%\r30%\r", "30%"),
        ("a\tb", "a   b"),
        ("bell\x07 back\x08", "bell back"),
        ("\u202egnp.exe", "gnp.exe"),
        ("\ud800", "\N{REPLACEMENT CHARACTER}"),
        ("a\u2028b\xa0c", "a b c"),
        ("\x9b31mred", "red"),
        ("[bold]kept[/bold]", "[bold]kept[/bold]"),
    ],
)
def test_users_text_is_made_harmless(dirty: str, clean: str) -> None:
    """Escape sequences, control and direction characters go; what can be read stays."""
    assert fmt.harmless(dirty) == clean


@given(st.text(st.characters()))
def test_nothing_harmful_is_left(text: str) -> None:
    """Whatever a worker prints, what is drawn is printable."""
    assert fmt.harmless(text).isprintable()


@given(st.text(), st.integers(1, 30))
def test_fit_takes_exactly_its_width(text: str, width: int) -> None:
    """A cell is as wide as its column, whatever characters are in it."""
    text = fmt.harmless(text)

    assert cell_len(fmt.fit(text, width)) == width
