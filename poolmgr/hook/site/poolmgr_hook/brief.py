"""Values in short, without running anybody's code: no ``__repr__`` but that of builtin types is ever called.

The dispatcher of poolmgr's own engine (``poolmgr.model.brief``), and workers of stock pools, may use it on users'
objects for that reason.
"""

from __future__ import annotations

from itertools import islice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Longest text of one value.  Longer hides the rest of the row, shorter hides which file or key it was.
LIMIT = 60
#: Members of a container that are written out, and how deep.
MEMBERS = 4
DEPTH = 3

#: What is written out at a glance: texts of so many characters, ints of a word.
SHORT, WORD = 40, 1 << 63

_ATOMS = frozenset((int, float, complex, bool, type(None)))
_PAIRS: dict[Any, tuple[str, str]] = {tuple: ("(", ")"), list: ("[", "]"), set: ("{", "}"), frozenset: ("{", "}")}


def brief(value: Any, limit: int = LIMIT) -> str:
    """Describe ``value`` in at most ``limit`` characters.

    Exact builtin types are written out, what is longer is cut in the middle; anything else is named by its type
    (``<Path>``), arrays with their shape (``<ndarray 3x4>``).
    """
    return _cut(_brief(value, limit, DEPTH), limit)


def brief_call(args: tuple[Any, ...], kwds: dict[str, Any], limit: int = LIMIT) -> str:
    """The arguments of a call in short: ``('a.txt', 3, mode='r')`` without the function's name."""
    parts = [_brief(value, limit, DEPTH) for value in args[: MEMBERS + 1]]
    parts += [f"{key}={_brief(value, limit, DEPTH)}" for key, value in list(kwds.items())[: MEMBERS + 1]]
    if len(args) > MEMBERS + 1 or len(kwds) > MEMBERS + 1:
        parts.append("…")
    return _cut(f"({', '.join(parts)})", limit)


def glance(args: tuple[Any, ...], kwds: dict[str, Any] | None) -> str:
    """The same at a fraction of the cost: numbers and short texts are written out, all else is named by its type."""
    shown: list[str] = []
    for value in args:
        kind = type(value)
        if (
            (kind is int and -WORD < value < WORD)
            or (kind is str and len(value) <= SHORT)
            or kind is float
            or kind is bool
            or value is None
        ):
            text = repr(value)
        else:
            text = f"<{kind.__name__}>"
        if len(args) == 1 and not kwds:
            return f"({text})"
        if len(shown) == MEMBERS:
            break
        shown.append(text)
    if kwds or len(args) > len(shown):
        shown.append("…")
    return f"({', '.join(shown)})"


def function_name(func: Any) -> str:
    """``module.function`` for anything callable, without calling it; ``__main__.`` is left out."""
    inner = getattr(func, "func", None) if type(func).__name__ == "partial" else None
    if inner is not None:
        func = inner
    name = getattr(func, "__qualname__", None) or getattr(func, "__name__", None)
    if not isinstance(name, str):
        return f"<{type(func).__name__}>"
    module = getattr(func, "__module__", None)
    if not isinstance(module, str) or module in ("__main__", "builtins"):
        return name
    return f"{module}.{name}"


def _brief(value: Any, limit: int, depth: int) -> str:
    kind = type(value)
    if kind is str or kind is bytes or kind is bytearray:
        # A slice first: repr of a gigabyte of text to show sixty characters of it would stall the caller.
        return _cut(repr(value if len(value) <= limit else value[: limit // 2] + value[-(limit // 2) :]), limit)
    if kind is int:
        # Python refuses to write very long ints out; their size says as much.
        return repr(value) if value.bit_length() < 256 else f"<int of {value.bit_length()} bits>"
    if kind in _ATOMS:
        return repr(value)
    if kind in _PAIRS:
        return _members(value, limit, depth)
    if kind is dict:
        return _items(value, limit, depth)
    if kind is range:
        return repr(value)
    return _named(value, kind)


def _members(value: Any, limit: int, depth: int) -> str:
    left, right = _PAIRS[type(value)]
    if not value:
        return f"{type(value).__name__}()" if left == "{" else left + right
    if depth == 0:
        return f"{left}…{right}"
    shown = [_brief(member, limit, depth - 1) for member in islice(value, MEMBERS)]
    if len(value) > MEMBERS:
        shown.append(f"… {len(value)} in all")
    comma = "," if len(value) == 1 and type(value) is tuple else ""
    return f"{left}{', '.join(shown)}{comma}{right}"


def _items(value: dict[Any, Any], limit: int, depth: int) -> str:
    if not value:
        return "{}"
    if depth == 0:
        return "{…}"
    shown = [
        f"{_brief(key, limit, depth - 1)}: {_brief(member, limit, depth - 1)}"
        for key, member in islice(value.items(), MEMBERS)
    ]
    if len(value) > MEMBERS:
        shown.append(f"… {len(value)} in all")
    return f"{{{', '.join(shown)}}}"


def _named(value: Any, kind: type) -> str:
    if kind.__module__.partition(".")[0] == "numpy" and kind.__name__ == "ndarray":
        return f"<ndarray {'x'.join(map(str, value.shape))}>"
    # By the type: isinstance would ask an object for its __class__, which is users' code in proxies.
    if issubclass(kind, type) or callable(value):
        return (
            f"<{function_name(value)}>"
            if kind.__name__ in ("function", "type", "builtin_function_or_method")
            else f"<{kind.__name__}>"
        )
    return f"<{kind.__name__}>"


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    half = (limit - 1) // 2
    return f"{text[: limit - 1 - half]}…{text[-half:]}"
