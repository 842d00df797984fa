"""The status dict: plain, documented, and nothing lost on the way."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from poolmgr.errors import UsageError
from poolmgr.monitor.status import STATUS_VERSION, changed_keys, from_status, to_status
from tests.helpers.pictures import full_snapshot

DOCUMENT = Path(__file__).parents[2] / "docs" / "status.md"
PLAIN = (dict, list, str, int, float, bool, type(None))


def _paths(status: dict[str, Any]) -> set[str]:
    """All keys of a status dict as the document names them."""
    paths = set(status)
    for key, value in status.items():
        records = [value] if isinstance(value, dict) and key != "workers" else []
        records += list(value.values()) if key == "workers" else []
        records += value if isinstance(value, list) else []
        paths |= {f"{key}.{inner}" for record in records for inner in record}
    return paths


def _all_types(value: Any) -> set[type]:
    inner = list(value.values()) + list(value) if isinstance(value, dict) else value if isinstance(value, list) else []
    return {type(value)}.union(*(_all_types(each) for each in inner))


def test_every_key_is_documented_and_no_other() -> None:
    """docs/status.md has a row for each key of the dict, and no row for a key that does not exist."""
    documented = set(re.findall(r"^\| `([a-z0-9_.]+)` \|", DOCUMENT.read_text(), re.MULTILINE))
    assert documented == _paths(to_status(full_snapshot()))


def test_document_names_the_version() -> None:
    """docs/status.md is the document of the version that the code speaks."""
    assert f"This is version {STATUS_VERSION}." in DOCUMENT.read_text()


def test_status_is_plain() -> None:
    """No type of poolmgr's is in the dict, so that a reader needs none of poolmgr to unpickle it."""
    assert _all_types(to_status(full_snapshot())) <= set(PLAIN)


def test_round_trip_loses_nothing() -> None:
    """A snapshot comes back equal from its status dict."""
    snapshot = full_snapshot()
    assert from_status(to_status(snapshot)) == snapshot


def test_round_trip_through_json_loses_nothing() -> None:
    """A snapshot comes back equal from JSON, where slots have become strings."""
    snapshot = full_snapshot()
    assert from_status(json.loads(json.dumps(to_status(snapshot)))) == snapshot


def test_keys_that_came_later_may_be_missing() -> None:
    """An owner with an older poolmgr of the same version is read as one that says nothing of them."""
    status = to_status(full_snapshot())
    del status["expected"]
    assert from_status(status).expected is None


def test_unknown_keys_are_ignored() -> None:
    """A newer poolmgr of the same version may have added keys."""
    status = to_status(full_snapshot())
    status["news"] = 1
    status["jobs"][0]["colour"] = "red"
    assert from_status(status) == full_snapshot()


def test_other_version_is_refused() -> None:
    """A dict of another version is refused in one sentence, not misread."""
    with pytest.raises(UsageError, match="version 99"):
        from_status({**to_status(full_snapshot()), "version": 99})


def test_changed_keys_are_those_that_differ() -> None:
    """A frame sends the top-level keys that changed, and no others."""
    old, new = to_status(full_snapshot()), to_status(full_snapshot(time=1001.0, tasks_done=41))
    assert changed_keys(old, new).keys() == {"time", "counts"}
    assert changed_keys({}, new) == new
