"""The first view: the pool's head figures, its workers, its jobs, its log.

Runs in the app's thread. It draws the app's newest snapshot and turns keys into requests; it holds no pool.
"""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.tui.repaint import retitle
from poolmgr.tui.screens.view import Filtered, View
from poolmgr.tui.widgets.chart import Chart
from poolmgr.tui.widgets.filter_line import FilterLine
from poolmgr.tui.widgets.job_text import describe
from poolmgr.tui.widgets.jobs_table import JobsTable
from poolmgr.tui.widgets.log_view import LogView
from poolmgr.tui.widgets.stream import StreamView
from poolmgr.tui.widgets.text_lines import TextPane
from poolmgr.tui.widgets.workers_table import WorkersTable


class Dashboard(View):
    """Everything about one pool at a glance, and every act on it."""

    AUTO_FOCUS = "#workers"

    def compose_body(self) -> ComposeResult:
        """Lists on the left, the detail beside them where there is room, the log below."""
        with Horizontal(id="panes"):
            with Vertical(id="lists"):
                yield WorkersTable(id="workers", name="dashboard-workers")
                stream = StreamView(id="stream-below")
                # Tab goes from the workers to the jobs; the stream has a view of its own to move in.
                stream.can_focus = False
                yield stream
                yield JobsTable(id="jobs", name="dashboard-jobs")
                yield FilterLine("words, or state:FK, fn:name, elapsed>1s")
            with Vertical(id="beside"):
                yield Chart(id="throughput")
                yield TextPane(id="detail")
        yield LogView(id="log")

    def take(self, snapshot: PoolSnapshot) -> None:
        """Show a picture."""
        self.query_one(WorkersTable).take(snapshot)
        self.take_stream(self.query_one(StreamView), snapshot)
        self.query_one(JobsTable).take(snapshot)
        self.query_one(LogView).take(snapshot.log)
        self.query_one(Chart).take("Throughput, tasks/s, 2 min", snapshot.history.throughput)

    def filtered(self) -> Filtered:
        """The jobs."""
        return self.query_one(JobsTable)

    def take_cursor(self) -> None:
        """The detail and the footer say what is true for the row under the cursor."""
        super().take_cursor()
        pane = self.query_one(TextPane)
        snapshot, target = self.cockpit.snapshot, self.target()
        if snapshot is None or not pane.display:
            return
        if target is None:
            title, text = "Detail", Content("no job under the cursor").stylize("$text-muted")
        elif target.job is None:
            title, text = f"Detail: job {target.id}", Content("not among the jobs shown")
        else:
            title = f"Detail: job {target.id}, follows the cursor"
            text = describe(target.job, snapshot, self.cockpit.history)
        retitle(pane, Content(title))
        pane.take(text)

    def on_resize(self) -> None:
        """A pane that the new size hides cannot keep the focus."""
        self.call_after_refresh(self._after_resize)

    def _after_resize(self) -> None:
        if self.focused is None or not self.focused.is_on_screen:
            self.query_one(WorkersTable).focus()
        # The stream goes back as far as there is room, which is known only now.
        self.take_newest()
