"""The quit dialog: what each way out costs, in numbers. Staying is the default."""

from __future__ import annotations

from collections.abc import Callable

from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.model.states import PoolState
from poolmgr.tui.format import clock, count, plural
from poolmgr.tui.quit_choice import QuitChoice
from poolmgr.tui.screens.confirm import Choice, QuestionScreen


class QuitScreen(QuestionScreen[QuitChoice | None]):
    """Asks what becomes of the pool; None is to stay."""

    def __init__(self, newest: Callable[[], PoolSnapshot | None]) -> None:
        """``newest`` gives the picture that the costs are read from, None while there is none to be had."""
        super().__init__(
            "Quit?",
            lambda: _costs(newest()),
            (
                Choice("s", "Stay", None),
                Choice("d", "Drain", QuitChoice.DRAIN),
                Choice("l", "Leave", QuitChoice.LEAVE),
                Choice("T", "Terminate", QuitChoice.TERMINATE, "error"),
            ),
        )


def idle(snapshot: PoolSnapshot) -> bool:
    """True if leaving costs nothing: no job runs and none waits."""
    return snapshot.state is PoolState.ENDED or (snapshot.counts.running == 0 and snapshot.counts.queued == 0)


def _costs(snapshot: PoolSnapshot | None) -> str:
    if snapshot is None:
        return "The pool gives no picture, so nobody can say what runs."
    running, queued = snapshot.counts.running, snapshot.counts.queued
    seconds = _drain_seconds(snapshot)
    about = "" if seconds is None else f", about {clock(seconds)}"
    return (
        f"{plural(running, 'job')} {'runs' if running == 1 else 'run'}, "
        f"{count(queued)} {'waits' if queued == 1 else 'wait'}.\n\n"
        f"Drain: take no more, finish {plural(running + queued, 'job')}, then end{about}.\n"
        f"Leave: the pool goes on without the screen in this terminal.\n"
        f"Terminate now: {count(running)} killed, {count(queued)} cancelled."
    )


def _drain_seconds(snapshot: PoolSnapshot) -> float | None:
    """How long the jobs that are here take: a drain takes no others. None if nobody can say."""
    here = snapshot.counts.running + snapshot.counts.queued
    if snapshot.until is not None:
        return here / snapshot.rate if snapshot.rate > 0 else None
    if snapshot.eta is None:
        return None
    coming = snapshot.whole - snapshot.counts.submitted
    return snapshot.eta * here / max(1, here + coming)
