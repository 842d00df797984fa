"""What must run in one piece has no instruction inside at which anything could come between."""

from __future__ import annotations

import ast
import dis
import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import poolmgr
from tests.helpers.cuts import looking

ENGINE = Path(poolmgr.__file__).parent / "engine"

#: The functions, and the calls of C that each may make: the last step on its way, or in an arm of its own.
PIECES = {
    "inline._hand": ["handle.channel.write", "os.eventfd_write"],
    "leader._is_left_to_caller": [],
    "leader.depose": ["os.eventfd_write"],
    "leader._book": [],
}


def _marked() -> dict[str, Callable[..., Any]]:
    found = {}
    for path in sorted(ENGINE.glob("*.py")):
        for name, value in vars(importlib.import_module(f"poolmgr.engine.{path.stem}")).items():
            if getattr(value, "__in_one_piece__", False) and value.__module__.endswith(f".{path.stem}"):
                found[f"{path.stem}.{name}"] = value
    return found


def test_all_pieces_are_known() -> None:
    """Each function that is marked to run in one piece is looked at by the other tests here."""
    assert set(_marked()) == set(PIECES)


@pytest.mark.parametrize("name", PIECES)
def test_piece_calls_nothing_but_its_last_step(name: str) -> None:
    """It calls what it may call and nothing else, and does not go back to its begin, so that no look comes between."""
    function = _marked()[name]
    tree = ast.parse(inspect.getsource(function))
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert sorted(calls) == sorted(PIECES[name])
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.For | ast.While | ast.With | ast.comprehension)]
    assert set(looking(function.__code__).values()) <= {"CALL"}
    assert [one.opname for one in dis.get_instructions(function)].count("RESUME") == 1


@pytest.mark.parametrize("name", [name for name, calls in PIECES.items() if calls])
def test_piece_stores_nothing_after_its_last_step(name: str) -> None:
    """What follows the call on its own way is in a finally arm, which runs too if an exception is raised there."""
    function = ast.parse(inspect.getsource(_marked()[name])).body[0]
    assert isinstance(function, ast.FunctionDef)
    lines = [node.lineno for node in ast.walk(function) if isinstance(node, ast.Call)]
    arms = [node for node in ast.walk(function) if isinstance(node, ast.Try)]
    safe = {line for arm in arms for node in arm.finalbody for line in range(node.lineno, (node.end_lineno or 0) + 1)}
    handled = {line for arm in arms for one in arm.handlers for line in range(one.lineno, (one.end_lineno or 0) + 1)}
    stores = [node.lineno for node in ast.walk(function) if isinstance(node, ast.Assign | ast.AugAssign)]
    assert not [line for line in stores if line > min(lines) and line not in safe | handled]
