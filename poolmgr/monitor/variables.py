"""The variable that an object was put into, read from the line that made it.

    results = Lock()                       results
    self.left, self.right = Lock(), Lock() self.left, self.right: told apart by the column of the call
    locks = [Lock() for _ in range(8)]     locks[]

Sources are read as the observer finds them, once for each file.  Thread: any one at a time.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator

#: Bytes of a source that are worth reading for a name, and how many sources are kept.
LARGEST, MOST = 4 << 20, 256


class Variables:
    """Names by file, line and column."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[float, dict[int, list[tuple[int, str]]]]] = {}

    def name(self, file: str, line: int, column: int = -1) -> str:
        """The variable, empty if nobody can tell; ``column`` is that of the call, -1 if it is not known."""
        calls = self._calls(file).get(line, [])
        if column >= 0:
            return next((name for place, name in calls if place == column), "")
        names = {name for _, name in calls if name}
        return names.pop() if len(names) == 1 else ""

    def _calls(self, file: str) -> dict[int, list[tuple[int, str]]]:
        try:
            found = os.stat(file)
        except (OSError, ValueError):
            return {}
        known = self._files.get(file)
        if known is not None and known[0] == found.st_mtime:
            return known[1]
        calls: dict[int, list[tuple[int, str]]] = {}
        if found.st_size <= LARGEST:
            try:
                with open(file, "rb") as source:
                    tree = ast.parse(source.read())
            except (OSError, SyntaxError, ValueError, RecursionError):
                # Written for another Python, or changed in this moment: there is no name then.
                pass
            else:
                for call, name in _named(tree):
                    calls.setdefault(call.lineno, []).append((call.col_offset, name))
        if len(self._files) >= MOST:
            self._files.clear()
        self._files[file] = (found.st_mtime, calls)
        return calls


def _named(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """The calls whose value gets a name, with that."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets[:1]:
                yield from _pairs(target, node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            yield from _pairs(node.target, node.value)


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.Call, str]]:
    sides = ast.Tuple | ast.List
    if isinstance(target, sides) and isinstance(value, sides) and len(target.elts) == len(value.elts):
        for each, made in zip(target.elts, value.elts, strict=True):
            yield from _pairs(each, made)
        return
    name = ast.unparse(target)
    if isinstance(value, ast.Call):
        yield value, name
    elif isinstance(value, ast.IfExp):
        yield from _pairs(target, value.body)
        yield from _pairs(target, value.orelse)
    else:
        yield from ((made, f"{name}[]") for made in _inside(value) if isinstance(made, ast.Call))


def _inside(value: ast.expr) -> list[ast.expr]:
    """What a container is made of."""
    if isinstance(value, ast.List | ast.Tuple | ast.Set):
        return value.elts
    if isinstance(value, ast.Dict):
        return value.values
    if isinstance(value, ast.ListComp | ast.SetComp):
        return [value.elt]
    return [value.value] if isinstance(value, ast.DictComp) else []
