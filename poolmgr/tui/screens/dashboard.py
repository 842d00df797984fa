"""The first screen: the pool's head figures, its workers, its jobs, its log.

Runs in the app's thread. It draws the app's newest snapshot and turns keys into requests; it holds no pool.
"""

from __future__ import annotations

from collections.abc import Callable

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input

from poolmgr.model.requests import Drain, Pause, Reply, Resize, Resume, Terminate
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.model.states import JobState, PoolState
from poolmgr.tui.format import count, harmless, plural
from poolmgr.tui.keys import bindings
from poolmgr.tui.screens.base import JobScreen, Target
from poolmgr.tui.screens.confirm import ConfirmScreen
from poolmgr.tui.screens.job_detail import JobDetail
from poolmgr.tui.screens.size import SizeScreen
from poolmgr.tui.screens.submit import SubmitScreen
from poolmgr.tui.screens.type_name import TypeNameScreen
from poolmgr.tui.widgets.chart import Chart
from poolmgr.tui.widgets.header import PoolHeader
from poolmgr.tui.widgets.job_text import JobText, describe
from poolmgr.tui.widgets.jobs_table import JobsTable
from poolmgr.tui.widgets.key_bar import KeyBar
from poolmgr.tui.widgets.log_view import LogView
from poolmgr.tui.widgets.virtual_table import VirtualTable
from poolmgr.tui.widgets.workers_table import WorkersTable

_POOL_ACTS = ("submit", "hold", "grow", "shrink", "set_size", "drain")


class Dashboard(JobScreen):
    """Everything about one pool at a glance, and every act on it."""

    AUTO_FOCUS = "#workers"
    ALLOW_IN_MAXIMIZED_VIEW = "PoolHeader, KeyBar"
    BINDINGS = bindings("dashboard", "job")

    def __init__(self) -> None:
        super().__init__()
        #: The list that the operator was in last: acts on a job mean that one.
        self._list: WorkersTable | JobsTable | None = None
        #: The size last asked for, while the answer is out: + pressed three times means three.
        self._wanted: int | None = None
        self._resizes = 0

    def compose(self) -> ComposeResult:
        """Lists on the left, the detail beside them where there is room, the log below."""
        yield PoolHeader(id="header")
        with Horizontal(id="panes"):
            with Vertical(id="lists"):
                yield WorkersTable(id="workers")
                yield JobsTable(id="jobs")
                yield Input(placeholder="words, or state:FK", id="filter", compact=True, select_on_focus=False)
            with Vertical(id="beside"):
                yield Chart(id="throughput")
                with VerticalScroll(id="detail", can_focus=False):
                    yield JobText(id="detail-text")
        yield LogView(id="log")
        yield KeyBar("dashboard", "job", "list")

    def on_mount(self) -> None:
        """Follow the app's snapshots."""
        self._list = self.query_one(WorkersTable)
        self.watch(self.app, "snapshot", self._take)
        self.watch(self.app, "trouble", self._take_header)

    # --- drawing

    def _take(self, snapshot: PoolSnapshot | None) -> None:
        self._take_header()
        if snapshot is None:
            return
        with self.app.batch_update():
            self.query_one(WorkersTable).take(snapshot)
            self.query_one(JobsTable).take(snapshot)
            self.query_one(LogView).take(snapshot.log)
            self.query_one(Chart).take("Throughput, tasks/s, 2 min", snapshot.history.throughput)
            self._take_cursor()

    def _take_header(self) -> None:
        cockpit = self.cockpit
        words = ("FILTER",) if self.query_one(JobsTable).filter_text else ()
        self.query_one(PoolHeader).take(
            cockpit.snapshot, hertz=cockpit.refresh_hz, words=words, trouble=cockpit.trouble
        )

    def _take_cursor(self) -> None:
        """The detail and the footer say what is true for the row under the cursor."""
        self.query_one(KeyBar).update_keys()
        pane = self.query_one("#detail", VerticalScroll)
        snapshot, target = self.cockpit.snapshot, self.target()
        if snapshot is None or not pane.display:
            return
        if target is None:
            title, text = "Detail", Content("no job under the cursor").stylize("$text-muted")
        elif target.job is None:
            title, text = f"Detail: job {target.id}", Content("not among the jobs shown")
        else:
            title, text = f"Detail: job {target.id}, follows the cursor", describe(target.job, snapshot)
        pane.border_title = Content(title)
        self.query_one(JobText).take(text)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Acts on a job mean the list that was in focus last."""
        if isinstance(event.widget, WorkersTable | JobsTable):
            self._list = event.widget
        self._take_cursor()

    def on_resize(self) -> None:
        """A pane that the new size hides cannot keep the focus."""
        self.call_after_refresh(self._after_resize)

    def _after_resize(self) -> None:
        if self.focused is None or not self.focused.is_on_screen:
            self.query_one(WorkersTable).focus()
        self._take_cursor()

    @on(VirtualTable.CursorMoved)
    def _cursor_moved(self) -> None:
        self._take_cursor()

    # --- the job under the cursor

    def target(self) -> Target | None:
        """The job under the cursor; in the workers pane, the one that the worker runs."""
        snapshot, table = self.cockpit.snapshot, self._list
        if snapshot is None or table is None:
            return None
        if isinstance(table, JobsTable):
            job = table.cursor_row
            return None if job is None else Target(job.id, job.state, job)
        worker = table.cursor_row
        if worker is None or worker.job_id is None:
            return None
        return Target(worker.job_id, JobState.RUNNING, snapshot.job(worker.job_id))

    def aim(self) -> Target | None:
        """As ``target``, but not if the row aimed at has just left the list from under the cursor."""
        table = self._list
        if table is not None and table.lost is not None:
            table.bind_here()
            self.cockpit.tell("What was under the cursor has left the list, so nothing was done.", ok=False)
            return None
        return self.target()

    @on(VirtualTable.Opened)
    def _opened(self) -> None:
        target = self.target()
        if target is not None:
            self.app.push_screen(JobDetail(target.id))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what cannot be done now."""
        snapshot = self.cockpit.snapshot
        state = None if snapshot is None else snapshot.state
        if action in _POOL_ACTS:
            open_ = state in (PoolState.RUN, PoolState.HELD)
            return (open_ and (action != "shrink" or self._workers_wanted > 1)) or None
        if action == "terminate":
            return state not in (None, PoolState.TERMINATE, PoolState.ENDED) or None
        if action == "open":
            return self.target() is not None or None
        if action == "filter":
            return self.query_one(JobsTable).display or None
        return super().check_action(action, parameters)

    # --- the pool

    @property
    def _workers_wanted(self) -> int:
        if self._wanted is not None:
            return self._wanted
        return 0 if self.cockpit.snapshot is None else self.cockpit.snapshot.size

    def _resize_pool(self, size: int) -> None:
        self._wanted = size
        self._resizes += 1
        self.cockpit.send(Resize(size), self._resized)

    def _resized(self, reply: Reply) -> None:
        self._resizes -= 1
        if self._resizes == 0:
            self._wanted = None
        # Of + + + only the last answer is news; a refusal is always.
        if self._resizes == 0 or not reply.ok:
            self.cockpit.tell_reply(reply)

    def action_grow(self) -> None:
        """One worker more."""
        self._resize_pool(self._workers_wanted + 1)

    def action_shrink(self) -> None:
        """One worker less."""
        self._resize_pool(self._workers_wanted - 1)

    def action_set_size(self) -> None:
        """Ask for the number of workers."""

        def answered(size: int | None) -> None:
            if size is not None and size != self._workers_wanted:
                self._resize_pool(size)

        self.app.push_screen(SizeScreen(self._workers_wanted), answered)

    def action_hold(self) -> None:
        """Hold the queue, or let it go on."""
        snapshot = self.cockpit.snapshot
        held = snapshot is not None and snapshot.state is PoolState.HELD
        self.cockpit.send(Resume() if held else Pause())

    def action_submit(self) -> None:
        """Open the form, with what was typed last."""
        self.app.push_screen(SubmitScreen(*self.cockpit.last_submit))

    def action_drain(self) -> None:
        """Ask, then close and join."""
        question = self._question(
            "It takes no more jobs, finishes {running} and {queued}, and then ends. There is no way back."
        )
        screen = ConfirmScreen("Drain the pool?", question, yes="Drain", no="Go on")
        self.app.push_screen(screen, self._answer(Drain()))

    def action_terminate(self) -> None:
        """Ask for the pool's name, then end all workers now."""
        snapshot = self.cockpit.snapshot
        if snapshot is None:
            return
        question = self._question("All workers end now: {running} killed, {queued} cancelled. There is no way back.")
        self.app.push_screen(TypeNameScreen("Terminate the pool?", question, snapshot.name), self._answer(Terminate()))

    def _question(self, text: str) -> Callable[[], str]:
        """The text with the newest numbers in it."""

        def question() -> str:
            snapshot = self.cockpit.snapshot
            if snapshot is None:
                return text
            running, queued = plural(snapshot.counts.running, "running job"), count(snapshot.counts.queued)
            return f"{harmless(snapshot.name)}: " + text.format(running=running, queued=f"{queued} waiting")

        return question

    def _answer(self, request: Drain | Terminate) -> Callable[[bool | None], None]:
        def answered(sure: bool | None) -> None:
            if sure:
                self.cockpit.send(request)

        return answered

    # --- looking

    def action_filter(self) -> None:
        """Open the filter's line."""
        line = self.query_one("#filter", Input)
        line.add_class("-open")
        line.focus()

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        self.query_one(JobsTable).set_filter(event.value)
        self._take_header()
        self._take_cursor()

    @on(Input.Submitted, "#filter")
    def _filter_done(self, event: Input.Submitted) -> None:
        self.query_one("#filter", Input).set_class(bool(event.value.strip()), "-open")
        self.query_one(JobsTable).focus()

    def action_clear(self) -> None:
        """Clear the filter."""
        line = self.query_one("#filter", Input)
        was_open = line.has_class("-open")
        line.value = ""
        line.remove_class("-open")
        if was_open:
            self.query_one(JobsTable).focus()

    def action_maximise(self) -> None:
        """Give the screen to the pane in focus, or take it back."""
        if self.maximized is not None:
            self.minimize()
        elif self.focused is not None:
            self.maximize(self.focused, container=False)
