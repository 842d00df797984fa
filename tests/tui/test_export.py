"""What is exported: complete, readable by other programs, and harmless."""

from __future__ import annotations

import csv
import io
import json
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolmgr.model.buckets import FINE, WIDTHS, History
from poolmgr.model.recording import Recording
from poolmgr.model.snapshot import JobSnapshot
from poolmgr.model.states import JobState
from poolmgr.tui.export import COLUMNS, Export, file_name, jobs_csv, jobs_json, write
from poolmgr.tui.stream_svg import stream_svg
from poolmgr.tui.trace import chrome_trace
from tests.helpers.busy_pool import WORKERS, busy_history, busy_snapshot
from tests.helpers.fake_control import NOW, make_job, make_snapshot, make_worker

#: What the format asks of an event of each phase.
NEEDED = {
    "X": {"name", "cat", "ts", "dur", "pid", "tid"},
    "i": {"name", "ts", "pid", "tid", "s"},
    "C": {"name", "ts", "pid", "args"},
    "M": {"name", "pid", "args"},
}


def check_trace(text: str) -> list[dict[str, Any]]:
    """Hold the text against the rules of the Trace Event Format, and return its events."""
    whole = json.loads(text)
    assert set(whole) <= {"traceEvents", "displayTimeUnit", "otherData"}
    assert whole["displayTimeUnit"] in ("ms", "ns")
    events: list[dict[str, Any]] = whole["traceEvents"]
    tracks: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for event in events:
        assert set(event) >= NEEDED[event["ph"]], event
        assert isinstance(event["name"], str)
        assert isinstance(event["pid"], int)
        assert event.get("ts", 0) >= 0
        if event["ph"] == "X":
            assert event["dur"] > 0
            tracks.setdefault((event["pid"], event["tid"]), []).append((event["ts"], event["ts"] + event["dur"]))
        if event["ph"] == "i":
            assert event["s"] in ("g", "p", "t")
        if event["ph"] == "C":
            assert all(isinstance(value, int | float) for value in event["args"].values())
    for spans in tracks.values():
        # Events of one track may lie one after the other or one in another; ours never overlap at all.
        assert all(end <= begin + 1e-6 for (_, end), (begin, _) in pairwise(sorted(spans)))
    names = {event["tid"] for event in events if event["name"] == "thread_name"}
    assert {track for _, track in tracks} <= names
    return events


def test_csv_has_a_line_for_each_job() -> None:
    """Every job is there with its state, worker and times; what is not known is empty."""
    jobs = [make_job(1), make_job(2, JobState.QUEUED), make_job(3, JobState.FAILED, message='"a",\nb')]
    rows = list(csv.DictReader(io.StringIO(jobs_csv(jobs, NOW))))
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    assert set(rows[0]) == set(COLUMNS)
    assert (rows[0]["worker"], rows[0]["elapsed_s"], rows[0]["started"]) == (
        "w1",
        "10.000000",
        "2024-05-01T11:59:50.000000Z",
    )
    assert (rows[1]["worker"], rows[1]["elapsed_s"], rows[1]["started"], rows[1]["queued_s"]) == (
        "",
        "",
        "",
        "20.000000",
    )
    assert rows[2]["message"] == '"a", b'


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)"])
def test_csv_holds_no_formula(text: str) -> None:
    """A user's text that a spreadsheet would run is marked as text."""
    row = next(csv.DictReader(io.StringIO(jobs_csv([make_job(1, message=text)], NOW))))
    assert row["message"] == f"'{text}"


@given(st.lists(st.builds(JobSnapshot, st.integers(1, 99), st.sampled_from(JobState), st.text(), st.text())))
def test_exports_of_jobs_can_be_read_again(jobs: list[JobSnapshot]) -> None:
    """Whatever users' texts hold, a CSV reader finds the lines and JSON gives back each field."""
    assert len(list(csv.DictReader(io.StringIO(jobs_csv(jobs, NOW))))) == len(jobs)
    found = json.loads(jobs_json(jobs, make_snapshot()))["jobs"]
    assert [(job["function"], job["args"], job["state"]) for job in found] == [
        (job.function, job.args, job.state.value) for job in jobs
    ]


def test_trace_keeps_the_rules_of_its_format() -> None:
    """A busy pool's trace is what Perfetto reads: named tracks, jobs and slices that never overlap, marks, counters."""
    snapshot = busy_snapshot()
    events = check_trace(chrome_trace(busy_history(), snapshot))
    slices = [event for event in events if event["ph"] == "X"]
    assert {event["tid"] for event in slices} == set(range(1, WORKERS + 1))
    assert {event["name"] for event in slices} >= {"resize", "encode", "fetch", "starting"}
    assert {event["name"] for event in events if event["ph"] == "C"} == {"tasks/s", "CPU %", "RSS MiB"}
    assert {event["name"] for event in events if event["ph"] == "i"} >= {"failed", "killed"}
    straggler = next(event for event in slices if event["args"].get("job") == 48_111)
    assert straggler["dur"] == pytest.approx(41e6)


def test_known_jobs_stand_where_they_ran() -> None:
    """A job's own times win over the slices of the history, which fill what is left."""
    recording = Recording(0, NOW - 10)
    width = WIDTHS[FINE]
    recording.slot(0).run(0, 40 * width, recording.function("m.work"), done=10)
    job = make_job(7, JobState.DONE, function="m.work", started=NOW - 8.1, ended=NOW - 7.9)
    snapshot = make_snapshot([make_worker(0)], [job])
    events = check_trace(chrome_trace(recording.picture(40 * width), snapshot))
    spans = [(event["ts"], event["dur"], event["cat"]) for event in events if event["ph"] == "X"]
    assert spans[0] == (0, pytest.approx(1.9e6), "slice")
    assert spans[1] == (pytest.approx(1.9e6), pytest.approx(0.2e6), "job")
    assert spans[2] == (pytest.approx(2.1e6), pytest.approx(7.9e6), "slice")


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 30), st.booleans()), max_size=20),
    st.lists(st.tuples(st.floats(0, 12), st.floats(0, 5)), max_size=6),
)
def test_no_history_breaks_a_trace(runs: list[tuple[int, int, bool]], jobs: list[tuple[float, float]]) -> None:
    """Whatever was recorded, and however jobs and slices disagree, the trace keeps the rules."""
    recording = Recording(0, NOW)
    step = WIDTHS[FINE] // 7
    for begin, length, failed in runs:
        recording.slot(0).run(begin * step, (begin + length) * step, begin % 3, done=not failed, failed=failed)
    known = [
        make_job(number, JobState.DONE, slot=0, started=NOW + begin, ended=NOW + begin + length)
        for number, (begin, length) in enumerate(jobs, 1)
    ]
    history = recording.picture(80 * step)
    history = History(history.now, history.epoch, ("other", "a", "b"), history.tracks, history.pool, history.until)
    check_trace(chrome_trace(history, make_snapshot([make_worker(0)], known)))


def test_stream_svg_is_well_formed() -> None:
    """The picture has a lane for each worker, says what is what, and takes any name for text."""
    root = ElementTree.fromstring(stream_svg(busy_history(), busy_snapshot()))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {f"w{number}" for number in range(1, WORKERS + 1)} <= set(texts)
    assert {"resize", "encode", "fetch", "k", "x", "~", "-60s", "now"} <= set(texts)
    assert {element.text for element in root.iter("{http://www.w3.org/2000/svg}title")} == {
        "pipeline.resize",
        "pipeline.encode",
        "pipeline.fetch",
    }
    recording = Recording(0, NOW)
    recording.slot(0).run(0, 10**9, recording.function("<script>&\x1b[2J"), done=1)
    ElementTree.fromstring(stream_svg(recording.picture(10**9), make_snapshot(name="<b>&\x00")))


def test_nothing_yet_is_exported_too() -> None:
    """A pool that has just opened gives empty files, not an error."""
    snapshot = make_snapshot([make_worker(0)], [])
    assert check_trace(chrome_trace(History(), snapshot))[0]["name"] == "process_name"
    ElementTree.fromstring(stream_svg(History(), snapshot))
    assert len(jobs_csv([], NOW).splitlines()) == 1


def test_files_have_names_that_tell() -> None:
    """The name says what, of which pool and when, and is a name on every file system."""
    name = file_name(Export.JOBS_CSV, make_snapshot(name="../a b/ü:*"))
    assert name.startswith("poolmgr-")
    assert name.endswith("-jobs.csv")
    assert not set(name) & set('/\\:*?"<>| ')
    assert ".." not in name
    assert "-pool-" in file_name(Export.STREAM_TRACE, make_snapshot(name="/"))


@pytest.mark.parametrize("export", [Export.STREAM_SVG, Export.STREAM_TRACE, Export.SCREEN_SVG])
def test_what_cannot_be_made_is_said(export: Export) -> None:
    """Without a history there is no stream, and the screen is not made of a picture."""
    with pytest.raises(ValueError, match="cannot be made"):
        write(export, [], make_snapshot(), None)
