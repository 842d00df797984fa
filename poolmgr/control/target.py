"""``module:function`` as people type it, turned into what a pool can call.

Thread: the caller's; importing runs the module's code in it.
"""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from importlib import import_module
from typing import Any

from poolmgr.errors import UsageError
from poolmgr.model.requests import CheckCall


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


def check_call(request: CheckCall) -> str:
    """What can be said of a call before it is made: the function's signature, and how large the call is when pickled.

    Raises:
        UsageError: There is no such function, it does not take these arguments, or they cannot be pickled.
    """
    func = load_target(request.target)
    name = request.target.strip().partition(":")[2]
    try:
        signature = inspect.signature(func)
    except (ValueError, TypeError):
        # Some functions of C have none; the call itself will tell.
        return f"{name}(...)  {_pickled(func, request)}"
    try:
        signature.bind(*request.args, **request.kwargs)
    except TypeError as error:
        raise UsageError(f"{name}{signature}: {error}") from error
    return f"{name}{signature}  {_pickled(func, request)}"


def _pickled(func: Callable[..., Any], request: CheckCall) -> str:
    try:
        size = len(pickle.dumps((func, request.args, request.kwargs)))
    except Exception as error:
        # Whatever pickling users' objects raises.
        raise UsageError(f"{request.target} cannot be pickled: {type(error).__name__}: {error}") from error
    return f"pickles to {size:,} bytes"
