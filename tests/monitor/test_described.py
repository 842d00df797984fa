"""What is known of a function before it is submitted: names, parameters and files, without running users' code here."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from poolmgr.control import described
from poolmgr.control.described import describe
from poolmgr.control.items import read_items
from poolmgr.control.names import complete
from poolmgr.control.target import check_call
from poolmgr.errors import UsageError
from poolmgr.model.requests import CheckCall


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path, for modules."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def put(folder: Path, name: str, source: str) -> None:
    """Write a module."""
    path = folder / f"{name}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(textwrap.dedent(source))


def test_names_are_completed_without_an_import(modules: Path) -> None:
    """Modules, packages and functions are found where an import would find them, and none is imported."""
    put(
        modules,
        "heavy_one",
        "raise SystemExit\ndef fetch(): ...\nclass Fetcher: ...\nasync def fetch_all(): ...\nfetched = 1\n",
    )
    put(modules, "heavy_kit/__init__", "raise SystemExit\nfrom .inner import resize as scale\n")
    put(modules, "heavy_kit/inner", "raise SystemExit\nif True:\n    def resize(): ...\ndef _hidden(): ...\n")

    assert complete("heavy_") == ["heavy_kit.", "heavy_kit:", "heavy_one:"]
    assert complete("heavy_kit.") == ["heavy_kit.inner:"]
    assert complete("heavy_one:fe") == ["heavy_one:fetch"]
    assert complete("heavy_one:") == ["heavy_one:Fetcher", "heavy_one:fetch"]
    assert complete("heavy_kit:") == ["heavy_kit:scale"]
    assert complete("heavy_kit.inner:") == ["heavy_kit.inner:resize"]
    assert complete("heavy_kit.inner:_") == ["heavy_kit.inner:_hidden"]
    assert not {"heavy_one", "heavy_kit", "heavy_kit.inner"} & sys.modules.keys()


@pytest.mark.parametrize(
    "text", ["no_such_module_:", "no_such_module_", "heavy_broken:", "heavy_broken.x:", "os..", ":", ""]
)
def test_nothing_begins_with_nonsense(text: str, modules: Path) -> None:
    """What cannot be read has no names, and raises nothing."""
    put(modules, "heavy_broken", "def f(:\n")
    assert isinstance(complete(text), list)
    assert not [name for name in complete(text) if "broken:" in name and text.endswith(":")]


def test_names_of_imported_and_compiled_modules() -> None:
    """Those that are imported are asked, and so are the standard library's compiled ones."""
    assert complete("math:fac") == ["math:factorial"]
    assert "os.path:" in complete("os.pa")
    assert "os.path:join" in complete("os.path:jo")


def test_a_module_is_not_run_here_to_look_at_it(modules: Path) -> None:
    """Its parameters are told by a process of its own, whatever it prints; a changed file is looked at anew."""
    put(
        modules,
        "heavy_two",
        """
        import os, sys, threading
        print("stray"); os.write(1, b"stray"); os.write(2, b"stray")
        threading.Thread(target=threading.Event().wait).start()
        def fetch(url: str, *, timeout: float = 30): ...
        """,
    )
    found = describe("heavy_two:fetch")

    assert found.signature == "(url: str, *, timeout: float = 30)"
    assert found.parameters is not None
    assert [each.title for each in found.parameters] == ["url: str", "timeout: float"]
    assert not found.problem
    assert describe("heavy_two:fetch") is found
    assert "heavy_two" not in sys.modules
    reply = check_call(CheckCall("heavy_two:fetch", ("u",)))
    assert reply.ok
    assert "submitting imports heavy_two into this program" in reply.text
    put(modules, "heavy_two", "# another length\ndef fetch(path): ...\n")
    assert describe("heavy_two:fetch").signature == "(path)"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("raise RuntimeError('no licence')", "cannot be imported: RuntimeError: no licence"),
        ("import os; os._exit(3)", "'heavy_three' exited with code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "was killed by SIGSEGV"),
        ("", "has no function 'f'"),
        ("f = 3", "is a int, which cannot be called"),
    ],
)
def test_a_module_that_cannot_be_looked_at(source: str, words: str, modules: Path) -> None:
    """Whatever its import does, the refusal says it, and this program goes on."""
    put(modules, "heavy_three", source)
    with pytest.raises(UsageError, match=words):
        describe("heavy_three:f")


def test_an_import_that_takes_too_long(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for it for long, and its process is ended."""
    put(modules, "heavy_four", "import time\ntime.sleep(600)\n")
    monkeypatch.setattr(described, "PATIENCE", 0.5)
    with pytest.raises(UsageError, match=r"not imported within 0\.5 s"):
        describe("heavy_four:f")


def test_a_function_that_cannot_be_pickled_says_why(modules: Path) -> None:
    """The dry check has the reason, and the parameters all the same."""
    put(modules, "heavy_five", "double = lambda x: 2 * x\n")
    reply = check_call(CheckCall("heavy_five:double", (1,)))
    assert not reply.ok
    assert "heavy_five:double cannot be pickled: " in reply.text
    assert reply.parameters == (("x", "POSITIONAL_OR_KEYWORD", "", ""),)


def test_lines_of_a_file_are_items(tmp_path: Path) -> None:
    """Text as it stands, JSON by the file's name; blank lines are none."""
    (tmp_path / "names.txt").write_text("one\n\n two \n3")
    (tmp_path / "values.jsonl").write_text('{"a": 1}\n\n[2]\n"three"\n')
    assert read_items(str(tmp_path / "names.txt"), 10) == ["one", " two ", "3"]
    assert read_items(str(tmp_path / "values.jsonl"), 10) == [{"a": 1}, [2], "three"]
    reply = check_call(CheckCall("math:factorial", items=str(tmp_path / "names.txt")))
    assert reply.ok
    assert "3 jobs, each pickles to" in reply.text


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone.txt", None, "cannot be read: No such file"),
        ("empty.txt", b"\n\n", "no line with anything in it"),
        ("many.txt", b"1\n2\n3\n4\n", "more than 3 lines"),
        ("bad.jsonl", b"1\n\n{a: 1}\n", "line 3: not JSON"),
        ("bytes.txt", b"ab\xffc", "no text in UTF-8: byte 2 is 0xff"),
    ],
)
def test_a_file_that_has_no_items(name: str, content: bytes | None, words: str, tmp_path: Path) -> None:
    """The refusal names the file, and the line where there is one."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=words) as caught:
        read_items(str(tmp_path / name), 3)
    assert name in str(caught.value)
