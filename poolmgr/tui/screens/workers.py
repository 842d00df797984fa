"""The workers on the whole screen, with all their columns.  Runs in the app's thread."""

from __future__ import annotations

from textual.app import ComposeResult

from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.tui.screens.view import Filtered, View
from poolmgr.tui.widgets.filter_line import FilterLine
from poolmgr.tui.widgets.workers_table import WorkersTable


class WorkersView(View):
    """One table."""

    AUTO_FOCUS = "#all-workers"

    def compose_body(self) -> ComposeResult:
        """The table and its filter."""
        yield WorkersTable(id="all-workers", name="workers", every=True)
        yield FilterLine("words, or state:R, fn:name, cpu>90, rss>1G")

    def take(self, snapshot: PoolSnapshot) -> None:
        """Show a picture."""
        self.query_one(WorkersTable).take(snapshot)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enter opens the worker, whether it runs a job or not."""
        if action == "open":
            table = self.list
            return (table is not None and table.cursor_entry is not None) or None
        return super().check_action(action, parameters)

    def open_row(self) -> None:
        """Show the worker under the cursor."""
        worker = self.worker()
        if worker is not None:
            self.cockpit.open_worker(worker)

    def filtered(self) -> Filtered:
        """The workers."""
        return self.query_one(WorkersTable)
