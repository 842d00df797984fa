"""Has modules patched at the moment when the program imports them.

Shared with the workers of ``poolmgr.Pool``, which patch other modules (``poolmgr/runtime/hooks.py``).

Thread: whichever imports, under the import system's own lock for that module.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

    #: What is called with a module, once, right after it was executed. Raises nothing.
    Patch = Callable[[ModuleType], None]


def install(patches: dict[str, Patch], lost: Callable[[str], None]) -> None:
    """Patch what is imported already, and wait for the rest.

    Args:
        patches: By the names of the modules.
        lost: Told in words when a module cannot be followed: it stays as it is.
    """
    waiting = dict(patches)
    for name in list(waiting):
        module = sys.modules.get(name)
        if module is not None:
            waiting.pop(name)(module)
    if waiting:
        sys.meta_path.insert(0, Finder(waiting, lost))


class Finder:
    """Finds nothing by itself: asks the other finders, and has what they load patched."""

    def __init__(self, waiting: dict[str, Patch], lost: Callable[[str], None]) -> None:
        self._waiting = waiting
        self._lost = lost

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The spec that the others find, with a loader that patches once; None for all other modules."""
        if name not in self._waiting:
            return None
        spec = self._ask_others(name, path, target)
        if spec is not None and spec.loader is not None:
            self._patch_after(spec.loader, self._waiting.pop(name))
        return spec

    def _ask_others(self, name: str, path: Any, target: Any) -> Any:
        for finder in list(sys.meta_path):
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find is not None else None
            if spec is not None:
                return spec
        return None

    def _patch_after(self, loader: Any, patch: Patch) -> None:
        load = loader.exec_module

        def exec_module(module: Any) -> None:
            # A loader may be that of many modules, as one of a zip file is.
            del loader.exec_module
            load(module)
            patch(module)

        try:
            loader.exec_module = exec_module
        except AttributeError:
            self._lost(f"a module is loaded in a way that cannot be followed: {loader!r}")
