"""Names of modules and functions that begin as what somebody types. Nothing is imported for it.

Modules are looked for where an import would look. The functions of one that is imported are asked of it, those of
another are read from its source.

Thread: the caller's, for as long as folders and one source file take to read.
"""

from __future__ import annotations

import ast
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from importlib.machinery import ExtensionFileLoader, ModuleSpec

#: Most names that are told.
MOST = 200

#: What reading users' folders, files and finders may raise.
_TROUBLE = (ImportError, AttributeError, TypeError, ValueError, SyntaxError, OSError, RecursionError, MemoryError)


def complete(text: str) -> list[str]:
    """What ``text`` may become: ``mat`` becomes ``math:``, ``os.pa`` becomes ``os.path:``, ``math:fac`` a function."""
    module, colon, function = text.partition(":")
    found = _targets(module, function) if colon else _modules(module)
    return sorted(set(found))[:MOST]


def find(module: str) -> ModuleSpec | None:
    """Where an import would find a module, and its parents are not imported for it; None if it would not."""
    folders: Iterable[str] | None = None
    spec = None
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        if length > 1 and folders is None:
            return None
        spec = _ask_finders(".".join(parts[:length]), folders)
        if spec is None:
            return None
        folders = spec.submodule_search_locations
    return spec


def _ask_finders(name: str, folders: Iterable[str] | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(name, None if folders is None else list(folders))
        except _TROUBLE:
            continue
        if spec is not None:
            return spec
    return None


def _modules(begun: str) -> Iterator[str]:
    parent, dot, last = begun.rpartition(".")
    folders: list[str] | None = None
    if dot:
        # Some are of no file, such as os.path.
        yield from (
            f"{name}:" for name in list(sys.modules) if name.startswith(begun) and _fits(name[len(parent) + 1 :], last)
        )
        spec = find(parent)
        if spec is None or spec.submodule_search_locations is None:
            return
        folders = list(spec.submodule_search_locations)
    else:
        yield from (f"{name}:" for name in sys.builtin_module_names if _fits(name, last))
        if "__main__".startswith(last) and last:
            yield "__main__:"
    try:
        for each in pkgutil.iter_modules(folders):
            if _fits(each.name, last):
                yield f"{parent}{dot}{each.name}:"
                if each.ispkg:
                    yield f"{parent}{dot}{each.name}."
    except _TROUBLE:
        return


def _targets(module: str, begun: str) -> Iterator[str]:
    yield from (f"{module}:{name}" for name in _functions(module) if _fits(name, begun))


def _fits(name: str, begun: str) -> bool:
    """Private names are told to who asks for them."""
    return name.startswith(begun) and name.isidentifier() and (not name.startswith("_") or begun.startswith("_"))


def _functions(module: str) -> list[str]:
    if module not in sys.modules and _is_compiled_stdlib(module):
        # It is ours to import: no user's code, and of no weight.
        try:
            __import__(module)
        except _TROUBLE:
            return []
    if module in sys.modules:
        return [name for name, value in list(vars(sys.modules[module]).items()) if callable(value)]
    spec = find(module)
    read = getattr(None if spec is None else spec.loader, "get_source", None)
    if read is None:
        return []
    try:
        source = read(module)
        return [] if source is None else list(_defined(ast.parse(source).body))
    except _TROUBLE:
        return []


def _is_compiled_stdlib(module: str) -> bool:
    if module.partition(".")[0] not in sys.stdlib_module_names:
        return False
    spec = find(module)
    return spec is not None and (spec.origin == "built-in" or isinstance(spec.loader, ExtensionFileLoader))


def _defined(body: Iterable[ast.stmt]) -> Iterator[str]:
    """The functions and classes that a module's source makes, and those that it takes from its own package."""
    for node in body:
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                yield node.name
            case ast.ImportFrom() if node.level:
                yield from (each.asname or each.name for each in node.names if each.name != "*")
            case ast.If() | ast.Try() | ast.With():
                yield from _defined(node.body)
                yield from _defined(getattr(node, "orelse", ()))
            case _:
                pass
