"""What all views have in common: head and footer, the filter's line, the list that acts mean.

Runs in the app's thread.  A view draws the app's newest picture while it is on the stack, and nothing while it is not.
"""

from __future__ import annotations

from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Input

from poolmgr.model.snapshot import PoolSnapshot, Rule, WorkerSnapshot
from poolmgr.model.states import JobState
from poolmgr.tui.keys import bindings
from poolmgr.tui.screens.base import Target
from poolmgr.tui.screens.pool_acts import PoolScreen
from poolmgr.tui.widgets.filter_line import FilterLine
from poolmgr.tui.widgets.functions_table import FunctionsTable
from poolmgr.tui.widgets.header import PoolHeader
from poolmgr.tui.widgets.jobs_table import JobsTable
from poolmgr.tui.widgets.key_bar import KeyBar
from poolmgr.tui.widgets.list_table import Layout, ListTable
from poolmgr.tui.widgets.locks_table import LocksTable
from poolmgr.tui.widgets.log_view import LogView
from poolmgr.tui.widgets.pools_table import PoolsTable
from poolmgr.tui.widgets.stream import StreamView
from poolmgr.tui.widgets.stream_source import stream_at, stream_picture
from poolmgr.tui.widgets.virtual_table import VirtualTable
from poolmgr.tui.widgets.workers_table import WorkersTable

Filtered = JobsTable | WorkersTable | FunctionsTable | LocksTable | PoolsTable | LogView

#: The view that shows why, and what it is filtered by, where a verdict names no job and no worker.
POINTS_AT = {
    Rule.DEAD_LOOP: ("log", "level:error"),
    Rule.FAILING: ("jobs", "state:FL"),
    Rule.LOCK_BOUND: ("locks", ""),
    Rule.STRAGGLER: ("jobs", "state:R"),
    Rule.IPC_BOUND: ("functions", ""),
    Rule.STARVED: ("stream", ""),
    Rule.OVERSUBSCRIBED: ("workers", ""),
    Rule.WAITING_ON_IO: ("workers", ""),
    Rule.MEMORY: ("workers", ""),
    Rule.START_UP: ("log", ""),
    Rule.SKEW: ("stream", ""),
    Rule.HEALTHY: ("functions", ""),
}

_LIST_ACTS = ("sort", "invert", "group", "columns", "follow", "mark", "mark_like", "unmark")


class View(PoolScreen):
    """One of the views that digits choose."""

    ALLOW_IN_MAXIMIZED_VIEW = "PoolHeader, KeyBar, FilterLine"
    SCOPES: ClassVar[tuple[str, ...]] = ("view", "job")
    #: What the footer shows beside the keys of every view.
    FOOT: ClassVar[tuple[str, ...]] = ("view", "job", "move", "list")
    BINDINGS: ClassVar[list[BindingType]] = bindings("view", "job")

    def __init__(self) -> None:
        super().__init__()
        #: The number of the pool that it shows, as the fleet counts.
        self.pool_number = 1
        #: The list that the operator was in last: acts on a job mean that one.
        self.list: WorkersTable | JobsTable | None = None

    def compose(self) -> ComposeResult:
        """The head, what the view shows, the filter, the footer."""
        yield PoolHeader(id="header")
        yield from self.compose_body()
        yield KeyBar(*self.FOOT)

    def compose_body(self) -> ComposeResult:
        """What is between head and footer."""
        raise NotImplementedError

    def take(self, snapshot: PoolSnapshot) -> None:
        """Show a picture in what is between head and footer."""
        raise NotImplementedError

    def filtered(self) -> Filtered | None:
        """The pane that ``/`` filters."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Follow the app's snapshots, with tables arranged as they were last time."""
        for table in self.query(ListTable):
            table.set_layout(_layout(self.cockpit.settings.section(f"tables.{table.layout_name}")))
        self.list = next(iter(self.query(WorkersTable)), None) or next(iter(self.query(JobsTable)), None)
        self.watch(self.app, "snapshot", self.take_newest)
        self.watch(self.app, "trouble", self.take_header)
        self.watch(self.app, "frozen", self.take_header, init=False)
        self.watch(self.app, "place", self.take_header, init=False)
        self.watch(self.app, "moment", self.take_newest, init=False)
        self.watch(self.app, "ago", self.take_header, init=False)

    def on_screen_resume(self) -> None:
        """Back on the screen: show what has happened meanwhile."""
        self.take_newest()

    # --- drawing

    @property
    def is_seen(self) -> bool:
        """Whether it is on the screen, maybe behind a dialog."""
        top = next((screen for screen in reversed(self.app.screen_stack) if not screen.is_modal), None)
        # One that comes when the app is about to leave gets nothing in it any more.
        return top is self and bool(self.children)

    @property
    def is_mine(self) -> bool:
        """Whether the current pool is the one that it shows."""
        current = self.cockpit.current
        return current is None or current.member.number == self.pool_number

    def take_newest(self) -> None:
        """Show the app's picture, if this view is on the screen."""
        snapshot = self.cockpit.snapshot
        if not self.is_seen or not self.is_mine:
            return
        self.take_header()
        if snapshot is None:
            return
        with self.app.batch_update():
            self.take(snapshot)
            self.take_cursor()

    def take_stream(self, stream: StreamView, snapshot: PoolSnapshot) -> None:
        """Show what the workers did until now; in the past, also what came after, with the moment marked."""
        history, at = self.cockpit.whole_history, self.cockpit.moment
        if history is None or not stream.display:
            return
        if at is None:
            stream.take(stream_picture(history, snapshot.workers, stream.columns))
        else:
            stream.take(stream_at(history, snapshot.workers, stream.columns, at))

    def take_header(self) -> None:
        """The head, with the words that the operator must not forget."""
        if not self.is_seen or not self.is_mine:
            return
        filtered = self.filtered()
        self.take_head("FILTER" if filtered is not None and filtered.filter_text else "")

    def take_cursor(self) -> None:
        """The footer says what is true for the row under the cursor."""
        self.query_one(KeyBar).update_keys()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Acts on a job mean the list that was in focus last."""
        if isinstance(event.widget, WorkersTable | JobsTable):
            self.list = event.widget
        self.take_cursor()

    @on(VirtualTable.CursorMoved)
    def _cursor_moved(self) -> None:
        self.take_cursor()

    @on(ListTable.Marked)
    def _marked(self) -> None:
        snapshot = self.cockpit.snapshot
        if snapshot is not None:
            self.take(snapshot)
        self.take_cursor()

    @on(ListTable.Arranged)
    def _arranged(self, event: ListTable.Arranged) -> None:
        layout, section = event.table.layout_now, f"tables.{event.table.layout_name}"
        self.cockpit.remember(section, "sort", layout.sort or None)
        self.cockpit.remember(section, "descending", layout.descending or None)
        self.cockpit.remember(section, "grouped", layout.grouped or None)
        self.cockpit.remember(section, "columns", layout.columns)
        self._marked()

    @property
    def pane_list(self) -> ListTable[Any] | None:
        """The list that keys of lists mean: the one in focus, or the one that was."""
        return self.focused if isinstance(self.focused, ListTable) else self.list

    # --- the job under the cursor

    def target(self) -> Target | None:
        """The job under the cursor; in a list of workers, the one that the worker runs."""
        snapshot, table = self.cockpit.snapshot, self.list
        if snapshot is None or table is None:
            return None
        if isinstance(table, JobsTable):
            job = table.cursor_row
            return None if job is None else Target(job.id, job.state, job)
        worker = table.cursor_row
        if worker is None or worker.job_id is None:
            return None
        return Target(worker.job_id, JobState.RUNNING, snapshot.job(worker.job_id))

    def marked(self) -> list[Target]:
        """The jobs that are marked in the list that acts mean; of workers, those that they run."""
        snapshot, table = self.cockpit.snapshot, self.list
        if snapshot is None or table is None or not table.marks:
            return []
        if isinstance(table, JobsTable):
            return [Target(job.id, job.state, job) for job in table.marked]
        ids = [worker.job_id for worker in table.marked if worker.job_id is not None]
        return [Target(job_id, JobState.RUNNING, snapshot.job(job_id)) for job_id in dict.fromkeys(ids)]

    def worker(self) -> WorkerSnapshot | None:
        """The worker under the cursor; in a list of jobs, the one that runs the job."""
        return self.list.cursor_row if isinstance(self.list, WorkersTable) else super().worker()

    def marked_workers(self) -> list[WorkerSnapshot]:
        """The workers that are marked, if the list is one of workers."""
        return self.list.marked if isinstance(self.list, WorkersTable) else []

    def reordered(self) -> None:
        """Who moves a job wants to see it move: nothing is held."""
        if self.list is not None:
            self.list.release()

    def aim(self) -> Target | None:
        """As ``target``, but not if the row aimed at has just left the list from under the cursor."""
        return None if self.missed() else self.target()

    def missed(self) -> bool:
        """Whether the row aimed at has just left the list; then the next key means what is there now."""
        table = self.list
        if table is None or table.lost is None:
            return False
        table.bind_here()
        self.cockpit.tell("What was under the cursor has left the list, so nothing was done.", ok=False)
        return True

    @on(VirtualTable.Opened)
    def _opened(self) -> None:
        self.open_row()

    def open_row(self) -> None:
        """Show what is under the cursor: the job, and of a worker without one the worker."""
        target, worker = self.target(), self.worker()
        if target is not None:
            self.cockpit.open_job(target.id)
        elif worker is not None:
            self.cockpit.open_worker(worker)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what cannot be done now."""
        if action == "open":
            table = self.pane_list
            on_group = table is not None and table.cursor_entry is not None and table.cursor_row is None
            row = None if table is None else table.cursor_row
            openable = (
                row is not None if isinstance(table, FunctionsTable | WorkersTable) else self.target() is not None
            )
            return on_group or openable or None
        if action == "verdict":
            snapshot = self.cockpit.snapshot
            return (snapshot is not None and snapshot.verdict is not None) or None
        if action == "filter":
            filtered = self.filtered()
            return (filtered is not None and filtered.display) or None
        if action in _LIST_ACTS and self.pane_list is not None:
            return self.pane_list.able(action) or None
        return super().check_action(action, parameters)

    # --- looking

    def action_filter(self) -> None:
        """Open the filter's line."""
        self.query_one(FilterLine).open()

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        filtered = self.filtered()
        if filtered is not None:
            filtered.set_filter(event.value)
            self.query_one(FilterLine).complain(filtered.filter)
        self.take_header()
        self.take_cursor()

    @on(Input.Submitted, "#filter")
    def _filter_done(self, event: Input.Submitted) -> None:
        self.query_one(FilterLine).done()
        self._focus_filtered()

    def _focus_filtered(self) -> None:
        filtered = self.filtered()
        if filtered is not None:
            filtered.focus()

    def filter_by(self, text: str) -> None:
        """Filter as if ``text`` had been typed."""
        line = self.query_one(FilterLine)
        line.open()
        line.query_one(Input).value = text
        line.done()
        self._focus_filtered()

    def action_clear(self) -> None:
        """Clear the filter."""
        # The stream has nothing to filter.
        line = next(iter(self.query(FilterLine)), None)
        if line is not None and line.close():
            self._focus_filtered()

    def action_verdict(self) -> None:
        """Go to what the verdict points at."""
        snapshot = self.cockpit.snapshot
        verdict = None if snapshot is None else snapshot.verdict
        if snapshot is None or verdict is None:
            return
        worker = next((worker for worker in snapshot.workers if worker.slot == verdict.slot), None)
        if verdict.job_id is not None and snapshot.job(verdict.job_id) is not None:
            self.cockpit.open_job(verdict.job_id)
        elif worker is not None:
            self.cockpit.open_worker(worker)
        else:
            self.cockpit.show_filtered(*POINTS_AT[verdict.rule])

    def action_maximise(self) -> None:
        """Give the screen to the pane in focus, or take it back."""
        if self.maximized is not None:
            self.minimize()
        elif self.focused is not None:
            self.maximize(self.focused, container=False)


def _layout(section: object) -> Layout:
    values = dict(section) if isinstance(section, dict) else {}
    return Layout(
        sort=values.get("sort", ""),
        descending=values.get("descending", False),
        grouped=values.get("grouped", False),
        columns=values.get("columns"),
    )
