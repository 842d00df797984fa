"""``module:function`` as people type it, turned into what a pool can call.

Thread: the caller's; importing runs the module's code in it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from poolmgr.errors import UsageError


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
    except (Exception, SystemExit) as error:
        # The module is a user's code: it may raise anything, and must not end the app.
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
