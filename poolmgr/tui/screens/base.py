"""What the views and the job detail have in common: the acts on one job, or on all that are marked.

Runs in the app's thread. An act asks if it destroys something or means many, then hands requests to the app and
returns.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from textual.screen import Screen
from textual.widget import Widget

from poolmgr.model.requests import Cancel, Kill, Request, Retry, RetryAllFailed
from poolmgr.model.snapshot import JobSnapshot, PoolSnapshot
from poolmgr.model.states import JobState, PoolState
from poolmgr.tui.draft import draft_of
from poolmgr.tui.format import count, harmless, plural
from poolmgr.tui.keys import VERDICT, shown
from poolmgr.tui.screens.confirm import ConfirmScreen
from poolmgr.tui.screens.kill import LadderScreen, kill_question
from poolmgr.tui.screens.submit import SubmitScreen
from poolmgr.tui.undo import UNDO
from poolmgr.tui.widgets.header import PoolHeader
from poolmgr.tui.widgets.job_text import plain

if TYPE_CHECKING:
    from poolmgr.tui.app import PoolmgrApp

_JOB_ACTS = ("cancel_job", "kill_job", "retry_job", "copy_job", "job_log", "edit_job")


@dataclass(frozen=True, slots=True)
class Target:
    """The job that a key would act on."""

    id: int
    state: JobState
    #: None if the snapshot does not list it, as for a worker's job among very many.
    job: JobSnapshot | None

    def can(self, action: str) -> bool:
        """Whether the act makes sense for the job as it is."""
        if action == "cancel_job":
            return not self.state.ended
        if action == "kill_job":
            return self.state is JobState.RUNNING
        if action == "retry_job":
            return self.state.retryable
        return action == "job_log" or self.job is not None


class JobScreen(Screen[None]):
    """A screen with a job that one can stop, kill, retry and copy."""

    #: The ``where`` of the keys that it binds.
    SCOPES: ClassVar[tuple[str, ...]] = ("job",)

    def target(self) -> Target | None:
        """The job under the cursor."""
        raise NotImplementedError

    def aim(self) -> Target | None:
        """The job to act on; None, with a word to the operator, if the aim must be taken anew."""
        return self.target()

    def marked(self) -> list[Target]:
        """The jobs that are marked: if there are any, acts mean them."""
        return []

    @property
    def cockpit(self) -> PoolmgrApp:
        """The app, by its own type."""
        return cast("PoolmgrApp", self.app)

    def follow_head(self) -> None:
        """Draw the head anew when what it says changes without a new picture."""
        for name in ("trouble", "frozen", "place", "moment", "ago"):
            self.watch(self.app, name, lambda: self.take_head(), init=False)

    def take_head(self, *words: str) -> None:
        """Draw the head, with the words that the operator must not forget and those of the screen's own."""
        cockpit = self.cockpit
        self.query_one(PoolHeader).take(
            cockpit.snapshot,
            hertz=cockpit.refresh_hz,
            words=(*cockpit.words, *filter(None, words)),
            trouble=cockpit.trouble,
            place=cockpit.place,
            waiting=cockpit.waiting,
            past=cockpit.moment is not None,
            why_key=shown(VERDICT, cockpit.settings.keymap) if "view" in self.SCOPES else "",
        )

    def pane(self) -> Widget | None:
        """The pane that has the keys."""
        return self.focused

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what cannot be done now to the job under the cursor, or to any that is marked."""
        if self.cockpit.forbids(action):
            return None
        if action == "retry_all":
            return bool(self._to_retry()) or None
        if action not in _JOB_ACTS:
            return True
        if action == "edit_job" and not self._takes_jobs:
            return None
        marked = self.marked()
        if marked and action not in ("job_log", "edit_job"):
            return any(target.can(action) for target in marked) or None
        target = self.target()
        return (target is not None and target.can(action)) or None

    @property
    def _takes_jobs(self) -> bool:
        snapshot = self.cockpit.snapshot
        return snapshot is not None and snapshot.state in (PoolState.RUN, PoolState.HELD)

    # --- on one, or on the marked ones

    def action_cancel_job(self) -> None:
        """Stop softly."""
        text = "Queued ones are taken out; JobStopped is raised in those that run."
        self._act("cancel_job", "Stop", text, _stop)

    def action_retry_job(self) -> None:
        """Submit again."""
        self._act("retry_job", "Retry", "Each is submitted again with its own arguments.", _retry)

    def action_kill_job(self) -> None:
        """Ask, then kill with the worker."""
        if self.marked():
            text = "Their workers will die with their child processes, and new ones take their places."
            self._act("kill_job", "Kill", text, lambda target: Kill(target.id))
            return
        target = self.aim()
        if target is None:
            return

        def answered(how: str | None) -> None:
            if how == "now":
                self.cockpit.send(Kill(target.id))
            elif how == "ladder":
                self.app.push_screen(LadderScreen(target.id))

        self.app.push_screen(kill_question(self.cockpit.snapshot, target.id), answered)

    def _act(self, action: str, verb: str, text: str, make: Callable[[Target], Request]) -> None:
        marked = self.marked()
        if not marked:
            target = self.aim()
            if target is not None:
                self._send([make(target)], verb)
            return
        able = [target for target in marked if target.can(action)]
        jobs = [target.job for target in able if target.job is not None]
        rest = len(marked) - len(able)
        left = f"\n{plural(rest, 'marked job')} cannot be meant: {verb.lower()} makes no sense there." if rest else ""
        title = f"{verb} {plural(len(able), 'job')}?"
        self._ask_many(title, verb, [make(target) for target in able], f"{text}\n{_which(jobs)}{left}")

    def _ask_many(self, title: str, verb: str, requests: Sequence[Request], text: str) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self._send(requests, verb)

        self.app.push_screen(ConfirmScreen(title, text, yes=verb, no="Leave them"), answered)

    def _send(self, requests: Sequence[Request], verb: str) -> None:
        undoable = [request.job_id for request in requests if isinstance(request, Cancel) and request.undo]
        if undoable:
            self.cockpit.last_cancel.note(undoable, time.monotonic())
        if len(requests) == 1:
            self.cockpit.send(requests[0])
        else:
            self.cockpit.send_all(requests, verb)

    def action_edit_job(self) -> None:
        """Open the form with the job's call in it."""
        target = self.target()
        if target is not None and target.job is not None:
            form = SubmitScreen(draft_of(target.job), f"Edit and submit job {target.id} again", editing=True)
            self.app.push_screen(form)

    # --- on all

    def _to_retry(self) -> list[JobSnapshot]:
        snapshot = self.cockpit.snapshot
        return [] if snapshot is None else not_retried(snapshot)

    def action_retry_all(self) -> None:
        """Ask, then retry all that ended badly."""
        jobs = self._to_retry()
        if jobs:
            text = "Each is submitted again with its own arguments; so are those that are no longer shown here."
            title = f"Retry {plural(len(jobs), 'job')}?"
            self._ask_many(title, "Retry", [RetryAllFailed()], f"{text}\n{_which(jobs)}")

    # --- without the pool

    def action_copy_job(self) -> None:
        """Put the jobs' text on the clipboard of the terminal."""
        target = self.target()
        targets = self.marked() or ([] if target is None else [target])
        jobs = [target.job for target in targets if target.job is not None]
        if jobs:
            self.app.copy_to_clipboard("\n".join(map(plain, jobs)))
            self.cockpit.tell(f"job {jobs[0].id} copied" if len(jobs) == 1 else f"{len(jobs)} jobs copied")

    def action_job_log(self) -> None:
        """Show the log of the job alone."""
        target = self.target()
        if target is not None:
            self.cockpit.show_log_of(target.id)


def _stop(target: Target) -> Cancel:
    return Cancel(target.id, UNDO if target.state is JobState.QUEUED else 0.0)


def _retry(target: Target) -> Retry:
    return Retry(target.id)


def not_retried(snapshot: PoolSnapshot) -> list[JobSnapshot]:
    """The jobs that failed or were lost, and of which there is no retry yet. Who kills a job or cancels it means it."""
    again = {job.retry_of for job in snapshot.jobs}
    return [job for job in snapshot.jobs if job.state in (JobState.FAILED, JobState.LOST) and job.id not in again]


def _which(jobs: Sequence[JobSnapshot]) -> str:
    """The jobs by function and state, in one sentence."""
    kinds = Counter((harmless(job.function), job.state.value) for job in jobs)
    named = [f"{count(number)} {state} {function}" for (function, state), number in kinds.most_common(6)]
    more = len(kinds) - len(named)
    return ", ".join(named) + (f" and {more} other kinds" if more else "") + "."
