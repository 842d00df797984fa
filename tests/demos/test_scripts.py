"""The demo scripts themselves: each runs, checks what it saw under every start method, and fails if that is wrong."""

from __future__ import annotations

import ast
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from poolmgr.demos import CHECKED, FIGURES
from poolmgr.runners.catalogue import Entry, list_demos
from tests.helpers.commands import PATIENCE, poolmgr

ROOT = Path(__file__).resolve().parents[2]

SCRIPTS = [entry for entry in list_demos() if entry.kind == "script"]
#: One script compares the start methods, and takes none.
RUNS = [
    (entry, option)
    for entry in SCRIPTS
    for option in (
        [()]
        if entry.name == "start_methods"
        else [("--start-method", method) for method in multiprocessing.get_all_start_methods()]
    )
]
#: For each topic of multiprocessing, in the order in which one would read them, a line of its script and what makes its
#: outcome a wrong one, each time: no race.
FAULTS = {
    "process": ("    sys.exit(3)", "    sys.exit(4)"),
    "queue": ("        taken += 1\n", "        taken += 2\n"),
    "pipe": ("    answers.send(checksum)", "    answers.send(checksum + 1)"),
    "pool": ("        ordered.append(pair)", "        ordered.insert(0, pair)"),
    "async_result": ("            for path in paths:", "            for path in paths[1:]:"),
    "shared_memory": ("get_lock():\n            counter.value += 1", "get_lock():\n            counter.value += 2"),
    "synchronisation": ("        old, new = (generation % 2)", "        old, new = ((generation + 1) % 2)"),
    "start_methods": ('        "files": len(index),', '        "files": 7,'),
    "costs": ("connection.recv(1)", "connection.recv(1) * 2"),
    "errors": ('    return text.count("\\n")', "    return 0"),
    "executors": ("(LIBRARY / name).read_bytes()", "os.urandom(8)"),
    "manager": ("        finished.append(name)\n", ""),
    "deadlock": ("    balance[target] += amount", "    balance[target] += 2 * amount"),
}


def run(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script as a reader does, with little to do."""
    return subprocess.run(
        [sys.executable, str(path), "--quick", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_every_topic_has_a_script() -> None:
    """The catalogue has the load first, then a script for each topic, in the order in which one would read them."""
    assert [entry.name for entry in list_demos()] == ["stdlib", *FAULTS]


@pytest.mark.parametrize(
    ("entry", "option"), RUNS, ids=lambda each: each.name if isinstance(each, Entry) else "".join(each[1:])
)
def test_script_finds_what_it_should(entry: Entry, option: tuple[str, ...]) -> None:
    """Each script ends well under each start method, in silence on stderr, and gives its figures in its last line."""
    ended = run(entry.path, *option)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout + ended.stderr
    lines = ended.stdout.splitlines()
    assert sum(line.startswith(CHECKED) for line in lines) >= 3
    assert lines[-1].startswith(FIGURES)


@pytest.mark.parametrize("entry", SCRIPTS, ids=lambda entry: entry.name)
def test_script_finds_the_same_when_it_is_looked_at(entry: Entry, tmp_path: Path) -> None:
    """Under poolmgr run, whose hook is in all its processes, each script ends as well, and as silent on stderr."""
    ended = poolmgr("demo", entry.name, "--quick", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout + ended.stderr
    assert ended.stdout.splitlines()[-1].startswith(FIGURES)


@pytest.mark.parametrize("entry", SCRIPTS, ids=lambda entry: entry.name)
def test_wrong_result_is_exit_code_1(entry: Entry, tmp_path: Path) -> None:
    """A copy of the script with one wrong line notices that its outcome is wrong, and leaves no process behind."""
    right, wrong = FAULTS[entry.name]
    text = entry.path.read_text()
    assert right in text
    copy = tmp_path / entry.path.name
    copy.write_text(text.replace(right, wrong))
    ended = run(copy)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "WRONG: " in ended.stderr
    assert FIGURES not in ended.stdout


@pytest.mark.parametrize("entry", SCRIPTS, ids=lambda entry: entry.name)
def test_script_is_short_and_plain(entry: Entry) -> None:
    """Each has fewer than 150 lines, a guard, what to watch at its top, and imports only what a reader has."""
    text = entry.path.read_text()
    tree = ast.parse(text)
    assert len(text.splitlines()) < 150
    assert text.endswith('\n\nif __name__ == "__main__":\n    main()\n')
    doc = ast.get_docstring(tree) or ""
    assert "\nWhat to watch:\n" in doc
    assert f"python demos/{entry.path.name}" in doc
    assert f"poolmgr demo {entry.name}" in doc
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in modules} <= sys.stdlib_module_names | {"poolmgr", "numpy"}


def test_wrong_option_is_one_sentence() -> None:
    """What is wrong with a script's own command line is one line on stderr, and exit code 2."""
    for arguments in (["--start-method", "magic"], ["--workers", "0"], ["--nonsense"]):
        ended = run(ROOT / "demos" / "pool.py", *arguments)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr.startswith("pool.py: ")
        assert ended.stderr.count("\n") == 1
