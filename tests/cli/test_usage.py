"""What is wrong with a command line is one sentence on stderr and exit code 2; help and lists are on stdout."""

from __future__ import annotations

from pathlib import Path

import pytest

import poolmgr as package
from tests.helpers.commands import on_terminal, poolmgr

WRONG = [
    (("demo", "--headless", "--workers", "0"), "a pool needs 1 worker or more, not 0"),
    (("demo", "--headless", "--workers", "-4"), "a pool needs 1 worker or more, not -4"),
    (("demo", "--headless", "--workers", "1000000"), "1024 is the most"),
    (("demo", "--headless", "--workers", "many"), "'many' is not a valid integer"),
    (("demo", "--headless", "--workers"), "requires an argument"),
    (("--workers", "0"), "a pool needs 1 worker or more, not 0"),
    (("--start-method", "vfork"), "no start method 'vfork'; it has fork, forkserver, spawn"),
    (("demo", "--json", "--start-method", "magic"), "no start method 'magic'"),
    (("demo", "nosuch", "--headless"), "there is no demo 'nosuch'; there is stdlib, process, queue"),
    (("demo", "queue", "--for", "3"), "the demo 'queue' is a script, and takes no --for here"),
    (("demo", "queue", "--seed", "3"), "the demo 'queue' is a script, and takes no --seed here"),
    (("demo", "queue", "--headless", "--name", "q"), "the demo 'queue' is a script, and takes no --name here"),
    (("demo", "stdlib", "--quick"), "the demo 'stdlib' takes no --quick: --for says how long it is to run"),
    (("demo", "nosuch"), "there is no demo 'nosuch'"),
    (("demo", "--headless", "--for", "0"), "--for takes a number of seconds above 0, not 0"),
    (("demo", "--headless", "--for", "-1"), "--for takes a number of seconds above 0, not -1"),
    (("demo", "--headless", "--for", "nan"), "--for takes a number of seconds above 0, not nan"),
    (("demo", "--headless", "--for", "inf"), "--for takes a number of seconds above 0, not inf"),
    (("demo", "--headless", "--for", "soon"), "'soon' is not a valid float"),
    (("demo", "--headless", "--seed", "x"), "'x' is not a valid integer"),
    (("demo", "stdlib", "more"), "unexpected extra argument"),
    (("nosuchverb",), "No such command 'nosuchverb'"),
    (("--nosuchoption",), "No such option '--nosuchoption'"),
    ((), "the screen needs a terminal, and stdin is none"),
    (("demo",), "the screen needs a terminal, and stdin is none: use --headless"),
]


@pytest.mark.parametrize(("arguments", "sentence"), WRONG, ids=[" ".join(line) or "nothing" for line, _ in WRONG])
def test_wrong_usage_is_one_sentence(arguments: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    """A wrong value ends with exit code 2, one line on stderr, nothing on stdout, and no process left."""
    run = poolmgr(*arguments, cwd=tmp_path)
    assert sentence in run.stderr
    assert run.stderr.startswith("poolmgr: ")
    assert run.stderr.count("\n") == 1
    assert (run.returncode, run.stdout) == (2, "")


@pytest.mark.parametrize("verb", [(), ("demo",)], ids=["app", "demo"])
@pytest.mark.parametrize(("columns", "lines"), [(39, 24), (80, 9), (5, 2)])
def test_small_terminal_is_refused(verb: tuple[str, ...], columns: int, lines: int, tmp_path: Path) -> None:
    """A terminal in which the screen would say nothing is refused in one sentence that gives both sizes."""
    code, written = on_terminal(*verb, cwd=tmp_path, columns=columns, lines=lines)
    assert f"the terminal has {columns} columns and {lines} lines, and the screen needs 40 and 10" in written
    assert "--headless" in written
    assert written.count("\n") == 1
    assert code == 2


@pytest.mark.parametrize(("streams", "name"), [((1, 2), "stdin"), ((0, 2), "stdout")])
def test_half_a_terminal_is_refused(streams: tuple[int, ...], name: str, tmp_path: Path) -> None:
    """The screen needs a terminal on every standard stream; the sentence names the one that is none."""
    code, written = on_terminal("demo", cwd=tmp_path, streams=streams)
    assert f"the screen needs a terminal, and {name} is none: use --headless" in written
    assert code == 2


@pytest.mark.parametrize(("verb", "example"), [((), "poolmgr --workers 4"), (("demo",), "poolmgr demo stdlib")])
def test_help_has_an_example(verb: tuple[str, ...], example: str, tmp_path: Path) -> None:
    """Every verb explains itself on stdout and gives an example."""
    run = poolmgr(*verb, "--help", cwd=tmp_path)
    assert f"Example: {example}" in run.stdout
    assert (run.returncode, run.stderr) == (0, "")


def test_version(tmp_path: Path) -> None:
    """--version gives the name and the version."""
    run = poolmgr("--version", cwd=tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (0, f"poolmgr {package.__version__}\n", "")


def test_list_names_every_demo(tmp_path: Path) -> None:
    """--list gives a line for each demo, its name first, and runs nothing."""
    run = poolmgr("demo", "--list", cwd=tmp_path)
    scripts = {path.stem for path in (Path(__file__).parents[2] / "demos").glob("*.py")}
    names = [line.split()[0] for line in run.stdout.splitlines()]
    # Named after its topic, which no file beside the others can be.
    assert sorted(names) == sorted(scripts - {"queues"} | {"queue"})
    assert names[0] == "stdlib"
    assert (run.returncode, run.stderr) == (0, "")
