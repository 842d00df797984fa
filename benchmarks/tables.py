"""The workers and jobs tables of the dashboard, drawn by poolmgr, and the same content in Textual's DataTable."""

from __future__ import annotations

from typing import Any

from textual.app import App, ComposeResult
from textual.widgets import DataTable

from poolmgr.tui.filter_fields import Moment
from poolmgr.tui.widgets.jobs_table import JobsTable
from poolmgr.tui.widgets.workers_table import WorkersTable

CSS = "#workers { height: 55%; } #jobs { height: 1fr; }"


class Ours(App[None]):
    """The tables as the screen has them."""

    CSS = CSS

    def compose(self) -> ComposeResult:
        """Workers above jobs."""
        yield WorkersTable(id="workers")
        yield JobsTable(id="jobs")

    def take(self, snapshot: Any) -> None:
        """Show this picture."""
        self.query_one(WorkersTable).take(snapshot)
        self.query_one(JobsTable).take(snapshot)


class Theirs(App[None]):
    """The same cells, made by the same functions; those that changed are updated one by one."""

    CSS = CSS

    def compose(self) -> ComposeResult:
        """Workers above jobs."""
        yield DataTable(id="workers", cursor_type="row")
        yield DataTable(id="jobs", cursor_type="row")

    def on_mount(self) -> None:
        """The columns that our tables have at this width, as wide."""
        # Made for their columns alone: never shown.
        self._makers: dict[str, Any] = {"workers": WorkersTable(), "jobs": JobsTable()}
        self._columns: dict[str, list[tuple[Any, int]]] = {}
        self._cells: dict[tuple[str, str, int], str] = {}
        for name, maker in self._makers.items():
            maker._fit_columns(self.size.width)
            self._columns[name] = list(maker._widths)
            for place, (column, width) in enumerate(self._columns[name]):
                self.query_one(f"#{name}", DataTable).add_column(column.title, key=str(place), width=width)

    def take(self, snapshot: Any) -> None:
        """Show this picture."""
        self._makers["jobs"]._moment = Moment.of(snapshot)
        self._update("workers", snapshot.workers)
        self._update("jobs", snapshot.jobs)

    def _update(self, name: str, rows: Any) -> None:
        table, maker = self.query_one(f"#{name}", DataTable), self._makers[name]
        for row in rows:
            key = str(maker.key_of(row))
            texts = [_text(column.cell(row, width)) for column, width in self._columns[name]]
            if key not in table.rows:
                table.add_row(*texts, key=key)
                self._cells.update({(name, key, place): text for place, text in enumerate(texts)})
                continue
            for place, text in enumerate(texts):
                if self._cells[name, key, place] != text:
                    self._cells[name, key, place] = text
                    table.update_cell(key, str(place), text)


def _text(cell: Any) -> str:
    return cell if isinstance(cell, str) else cell[0]
