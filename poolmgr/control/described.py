"""What a function takes, found out by importing its module: here if that has been done, else in a process of its own.

    described("pipeline:fetch")    pipeline is imported: its signature is asked for here
                                   else    python -c ... --> "poolmgr-look"    imports it, tells, and ends

So looking at a function never runs a module's code in the program that has the pool. That process hangs on the
program's lifeline, and is killed if it takes too long.

Thread: the caller's, for as long as the import takes.
"""

from __future__ import annotations

import inspect
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from multiprocessing import spawn
from typing import Any

from poolmgr.control.names import find
from poolmgr.errors import UsageError, describe_exit
from poolmgr.model.parameters import Parameter, described, from_rows, signature_of, to_rows
from poolmgr.runtime.lifeline import Lifeline, guard

#: Seconds that an import may take before nobody waits for it: who asks from elsewhere waits little longer.
PATIENCE = 8.0
#: Functions that are remembered.
REMEMBERED = 32

_BOOT = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from poolmgr.control.described import main; main()"
)


@dataclass(frozen=True, slots=True)
class Described:
    """A function as a form shows it."""

    #: ``(url, timeout=30)``, or ``(...)`` if it does not say.
    signature: str
    #: None if it does not say; some functions of C do not.
    parameters: tuple[Parameter, ...] | None
    #: Bytes of its pickle.
    size: int
    #: Why it cannot be pickled, empty if it can.
    problem: str = ""


def load_target(target: str) -> Callable[..., Any]:
    """Import what ``module:function`` names; ``module:Class.method`` works too.

    Raises:
        UsageError: It is written otherwise, cannot be imported, or cannot be called.
    """
    module_name, _, path = target.strip().partition(":")
    names = path.split(".")
    if not all(name.isidentifier() for name in (*module_name.split("."), *names)):
        raise UsageError(f"{target!r} does not name a function: write module:function, such as math:factorial")
    try:
        found: Any = import_module(module_name)
    except (Exception, SystemExit) as error:  # user code: a module's import may raise anything, and must end nothing
        raise UsageError(f"{module_name!r} cannot be imported: {type(error).__name__}: {error}") from error
    for name in names:
        try:
            found = getattr(found, name)
        except AttributeError as error:
            raise UsageError(f"{module_name!r} has no function {path!r}") from error
    if not callable(found):
        raise UsageError(f"{target!r} is a {type(found).__name__}, which cannot be called")
    called: Callable[..., Any] = found
    return called


def is_imported(target: str) -> bool:
    """Whether the module of ``module:function`` is imported in this program."""
    return target.strip().partition(":")[0] in sys.modules


def describe(target: str) -> Described:
    """What the function takes.

    Raises:
        UsageError: There is no such function, or nobody could find out.
    """
    if is_imported(target):
        return _look(load_target(target))
    return _look_elsewhere(target.strip(), _version(target))


def _version(target: str) -> object:
    """Changes with the module's file."""
    spec = find(target.strip().partition(":")[0])
    try:
        return None if spec is None or spec.origin is None else os.stat(spec.origin).st_mtime_ns
    except OSError:
        return None


def _look(func: Callable[..., Any]) -> Described:
    size, problem = 0, ""
    try:
        size = len(pickle.dumps(func))
    except Exception as error:  # user code: whatever a __reduce__ raises is why it cannot be pickled
        problem = f"{type(error).__name__}: {error}"
    try:
        signature = inspect.signature(func)
    except Exception:  # user code: __signature__ and the like may raise anything; functions of C may have none
        return Described("(...)", None, size, problem)
    parameters = described(signature)
    return Described(str(signature_of(parameters)), parameters, size, problem)


@lru_cache(maxsize=REMEMBERED)
def _look_elsewhere(target: str, version: object) -> Described:
    """``version`` is that of the module's file: what was found out is remembered as long as it is the same."""
    executable = spawn.get_executable()
    if not executable:
        raise UsageError("this program does not say which Python it runs (sys.executable): its signature is not known")
    lifeline = guard()
    asked = pickle.dumps([os.path.abspath(path) for path in sys.path])
    asked += pickle.dumps((target, lifeline.reader, os.getpid()))
    try:
        # -P: neither the folder it is started in nor that of a script is searched for the stdlib's modules.
        ended = subprocess.run(
            [os.fsdecode(executable), "-P", "-c", _BOOT, "poolmgr-look", target],
            input=asked,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(lifeline.reader,),
            # Not in the terminal's foreground group: Ctrl-C is for the owner.
            process_group=0,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        module = target.partition(":")[0]
        raise UsageError(
            f"{module!r} was not imported within {PATIENCE:g} s: what it takes is not known before it is submitted"
        ) from None
    except OSError as error:
        raise UsageError(f"no process to look at {target} can be started: {error.strerror or error}") from error
    return _told(target, ended.stdout, ended.returncode)


def _told(target: str, said: bytes, code: int) -> Described:
    try:
        values = json.loads(said)
    except ValueError:
        raise UsageError(f"the import of {target.partition(':')[0]!r} {describe_exit(code)}") from None
    if "error" in values:
        raise UsageError(values["error"])
    rows = values["parameters"]
    return Described(values["signature"], None if rows is None else from_rows(rows), values["size"], values["problem"])


def main() -> None:
    """In the process that looks: import, tell, end. The module's threads and exit handlers get no say."""
    target, reader, owner = pickle.load(sys.stdin.buffer)
    Lifeline(reader, -1, owner).protect()
    # What the module prints is nobody's answer.
    answer = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    try:
        found = _look(load_target(target))
    except UsageError as error:
        said: dict[str, Any] = {"error": str(error)}
    else:
        rows = None if found.parameters is None else to_rows(found.parameters)
        said = {"signature": found.signature, "parameters": rows, "size": found.size, "problem": found.problem}
    with os.fdopen(answer, "wb") as file:
        file.write(json.dumps(said).encode())
    os._exit(0)
