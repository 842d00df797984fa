"""One worker, whole: what its process is, how it did in the last minutes, its stack as it changes, its last jobs.

Runs in the app's thread.  What only this screen needs (stack, process) it asks for itself, while it is the one on top.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content

from poolmgr.model.buckets import NONE, SECONDS, History, Track, without_gaps
from poolmgr.model.lock_rows import blocked_text, holding_text
from poolmgr.model.requests import Inspect, Profile, Reply, Stack
from poolmgr.model.snapshot import PoolSnapshot, WorkerSnapshot
from poolmgr.model.states import JobState
from poolmgr.tui.format import count, duration, harmless, short_name, size, time_of_day
from poolmgr.tui.keys import bindings
from poolmgr.tui.marks import job_mark, worker_mark
from poolmgr.tui.presence import is_there
from poolmgr.tui.repaint import retitle
from poolmgr.tui.screens.base import Target
from poolmgr.tui.screens.detail import DetailScreen
from poolmgr.tui.widgets.bars import TimeBar
from poolmgr.tui.widgets.graph import Graph
from poolmgr.tui.widgets.header import PoolHeader
from poolmgr.tui.widgets.job_text import JobText, how_far
from poolmgr.tui.widgets.key_bar import KeyBar
from poolmgr.tui.widgets.source_pane import SourcePane

#: Seconds between two stacks, and stacks between two looks at the process: that costs more and changes less.
PACE, SELDOM = 0.5, 4
#: Seconds of a profile.
PROFILE = 5.0
#: Seconds that the graphs go back.
SPAN = 300
#: Jobs of the worker that are told.
LAST_JOBS = 8


class WorkerDetail(DetailScreen):
    """Follows one worker's process from frame to frame, and says so when it is gone."""

    AUTO_FOCUS = "#stack"
    SCOPES: ClassVar[tuple[str, ...]] = ("job",)
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("job"),
        ("enter", "open", "Job"),
        ("escape", "app.pop_screen", "Back"),
    ]

    def __init__(self, worker: WorkerSnapshot, *, profile: bool = False) -> None:
        """With ``profile``, begin by looking for five seconds."""
        super().__init__()
        self._worker = worker
        self._profile_first = profile
        #: Whether the process is there.
        self._alive = True
        self._process: tuple[str, ...] = ()
        #: The worker at the moment of the past that is shown, None in the present.
        self._then: WorkerSnapshot | None = None
        #: What is on its way, so that a worker that answers late is not asked twice.
        self._asked: set[type] = set()
        self._looks = 0
        #: True from the key until the profile is there, and while it is shown.
        self._profiling = self._profiled = False

    def compose(self) -> ComposeResult:
        """The pool's head, the worker's facts and graphs, its stack."""
        yield PoolHeader(id="header")
        yield JobText(id="worker-text")
        with Horizontal(id="worker-graphs"):
            yield Graph(id="worker-cpu", span=SPAN, label=lambda value: f"{value:.0f}%")
            yield Graph(id="worker-rss", span=SPAN, label=lambda value: size(int(value)))
        yield TimeBar(id="times")
        yield SourcePane(id="stack")
        yield KeyBar("job", "move")

    def on_mount(self) -> None:
        """Follow the app's snapshots, and look at the worker."""
        self._title_stack("live stack: asked for")
        self.watch(self.app, "snapshot", self._take)
        self.follow_head()
        self.set_interval(PACE, self._look)
        if self._profile_first:
            self.action_profile_worker()
        self._look()

    # --- pictures

    def _take(self, snapshot: PoolSnapshot | None) -> None:
        cockpit = self.cockpit
        self.take_head()
        if snapshot is None:
            return
        mine = (worker for worker in snapshot.workers if worker.slot == self._worker.slot)
        past = cockpit.moment is not None
        worker = next((worker for worker in mine if past or worker.generation == self._worker.generation), None)
        self._alive = worker is not None
        if past:
            self._title_stack("no stack is kept of the past")
            self.query_one(SourcePane).show(Content(""), {})
        elif worker is not None:
            self._worker = worker
        self._then = worker if past else None
        self.query_one("#worker-text", JobText).take(self._describe(snapshot))
        self.query_one(TimeBar).take(None if past else self._worker.times)
        self._draw(cockpit.history)
        self.query_one(KeyBar).update_keys()

    def _describe(self, snapshot: PoolSnapshot) -> Content:
        worker = self._then or self._worker
        if not self._alive and self.cockpit.moment is not None:
            return Content(f"{worker.name} is not known to have been there then")
        mark, _ = worker_mark(worker.state)
        state = f"{mark} {worker.state}" if self._alive else "gone: this is how it was last"
        job = "" if worker.job_id is None else f" job {worker.job_id}, {short_name(harmless(worker.function))},"
        parts = [
            (f"{worker.name}  pid {worker.pid}  " if worker.pid else f"{worker.name}  ", "bold"),
            (f"{state}{job} {duration(worker.elapsed)}\n", "bold"),
        ]
        if worker.started:
            parts.append((f"started {time_of_day(worker.started)}, process {worker.generation} of its slot", ""))
            parts.append((f"   {count(worker.done)} done, {count(worker.failed)} failed\n", ""))
        if worker.progress is not None and self._alive:
            parts.append((f"so far  {how_far(worker.progress)}\n", ""))
        if self._then is None:
            locks = (blocked_text(snapshot, worker.pid), holding_text(snapshot, worker.pid)) if self._alive else ()
            parts += [(f"{harmless(line)}\n", "bold") for line in locks if line]
            parts += [(f"{harmless(line)}\n", "") for line in self._process]
        last = [each for each in snapshot.jobs if each.pid == worker.pid and each.slot == worker.slot]
        last.sort(key=lambda each: each.started or 0.0, reverse=True)
        if last:
            told = (f"{each.id} {job_mark(each.state)[0]} {duration(each.elapsed(snapshot.time))}" for each in last)
            parts += [("last jobs  ", "$text-muted"), (" | ".join(list(told)[:LAST_JOBS]), "")]
        return Content.assemble(*parts)

    def _draw(self, history: History | None) -> None:
        if history is None:
            return
        track = history.tracks.get(self._worker.slot, Track())
        cells = track.cells(SECONDS, history.number(SECONDS), SPAN)
        cpu = without_gaps(NONE if cell is None else cell.cpu for cell in cells)
        rss = without_gaps(NONE if cell is None else cell.rss for cell in cells)
        now = self._then or self._worker
        percent = "" if now.cpu_percent is None else f" {now.cpu_percent:.0f}%"
        memory = "" if now.rss is None else f" {size(now.rss)}"
        self.query_one("#worker-cpu", Graph).take(f"CPU{percent}, 5 min", [value / 10 for value in cpu])
        self.query_one("#worker-rss", Graph).take(f"RSS{memory}, 5 min", rss)

    # --- looks

    def _look(self) -> None:
        """Ask for the stack, and now and then for the process."""
        if not self.is_current or not self._alive or self.cockpit.is_held:
            return
        slot, generation = self._worker.slot, self._worker.generation
        if not self._profiling and not self._profiled:
            self._look_for(Stack(slot, generation), self._took_stack)
        if self._looks % SELDOM == 0:
            self._look_for(Inspect(slot, generation), self._took_process)
        self._looks += 1

    def _look_for(self, request: Stack | Inspect | Profile, take: Callable[[Reply], None]) -> None:
        kind = type(request)
        if kind in self._asked:
            return
        self._asked.add(kind)

        def answered(reply: Reply) -> None:
            self._asked.discard(kind)
            if is_there(self):
                take(reply)

        self.cockpit.look(request, answered)

    def _took_stack(self, reply: Reply) -> None:
        if not self._profiling and not self._profiled:
            self._title_stack("live stack, the innermost call first   B samples 5 s")
            self._show(reply)

    def _took_process(self, reply: Reply) -> None:
        if reply.ok:
            self._process = reply.lines
            if self.cockpit.snapshot is not None:
                self.query_one("#worker-text", JobText).take(self._describe(self.cockpit.snapshot))

    def _took_profile(self, reply: Reply) -> None:
        self._profiling, self._profiled = False, reply.ok
        if reply.ok:
            self._title_stack(f"profile, {harmless(reply.text)}   b goes on with the live stack   B samples again")
        self._show(reply)

    def _show(self, reply: Reply) -> None:
        lines = reply.lines if reply.ok else (reply.text,)
        places = {line: (place[0], int(place[1])) for line, place in enumerate(reply.places) if place}
        # Indented for the cursor.
        self.query_one(SourcePane).show(Content("\n".join(f" {harmless(line)}" for line in lines)), places)

    def _title_stack(self, text: str) -> None:
        retitle(self.query_one(SourcePane), Content(text))

    # --- keys

    def target(self) -> Target | None:
        """The job that it runs."""
        snapshot, worker = self.cockpit.snapshot, self._then or self._worker
        if snapshot is None or worker.job_id is None or not self._alive:
            return None
        return Target(worker.job_id, JobState.RUNNING, snapshot.job(worker.job_id))

    def worker(self) -> WorkerSnapshot | None:
        """This one, as long as it is there."""
        return (self._then or self._worker) if self._alive else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enter opens the line under the cursor, or else the job."""
        if action == "open":
            return self.query_one(SourcePane).place is not None or self.target() is not None or None
        return super().check_action(action, parameters)

    def action_show_worker(self) -> None:
        """Back to the live stack."""
        self._profiled = False
        self._look()

    def action_profile_worker(self) -> None:
        """Look at the stack many times, and count."""
        if self._alive and not self._profiling:
            self._profiling, self._profiled = True, False
            self._title_stack(f"sampling for {PROFILE:g} s ...")
            self._look_for(Profile(self._worker.slot, PROFILE, self._worker.generation), self._took_profile)

    def action_open(self) -> None:
        """The job that it runs."""
        target = self.target()
        if target is not None:
            self.cockpit.open_job(target.id)
