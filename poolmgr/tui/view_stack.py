"""The views of the app by their names: each made once, and shown over the dashboard.

Runs in the app's thread.
"""

from __future__ import annotations

from textual import work
from textual.app import App

from poolmgr.model.snapshot import WorkerSnapshot
from poolmgr.tui.quit_choice import QuitChoice
from poolmgr.tui.screens.dashboard import Dashboard
from poolmgr.tui.screens.functions import FunctionsView
from poolmgr.tui.screens.job_detail import JobDetail
from poolmgr.tui.screens.jobs import JobsView
from poolmgr.tui.screens.locks import LocksView
from poolmgr.tui.screens.log import LogScreen
from poolmgr.tui.screens.stream import StreamScreen
from poolmgr.tui.screens.view import View
from poolmgr.tui.screens.worker_detail import WorkerDetail
from poolmgr.tui.screens.workers import WorkersView

#: The views by their names in the table of keys.
VIEWS: dict[str, type[View]] = {
    "dashboard": Dashboard,
    "workers": WorkersView,
    "jobs": JobsView,
    "stream": StreamScreen,
    "log": LogScreen,
    "locks": LocksView,
    "functions": FunctionsView,
}


class ViewStack(App[QuitChoice]):
    """An app whose screens are views, and what is opened above them."""

    def view(self, name: str) -> View:
        """The view of this name: made once, and kept with its cursor and its filter."""
        if not self.is_screen_installed(name):
            self.install_screen(VIEWS[name](), name)
        screen = self.get_screen(name)
        assert isinstance(screen, View)
        return screen

    async def action_view(self, name: str) -> None:
        """Show a view; details above the present one are closed."""
        await self._show_view(name)

    async def _show_view(self, name: str) -> View:
        # The dashboard is always at the bottom; Textual cannot exchange the first screen of an app.
        while len(self.screen_stack) > 1 and self.screen is not self.view(name):
            await self.pop_screen()
        view = self.view(name)
        if self.screen is not view:
            await self.push_screen(view)
        return view

    def open_job(self, job_id: int) -> None:
        """Show one job, above what there is."""
        self.push_screen(JobDetail(job_id))

    def open_worker(self, worker: WorkerSnapshot, *, profile: bool = False) -> None:
        """Show one worker, above what there is; with ``profile``, begin by sampling its stack."""
        self.push_screen(WorkerDetail(worker, profile=profile))

    @work(group="views")
    async def show_log_of(self, job_id: int) -> None:
        """Show the log of one job alone."""
        (await self._show_view("log")).filter_by(f"job:{job_id}")

    @work(group="views")
    async def show_jobs_of(self, function: str) -> None:
        """Show the jobs of one function alone."""
        (await self._show_view("jobs")).filter_by(f'fn:"{function}"')
