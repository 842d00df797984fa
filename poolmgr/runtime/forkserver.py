"""What the fork server imports before its first child: then eight workers need not each import the same.

Thread: whoever opens a pool.

The fork server is a fresh interpreter, which looks for modules in places of its own, and its children keep what it has
found.  So it is asked to import a module only where it will find the very file that this process has: another
version's would be given to workers in silence.

``os.path`` and not ``pathlib``, whose import takes longer than what is saved for one worker.
"""

from __future__ import annotations

import contextlib
import os
import site
import sys
from collections.abc import Iterator
from multiprocessing import forkserver


def preload(module: str) -> None:
    """Have the fork server import ``module`` when it starts; one that runs already is left alone.

    What the program itself has asked it to import stays.  Where nothing can be done, workers import what they need.
    """
    package = sys.modules[module.partition(".")[0]].__file__
    server = getattr(forkserver, "_forkserver", None)
    names = getattr(server, "_preload_modules", None)
    if package is None or names is None or module in names or getattr(server, "_forkserver_pid", None) is not None:
        return
    if _found_anew(package):
        forkserver.set_forkserver_preload([*names, module])


def _found_anew(package: str) -> bool:
    """Whether a fresh interpreter finds this ``__init__.py`` first when it looks for the package."""
    inside = os.path.join(os.path.basename(os.path.dirname(package)), os.path.basename(package))
    with contextlib.suppress(OSError):
        for folder in _fresh_path():
            file = os.path.join(folder, inside)
            if os.path.isfile(file):
                return os.path.samefile(file, package)
    return False


def _fresh_path() -> Iterator[str]:
    """Where ``python -c`` looks for packages, in its order; the standard library is left out."""
    if not sys.flags.safe_path:
        yield os.getcwd()
    if not sys.flags.ignore_environment:
        yield from filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    if sys.flags.no_site:
        return
    folders = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    for folder in filter(os.path.isdir, [*folders, *site.getsitepackages()]):
        yield folder
        yield from _linked_into(folder)


def _linked_into(folder: str) -> Iterator[str]:
    """The folders that the .pth files of a folder name: an editable install is a line in one of them."""
    for name in sorted(os.listdir(folder)):
        if name.endswith(".pth"):
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                yield from (os.path.join(folder, line.strip()) for line in file if line.strip())
