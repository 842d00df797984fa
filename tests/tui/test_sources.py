"""Source lines around the places of a traceback and of a stack."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from poolmgr.model.snapshot import Death
from poolmgr.model.states import JobState
from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.sources import LARGEST, places, read, with_source
from tests.helpers.fake_control import FakeControl, make_job, make_snapshot
from tests.helpers.pilot import screen_text, until

SOURCE = '''"""A module."""


def head(answer):
    # Every page has one.
    return answer["etag"]


def fetch(url):
\tif url:
\t\treturn head({})
'''


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """The file."""
    path = tmp_path / "pipeline.py"
    path.write_text(SOURCE)
    return path


def error_in(path: Path) -> str:
    """The traceback of the error that it raises."""
    names: dict[str, object] = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    try:
        names["fetch"]("a")  # type: ignore[operator]
    except KeyError as error:
        error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
        return "".join(traceback.format_exception(error))
    raise AssertionError


def drawn(text: str) -> str:
    """A traceback with what is found around its places."""
    lines = text.rstrip("\n").split("\n")
    found = read(places(make_job(1, JobState.FAILED, traceback=text)))
    return "".join(part[0] for part in with_source(lines, found))


def test_lines_around_are_numbered_and_marked(module: Path) -> None:
    """Each place has the lines before and after it; carets stay under what they mark, and the error stands out."""
    text = drawn(error_in(module))
    assert text.startswith(f'Traceback (most recent call last):\n  File "{module}", line 11, in fetch\n')
    assert "       9  def fetch(url):\n      10          if url:\n  >   11                  return head({})\n" in text
    assert (
        '       4  def head(answer):\n       5      # Every page has one.\n  >    6      return answer["etag"]\n'
        in text
    )
    assert text.endswith("KeyError: 'etag'\n")
    marked = next(line for line in text.split("\n") if line.startswith("  >    6"))
    under = next((line for line in text.split("\n") if "^" in line and "~" in line), None)
    if under is not None:
        assert under.index("~") == marked.index("answer")


def test_a_file_that_has_changed_adds_nothing(module: Path) -> None:
    """Where the line is another one now, the traceback is shown as it came."""
    text = error_in(module)
    module.write_text("# new\n" * 20)
    assert drawn(text) == text


def test_what_is_no_source_is_not_read(tmp_path: Path) -> None:
    """Devices, folders, large files and names that are none have no lines."""
    large = tmp_path / "large.py"
    with large.open("wb") as file:
        file.truncate(LARGEST + 1)
    names = ["/dev/zero", str(tmp_path), str(large), "<string>", "a\0b", ""]
    assert set(read([(name, 3) for name in names]).values()) == {(0, ())}


async def test_details_show_them(module: Path) -> None:
    """A failed job's detail has them in its traceback, a lost one's in its worker's last stack; long ones scroll."""
    failed = make_job(2, JobState.FAILED, message="KeyError: 'etag'", traceback=error_in(module) + "more\n" * 60)
    death = Death("SIGKILL", stack=(f"{module}:6 head", f"{module}:11 fetch"), stack_age=1.0)
    lost = make_job(3, JobState.LOST, message="was killed by SIGKILL", death=death)
    app = PoolmgrApp(FakeControl(make_snapshot(jobs=[failed, lost])))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3", "enter")
        await until(pilot, lambda: "# Every page has one." in screen_text(app))
        await pilot.press("end")
        await until(pilot, lambda: "more" in screen_text(app) and "# Every page" not in screen_text(app))
        await pilot.press("y")
        assert "KeyError: 'etag'" in app.clipboard
        assert "# Every page" not in app.clipboard
        await pilot.press("n")
        await until(pilot, lambda: 'return answer["etag"]' in screen_text(app))
        assert "pipeline.py:11" in screen_text(app)
