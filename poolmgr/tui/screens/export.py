"""The dialog that exports: what, and into which file. It stays open, with what is wrong in it, until the file is there.

Runs in the app's thread; making and writing a file has a thread of its own, on a picture that never changes.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from poolmgr.model.buckets import History
from poolmgr.model.snapshot import JobSnapshot, PoolSnapshot
from poolmgr.tui.export import Export, file_name, write
from poolmgr.tui.format import count, harmless
from poolmgr.tui.presence import is_there
from poolmgr.tui.widgets.jobs_table import JobsTable

if TYPE_CHECKING:
    from poolmgr.tui.app import PoolmgrApp


def open_export(app: PoolmgrApp, history: History | None = None) -> None:
    """Ask what to export of the screen that is seen: its jobs are those that its filter keeps.

    Args:
        app: The app.
        history: The pool's; one in which nothing was recorded is left out.
    """
    snapshot = app.snapshot
    if snapshot is None:
        app.tell("there is nothing to export yet", ok=False)
        return
    tables = app.screen.query(JobsTable)
    jobs = tables.first().kept if tables else snapshot.jobs
    recorded = history if history is not None and history.tracks else None
    # Taken now: in a moment the dialog lies over the screen.
    app.push_screen(ExportScreen(snapshot, jobs, recorded, app.export_screenshot()))


class ExportScreen(ModalScreen[None]):
    """Asks for one of the exports and a path, and writes the file."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back", id="export.back")]
    DEFAULT_CSS = """
    ExportScreen OptionList { height: auto; padding: 0; margin-bottom: 1; background: $surface; }
    ExportScreen OptionList, ExportScreen OptionList:focus { border: none; }
    """

    def __init__(
        self, snapshot: PoolSnapshot, jobs: Sequence[JobSnapshot], history: History | None, screen_svg: str
    ) -> None:
        super().__init__()
        self._snapshot, self._jobs, self._history, self._screen_svg = snapshot, jobs, history, screen_svg
        self._offered = [each for each in Export if history is not None or not each.of_stream]
        self._export = self._offered[0]
        #: The path that was proposed last: one that was typed is left alone.
        self._proposed = ""
        #: A file that is there already: a second Enter writes over it.
        self._warned_of: Path | None = None
        self._writing = False

    def compose(self) -> ComposeResult:
        """The list of exports, the path, and a line for what is wrong."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content("Export")
            dialog.border_subtitle = Content("Enter goes on, Esc leaves")
            yield OptionList(*[Option(Content(self._describe(each)), id=each.name) for each in self._offered])
            yield Label("into the file", id="into")
            yield Input(id="path", compact=True, select_on_focus=False)
            yield Static("", id="problem", classes="problem")

    def on_mount(self) -> None:
        """The first export is under the cursor."""
        for each in self.query("#into, #path"):
            each.display = not self.app.is_web
        self._propose()
        self.query_one(OptionList).focus()

    def _describe(self, export: Export) -> str:
        if export in (Export.JOBS_CSV, Export.JOBS_JSON):
            return f"{export.label}: {count(len(self._jobs))} of {count(self._snapshot.counts.submitted)}"
        return export.label

    def _propose(self) -> None:
        line = self.query_one("#path", Input)
        if line.value == self._proposed:
            self._proposed = line.value = str(Path.cwd() / file_name(self._export, self._snapshot))
            line.cursor_position = len(line.value)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Another export has another name."""
        self._export = Export[str(event.option.id)]
        self._propose()
        self._say("")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter goes on to the path; in a browser there is none to ask for."""
        self._export = Export[str(event.option.id)]
        if self.app.is_web:
            self._write(None)
        else:
            self.query_one("#path", Input).focus()

    def on_input_changed(self) -> None:
        """Another path, another answer."""
        self._warned_of = None
        self._say("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Write the file, unless something is wrong with its path."""
        if not event.value.strip():
            self._say("write the path of the file")
            return
        path = Path(event.value.strip()).expanduser()
        problem = self._problem(path)
        self._say(problem)
        if not problem:
            self._write(path)

    def _problem(self, path: Path) -> str:
        try:
            if path.is_dir():
                return f"{path} is a folder: add the name of a file"
            if not path.parent.is_dir():
                return f"there is no folder {path.parent}"
            if path.exists() and self._warned_of != path:
                self._warned_of = path
                return f"{path.name} is there already: Enter again writes over it"
        except OSError as error:
            return f"{path}: {error.strerror}"
        return ""

    def _say(self, text: str) -> None:
        self.query_one("#problem", Static).update(Content(harmless(text)))

    def _write(self, path: Path | None) -> None:
        if not self._writing:
            self._writing = True
            self._make(self._export, path)

    @work(thread=True, group="export")
    def _make(self, export: Export, path: Path | None) -> None:
        problem, text = "", ""
        try:
            svg = export is Export.SCREEN_SVG
            text = self._screen_svg if svg else write(export, self._jobs, self._snapshot, self._history)
            if path is not None:
                # A lone half of a character, which file names may hold, is written as JSON and Python do.
                path.write_bytes(text.encode("utf-8", "backslashreplace"))
        except OSError as error:
            problem = f"{path}: {error.strerror or error}"
        self.app.call_from_thread(self._written, path, text, problem)

    def _written(self, path: Path | None, text: str, problem: str) -> None:
        self._writing = False
        if problem:
            self._say(problem)
            return
        cockpit = cast("PoolmgrApp", self.app)
        if path is None:
            self._deliver(text)
        else:
            cockpit.tell(f"saved {path}")
        if is_there(self):
            self.dismiss(None)

    def _deliver(self, text: str) -> None:
        """To a browser, as a download."""
        self.app.deliver_text(io.StringIO(text), save_filename=file_name(self._export, self._snapshot))
