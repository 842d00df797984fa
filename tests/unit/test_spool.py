"""What a program printed while nobody saw it: kept, bounded, and shown once."""

from __future__ import annotations

from pathlib import Path

import pytest

from poolmgr.runners import spool
from poolmgr.runners.spool import Spool


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
