"""The functions on the whole screen: how they fare, how long they take, and where the workers' time goes.

Runs in the app's thread.
"""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from poolmgr.model.durations import merged
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.tui.keys import bindings
from poolmgr.tui.screens.base import Target
from poolmgr.tui.screens.view import Filtered, View
from poolmgr.tui.widgets.bars import TimeBar
from poolmgr.tui.widgets.filter_line import FilterLine
from poolmgr.tui.widgets.functions_table import FunctionsTable
from poolmgr.tui.widgets.histogram import HistogramView, by_function
from poolmgr.tui.widgets.virtual_table import VirtualTable

#: Columns of which the past keeps nothing.
NOT_OF_THE_PAST = frozenset(("progress", "done", "total", "fail", "p50", "p95", "p99", "max", "tasks/s", "bytes"))


class FunctionsView(View):
    """One table, and the durations below it. Enter shows the jobs of a function."""

    AUTO_FOCUS = "#functions"
    SCOPES: ClassVar[tuple[str, ...]] = ("view",)
    FOOT: ClassVar[tuple[str, ...]] = ("view", "move", "list")
    BINDINGS: ClassVar[list[BindingType]] = bindings("view")

    def compose_body(self) -> ComposeResult:
        """The table, the bar of times, the durations."""
        yield FunctionsTable(id="functions", name="functions")
        yield FilterLine("words, or fn:name, fail>0, p95>1s, share>10")
        yield TimeBar(id="times")
        yield HistogramView(id="durations")

    def take(self, snapshot: PoolSnapshot) -> None:
        """Show a picture."""
        table = self.query_one(FunctionsTable)
        table.leave_out(NOT_OF_THE_PAST if self.cockpit.moment is not None else frozenset())
        table.take(snapshot)
        self.query_one(TimeBar).take(snapshot.times)
        history = self.cockpit.history
        functions = by_function(snapshot.functions, () if history is None else history.names)
        whole = merged(each.durations for each in functions) if functions else None
        self.query_one(HistogramView).take(whole, functions)

    def filtered(self) -> Filtered:
        """The functions."""
        return self.query_one(FunctionsTable)

    def target(self) -> Target | None:
        """None: a function is no job."""
        return None

    @on(VirtualTable.Opened)
    def _opened(self) -> None:
        row = self.query_one(FunctionsTable).cursor_row
        if row is not None:
            self.cockpit.show_jobs_of(row.name)
