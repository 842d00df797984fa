"""All pools side by side; the one under the cursor is the current one, so every act is on it.

Runs in the app's thread.
"""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.tui.keys import bindings
from poolmgr.tui.screens.base import Target
from poolmgr.tui.screens.view import Filtered, View
from poolmgr.tui.watched import Watched
from poolmgr.tui.widgets.filter_line import FilterLine
from poolmgr.tui.widgets.pools_table import PoolRow, PoolsTable
from poolmgr.tui.widgets.virtual_table import VirtualTable

#: Columns of which the past keeps nothing.
NOT_OF_THE_PAST = frozenset(("state", "wait", "done", "fail", "ETA", "why"))


class PoolsView(View):
    """One table. Enter goes to the pool's dashboard."""

    AUTO_FOCUS = "#pools"
    SCOPES: ClassVar[tuple[str, ...]] = ("view",)
    FOOT: ClassVar[tuple[str, ...]] = ("view", "move", "list")
    BINDINGS: ClassVar[list[BindingType]] = bindings("view")

    def compose_body(self) -> ComposeResult:
        """The table and its filter."""
        yield PoolsTable(id="pools", name="pools")
        yield FilterLine("words, or name:train, state:run, fail>0, cpu>90, rss>1G")

    def on_mount(self) -> None:
        """Follow the pictures of all pools."""
        super().on_mount()
        self.watch(self.app, "pulls", self.take_rows)

    def on_screen_resume(self) -> None:
        """Whichever pool was looked at is the one under the cursor."""
        super().on_screen_resume()
        self.take_rows()
        if self.cockpit.current is not None:
            self.go_to(self.cockpit.current)

    @property
    def is_mine(self) -> bool:
        """It is of whatever pool is the current one."""
        return True

    def take(self, snapshot: PoolSnapshot) -> None:
        """The pictures of all pools come with the next pull."""
        self.take_rows()

    def take_rows(self) -> None:
        """Show the pools as they are now."""
        if not self.is_seen:
            return
        self.take_header()
        rows = [
            PoolRow(
                watched.member.number, watched.name, picture, watched.trouble, watched.gone, watched.member.attached
            )
            for watched, picture in self.cockpit.pictures()
        ]
        with self.app.batch_update():
            table = self.query_one(PoolsTable)
            table.leave_out(NOT_OF_THE_PAST if self.cockpit.moment is not None else frozenset())
            table.take(rows)
            self.take_cursor()

    def go_to(self, watched: Watched) -> None:
        """Put the cursor on a pool; one that the filter hides has none."""
        self.query_one(PoolsTable).aim_at(watched.member.number)

    @on(VirtualTable.CursorMoved)
    def _choose(self) -> None:
        table = self.query_one(PoolsTable)
        row = table.cursor_row
        watched = None if row is None else self.cockpit.watched.get(row.number)
        # A pool whose row has just gone stays the current one: the next key must not mean its neighbour.
        if watched is not None and table.lost is None and watched is not self.cockpit.current and self.is_current:
            self.cockpit.choose(watched)
            self.cockpit.pull()

    def filtered(self) -> Filtered:
        """The pools."""
        return self.query_one(PoolsTable)

    def target(self) -> Target | None:
        """None: a pool is no job."""
        return None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enter goes to the pool under the cursor."""
        if action == "open":
            return self.query_one(PoolsTable).cursor_row is not None or None
        return super().check_action(action, parameters)

    def open_row(self) -> None:
        """Go to the pool under the cursor."""
        row = self.query_one(PoolsTable).cursor_row
        if row is not None and row.number in self.cockpit.watched:
            self.cockpit.go_to_pool(self.cockpit.watched[row.number])
