"""Dumps of stacks, read and told: the job's frames and nothing of what carries it; profiles of many."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from poolmgr.model.stacks import Frame, Profile, Told, parse, told

DUMP = """Thread 0x00007f201761d6c0 (most recent call first):
  File "/usr/lib/python3/threading.py", line 982 in run
  File "/usr/lib/python3/threading.py", line 1045 in _bootstrap_inner
  File "/usr/lib/python3/threading.py", line 1002 in _bootstrap

Current thread 0x00007f20180adb80 (most recent call first):
  File "/srv/a b/net.py", line 7 in read
  File "/srv/a b/net.py", line 31 in fetch
  File "/site/poolmgr/engine/tasks.py", line 250 in _run
  File "/site/poolmgr/engine/worker.py", line 155 in _serve
  File "/usr/lib/python3/process.py", line 108 in run
"""
IDLE = """Current thread 0x00007f20180adb80 (most recent call first):
  File "/site/poolmgr/engine/worker.py", line 220 in _read
  File "/site/poolmgr/engine/worker.py", line 155 in _serve
"""


def source(file: str, line: int) -> str:
    return f"line {line} of {file.rpartition('/')[2]}"


def texts(lines: list[Told]) -> list[str]:
    return [line.text for line in lines]


def test_job_comes_first_and_without_what_calls_it() -> None:
    """The worker's own thread is told first, from the innermost frame to the job's function."""
    assert parse(DUMP)[0].job == (Frame("/srv/a b/net.py", 7, "read"), Frame("/srv/a b/net.py", 31, "fetch"))
    lines = told(parse(DUMP), source)
    assert [line.frame and line.frame.line for line in lines] == [7, 31, None, 982]
    assert texts(lines) == [
        "a b/net.py:7               read                   line 7 of net.py",
        "a b/net.py:31              fetch                  line 31 of net.py",
        "thread 0x00007f201761d6c0",
        "python3/threading.py:982   run                    line 982 of threading.py",
    ]


def test_idle_worker_says_so() -> None:
    """Frames of ours alone mean that no job runs."""
    assert texts(told(parse(IDLE), source)) == ["no job of its own code runs: it waits for one, or is between two"]


def test_what_is_not_told_is_said() -> None:
    """A line in parentheses is told as it is, after the stacks, and is no thread of the job's."""
    lines = told(parse(DUMP + "\n(the others are not told)\n"), source)
    assert texts(lines)[-1] == "the others are not told"
    assert lines[-1].frame is None


def test_profile_counts_lines() -> None:
    """A line counts once for each look that found it, and by itself where it was the innermost."""
    profile = Profile()
    for dump in (DUMP, DUMP.replace("line 7 in", "line 8 in"), IDLE, DUMP):
        profile.add(parse(dump))
    lines = texts(profile.told(source))
    assert lines[0] == "4 looks, 1 of them found no job"
    assert [line.split()[:2] for line in lines[2:]] == [["75%", "0%"], ["50%", "50%"], ["25%", "25%"]]
    assert texts(Profile().told(source)) == ["0 looks"]


def test_function_that_calls_itself_counts_once() -> None:
    """However deep it is on the stack, one look is one look."""
    profile = Profile()
    line = '  File "/srv/a b/net.py", line 31 in fetch'
    profile.add(parse(DUMP.replace(line, "\n".join(3 * [line]))))
    assert [text.split()[0] for text in texts(profile.told(source))[2:]] == ["100%", "100%"]


@given(st.text())
def test_anything_is_read(text: str) -> None:
    """What is no dump has no threads, or threads without frames; it never raises."""
    told(parse(text), source)
    told(parse("Thread 0x1 (most recent call first):\n" + text), source)
