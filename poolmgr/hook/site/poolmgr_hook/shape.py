"""Whether the program's Python is built as the hook expects: the private names that it needs, with their parameters.

Thread: whichever imports the module that is to be patched.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def missing(owner: Any, wanted: dict[str, tuple[str, ...] | None]) -> str:
    """What is not as expected, in words; empty if all is.

    Args:
        owner: A module or class.
        wanted: Names, each with the parameters that it must begin with; None for what is no function.
    """
    where = getattr(owner, "__qualname__", None) or owner.__name__
    for name, parameters in wanted.items():
        found = getattr(owner, name, None)
        if found is None:
            return f"this Python has no {where}.{name}"
        code = getattr(getattr(found, "__func__", found), "__code__", None)
        if parameters is not None and (code is None or code.co_varnames[: len(parameters)] != parameters):
            return f"this Python's {where}.{name} has other parameters"
    return ""


def in_place_of(stock: Any, ours: Any) -> Any:
    """Give ``ours`` the names of ``stock``: pickled, it is found under them, patched or not, in whatever process."""
    for name in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(ours, name, getattr(stock, name))
    return ours
