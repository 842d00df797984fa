"""What other libraries tell inside a job, taken up where a screen shows it: tqdm's bars, and the levels of logging.

    tqdm.std    a bar that would be drawn on the worker's output becomes the job's progress; its last state is printed
    logging     a record that is written to the worker's output carries its level along

Only where a worker's output is captured; nothing else of the libraries changes, and neither is imported from here: each
is patched when the job imports it, or now if it is there already.

Thread: the worker's main thread installs them; they then run wherever the libraries are called.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from types import ModuleType
from typing import Any

from poolmgr.hook.site.poolmgr_hook import finder
from poolmgr.runtime.output import JobStream
from poolmgr.runtime.progress import progress


def install() -> None:
    """Patch both, now or when they are imported."""
    # What cannot be followed is shown as it would be without us.
    finder.install({"tqdm.std": _guarded(_follow_bars), "logging": _guarded(_carry_levels)}, lambda text: None)


def _guarded(patch: finder.Patch) -> finder.Patch:
    def apply(module: ModuleType) -> None:
        # Another library's code, of whatever version: a job must not fail because of ours.
        with suppress(Exception):
            patch(module)

    return apply


def _is_ours(stream: object) -> bool:
    """Whether what is written to a stream ends up in the worker's captured output."""
    if isinstance(stream, JobStream):
        return True
    try:
        # A handler or bar that the worker has inherited may hold the streams of its owner.
        return stream.fileno() in (1, 2)  # type: ignore[attr-defined]
    except Exception:  # users' code: any object with a write() may be a stream
        return False


def _follow_bars(module: Any) -> None:
    """Have tqdm's bars shown as the progress of the job instead of being printed over and over."""
    kind = module.tqdm
    display, close = kind.display, kind.close

    def shown(bar: Any, msg: str | None = None, pos: int | None = None) -> Any:
        ours = _is_ours(getattr(bar.fp, "_wrapped", bar.fp))
        # A bar's closing prints its last state, as the only one; with no text it wipes out what was never drawn.
        if not ours or (bar.__dict__.get("_poolmgr_closes") and msg != ""):
            return display(bar, msg, pos)
        if not bar.pos:
            # Of bars in bars the outer one tells how far the job is.
            with suppress(TypeError, ValueError):
                progress(bar.n, bar.total, (bar.desc or "").rstrip(": "))
        return True

    def closed(bar: Any) -> Any:
        bar._poolmgr_closes = True
        return close(bar)

    kind.display, kind.close = shown, closed


def _carry_levels(module: Any) -> None:
    """Have the lines of a record marked with its level."""
    kind = module.StreamHandler
    emit = kind.emit

    def marked(handler: Any, record: Any) -> None:
        stream = handler.stream
        if not isinstance(stream, JobStream) and _is_ours(stream):
            # Of the owner's: it writes to the same descriptor, and nobody would know for whom.
            stream = handler.stream = sys.stderr if stream.fileno() == 2 else sys.stdout
        if not isinstance(stream, JobStream):
            emit(handler, record)
            return
        with stream.at_level(record.levelno):
            emit(handler, record)

    kind.emit = marked
