"""The quit dialog: what each way out costs, in numbers. Staying is the default."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.model.states import PoolState
from poolmgr.tui.format import clock, count, harmless, plural
from poolmgr.tui.quit_choice import QuitChoice
from poolmgr.tui.screens.confirm import Choice, QuestionScreen

#: Pools that are told one by one: more would push the answers off the screen.
MOST = 6


class QuitScreen(QuestionScreen[QuitChoice | None]):
    """Asks what becomes of the pools that have work; None is to stay."""

    def __init__(self, newest: Callable[[], Sequence[PoolSnapshot | None]]) -> None:
        """``newest`` gives the pictures of the pools that have work, None for one of which there is none to be had."""
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


def _costs(pools: Sequence[PoolSnapshot | None]) -> str:
    """What there is and what each way out costs, for all of the pools."""
    known = [snapshot for snapshot in pools if snapshot is not None]
    if not known:
        return "The pool gives no picture, so nobody can say what runs."
    running, queued = (sum(numbers) for numbers in zip(*map(_work, known), strict=True))
    seconds = [_drain_seconds(snapshot) for snapshot in known]
    longest = None if None in seconds else max(filter(None, seconds), default=None)
    about = "" if longest is None else f", about {clock(longest)}"
    several = len(pools) > 1
    each = [f"{harmless(snapshot.name)}: {_what_works(*_work(snapshot))}" for snapshot in known[:MOST]]
    if len(pools) > len(each):
        each.append(f"and {plural(len(pools) - len(each), 'other pool')}.")
    return (
        "\n".join(each if several else [_what_works(running, queued)]) + "\n\n"
        f"Drain: take no more, finish {plural(running + queued, 'job')}, then end{about}.\n"
        f"Leave: {'the pools go' if several else 'the pool goes'} on without the screen in this terminal.\n"
        f"Terminate now: {count(running)} killed, {count(queued)} cancelled."
    )


def _work(snapshot: PoolSnapshot) -> tuple[int, int]:
    return snapshot.counts.running, snapshot.counts.queued


def _what_works(running: int, queued: int) -> str:
    runs, waits = "runs" if running == 1 else "run", "waits" if queued == 1 else "wait"
    return f"{plural(running, 'job')} {runs}, {count(queued)} {waits}."


def _drain_seconds(snapshot: PoolSnapshot) -> float | None:
    """How long the jobs that are here take: a drain takes no others. None if nobody can say."""
    here = snapshot.counts.running + snapshot.counts.queued
    if snapshot.until is not None:
        return here / snapshot.rate if snapshot.rate > 0 else None
    if snapshot.eta is None:
        return None
    coming = snapshot.whole - snapshot.counts.submitted
    return snapshot.eta * here / max(1, here + coming)
