"""A call as people type it: what can be said of it before it is made.

Thread: the caller's, for as long as the import of the module takes.
"""

from __future__ import annotations

import pickle
from typing import Any

from poolmgr.control.described import Described, describe, is_imported
from poolmgr.control.items import read_items
from poolmgr.errors import UsageError
from poolmgr.model.parameters import signature_of, to_rows
from poolmgr.model.requests import CheckCall, Reply, Submit

#: Most jobs that one form submits: a slip of the finger must not fill the memory.
MOST_JOBS = 100_000


def items_of(request: Submit | CheckCall) -> list[Any] | None:
    """What stands in each line of the request's file, None if it has none.

    Raises:
        UsageError: The file is not to be had.
    """
    return read_items(request.items, MOST_JOBS) if request.items else None


def check_call(request: CheckCall) -> Reply:
    """What can be said of a call before it is made: the function's parameters, and how large the call is when pickled.

    The reply has the parameters also where the arguments do not fit yet.

    Raises:
        UsageError: There is no such function.
    """
    found = describe(request.target)
    rows = None if found.parameters is None else to_rows(found.parameters)
    try:
        return Reply(True, _said(request, found), parameters=rows)
    except UsageError as error:
        return Reply(False, str(error), parameters=rows)


def _said(request: CheckCall, found: Described) -> str:
    module, _, name = request.target.strip().partition(":")
    items = items_of(request)
    args = request.args if items is None else (items[0], *request.args)
    if found.parameters is not None:
        try:
            signature_of(found.parameters).bind(*args, **request.kwargs)
        except TypeError as error:
            raise UsageError(f"{name}{found.signature}: {error}") from error
    if found.problem:
        raise UsageError(f"{request.target} cannot be pickled: {found.problem}")
    size = found.size + len(pickle.dumps((args, request.kwargs)))
    jobs = "" if items is None else f"{len(items):,} jobs, each "
    said = f"{name}{found.signature}  {jobs}pickles to {size:,} bytes"
    return said if is_imported(request.target) else f"{said}; submitting imports {module} into this program"
