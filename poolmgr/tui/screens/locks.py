"""The locks, queues, pipes and shared values of the pool's program on the whole screen.  Runs in the app's thread.

Acts on jobs mean the jobs of those who wait for the object under the cursor; what looks at a worker means its holder.
"""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content

from poolmgr.model.lock_rows import LockRow, worker_of
from poolmgr.model.requests import ReleaseLock
from poolmgr.model.snapshot import PoolSnapshot, WorkerSnapshot
from poolmgr.model.states import JobState
from poolmgr.model.sync import SyncState
from poolmgr.tui.format import harmless, plural
from poolmgr.tui.keys import bindings
from poolmgr.tui.screens.base import Target
from poolmgr.tui.screens.confirm import ConfirmScreen
from poolmgr.tui.screens.view import Filtered, View
from poolmgr.tui.widgets.filter_line import FilterLine
from poolmgr.tui.widgets.job_text import JobText
from poolmgr.tui.widgets.lock_text import NONE, UNTRACKED, describe_lock
from poolmgr.tui.widgets.locks_table import LocksTable
from poolmgr.tui.widgets.virtual_table import VirtualTable

#: What there is more to say of.
TROUBLE = (SyncState.DEADLOCK, SyncState.ABANDONED)


class LocksView(View):
    """One table, and below it all that is known of the object under the cursor."""

    AUTO_FOCUS = "#locks"
    SCOPES: ClassVar[tuple[str, ...]] = ("view", "job", "lock")
    FOOT: ClassVar[tuple[str, ...]] = ("view", "job", "lock", "move", "list")
    BINDINGS: ClassVar[list[BindingType]] = bindings("view", "job", "lock")

    def __init__(self) -> None:
        super().__init__()
        #: The object whose text stands below.
        self._described: int | None = None

    def compose_body(self) -> ComposeResult:
        """The table, its filter, the object."""
        yield LocksTable(id="locks", name="locks")
        yield FilterLine("words, or state:W, kind:queue, pid:4121, waiters>0, waited>1s")
        with VerticalScroll(id="lock"):
            yield JobText(id="lock-text")

    def take(self, snapshot: PoolSnapshot) -> None:
        """Show a picture."""
        table = self.query_one(LocksTable)
        table.take(snapshot)
        table.display = snapshot.sync is not None
        self._describe()

    def _describe(self) -> None:
        snapshot = self.cockpit.snapshot
        if snapshot is None:
            return
        row = self._row
        pane = self.query_one("#lock", VerticalScroll)
        pane.set_class(row is not None and row.state in TROUBLE, "-trouble")
        if row is not None and row.each.id != self._described:
            self._described = row.each.id
            pane.scroll_home(animate=False)
        text = Content(UNTRACKED if snapshot.sync is None else NONE if row is None else "")
        self.query_one("#lock-text", JobText).take(text if row is None else describe_lock(row, snapshot))

    @on(VirtualTable.CursorMoved)
    def _moved(self) -> None:
        self._describe()

    def filtered(self) -> Filtered:
        """The objects."""
        return self.query_one(LocksTable)

    @property
    def _row(self) -> LockRow | None:
        return self.query_one(LocksTable).cursor_row

    # --- the jobs that wait for it

    def _waiting(self) -> list[WorkerSnapshot]:
        """The workers whose jobs wait for the object under the cursor."""
        snapshot, row = self.cockpit.snapshot, self._row
        if snapshot is None or row is None:
            return []
        pids = {waiter.pid for waiter in row.waiters}
        return [worker for worker in snapshot.workers if worker.pid in pids and worker.job_id is not None]

    def marked(self) -> list[Target]:
        """The jobs that wait for it, if there are several."""
        workers = self._waiting()
        return [] if len(workers) < 2 else [self._target(worker) for worker in workers]

    def target(self) -> Target | None:
        """The job that waits for it longest."""
        snapshot, row = self.cockpit.snapshot, self._row
        workers = {worker.pid: worker for worker in self._waiting()}
        if snapshot is None or row is None or not workers:
            return None
        return self._target(next(workers[waiter.pid] for waiter in row.waiters if waiter.pid in workers))

    def _target(self, worker: WorkerSnapshot) -> Target:
        snapshot, job_id = self.cockpit.snapshot, worker.job_id
        assert job_id is not None
        return Target(job_id, JobState.RUNNING, None if snapshot is None else snapshot.job(job_id))

    def worker(self) -> WorkerSnapshot | None:
        """The worker that holds it; without one, the one that waits longest."""
        snapshot, row = self.cockpit.snapshot, self._row
        if snapshot is None or row is None:
            return None
        holder = None if row.holder is None else worker_of(snapshot, row.holder.pid)
        waiting = (worker_of(snapshot, waiter.pid) for waiter in row.waiters)
        return holder or next((worker for worker in waiting if worker is not None), None)

    # --- acts

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what cannot be done now."""
        if action == "release_lock" and not self.cockpit.forbids(action):
            row = self._row
            return (row is not None and row.abandoned is not None) or None
        return super().check_action(action, parameters)

    def action_release_lock(self) -> None:
        """Ask, then release a lock in the place of its dead holder."""
        row, snapshot = self._row, self.cockpit.snapshot
        if row is None or row.abandoned is None or snapshot is None:
            return
        lock_id = row.abandoned
        text = (
            f"Its holder is dead: {harmless(row.each.label)} will never be released by it.\n"
            f"{plural(len(row.waiters), 'thread')} wait; one of them takes it next.\n"
            "Whatever the dead process was about to change under this lock may be half changed."
        )

        def answered(yes: bool | None) -> None:
            if yes:
                self.cockpit.send(ReleaseLock(lock_id))

        self.app.push_screen(ConfirmScreen("Release the lock?", text, yes="Release", no="Leave it"), answered)
