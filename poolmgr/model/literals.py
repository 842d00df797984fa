"""What a person types into a submit form: a callable's place and literal arguments. Pure; nothing typed is ever run."""

from __future__ import annotations

import ast
import warnings
from typing import Any

from poolmgr.errors import UsageError


def parse_target(text: str) -> tuple[str, str]:
    """Split ``module:function`` into the module's name and the function's place in it.

    Raises:
        UsageError: If the text has another shape. Whether it can be imported is not looked at.
    """
    module, colon, function = text.strip().partition(":")
    if not colon:
        raise UsageError(f"{text.strip()!r} is not module:function, as in math:factorial")
    for part, word in ((module, "module"), (function, "function")):
        if not all(name.isidentifier() for name in part.split(".")):
            raise UsageError(f"{part!r} is not the name of a {word}; write module:function, as in math:factorial")
    return module, function


def parse_call(text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Read the arguments of a call: ``1, 'a', x=2``, or the same in parentheses.

    Parentheses around the whole are the call's own, so ``(20,)`` is one argument, 20; a tuple as the only
    argument is written ``((1, 2),)`` or with a comma behind it: ``(1, 2),``.

    Raises:
        UsageError: If it is not a list of literals; the text says which one and why.
    """
    call = parse_nodes(text)
    args = tuple(as_literal(node, f"argument {place}") for place, node in enumerate(call.args, 1))
    kwargs: dict[str, Any] = {}
    for keyword in call.keywords:
        if keyword.arg is None:
            raise UsageError("** cannot be used here; write each argument as name=value")
        if keyword.arg in kwargs:
            raise UsageError(f"{keyword.arg} is given twice; give it once")
        kwargs[keyword.arg] = as_literal(keyword.value, f"argument {keyword.arg}")
    return args, kwargs


def parse_nodes(text: str) -> ast.Call:
    """The arguments of a call as they are written, not evaluated.

    Raises:
        UsageError: It is not a list of arguments.
    """
    text = text.strip()
    if text.startswith("(") and text.endswith(")"):
        call = _expression(f"f{text}")
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            return call
    # The line end before the last parenthesis keeps a comment in the text from swallowing it.
    call = _expression(f"f({text}\n)")
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
        return call
    raise UsageError(f"{text!r} is not a list of arguments; write them as in a call: 20, 'a', x=3")


def _expression(source: str) -> ast.expr | None:
    try:
        with warnings.catch_warnings():
            # A doubtful escape in a typed string warns on stderr, which is the screen.
            warnings.simplefilter("ignore")
            return ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def parse_literal(text: str, which: str) -> Any:
    """Read one value; ``1, 2`` is a tuple.

    Args:
        text: What was typed.
        which: What it is the value of, for the error.

    Raises:
        UsageError: It is not a literal.
    """
    node = _expression(f"({text.strip()}\n)")
    if node is None:
        raise UsageError(f"{which}, {_cut(text.strip())}, is not a value as Python writes it; put text in quotes")
    return as_literal(node, which)


def as_literal(node: ast.expr, which: str) -> Any:
    """The value of a node; ``which`` names it in the error.

    Raises:
        UsageError: It is not a literal.
    """
    if isinstance(node, ast.Starred):
        raise UsageError(f"{which}: * cannot be used here; write each argument out")
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        short = _cut(ast.unparse(node))
        hint = "; put text in quotes" if isinstance(node, ast.Name) else ""
        raise UsageError(f"{which}, {short}, is not a literal (a number, text, list, tuple, dict, set){hint}") from None


def _cut(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
