"""The filter language: what it keeps, what it says of what it cannot read, and that nothing breaks it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolmgr.model.states import JobState, WorkerState
from poolmgr.tui.filter_fields import JOBS, LOG, WORKERS, Moment, read_duration, read_size
from tests.helpers.fake_control import NOW, make_job, make_log, make_worker

ROWS = [
    make_job(11, JobState.RUNNING, function="pipeline.resize", args="('a.png', 3)"),
    make_job(12, JobState.FAILED, function="pipeline.fetch", args="('b.png',)", message="KeyError: 'etag'"),
    make_job(13, JobState.LOST, function="pipeline.encode", message="killed by SIGKILL", slot=4, attempt=3),
    make_job(14, JobState.QUEUED, function="pipeline.fetch", name="night run"),
]
MOMENT = Moment(NOW, {11: make_worker(0, 11, cpu_percent=97.0, rss=212 * 1024**2)})


def kept(text: str) -> list[int]:
    """The ids that a filter keeps."""
    test = JOBS.parse(text)
    return [job.id for job in ROWS if test(job, MOMENT)]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("fetch", [12, 14]),
        ("FETCH etag", [12]),
        ("fetch resize", []),
        ("b.png", [12]),
        ("night", [14]),
        ("13", [13]),
        ("w5", [13]),
        ("lost", [13]),
        ("[bold", []),
        ("KeyError:", [12]),
        ("('a.png',", [11]),
        ("!fetch", [11, 13]),
        ('"night run"', [14]),
        ("\"('a.png', 3)\"", [11]),
    ],
)
def test_words_narrow_the_list_together(text: str, ids: list[int]) -> None:
    """Plain and quoted words are looked for in all of a job's text, ! turns one round."""
    assert kept(text) == ids


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("state:F", [12]),
        ("state:fl", [12, 13]),
        ("state:failed", [12]),
        ("state=fail", [12]),
        ("state!=F", [11, 13, 14]),
        ("state!:F,L", [11, 14]),
        ("state:F,lost", [12, 13]),
        ("state:Q fetch", [14]),
        ("state:", [11, 12, 13, 14]),
        ("state: fetch", [12, 14]),
        ("fn:fetch", [12, 14]),
        ("fn:fetch,encode", [12, 13, 14]),
        ("FN!=fetch", [11, 13]),
        ("name:'night run'", [14]),
        ("args:png", [11, 12, 13, 14]),
        ("error:key", [12]),
        ("w:5", [13]),
        ("w:w1,w5", [11, 12, 13]),
        ("w!=1", [13, 14]),
        ("try>1", [13]),
        ("try:1", [11, 12, 14]),
        ("id>=13", [13, 14]),
        ("elapsed>8s", [11]),
        ("elapsed<=5s", [12, 13]),
        ("queued>19.9", [14]),
        ("queued>0.5m", []),
        ("cpu>90", [11]),
        ("cpu>90%", [11]),
        ("cpu<90", []),
        ("rss>200M", [11]),
        ("rss>1.9G", []),
        ("state:F, state:L", [12, 13]),
        ("fetch state:Q , resize", [11, 14]),
        ("fetch,", [12, 14]),
        (", fetch,,", [12, 14]),
        ("elapsed>", [11, 12, 13, 14]),
    ],
)
def test_fields_ask_for_one_datum(text: str, ids: list[int]) -> None:
    """A field is compared with what is typed; commas are alternatives; half of a term narrows nothing."""
    assert kept(text) == ids
    assert JOBS.parse(text).problems == ()


@pytest.mark.parametrize(
    ("text", "at", "length", "says"),
    [
        ("fetch elapsed>soon", 14, 4, "elapsed: a duration such as 1s"),
        ("rss>big", 4, 3, "rss: a size such as 200M"),
        ("try>many fetch", 4, 4, "try: a number"),
        ("state:xyz", 6, 3, "state: letters or a word of: Q queued"),
        ("w:first", 2, 5, "w: a worker such as 5 or w5"),
        ("fn>3", 0, 4, "fn has no more and less"),
        ("elapsed:3s", 0, 10, "elapsed takes <, >, <= or >="),
        ("cpus>3", 0, 6, "there is no cpus; there is state, fn"),
        ("'night run", 0, 10, "a ' opens here and none closes"),
    ],
)
def test_what_cannot_be_read_is_said_at_its_place(text: str, at: int, length: int, says: str) -> None:
    """A problem names the place, and what could be read goes on filtering."""
    read = JOBS.parse(text)

    assert [(problem.at, problem.length) for problem in read.problems] == [(at, length)]
    assert says in read.problems[0].text
    assert read.complaint.startswith(f"column {at + 1}: ")
    if "fetch" in text:
        assert kept(text) == [12, 14]


def test_empty_filter_keeps_all() -> None:
    """Blanks and commas keep every job."""
    for text in ("", "   ", " , ,"):
        assert JOBS.parse(text).empty
        assert kept(text) == [11, 12, 13, 14]


def test_workers_and_lines_have_fields_of_their_own() -> None:
    """The same language, with what a worker and a line of the log have."""
    workers = [make_worker(0, 7), make_worker(1, state=WorkerState.FROZEN, cpu_percent=None)]

    def slots(text: str) -> list[int]:
        return [worker.slot for worker in workers if WORKERS.parse(text)(worker, MOMENT)]

    assert slots("state:R") == [0]
    assert slots("frozen") == [1]
    assert slots("cpu>1") == [0]
    assert slots("job:7, w:2") == [0, 1]
    lines = [*make_log(1, 1, slot=0, job_id=7), *make_log(2, 2, level="error")]

    def seqs(text: str) -> list[int]:
        return [line.seq for line in lines if LOG.parse(text)(line, None)]

    assert seqs("w:1") == [1]
    assert seqs("job:7") == [1]
    assert seqs("level:err") == [2]
    assert seqs("line kind:event") == [1, 2]
    assert LOG.parse("level:loud").complaint.startswith("column 7: level: one of info, warning, error")


@pytest.mark.parametrize(
    ("text", "seconds"), [("1", 1.0), ("200ms", 0.2), ("1.5s", 1.5), ("3m", 180.0), ("1h30m", 5400.0), ("2d", 172800.0)]
)
def test_durations_are_read_as_they_are_written(text: str, seconds: float) -> None:
    """Every unit on the screen can be typed."""
    assert read_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(("text", "size"), [("812", 812), ("1k", 1024), ("1.5K", 1536), ("2MiB", 2 * 1024**2)])
def test_sizes_are_read_as_they_are_written(text: str, size: float) -> None:
    """Every unit on the screen can be typed."""
    assert read_size(text) == size


@given(st.text(alphabet=st.sampled_from("state:fnwcpuelapsed=!<>,'\"()[] 019.smGk%-é\x00\n"), max_size=60) | st.text())
def test_garbage_is_read_too(text: str) -> None:
    """Whatever is typed, the language reads it, its problems lie within it, and the test can be used."""
    for language in (JOBS, WORKERS, LOG):
        read = language.parse(text)
        for problem in read.problems:
            assert 0 <= problem.at < len(text)
            assert problem.at + problem.length <= len(text)
            assert problem.text
    test = JOBS.parse(text)
    for job in ROWS:
        assert test(job, MOMENT) in (True, False)


@given(st.lists(st.sampled_from(["fetch", "state:F", "w:5", "elapsed>1s", "!png", "try>0"]), max_size=4))
def test_terms_are_a_conjunction_in_any_order(terms: list[str]) -> None:
    """A line keeps what each of its terms keeps, whatever their order."""
    together = set(kept(" ".join(terms)))
    assert together == set(kept(" ".join(reversed(terms))))
    assert together == {11, 12, 13, 14}.intersection(*map(kept, terms))
