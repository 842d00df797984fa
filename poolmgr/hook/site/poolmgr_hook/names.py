"""Names of functions, and of what is called: never by calling users' code on purpose, never longer than a slot.

Threads: any; the tables belong to one writer each.
"""

from __future__ import annotations

import functools
import sys

from . import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Functions of the pools themselves that call the user's, which is what is to be named.
_MAPPERS = ("mapstar", "starmapstar")
#: Names remembered with their numbers; a program that makes functions without end starts over.
_MOST = 1000


def call(func: Any, args: Any, kwds: Any) -> tuple[Any, int, Any, Any]:
    """The user's function of a task, how many items the task has, and the arguments of the first of them."""
    name, module = getattr(func, "__name__", ""), getattr(func, "__module__", "")
    if name in _MAPPERS and module == "multiprocessing.pool":
        inner, chunk = args[0]
        return inner, len(chunk), (chunk[0] if name == "starmapstar" else (chunk[0],)), None
    if type(func) is functools.partial:
        inner = func.func
        if getattr(inner, "__name__", "") == "_process_chunk" and func.args:
            return func.args[0], len(args[0]) if args else 1, args[0][0] if args else (), None
        return inner, 1, args, kwds
    if type(func).__name__ == "_TracebackCapturingWrapper":
        # joblib's, around the next.
        func = getattr(func, "func", func)
    calls = _batched(func)
    if calls:
        inner, args, kwds = calls[0]
        return inner, len(calls), args, kwds
    return func, 1, args, kwds


def _batched(func: Any) -> Any:
    """joblib's batch of (function, args, kwargs); None if it is none."""
    calls = getattr(func, "items", None) if type(func).__name__ == "BatchedCalls" else None
    return calls if type(calls) is list else None


def describe(func: Any) -> str:
    """``module.function``, or the class of what is called."""
    name = getattr(func, "__qualname__", None) or getattr(func, "__name__", None)
    if type(name) is not str:
        func = type(func)
        name = func.__qualname__
    module = getattr(func, "__module__", None)
    if module == "__mp_main__":
        # What the program's own __main__ is called in workers that have imported it.
        module = "__main__"
    return f"{module}.{name}" if type(module) is str and module != "builtins" else name


class NameTable:
    """The names of one file, as its writer knows them."""

    def __init__(self, memory: memoryview, begin: int, slots: int, counter: int) -> None:
        """Take over the slots that begin at ``begin``; ``counter`` is the word that counts names."""
        self._memory, self._begin, self._slots = memory, begin, slots
        self._words = memory[: layout.WORDS * 8].cast("q")
        self._counter = counter
        self._numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
        """The number of a name, which is written if its slot has been used again meanwhile."""
        number = self._numbers.get(name, -1)
        written = self._words[self._counter]
        if number >= 0 and number >= written - self._slots:
            return number
        if len(self._numbers) >= _MOST:
            self._numbers.clear()
        at = self._begin + written % self._slots * layout.NAME_SIZE
        text = name.encode("utf-8", "replace")
        if len(text) > layout.NAME_TEXT:
            # The end tells more than the beginning: the function more than its package.
            text = text[-layout.NAME_TEXT :].decode("utf-8", "ignore").encode()
        self._memory[at : at + layout.NAME_SIZE] = written.to_bytes(8, sys.byteorder) + text.ljust(
            layout.NAME_TEXT, b"\0"
        )
        self._words[self._counter] = written + 1
        self._numbers[name] = written
        return written
