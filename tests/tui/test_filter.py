"""The filter of the jobs table."""

from __future__ import annotations

import pytest

from poolmgr.model.states import JobState
from poolmgr.tui.filter import matcher
from tests.helpers.fake_control import make_job

JOBS = [
    make_job(11, JobState.RUNNING, function="pipeline.resize", args="('a.png',)"),
    make_job(12, JobState.FAILED, function="pipeline.fetch", args="('b.png',)", message="KeyError: 'etag'"),
    make_job(13, JobState.LOST, function="pipeline.encode", message="killed by SIGKILL", slot=4),
    make_job(14, JobState.QUEUED, function="pipeline.fetch", name="night run"),
]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("fetch", [12, 14]),
        ("FETCH etag", [12]),
        ("fetch resize", []),
        ("b.png", [12]),
        ("night", [14]),
        ("13", [13]),
        ("w5", [13]),
        ("lost", [13]),
        ("state:F", [12]),
        ("state:fl", [12, 13]),
        ("state:failed", [12]),
        ("state!=F", [11, 13, 14]),
        ("state:Q fetch", [14]),
        ("state:", [11, 12, 13, 14]),
        ("state: fetch", [12, 14]),
        ("[bold", []),
    ],
)
def test_filter_keeps_what_all_words_match(text: str, kept: list[int]) -> None:
    """Words narrow the list together; state: takes letters or a word."""
    test = matcher(text)

    assert test is not None
    assert [job.id for job in JOBS if test(job)] == kept


def test_empty_filter_is_none() -> None:
    """Blanks keep every job, and cost nothing."""
    assert matcher("") is None
    assert matcher("   ") is None
