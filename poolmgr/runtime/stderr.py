"""Starting processes while a screen has taken the place of sys.stderr."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def startable_stderr() -> Iterator[None]:
    """Have a ``sys.stderr`` with a descriptor while a process is started.

    The resource tracker hands ``sys.stderr.fileno()`` to its own process, and fails where a screen has put an object
    in its place that has none (Textual's says -1).
    """
    if _fileno(sys.stderr) >= 0 or _fileno(sys.__stderr__) < 0:
        yield
        return
    with contextlib.redirect_stderr(sys.__stderr__):
        yield


def _fileno(stream: object) -> int:
    try:
        return int(stream.fileno())  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):
        return -1
