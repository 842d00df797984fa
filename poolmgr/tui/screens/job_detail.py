"""One job, whole: what was called, what came of it, the traceback, and what it printed."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content

from poolmgr.model.snapshot import JobSnapshot, PoolSnapshot
from poolmgr.tui import sources
from poolmgr.tui.keys import bindings
from poolmgr.tui.messages import SourcesRead
from poolmgr.tui.repaint import retitle
from poolmgr.tui.screens.base import Target
from poolmgr.tui.screens.detail import DetailScreen
from poolmgr.tui.sources import assembled, places_by_line
from poolmgr.tui.widgets.header import PoolHeader
from poolmgr.tui.widgets.job_text import job_parts
from poolmgr.tui.widgets.key_bar import KeyBar
from poolmgr.tui.widgets.log_view import LogView
from poolmgr.tui.widgets.source_pane import SourcePane


class JobDetail(DetailScreen):
    """Follows one job from frame to frame; ``n`` and ``N`` go to other jobs that ended badly."""

    AUTO_FOCUS = "#job"
    SCOPES: ClassVar[tuple[str, ...]] = ("detail", "job")
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("detail", "job"), ("escape", "app.pop_screen", "Back")]

    def __init__(self, job_id: int) -> None:
        super().__init__()
        self._job_id = job_id
        self._job: JobSnapshot | None = None
        #: Source lines of the places in the job's text, and places that were asked for.
        self._sources: dict[sources.Place, sources.Around] = {}
        self._asked: set[sources.Place] = set()

    def compose(self) -> ComposeResult:
        """The pool's head, the job's text, and its lines of the log."""
        yield PoolHeader(id="header")
        yield SourcePane(id="job")
        yield LogView(id="output", title="Output of this job", job_id=self._job_id)
        yield KeyBar("detail", "job", "move")

    def on_mount(self) -> None:
        """Follow the app's snapshots."""
        self.watch(self.app, "snapshot", self._take)
        self.follow_head()

    def _take(self, snapshot: PoolSnapshot | None) -> None:
        cockpit = self.cockpit
        self.take_head()
        if snapshot is None:
            return
        job = snapshot.job(self._job_id)
        forgotten = job is None
        self._job = job if job is not None or cockpit.moment is not None else self._job
        title = f"Job {self._job_id}{', no longer among the jobs shown' if forgotten else ''}  (Esc)"
        pane = self.query_one(SourcePane)
        retitle(pane, Content(title))
        if self._job is None:
            when = "is not known to have been there then" if cockpit.moment is not None else "is not listed by the pool"
            pane.show(Content(f"Job {self._job_id} {when}."), {})
        else:
            self._look_up(self._job)
            parts = job_parts(self._job, snapshot, cockpit.history, self._sources)
            places = places_by_line(parts)
            # Where it was raised is the last line of a traceback, and the first of a stack.
            innermost = (max if self._job.traceback else min)(places, default=None)
            pane.show(assembled(parts), places, innermost)
        self.query_one(LogView).take(snapshot.log)
        self.query_one(KeyBar).update_keys()

    def _look_up(self, job: JobSnapshot) -> None:
        """Have source lines read that nobody has asked for yet."""
        wanted = set(sources.places(job)) - self._asked
        if wanted:
            self._asked |= wanted
            self._read(wanted)

    @work(thread=True, group="sources")
    def _read(self, wanted: set[sources.Place]) -> None:
        self.post_message(SourcesRead(sources.read(wanted)))

    def on_sources_read(self, message: SourcesRead) -> None:
        """The text has more to say."""
        self._sources |= message.found
        self._take(self.cockpit.snapshot)

    def target(self) -> Target | None:
        """The job of this screen."""
        return None if self._job is None else Target(self._job_id, self._job.state, self._job)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what cannot be done now."""
        if action in ("next_bad", "previous_bad"):
            return any(job.id != self._job_id for job in self._bad()) or None
        if action == "open":
            return (isinstance(self.focused, SourcePane) and self.focused.place is not None) or None
        return super().check_action(action, parameters)

    def _bad(self) -> list[JobSnapshot]:
        snapshot = self.cockpit.snapshot
        return [] if snapshot is None else [job for job in snapshot.jobs if job.state.retryable]

    def _go(self, step: int) -> None:
        ids = [job.id for job in self._bad()]
        if not ids:
            return
        place = ids.index(self._job_id) + step if self._job_id in ids else 0
        self.app.switch_screen(JobDetail(ids[place % len(ids)]))

    def action_next_bad(self) -> None:
        """To the next one in the list that ended badly."""
        self._go(1)

    def action_previous_bad(self) -> None:
        """To the one before."""
        self._go(-1)
