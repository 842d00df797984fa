"""Has modules patched at the moment when the program imports them.

Thread: whichever imports, under the import system's own lock for that module.
"""

from __future__ import annotations

import sys

from .files import note
from .patches import PATCHES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def install() -> None:
    """Patch what is imported already, and wait for the rest."""
    waiting = dict(PATCHES)
    for name in list(waiting):
        module = sys.modules.get(name)
        if module is not None:
            _apply(waiting.pop(name), module)
    if waiting:
        sys.meta_path.insert(0, Finder(waiting))


class Finder:
    """Finds nothing by itself: asks the other finders, and has what they load patched."""

    def __init__(self, waiting: dict[str, str]) -> None:
        self._waiting = waiting

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The spec that the others find, with a loader that patches once; None for all other modules."""
        if name not in self._waiting:
            return None
        spec = self._ask_others(name, path, target)
        if spec is not None and spec.loader is not None:
            _patch_after(spec.loader, self._waiting.pop(name))
        return spec

    def _ask_others(self, name: str, path: Any, target: Any) -> Any:
        for finder in list(sys.meta_path):
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find is not None else None
            if spec is not None:
                return spec
        return None


def _patch_after(loader: Any, patch: str) -> None:
    load = loader.exec_module

    def exec_module(module: Any) -> None:
        del loader.exec_module
        load(module)
        _apply(patch, module)

    try:
        loader.exec_module = exec_module
    except AttributeError:
        note(f"a module is loaded in a way that cannot be followed: {loader!r}")


def _apply(patch: str, module: Any) -> None:
    try:
        __import__(f"{__package__}.{patch}")
        sys.modules[f"{__package__}.{patch}"].patch(module)
    except Exception as error:  # the program goes on with its own module, whatever is wrong with ours
        note(f"{module.__name__} is not watched: {type(error).__name__}: {error}")
