"""The house's limits: how long files and functions are, and what no text of the project says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FILE_LIMIT = 400
FUNCTION_LIMIT = 50
WIDTH = 120

SOURCES = sorted(path for folder in ("poolmgr", "demos") for path in (ROOT / folder).rglob("*.py"))
#: Whatever is written by hand.
TEXTS = sorted(
    path
    for pattern in ("*.md", "*.toml", ".ci/*", *(f"{folder}/**/*" for folder in ("poolmgr", "demos", "tests", "docs")))
    for path in ROOT.glob(pattern)
    if path.suffix in {".py", ".md", ".toml", ".tcss", ".txt", ""} and path.is_file()
)

CODE_BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)

#: Folders of one machine only, and a package index by its address.  In parts, so that this file is clean too.
FORBIDDEN = re.compile(
    "|".join(["/" + "work/", "/" + "root/", "/" + "home/[a-z]", "/tmp" + r"/v3\.", r"\.pyenv/" + r"versions/3\.\d+\."])
    + r"|https?://[^\s/]*py"
    + r"pi\b"
)


def named(path: Path) -> str:
    """The file's path in the project, as the name of its test."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_file_and_functions_are_short(path: Path) -> None:
    """No file has more than 400 lines, no function more than 50."""
    text = path.read_text()
    assert len(text.splitlines()) <= FILE_LIMIT
    too_long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= FUNCTION_LIMIT
    ]
    assert not too_long


def test_prose_is_wrapped() -> None:
    """No line of the documents is wider than the code's, but for tables, code and Chinese, which has no blanks."""
    wide = [
        f"{named(path)}: {line[:60]}"
        for path in TEXTS
        if path.suffix == ".md" and path.parent.name != "zh"
        for line in CODE_BLOCK.sub("", path.read_text()).splitlines()
        if len(line) > WIDTH and not line.startswith("|")
    ]
    assert not wide


def test_no_text_names_a_machine() -> None:
    """Paths of one machine and addresses of package indexes are in no file."""
    found = [f"{named(path)}: {match[0]}" for path in TEXTS for match in FORBIDDEN.finditer(path.read_text())]
    assert not found


def test_every_module_says_what_it_owns() -> None:
    """Every module of the package that says anything has a docstring."""
    said = {path: path.read_text() for path in SOURCES}
    assert not [named(path) for path, text in said.items() if text.strip() and not ast.get_docstring(ast.parse(text))]
