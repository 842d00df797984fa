"""The variable that an object was put into, read from the source."""

from __future__ import annotations

from pathlib import Path

import pytest

from poolmgr.monitor.variables import Variables

SOURCE = """\
lock = Lock()
self.left, right = ctx.Lock(), Lock()
locks = [Lock() for _ in range(8)]
table = {"a": Lock(), "b": Lock()}
queue: Queue[int] = Queue(
    maxsize=5
)
reader, writer = Pipe()
run(Lock(), Event())
if (last := Lock()):
    pass
"""


@pytest.mark.parametrize(
    ("line", "call", "name"),
    [
        (1, "Lock()", "lock"),
        (2, "ctx.Lock()", "self.left"),
        (2, "Lock()", "right"),
        (3, "Lock()", "locks[]"),
        (4, "Lock()", "table[]"),
        (5, "Queue(", "queue"),
        (8, "Pipe()", "(reader, writer)"),
        (9, "Lock()", ""),
        (10, "Lock()", "last"),
    ],
)
def test_name_by_place(tmp_path: Path, line: int, call: str, name: str) -> None:
    """The call at a line and a column leads to what its value was given to."""
    path = tmp_path / "program.py"
    path.write_text(SOURCE)
    column = SOURCE.splitlines()[line - 1].rindex(call)
    assert Variables().name(str(path), line, column) == name


def test_name_by_line_alone(tmp_path: Path) -> None:
    """Where the column is not known, a line names what is made on it if that is one thing."""
    path = tmp_path / "program.py"
    path.write_text(SOURCE)
    variables = Variables()
    assert variables.name(str(path), 1) == "lock"
    assert variables.name(str(path), 2) == ""


def test_no_source_no_name(tmp_path: Path) -> None:
    """A file that is gone, or is none of this Python's, names nothing; one that was changed is read again."""
    path = tmp_path / "program.py"
    variables = Variables()
    assert variables.name("<stdin>", 1) == ""
    assert variables.name(str(path), 1) == ""
    path.write_text("lock = Lock(\n")
    assert variables.name(str(path), 1) == ""
    path.write_text("lock = Lock()\n" * 2)
    assert variables.name(str(path), 1, 7) == "lock"
