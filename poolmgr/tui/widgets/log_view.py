"""The log: the pool's events and what its workers print, tail first, on the Line API.

Runs in the app's thread.  A filter hides what it does not keep; once it is cleared, what it kept is still found by
``n`` and ``N``, among the lines around it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from poolmgr.model.log import LogLine
from poolmgr.tui.filter import Filter
from poolmgr.tui.filter_fields import LOG
from poolmgr.tui.format import count, fit, harmless, plural, time_of_day
from poolmgr.tui.ink import ink
from poolmgr.tui.keys import bindings
from poolmgr.tui.repaint import retitle

#: Lines kept.  More is what a file is for; fewer would lose the start of a storm of errors.
KEEP = 5000
#: Lines that are copied at once.  Terminals refuse a clipboard of megabytes.
COPY = 1000

LogFilter = Filter[LogLine, None]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line as it is drawn."""

    head: str
    text: str
    style: str
    #: The line that it draws, None for a gap.
    line: LogLine | None = None


class LogView(ScrollView, can_focus=True):
    """Lines by their number. It follows the end until one scrolls away from it."""

    BINDINGS = bindings("move", "log")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log-view--head",
        "log-view--info",
        "log-view--warning",
        "log-view--error",
        "log-view--output",
        "log-view--match",
        "log-view--found",
    }

    def __init__(
        self, *, id: str | None = None, title: str = "Log", job_id: int | None = None, gaps: bool = True
    ) -> None:
        """With ``job_id``, show that job's lines alone; without ``gaps``, numbers left out mean nothing."""
        super().__init__(id=id)
        self._job_id = job_id
        self._gaps = gaps and job_id is None
        self.follow = True
        #: What is shown, and all that is kept: the same list unless there is a filter.
        self.entries: list[Entry] = []
        self._kept: list[Entry] = self.entries
        self.filter: LogFilter = LOG.parse("")
        #: What ``n`` looks for: the last filter that kept anything out.
        self._search: LogFilter = self.filter
        #: The line that ``n`` found.
        self._found: Entry | None = None
        self._last_seq = 0
        self._title = title
        self._titled = ""
        self._colours: dict[str, Style] = {}
        self._retitle()

    def take(self, log: Sequence[LogLine]) -> None:
        """Add the lines that are new; where some were missed, say how many."""
        one = self._job_id
        new = [line for line in log if line.seq > self._last_seq and (one is None or line.job_id == one)]
        if not new:
            return
        missed = new[0].seq - self._last_seq - 1
        added = [Entry("", f"… {count(missed)} lines not shown", "head")] if missed > 0 and self._gaps else []
        added += [_entry(line) for line in new]
        self._last_seq = new[-1].seq
        self._kept += added
        over = max(0, len(self._kept) - KEEP)
        gone = len(self._hidden_from(self._kept[:over])) if over else 0
        del self._kept[:over]
        if self.entries is not self._kept:
            self.entries += self._hidden_from(added)
            del self.entries[:gone]
        self._resized_by(gone if self.entries is not self._kept else over)

    def _resized_by(self, gone: int) -> None:
        """Lines came, and ``gone`` went at the top."""
        self.virtual_size = Size(1, len(self.entries))
        if self.follow:
            self._to_end()
        elif gone:
            # What one reads stays where it is while its place in the list goes down.
            self._to_line(self.scroll_offset.y - gone)
        self._retitle()
        self.refresh()

    # --- filter and search

    @property
    def filter_text(self) -> str:
        """What was typed, empty if there is no filter."""
        return self.filter.text.strip()

    def set_filter(self, text: str) -> None:
        """Show only lines that this text keeps; an empty one shows all, and goes on marking those."""
        self.filter = LOG.parse(text)
        if self.filter.empty:
            self.entries = self._kept
        else:
            self._search = self.filter
            self.entries = self._hidden_from(self._kept)
        self._colours.pop("match", None)
        self._resized_by(0)
        if self._found is not None and not self.follow:
            self._show_found()

    def _hidden_from(self, entries: list[Entry]) -> list[Entry]:
        test = self.filter
        return (
            entries if test.empty else [entry for entry in entries if entry.line is not None and test(entry.line, None)]
        )

    def _matches(self, entry: Entry) -> bool:
        return not self._search.empty and entry.line is not None and self._search(entry.line, None)

    @property
    def can_find(self) -> bool:
        """Whether anything was looked for."""
        return not self._search.empty

    def action_find(self, step: int) -> None:
        """To the next line that was looked for, or the one before; round the ends."""
        places = [place for place, entry in enumerate(self.entries) if self._matches(entry)]
        if not places:
            return
        found = self._found
        here = next((place for place, entry in enumerate(self.entries) if entry is found), None)
        if here is None:
            here = self.scroll_offset.y + (-1 if step > 0 else self._page)
        after = [place for place in places if (place - here) * step > 0]
        place = (after[0] if step > 0 else after[-1]) if after else (places[0] if step > 0 else places[-1])
        self._found = self.entries[place]
        self.follow = False
        self._show_found()
        self._retitle()
        self.refresh()

    def _show_found(self) -> None:
        place = next((place for place, entry in enumerate(self.entries) if entry is self._found), None)
        if place is not None and not self.scroll_offset.y <= place < self.scroll_offset.y + self._page:
            self._to_line(place - self._page // 2)

    def action_copy_log(self) -> None:
        """Put the lines that are shown on the clipboard of the terminal, the newest at the most."""
        lines = self.entries[-COPY:]
        if lines:
            self.app.copy_to_clipboard("\n".join(f"{entry.head}{entry.text}".strip() for entry in lines) + "\n")
            self.app.notify(f"{plural(len(lines), 'line')} of the log copied", markup=False)

    # --- moving

    def _to_line(self, top: int) -> None:
        # Forced: Textual refuses to scroll what has no scroll bar yet, and it gets that only at the next layout.
        self.scroll_to(y=max(0, min(top, self.max_scroll_y)), animate=False, force=True)

    def _to_end(self) -> None:
        self._to_line(self.max_scroll_y)

    def _scroll_by(self, lines: int) -> None:
        self._to_line(self.scroll_offset.y + lines)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scrolling back stops following; coming to the end starts it again."""
        super().watch_scroll_y(old_value, new_value)
        if round(new_value) < round(old_value) or round(new_value) >= self.max_scroll_y:
            self.follow = round(new_value) >= self.max_scroll_y
            self._retitle()

    def on_resize(self) -> None:
        """Another height has another last page."""
        if self.follow:
            self._to_end()

    @property
    def _page(self) -> int:
        return max(1, self.scrollable_content_region.height)

    def action_follow(self) -> None:
        """Follow the end, or stop here."""
        self.follow = not self.follow
        if self.follow:
            self._to_end()
        self._retitle()

    def action_cursor_down(self) -> None:
        """One line down."""
        self._scroll_by(1)

    def action_cursor_up(self) -> None:
        """One line up."""
        self._scroll_by(-1)

    def action_cursor_page_down(self) -> None:
        """One page down."""
        self._scroll_by(self._page)

    def action_cursor_page_up(self) -> None:
        """One page up."""
        self._scroll_by(-self._page)

    def action_cursor_half_down(self) -> None:
        """Half a page down."""
        self._scroll_by(max(1, self._page // 2))

    def action_cursor_half_up(self) -> None:
        """Half a page up."""
        self._scroll_by(-max(1, self._page // 2))

    def action_cursor_top(self) -> None:
        """To the oldest line kept."""
        self._scroll_by(-len(self.entries))

    def action_cursor_bottom(self) -> None:
        """To the end, and follow it."""
        self.follow = True
        self._to_end()
        self._retitle()

    def action_open(self) -> None:
        """A line has no detail."""

    # --- drawing

    def _retitle(self) -> None:
        title = f"{self._title}  {'follow on' if self.follow else 'follow off (f)'}"
        if self.entries is not self._kept:
            title += f"  filter: {harmless(self.filter_text)}  {count(len(self._kept) - len(self.entries))} held back"
        elif self.can_find:
            title += f"  n N: {harmless(self._search.text.strip())}"
        if title != self._titled:
            self._titled = title
            retitle(self, Content(title))

    def render_line(self, y: int) -> Strip:
        """One line, cut at the right edge."""
        width = self.scrollable_content_region.width
        place = self.scroll_offset.y + y
        base = self.rich_style
        if place >= len(self.entries):
            return Strip.blank(width, base)
        entry = self.entries[place]
        if entry is self._found:
            base = base + self._colour("found")
        head = f">{entry.head[1:]}" if entry is self._found and entry.head else entry.head
        segments = [Segment(head, base + self._colour("head"))] if head else []
        text = fit(entry.text, max(0, width - len(head)))
        segments += self._with_matches(text, base + self._colour(entry.style))
        return Strip(segments).adjust_cell_length(width, base)

    def _with_matches(self, text: str, style: Style) -> list[Segment]:
        """The text with the words that were looked for standing out."""
        words = [word for word in self._search.words if word]
        if not words:
            return [Segment(text, style)]
        segments, at = [], 0
        for found in re.finditer("|".join(map(re.escape, words)), text, re.IGNORECASE):
            segments += [Segment(text[at : found.start()], style), Segment(found[0], style + self._colour("match"))]
            at = found.end()
        return [*segments, Segment(text[at:], style)]

    def notify_style_update(self) -> None:
        """A new theme has other colours."""
        super().notify_style_update()
        self._colours.clear()

    def _colour(self, name: str) -> Style:
        style = self._colours.get(name)
        if style is None:
            style = ink(self, f"log-view--{name}")
            self._colours[name] = style
        return style


def _entry(line: LogLine) -> Entry:
    who = f"w{line.slot + 1}" if line.slot is not None else "--"
    kind = "   " if line.kind == "event" else fit(harmless(line.kind), 3)
    style = line.level if line.level in ("warning", "error") else "info" if line.kind == "event" else "output"
    mark = {"warning": "! ", "error": "!! "}.get(style, "")
    return Entry(f" {time_of_day(line.time)} {who:<3} {kind} ", mark + harmless(line.text), style, line)
