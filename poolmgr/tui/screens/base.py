"""What the dashboard and the job detail have in common: the acts on one job.

Runs in the app's thread. An act asks if it destroys something, then hands a request to the app and returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from textual.screen import Screen

from poolmgr.model.requests import Cancel, Kill, Retry
from poolmgr.model.snapshot import JobSnapshot
from poolmgr.model.states import JobState
from poolmgr.tui.format import duration, harmless
from poolmgr.tui.screens.confirm import ConfirmScreen
from poolmgr.tui.widgets.job_text import plain

if TYPE_CHECKING:
    from poolmgr.tui.app import PoolmgrApp


@dataclass(frozen=True, slots=True)
class Target:
    """The job that a key would act on."""

    id: int
    state: JobState
    #: None if the snapshot does not list it, as for a worker's job among very many.
    job: JobSnapshot | None


class JobScreen(Screen[None]):
    """A screen with a job that one can stop, kill, retry and copy."""

    def target(self) -> Target | None:
        """The job under the cursor."""
        raise NotImplementedError

    def aim(self) -> Target | None:
        """The job to act on; None, with a word to the operator, if the aim must be taken anew."""
        return self.target()

    @property
    def cockpit(self) -> PoolmgrApp:
        """The app, by its own type."""
        return cast("PoolmgrApp", self.app)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what cannot be done to the job under the cursor now."""
        if action not in ("cancel_job", "kill_job", "retry_job", "copy_job"):
            return True
        target = self.target()
        if target is None:
            return None
        able = {
            "cancel_job": not target.state.ended,
            "kill_job": target.state is JobState.RUNNING,
            "retry_job": target.state.retryable,
            "copy_job": target.job is not None,
        }
        return able[action] or None

    def action_cancel_job(self) -> None:
        """Stop the job softly."""
        target = self.aim()
        if target is not None:
            self.cockpit.send(Cancel(target.id))

    def action_kill_job(self) -> None:
        """Ask, then kill the job with its worker."""
        target = self.aim()
        if target is None:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.cockpit.send(Kill(target.id))

        self.app.push_screen(ConfirmScreen(*self._kill_question(target), yes="Kill", no="Let it run"), answered)

    def _kill_question(self, target: Target) -> tuple[str, str]:
        snapshot = self.cockpit.snapshot
        workers = () if snapshot is None else snapshot.workers
        worker = next((worker for worker in workers if worker.job_id == target.id), None)
        victim = "Its worker will die" if worker is None else f"Worker {worker.name} (pid {worker.pid}) will die"
        loss = f"job {target.id}"
        if worker is not None:
            loss += f", {harmless(worker.function)}, {duration(worker.elapsed)} in"
        return (
            f"Kill job {target.id}?",
            f"{victim} with its child processes, and a new one takes its place.\n"
            f"1 job ends with it: {loss}. What it has done so far stands.",
        )

    def action_retry_job(self) -> None:
        """Submit the job again."""
        target = self.aim()
        if target is not None:
            self.cockpit.send(Retry(target.id))

    def action_copy_job(self) -> None:
        """Put the job's text on the clipboard of the terminal."""
        target = self.target()
        if target is not None and target.job is not None:
            self.app.copy_to_clipboard(plain(target.job))
            self.cockpit.tell(f"job {target.id} copied")
