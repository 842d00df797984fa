"""Unheard: a request to stop, or a soft limit, that was raised where Python drops exceptions is raised once more.

What a signal handler raises while a ``__del__``, a callback of a weak reference or one of the garbage collector runs is
only printed, and the job goes on as if nobody had asked (see ``sys.unraisablehook`` in the standard library).  What is
raised inside the hook that hears of it is lost for good, so there it is put off (:func:`within`).

Runs: :func:`listen` and the hook on the worker's main thread; the signal comes from a thread that lives for PAUSE.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import time
from types import FrameType
from typing import TYPE_CHECKING

from poolmgr.errors import SoftTimeout

if TYPE_CHECKING:
    from poolmgr.engine.tasks import Batches

#: Seconds until it is raised again: by then whoever dropped it has mostly been left, and else it comes here once more.
PAUSE = 0.005


def listen(batches: Batches) -> None:
    """From now on nothing that is raised in a job by a signal is dropped."""
    inner = sys.unraisablehook

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        ours = issubclass(unraisable.exc_type, KeyboardInterrupt | SoftTimeout)
        if ours and batches.unheard(unraisable.exc_type):
            again()
        else:
            inner(unraisable)

    sys.unraisablehook = hook


def within(frame: FrameType | None) -> bool:
    """Whether a signal has come while the hook was running, or what it calls."""
    while frame is not None:
        if frame.f_globals is globals():
            return True
        frame = frame.f_back
    return False


def again() -> None:
    """Have the signal come once more, a little later."""
    # Not a Thread: to start one waits until it runs, which on a busy machine may take longer than PAUSE.
    _thread.start_new_thread(_again, ())


def _again() -> None:
    time.sleep(PAUSE)
    os.kill(os.getpid(), signal.SIGINT)
