"""The views of each pool by their names: each made once, and shown over the dashboard.

    1st pool's dashboard  <-  a view of the current pool  <-  details and dialogs above it

Runs in the app's thread.  Each pool has views of its own, so each keeps its cursors, filters and marks while another
one is looked at.  What is opened above a view is of the same pool, and is closed when another pool is chosen.
"""

from __future__ import annotations

import time

from textual import events, work
from textual.screen import Screen

from poolmgr.model.fleet import Member
from poolmgr.model.snapshot import WorkerSnapshot
from poolmgr.tui.frames import FrameApp
from poolmgr.tui.screens.dashboard import Dashboard
from poolmgr.tui.screens.functions import FunctionsView
from poolmgr.tui.screens.job_detail import JobDetail
from poolmgr.tui.screens.jobs import JobsView
from poolmgr.tui.screens.locks import LocksView
from poolmgr.tui.screens.log import LogScreen
from poolmgr.tui.screens.open_pool import OpenPoolScreen
from poolmgr.tui.screens.pools import PoolsView
from poolmgr.tui.screens.stream import StreamScreen
from poolmgr.tui.screens.view import View
from poolmgr.tui.screens.worker_detail import WorkerDetail
from poolmgr.tui.screens.workers import WorkersView
from poolmgr.tui.watched import Watched

#: The views of a pool by their names in the table of keys.
VIEWS: dict[str, type[View]] = {
    "dashboard": Dashboard,
    "workers": WorkersView,
    "jobs": JobsView,
    "stream": StreamScreen,
    "log": LogScreen,
    "locks": LocksView,
    "functions": FunctionsView,
}
#: Seconds after the last key in which the app does not go on to another pool by itself: the next key is aimed already.
TYPING = 2.0
#: The one view of all pools.
POOLS = "pools"


class ViewStack(FrameApp):
    """An app whose screens are views, and what is opened above them."""

    #: When the last key was pressed.
    _typed = -TYPING

    def get_default_screen(self) -> Screen[None]:
        """The dashboard of the first pool is the first screen; of a fleet that is empty, that of the pool to come."""
        members = self.fleet.members
        return self._view_of("dashboard", members[0].number if members else 1)

    def view(self, name: str) -> View:
        """The view of this name of the current pool: made once, and kept with its cursor and its filter."""
        return self._view_of(name, 1 if self.current is None else self.current.member.number)

    def _view_of(self, name: str, number: int) -> View:
        if name == POOLS:
            number = 0
        installed = f"{name}-{number}"
        if not self.is_screen_installed(installed):
            view = PoolsView() if name == POOLS else VIEWS[name]()
            view.pool_number = number
            self.install_screen(view, installed)
        screen = self.get_screen(installed)
        assert isinstance(screen, View)
        return screen

    async def action_view(self, name: str) -> None:
        """Show a view; details above the present one are closed."""
        await self._show_view(name)

    async def _show_view(self, name: str) -> View:
        # The first screen is always at the bottom; Textual cannot exchange it.
        view = self.view(name)
        while len(self.screen_stack) > 1 and self.screen is not view:
            await self.pop_screen()
        if self.screen is not view:
            await self.push_screen(view)
        return view

    # --- pools

    async def show_pool(self, watched: Watched, name: str = "dashboard") -> None:
        """Go to another pool; what is open above the views of the present one is closed."""
        while len(self.screen_stack) > 1:
            await self.pop_screen()
        if watched.member.number in self.watched:
            self.choose(watched)
            self.pull()
        await self._show_view(name)

    async def action_next_pool(self) -> None:
        """Go to the same view of the next pool."""
        pools = list(self.watched.values())
        if self.current is None or len(pools) < 2:
            return
        following = pools[(pools.index(self.current) + 1) % len(pools)]
        if isinstance(self.screen, PoolsView):
            self.screen.go_to(following)  # the cursor makes it the current one
        else:
            await self.show_pool(following, self.view_name())

    def view_name(self) -> str:
        """The name of the view that is on the screen, or below what is open above it."""
        view = next((screen for screen in reversed(self.screen_stack) if isinstance(screen, View)), None)
        return next((name for name, kind in VIEWS.items() if type(view) is kind), POOLS)

    def follows_alone(self) -> bool:
        """Only from a view, and not between two keys: who has a dialog or a detail open means that pool."""
        if not isinstance(self.screen, View) or isinstance(self.screen, PoolsView):
            return False
        return time.monotonic() - self._typed > TYPING

    async def on_event(self, event: events.Event) -> None:
        """Know when the last key was pressed."""
        if isinstance(event, events.Key):
            self._typed = time.monotonic()
        await super().on_event(event)

    def choose_alone(self, watched: Watched) -> None:
        """The pool on the screen is over, and another one is there."""
        first = self.current is None
        if first:
            self.choose(watched)
        if not first or (isinstance(self.screen, View) and not self.screen.is_mine):
            self.go_to_pool(watched, self.view_name())

    @work(group="pools", exclusive=True)
    async def go_to_pool(self, watched: Watched, name: str = "dashboard") -> None:
        """Go to another pool."""
        await self.show_pool(watched, name)

    def pool_left(self, number: int) -> None:
        """Its views go with it."""
        for name in VIEWS:
            installed = f"{name}-{number}"
            if not self.is_screen_installed(installed):
                continue
            screen = self.get_screen(installed)
            if screen not in self.screen_stack:
                self.uninstall_screen(screen)
                screen.remove()

    def action_open_pool(self) -> None:
        """Ask for another pool."""
        opener, suggestion = self.fleet.opener, self.fleet.suggestion
        if opener is None or suggestion is None:
            return

        def opened(member: Member | None) -> None:
            if member is not None:
                self._go_to_opened(member)

        self.push_screen(OpenPoolScreen(opener, suggestion, self.fleet.start_methods, self.fleet.looker), opened)

    @work(group="views")
    async def _go_to_opened(self, member: Member) -> None:
        self.pull()
        if member.number in self.watched:
            await self.show_pool(self.watched[member.number])

    # --- what is opened above a view

    def open_job(self, job_id: int) -> None:
        """Show one job, above what there is."""
        self.push_screen(JobDetail(job_id))

    def open_job_of(self, watched: Watched | None, job_id: int) -> None:
        """Show one job of a pool; for another one than the current, go there first."""
        if watched is None or watched is self.current:
            self.open_job(job_id)
        else:
            self._go_to_job(watched, job_id)

    @work(group="pools", exclusive=True)
    async def _go_to_job(self, watched: Watched, job_id: int) -> None:
        await self.show_pool(watched)
        self.open_job(job_id)

    def open_worker(self, worker: WorkerSnapshot, *, profile: bool = False) -> None:
        """Show one worker, above what there is; with ``profile``, begin by sampling its stack."""
        self.push_screen(WorkerDetail(worker, profile=profile))

    @work(group="views")
    async def show_log_of(self, job_id: int) -> None:
        """Show the log of one job alone."""
        (await self._show_view("log")).filter_by(f"job:{job_id}")

    @work(group="views")
    async def show_filtered(self, name: str, text: str) -> None:
        """Show a view, filtered if there is a text."""
        view = await self._show_view(name)
        if text:
            view.filter_by(text)

    @work(group="views")
    async def show_jobs_of(self, function: str) -> None:
        """Show the jobs of one function alone."""
        (await self._show_view("jobs")).filter_by(f'fn:"{function}"')
