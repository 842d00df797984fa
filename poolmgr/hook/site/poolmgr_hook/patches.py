"""Which modules of the program are patched, and by which module of the hook, when the program imports them.

A patch is a function of one argument, the module, in the hook's module of that name: ``patch(module)``.  It is called
once, right after the module was executed, in the thread that imports it.  It changes functions and methods in place and
never replaces a class: subclasses, ``isinstance`` and ``from multiprocessing.pool import Pool`` go on as they were.
"""

from __future__ import annotations

import sys

from . import finder
from .files import note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

#: The program's module, and the hook's module that patches it.
PATCHES: dict[str, str] = {
    "multiprocessing.connection": "lock_objects",
    "multiprocessing.queues": "lock_objects",
    "multiprocessing.sharedctypes": "lock_objects",
    "multiprocessing.synchronize": "locks",
    "multiprocessing.pool": "pool",
    "concurrent.futures.process": "executor",
    "loky.process_executor": "executor",
    "joblib.externals.loky.process_executor": "executor",
}


def install() -> None:
    """Patch what of them is imported already, and have the rest patched when it is."""
    finder.install({name: _by(patch) for name, patch in PATCHES.items()}, note)


def _by(patch: str) -> finder.Patch:
    def apply(module: ModuleType) -> None:
        try:
            __import__(f"{__package__}.{patch}")
            sys.modules[f"{__package__}.{patch}"].patch(module)
        except Exception as error:  # the program goes on with its own module, whatever is wrong with ours
            note(f"{module.__name__} is not watched: {type(error).__name__}: {error}")

    return apply
