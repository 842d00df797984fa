"""What a program printed while nobody saw it: kept, bounded, and shown once."""

from __future__ import annotations

from pathlib import Path

import pytest

from poolmgr.runners import spool
from poolmgr.runners.spool import Lines, Spool


def test_what_is_kept_comes_once_and_in_order(tmp_path: Path) -> None:
    """All that was added is taken in order, and then nothing is left, on disk neither."""
    kept = Spool(str(tmp_path))
    kept.add(b"one ")
    kept.add(b"two")
    assert b"".join(kept.take()) == b"one two"
    kept.add(b"three")
    assert b"".join(kept.take()) == b"three"
    assert list(kept.take()) == []
    assert list(tmp_path.iterdir()) == []


def test_oldest_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood drops the oldest, and says how much."""
    monkeypatch.setattr(spool, "PIECE", 10)
    monkeypatch.setattr(spool, "PIECES", 2)
    kept = Spool(str(tmp_path))
    for number in range(5):
        kept.add(str(number).encode() * 10)
    taken = list(kept.take())
    assert b"30 bytes of output before this were not kept" in taken[0]
    assert b"".join(taken[1:]) == b"3" * 10 + b"4" * 10


def test_full_disk_is_counted(tmp_path: Path) -> None:
    """Where nothing can be written, nothing is raised, and what is missing is told."""
    kept = Spool(str(tmp_path / "not there"))
    kept.add(b"12345")
    assert b"5 bytes" in b"".join(kept.take())


def test_lines_are_what_is_seen_in_the_end() -> None:
    """A bar that writes over itself is its last state; colours and moves of the cursor are left out."""
    lines = Lines()
    assert lines.feed(b"  0%|  |\r 50%|# |\r") == []
    assert lines.feed(b"100%|##|\r\nnext \x1b[31mred\x1b[0m\x1b]0;title\x07\r\nunfin") == ["100%|##|", "next red"]
    assert lines.feed("isch\u00e9d".encode()[:5]) == []
    assert lines.rest() == "unfinisch\ufffd"
    assert lines.rest() == ""


def test_a_line_without_end_is_bounded() -> None:
    """A program that never ends a line does not fill the memory."""
    lines = Lines()
    for _ in range(100):
        lines.feed(b"x" * 1000)
    assert len(lines.rest()) == Lines.LONGEST
