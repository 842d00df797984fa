"""The catalogue of demos: what there is, by name, read from the scripts without running any of them."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal

from poolmgr.errors import UsageError

#: A load gives jobs to a pool that poolmgr opens; a script is a program with processes of its own.
Kind = Literal["load", "script"]

#: The order in which one would look at them; what is not named here follows by name.
ORDER = (
    "stdlib",
    "process",
    "queue",
    "pipe",
    "pool",
    "async_result",
    "shared_memory",
    "synchronisation",
    "start_methods",
    "costs",
    "errors",
    "executors",
    "manager",
    "deadlock",
)
#: Files that cannot have their demo's name: beside a ``queue.py``, no script could import the standard library's.
NAMES = {"queues": "queue"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One demo.

    Attributes:
        name: What it is called on the command line.
        title: What it says of itself in one line.
        kind: Whether it is a load for a pool, or a program.
        path: Its file.
    """

    name: str
    title: str
    kind: Kind
    path: Path


def list_demos() -> list[Entry]:
    """All demos there are, in the order in which one would look at them."""
    package = import_module("poolmgr.demos")
    paths = {path for folder in package.__path__ for path in Path(folder).glob("*.py") if path.stem != "__init__"}
    return sorted((_read(path) for path in paths), key=_place)


def find_entry(name: str) -> Entry:
    """The demo of this name.

    Raises:
        UsageError: There is none; the text names those there are.
    """
    entries = list_demos()
    for entry in entries:
        if name in (entry.name, entry.path.stem):
            return entry
    raise UsageError(f"there is no demo {name!r}; there is {', '.join(entry.name for entry in entries)}")


def _read(path: Path) -> Entry:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    title = (ast.get_docstring(tree) or "").partition("\n")[0]
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return Entry(NAMES.get(path.stem, path.stem), title, "load" if "jobs" in functions else "script", path)


def _place(entry: Entry) -> tuple[int, str]:
    return (ORDER.index(entry.name) if entry.name in ORDER else len(ORDER), entry.name)
