"""All that the command line writes: results on stdout, diagnostics on stderr.

A reader that went away is no error.
"""

from __future__ import annotations

import os
import sys
from typing import TextIO

from poolmgr.errors import PoolmgrError


def result(text: str) -> None:
    """Write a result to stdout, now. If nobody reads it any more (| head), it is dropped.

    Raises:
        PoolmgrError: It cannot be written, as on a full disk.
    """
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _silence(sys.stdout)
    except OSError as error:
        _silence(sys.stdout)
        raise PoolmgrError(f"stdout cannot be written: {error.strerror}") from error


def tell(text: str) -> None:
    """Write a line to stderr, now; if it cannot be written, nobody can be told that either."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        _silence(sys.stderr)


def open_missing_streams() -> None:
    """Open standard streams that the caller had closed (2>&-).

    Else the next pipe or socket gets such a number, and what is then written to stderr lands in it.
    """
    for fd, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(fd)
        except OSError:
            # The lowest free number is the one that is missing.
            os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(fd, True)
            setattr(sys, name, os.fdopen(fd, mode, closefd=False))


def _silence(stream: TextIO) -> None:
    """Send what is still to be written nowhere: the interpreter's own flush at its end must not complain."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
