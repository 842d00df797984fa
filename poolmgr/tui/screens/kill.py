"""Killing a job: the question, and the ladder from a soft stop to SIGKILL, with a countdown that Esc stops.

Runs in the app's thread.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from poolmgr.model.requests import Cancel, Kill
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.tui.format import duration, harmless, plural
from poolmgr.tui.screens.confirm import Choice, QuestionScreen

if TYPE_CHECKING:
    from poolmgr.tui.app import PoolmgrApp

#: Seconds between the soft stop and what cannot be stopped any more: as long as most jobs need to clean up.
PATIENCE = 5.0
#: Seconds from SIGINT to SIGKILL after that, SIGTERM halfway.
GRACE = 4.0
#: Seconds between two drawings of the countdown.
TICK = 0.25


class KillScreen(QuestionScreen[str]):
    """Gives ``now``, ``ladder``, or the empty string for nothing."""

    def __init__(self, title: str, text: str) -> None:
        super().__init__(
            title,
            text,
            (
                Choice("n", "Let it run", ""),
                Choice("y", "Kill", "now", "error"),
                Choice("i", f"Ask it, kill after {PATIENCE:g} s", "ladder", "warning"),
            ),
        )


def kill_question(snapshot: PoolSnapshot | None, job_id: int) -> KillScreen:
    """The question before a job is killed: who dies, and what is lost."""
    workers = () if snapshot is None else snapshot.workers
    worker = next((worker for worker in workers if worker.job_id == job_id), None)
    victim = "Its worker will die" if worker is None else f"Worker {worker.name} (pid {worker.pid}) will die"
    loss = f"job {job_id}"
    if worker is not None:
        loss += f", {harmless(worker.function)}, {duration(worker.elapsed)} in"
    if snapshot is not None and snapshot.engine:
        return KillScreen(f"Kill job {job_id}?", f"{victim}.\n{_price(snapshot, job_id, loss)}")
    return KillScreen(
        f"Kill job {job_id}?",
        f"{victim} with its child processes, and a new one takes its place.\n"
        f"1 job ends with it: {loss}. What it has done so far stands.",
    )


def _price(snapshot: PoolSnapshot, job_id: int, loss: str) -> str:
    """What a program's own pool loses with a worker."""
    if not snapshot.brittle:
        return f"A new one takes its place, and 1 job fails with WorkerLost: {loss}."
    pending = snapshot.counts.running + snapshot.counts.queued
    kind = snapshot.engine.partition(" ")[2]
    return (
        f"A {kind} breaks when a worker dies: all that runs or waits ({plural(pending, 'job')}) fails with\n"
        f"BrokenProcessPool, and it takes no more. Stopping it softly (x) costs job {job_id} alone."
    )


class LadderScreen(ModalScreen[None]):
    """Asks the job to stop, waits, and kills it unless it has ended or somebody stops the countdown."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "stop", "Stop here", id="ladder.stop"),
        Binding("y", "kill", "Kill now", id="ladder.kill"),
    ]

    def __init__(self, job_id: int, patience: float = PATIENCE) -> None:
        super().__init__()
        self._job_id = job_id
        self._patience = patience
        self._deadline = 0.0

    def compose(self) -> ComposeResult:
        """What was done and what comes."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(f"Stopping job {self._job_id}")
            yield Static(id="ladder")

    @property
    def _cockpit(self) -> PoolmgrApp:
        return cast("PoolmgrApp", self.app)

    def on_mount(self) -> None:
        """The first step is taken; the countdown begins."""
        self._cockpit.send(Cancel(self._job_id), lambda reply: None)
        self._deadline = time.monotonic() + self._patience
        self.set_interval(TICK, self._count)
        self.watch(self.app, "snapshot", self._look, init=False)
        self._count()

    def _count(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            self.action_kill()
            return
        self.query_one("#ladder", Static).update(
            Content(f"{self._steps(left)}\n\nEsc stops here: it is not killed.   y kills it now.")
        )

    def _steps(self, left: float) -> str:
        snapshot = self._cockpit.newest
        if snapshot is not None and snapshot.engine:
            return f"JobStopped was raised in it.\nIn {left:.0f} s: once more, SIGKILL {GRACE:g} s later."
        return (
            "JobStopped was raised in it by SIGINT.\n"
            f"In {left:.0f} s: SIGINT again, SIGTERM {GRACE / 2:g} s later, SIGKILL {GRACE:g} s later."
        )

    def _look(self) -> None:
        """The job may have ended meanwhile."""
        snapshot = self._cockpit.newest
        if snapshot is None or not self.is_current:
            return
        job = snapshot.job(self._job_id)
        if job is not None and job.state.ended:
            self.dismiss(None)
            self._cockpit.tell(f"job {self._job_id} has stopped ({job.state}): no worker was killed")

    def action_stop(self) -> None:
        """Leave it at the soft stop."""
        self.dismiss(None)
        self._cockpit.tell(f"job {self._job_id} was asked to stop and is not killed")

    def action_kill(self) -> None:
        """The rest of the ladder, which the engine climbs alone."""
        if self.is_current:
            early = time.monotonic() < self._deadline
            self.dismiss(None)
            self._cockpit.send(Kill(self._job_id) if early else Kill(self._job_id, GRACE))
