"""A runtime folder of its own for each test, and pictures to publish."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def runtime_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The runtime folder of this test; short, since a socket's path may have 107 bytes only."""
    base = tempfile.mkdtemp(prefix="pm-")
    monkeypatch.setenv("XDG_RUNTIME_DIR", base)
    yield Path(base) / "poolmgr"
    shutil.rmtree(base, ignore_errors=True)
