"""What the screens of one job and of one worker share: lines of source, at which the person's own editor opens."""

from __future__ import annotations

from textual import on

from poolmgr.tui.editor import open_place
from poolmgr.tui.screens.worker_acts import WorkerScreen
from poolmgr.tui.widgets.key_bar import KeyBar
from poolmgr.tui.widgets.source_pane import SourcePane


class DetailScreen(WorkerScreen):
    """A screen with a :class:`SourcePane`."""

    @on(SourcePane.Opened)
    def _place_opened(self, event: SourcePane.Opened) -> None:
        open_place(self.cockpit, event.place)

    @on(SourcePane.CursorMoved)
    def _cursor_moved(self) -> None:
        self.query_one(KeyBar).update_keys()
