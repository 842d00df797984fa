"""What is known of a worker's death: put together once, when it is buried, since most of it is gone with the worker.

Thread: the dispatcher.
"""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from poolmgr.engine.handle import Handle
from poolmgr.engine.job import AnyJob
from poolmgr.engine.ledger import Ledger, began_at
from poolmgr.errors import signal_name

if TYPE_CHECKING:
    from poolmgr.model.snapshot import Death
    from poolmgr.runtime.oom import OomWatch

#: Lines of output that are kept with a lost job: the end of what it said, should the log have gone on since.
LINES = 10


def post_mortem(handle: Handle, job: AnyJob, exitcode: int | None, oom: OomWatch, ledger: Ledger) -> Death:
    """How the worker died that ran the job, and what was known of it before."""
    # Imported at the first death: a pool that starts need not wait for that (see ``ledger.py``).
    from poolmgr.model.snapshot import Death

    counts = oom.claim() if exitcode == -signal.SIGKILL else None
    stack, age = _last_stack(handle)
    return Death(
        how=_how(exitcode),
        oom_before=None if counts is None else counts[0],
        oom_after=None if counts is None else counts[1],
        stack=stack,
        stack_age=age,
        output=_last_words(ledger, job.id),
    )


def _how(exitcode: int | None) -> str:
    if exitcode is None:
        return "nobody knows how"
    return f"exit code {exitcode}" if exitcode >= 0 else signal_name(-exitcode)


def _last_stack(handle: Handle) -> tuple[tuple[str, ...], float | None]:
    began = began_at(handle.cells)
    if handle.last_stack is None:
        return (), None
    taken, text = handle.last_stack
    if began is not None and taken < began:
        # It is of the job before.
        return (), None
    from poolmgr.model.stacks import frame_text, parse

    # No source lines: files are not read here, where all workers are waited for.
    frames = [frame for thread in parse(text)[:1] for frame in thread.job]
    return tuple(map(frame_text, frames)), time.time() - taken


def _last_words(ledger: Ledger, job_id: int) -> tuple[str, ...]:
    lines = [line.text for line in tuple(ledger.lines) if line.job_id == job_id and line.kind != "event"]
    return tuple(lines[-LINES:])
