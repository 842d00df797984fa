"""What tests of screens have: a fixture that takes pictures, and keys that wait until all is done that they ask for."""

import pytest

from tests.helpers.looks import picture
from tests.helpers.pilot import wait_for_rest

__all__ = ["picture"]


@pytest.fixture(autouse=True)
def _patient_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("textual.app", "textual.pilot"):
        monkeypatch.setattr(f"{module}.wait_for_idle", wait_for_rest)
