"""The jobs on the whole screen.  Runs in the app's thread."""

from __future__ import annotations

from textual.app import ComposeResult

from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.tui.screens.view import Filtered, View
from poolmgr.tui.widgets.filter_line import FilterLine
from poolmgr.tui.widgets.jobs_table import JobsTable


class JobsView(View):
    """One table."""

    AUTO_FOCUS = "#all-jobs"

    def compose_body(self) -> ComposeResult:
        """The table and its filter."""
        yield JobsTable(id="all-jobs", name="jobs")
        yield FilterLine("words, or state:FK, fn:name, elapsed>1s, w:3, try>1")

    def take(self, snapshot: PoolSnapshot) -> None:
        """Show a picture."""
        self.query_one(JobsTable).take(snapshot)

    def filtered(self) -> Filtered:
        """The jobs."""
        return self.query_one(JobsTable)
