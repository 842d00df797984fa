"""The hook gets into every interpreter of a program, hides nothing, and is what old Pythons can read."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from poolmgr.hook import SITE, environment
from poolmgr.monitor.run_reader import Reader

SOURCES = sorted(Path(SITE).rglob("*.py"))
#: The oldest Python that the hook works on.
OLDEST = (3, 9)


def python(folder: str, *args: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run this Python with the hook."""
    env = environment(folder, {**os.environ, **extra})
    return subprocess.run([sys.executable, *args], env=env, capture_output=True, text=True, timeout=30)


def test_interpreter_says_hello(run_folder: str) -> None:
    """An interpreter that loads the hook says who it is and how it was called, and prints nothing."""
    run = python(run_folder, "-c", "import os; print(os.getpid())", "one", "two")
    assert run.stderr == ""
    reader = Reader(run_folder)
    (hello,) = reader.read().hellos.values()
    reader.close()
    assert hello.pid == int(run.stdout)
    assert hello.parent == os.getpid()
    assert hello.argv[-2:] == ("one", "two")
    assert hello.version == ".".join(map(str, sys.version_info[:3]))


def test_program_imports_what_it_would_without(run_folder: str) -> None:
    """The hook brings in no module of the program's that a plain interpreter does not have."""
    code = "import sys; print(sorted(sys.modules))"
    plain = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    more = set(ast.literal_eval(python(run_folder, "-c", code).stdout)) - set(ast.literal_eval(plain.stdout))
    assert {name.partition(".")[0] for name in more} <= {"sitecustomize", "poolmgr_hook", "__future__"}


def test_hidden_sitecustomize_runs(run_folder: str, tmp_path: Path) -> None:
    """A sitecustomize that the hook's hides runs as it would, under its own file name."""
    (tmp_path / "sitecustomize.py").write_text("print('chained', __file__)")
    run = python(run_folder, "-c", "import sitecustomize; print(sitecustomize.__file__)", PYTHONPATH=str(tmp_path))
    hidden = str(tmp_path / "sitecustomize.py")
    assert run.stdout == f"chained {hidden}\n{hidden}\n"


def test_folder_that_is_gone_changes_nothing(run_folder: str) -> None:
    """A program that outlives its run goes on without a word."""
    run = python(f"{run_folder}/gone", "-c", "import multiprocessing.pool; print('fine')")
    assert (run.stdout, run.stderr) == ("fine\n", "")


def test_empty_python_path_stays_empty() -> None:
    """A PYTHONPATH that was empty does not become the current folder."""
    assert environment("/x", {"PYTHONPATH": ""})["PYTHONPATH"] == SITE
    assert environment("/x", {"PYTHONPATH": "/y"})["PYTHONPATH"] == os.pathsep.join([SITE, "/y"])


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_oldest_python_reads_it(path: Path) -> None:
    """All of the hook is in the syntax of Python 3.9, and sitecustomize in that of 2.7 as far as can be told."""
    tree = ast.parse(path.read_text(), feature_version=OLDEST)
    if path.name == "sitecustomize.py":
        newer = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.AsyncFunctionDef, ast.Nonlocal, ast.YieldFrom)
        assert not [node for node in ast.walk(tree) if isinstance(node, newer)]
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.arg) and node.annotation]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_hook_imports_the_standard_library_only(path: Path) -> None:
    """No import statement of the hook names anything but the standard library and the hook itself."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module).partition(".")[0])
    assert found <= set(sys.stdlib_module_names) | {"poolmgr_hook", "imp"}
