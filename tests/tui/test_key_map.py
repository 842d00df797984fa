"""The key map that the screens promise, written down once more: no key of it can get lost or change its meaning."""

from __future__ import annotations

import pytest
from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode

from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.keys import KEYS
from poolmgr.tui.screens.dashboard import Dashboard
from poolmgr.tui.screens.job_detail import JobDetail
from poolmgr.tui.screens.pools import PoolsView
from poolmgr.tui.screens.worker_detail import WorkerDetail
from poolmgr.tui.widgets.jobs_table import JobsTable
from poolmgr.tui.widgets.log_view import LogView
from poolmgr.tui.widgets.virtual_table import VirtualTable
from tests.helpers.fake_control import FakeControl
from tests.helpers.pilot import until

#: The key as Textual names it, the act's id, and a word that its label or its sentence has.
KEY_MAP = (
    ("1", "view.dashboard", "Dashboard"),
    ("2", "view.workers", "Workers"),
    ("3", "view.jobs", "Jobs"),
    ("4", "view.stream", "Stream"),
    ("5", "view.pools", "Pools"),
    ("6", "view.log", "Log"),
    ("7", "view.locks", "Locks"),
    ("down", "move.down", "one row down"),
    ("up", "move.up", "one row up"),
    ("j", "move.down", "one row down"),
    ("k", "move.up", "one row up"),
    ("g", "move.top", "first row"),
    ("G", "move.bottom", "last row"),
    ("ctrl+d", "move.half_down", "half a page down"),
    ("ctrl+u", "move.half_up", "half a page up"),
    ("tab", "pane.next", "next pane"),
    ("enter", "job.open", "Open"),
    ("escape", "look.clear", "Clear filter"),
    ("m", "look.maximise", "Maximise"),
    ("slash", "look.filter", "Filter"),
    ("n", "log.next", "Next match"),
    ("N", "log.previous", "Previous match"),
    ("n", "detail.next_bad", "Next failed"),
    ("N", "detail.previous_bad", "Previous failed"),
    ("s", "look.sort", "Sort"),
    ("I", "look.invert", "Invert"),
    ("space", "mark.one", "Mark"),
    ("U", "mark.none", "Unmark"),
    ("A", "mark.like", "Mark alike"),
    ("f", "look.follow", "Follow"),
    ("f", "log.follow", "Follow"),
    ("x", "job.stop", "Stop"),
    ("X", "job.kill", "Kill"),
    ("S", "worker.menu", "Worker menu"),
    ("u", "job.undo", "Undo"),
    ("r", "job.retry", "Retry"),
    ("R", "job.retry_all", "Retry all"),
    ("e", "job.edit", "Edit and retry"),
    ("K", "job.up", "Up"),
    ("J", "job.down", "Down"),
    ("p", "pool.hold", "Hold"),
    ("P", "worker.suspend", "Suspend"),
    ("z", "look.freeze", "Freeze"),
    ("plus", "pool.grow", "Grow"),
    ("minus", "pool.shrink", "Shrink"),
    ("equals_sign", "pool.size", "Size"),
    ("d", "pool.drain", "Drain"),
    ("T", "pool.terminate", "Terminate"),
    ("a", "pool.submit", "Submit"),
    ("o", "pool.open", "Open a pool"),
    ("t", "look.group", "Group"),
    ("b", "worker.show", "live stack"),
    ("B", "worker.profile", "Sample"),
    ("l", "job.log", "Log of it"),
    ("left_square_bracket", "look.back", "Back in time"),
    ("right_square_bracket", "look.forward", "Forward in time"),
    ("left_curly_bracket", "look.far_back", "ten slices"),
    ("right_curly_bracket", "look.far_forward", "ten slices"),
    ("full_stop", "look.live", "Present"),
    ("less_than_sign", "look.slower", "Slower"),
    ("greater_than_sign", "look.faster", "Faster"),
    ("y", "job.copy", "Copy"),
    ("w", "look.export", "Export"),
    ("c", "look.columns", "Columns"),
    ("comma", "app.settings", "Settings"),
    ("exclamation_mark", "app.alerts", "Alerts"),
    ("colon", "app.palette", "Palette"),
    ("ctrl+p", "app.palette", "Palette"),
    ("q", "app.quit", "Quit"),
    ("question_mark", "app.help", "Help"),
    ("f1", "app.help", "Help"),
)

#: Who binds the keys of the table, by what it calls them.
PLACES: dict[str, type[DOMNode]] = {
    "app": PoolmgrApp,
    "view": Dashboard,
    "job": JobDetail,
    "detail": JobDetail,
    "move": VirtualTable,
    "list": JobsTable,
    "log": LogView,
}


@pytest.mark.parametrize(("key", "act", "word"), KEY_MAP, ids=[f"{key}-{act}" for key, act, _ in KEY_MAP])
def test_each_key_of_the_map_is_bound_to_its_act(key: str, act: str, word: str) -> None:
    """The table of keys has it under that key and that word, and whoever is to bind it does."""
    entry = next(each for each in KEYS if each.id == act)

    assert key in entry.key.split(",")
    assert word in f"{entry.label} {entry.tooltip}"
    if entry.where == "textual":
        return
    bound = [each for each in PLACES[entry.where].BINDINGS if isinstance(each, Binding) and each.id == act]
    assert [(key in each.key.split(","), each.action) for each in bound] == [(True, entry.action)]


@pytest.mark.parametrize("kind", [JobDetail, WorkerDetail])
def test_escape_goes_back_from_a_detail(kind: type[JobDetail | WorkerDetail]) -> None:
    """Esc, which clears a filter in a view, has its other meaning in what is opened above one."""
    assert ("escape", "app.pop_screen", "Back") in kind.BINDINGS


def test_views_that_are_no_lists_of_jobs_have_the_keys_of_pools() -> None:
    """In the view of pools each act on a pool has its key."""
    wanted = {key.id for key in KEYS if key.where == "view"}

    assert wanted <= {binding.id for binding in PoolsView.BINDINGS if isinstance(binding, Binding)}


async def test_control_q_is_q_and_control_c_copies() -> None:
    """ctrl+q and ctrl+c are Textual's keys: the one quits as q does, the other copies what is selected."""
    app = PoolmgrApp(FakeControl())
    async with app.run_test(size=(80, 24)) as pilot:
        active = app.screen.active_bindings
        assert active["ctrl+q"].binding.action == "quit"
        assert active["ctrl+q"].binding.priority
        assert active["ctrl+c"].binding.action in ("screen.copy_text", "help_quit")
        assert PoolmgrApp.action_quit is not App.action_quit
        await pilot.press("ctrl+q")
        await until(pilot, lambda: type(app.screen).__name__ == "QuitScreen")
