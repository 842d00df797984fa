"""What is written about installing holds, and the wheel has all that runs from it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

START = "pip install . && poolmgr demo"
TEST = "pip install -e '.[dev]' && pytest"


def test_readme_gives_two_commands() -> None:
    """The README says how to start and how to test, each in one command of its own line, and gives no other install."""
    lines = (ROOT / "README.md").read_text().splitlines()
    assert [line for line in lines if "pip install" in line] == [START, TEST]


def test_ci_runs_the_command_of_the_readme() -> None:
    """The CI script takes the test command from the README, letter by letter, and is executable."""
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert TEST in script.read_text()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of a copy of the sources: a build must leave nothing in the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("poolmgr", "demos"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps", "--no-build-isolation"]
    run = subprocess.run([*pip, "-w", str(folder), str(source)], capture_output=True, text=True, timeout=50)
    assert run.returncode == 0, run.stdout + run.stderr
    return next(folder.glob("poolmgr-*.whl"))


def test_wheel_has_every_module_and_demo(wheel: Path) -> None:
    """Whatever the checkout has of the package and of demos is in the wheel, and no test or cache."""
    names = set(zipfile.ZipFile(wheel).namelist())
    package = [path.relative_to(ROOT) for path in (ROOT / "poolmgr").rglob("*") if path.is_file()]
    wanted = {path.as_posix() for path in package if "__pycache__" not in path.parts}
    wanted |= {f"poolmgr/demos/{path.name}" for path in (ROOT / "demos").glob("*.py")}
    assert wanted <= names
    assert not [name for name in names if re.search(r"__pycache__|tests/|\.ci/", name)]


def test_demo_runs_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """Unpacked somewhere, the wheel finds its demos, and gives their functions the names that workers import."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "from poolmgr.runners.demo import find_demo; demo = find_demo('stdlib'); func, args = next(demo.jobs(0)); "
        "import poolmgr; print(poolmgr.__file__, func.__module__, demo.summary); "
        "from poolmgr.runners.catalogue import list_demos; print(*(str(each.path) for each in list_demos()))"
    )
    run = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(str(tmp_path))
    assert "poolmgr.demos.stdlib Python" in run.stdout
    there = run.stdout.splitlines()[1].split()
    assert sorted(there) == sorted(
        str(tmp_path / "poolmgr/demos" / path.name) for path in (ROOT / "demos").glob("*.py")
    )
