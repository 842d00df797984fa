"""Fixtures for tests of the hook: a run's folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from poolmgr.runtime.run_folder import RunFolder


@pytest.fixture
def run_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The folder of a run of this test's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("r")))
    with RunFolder() as folder:
        yield folder.path
