"""What ``poolmgr run`` is to start, as a shell or ``python`` would find it.

Thread: the caller's; it looks at files and at the environment, and starts nothing.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from poolmgr.errors import PoolmgrError, UsageError

#: What Python says for a script that it cannot open, and a shell for a program that is not there or is no program.
NO_SCRIPT, NOT_EXECUTABLE, NOT_FOUND = 2, 126, 127


class NotStarted(PoolmgrError):
    """The program cannot be started.

    Attributes:
        exit_code: What a shell, or Python, ends with in that case.
    """

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text, exit_code)
        self.text = text
        self.exit_code = exit_code

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Command:
    """A program with its arguments."""

    argv: tuple[str, ...]
    #: What people call it.
    name: str


def find_command(words: Sequence[str], python: str | None, environment: Mapping[str, str]) -> Command:
    """Make a command of ``SCRIPT ARGS``, ``-m MODULE ARGS`` or ``PROGRAM ARGS``.

    A path that ends in ``.py`` or ``.pyw``, a folder or archive that Python can run, and a file that is no program are
    scripts; all else is a program.

    Args:
        words: As they were typed.
        python: The Python for scripts and modules, by path or name; None for that of the active virtual environment,
            or else the one that runs this.
        environment: Of the program.

    Raises:
        UsageError: There is nothing to run, or no such Python.
        NotStarted: There is no such script or program.
    """
    if not words or list(words) == ["-m"]:
        raise UsageError("say what to run: a script, a program, or -m and a module; 'poolmgr run --help' has examples")
    first, *rest = words
    if first == "-m":
        return Command((*_python(python, environment), "-m", *rest), rest[0].rpartition(".")[2] or rest[0])
    if _is_script(first, environment):
        if not os.path.exists(first):
            raise NotStarted(f"there is no script {first!r}", NO_SCRIPT)
        return Command((*_python(python, environment), first, *rest), _stem(first))
    return Command((_find_program(first, environment), *rest), _stem(first))


def _is_script(first: str, environment: Mapping[str, str]) -> bool:
    if first.endswith((".py", ".pyw", ".pyz")):
        # What is on PATH under such a name is a program, unless there is a file of that name here.
        return os.path.exists(first) or os.sep in first or _which(first, environment) is None
    if os.path.isdir(first):
        return os.path.exists(os.path.join(first, "__main__.py"))
    if os.sep in first or _which(first, environment) is None:
        return os.path.isfile(first) and not os.access(first, os.X_OK)
    return False


def _find_program(first: str, environment: Mapping[str, str]) -> str:
    found = first if os.sep in first else _which(first, environment)
    if found is None or not os.path.exists(found):
        where = "" if os.sep in first else " on PATH, and no script of that name here"
        raise NotStarted(f"there is no program {first!r}{where}", NOT_FOUND)
    if os.path.isdir(found):
        raise NotStarted(f"{first!r} is a folder without a __main__.py: name a script in it", NOT_EXECUTABLE)
    return found


def _python(python: str | None, environment: Mapping[str, str]) -> tuple[str, ...]:
    if python is not None:
        found = python if os.sep in python else _which(python, environment)
        if found is None or not os.access(found, os.X_OK) or os.path.isdir(found):
            raise UsageError(f"--python: there is no Python {python!r}")
        return (found,)
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        folder = environment.get(variable, "")
        active = os.path.join(folder, "bin", "python")
        if folder and os.access(active, os.X_OK):
            return (active,)
    return (sys.executable,)


def _which(name: str, environment: Mapping[str, str]) -> str | None:
    return shutil.which(name, path=environment.get("PATH", os.defpath))


def _stem(path: str) -> str:
    name = os.path.basename(os.path.abspath(path))
    stem = os.path.splitext(name)[0] if name.endswith((".py", ".pyw", ".pyz")) else name
    return stem if stem != "__main__" else os.path.basename(os.path.dirname(os.path.abspath(path))) or stem
