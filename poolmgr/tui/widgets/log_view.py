"""The log: the pool's events and what its workers print, tail first, on the Line API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from poolmgr.model.log import LogLine
from poolmgr.tui.format import count, fit, harmless, time_of_day
from poolmgr.tui.keys import bindings

#: Lines kept.  More is what a file is for; fewer would lose the start of a storm of errors.
KEEP = 5000

Entry = tuple[str, str, str]  # head, text, style


class LogView(ScrollView, can_focus=True):
    """Lines by their number. It follows the end until one scrolls away from it."""

    BINDINGS = bindings("list", "log")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log-view--head",
        "log-view--info",
        "log-view--warning",
        "log-view--error",
        "log-view--output",
    }

    def __init__(self, *, id: str | None = None, title: str = "Log", job_id: int | None = None) -> None:
        """With ``job_id``, show that job's lines alone: their numbers have gaps that mean nothing."""
        super().__init__(id=id)
        self._job_id = job_id
        self.follow = True
        self.entries: list[Entry] = []
        self._last_seq = 0
        self._title = title
        self._colours: dict[str, Style] = {}
        self._retitle()

    def take(self, log: Sequence[LogLine]) -> None:
        """Add the lines that are new; where some were missed, say how many."""
        one = self._job_id
        new = [line for line in log if line.seq > self._last_seq and (one is None or line.job_id == one)]
        if not new:
            return
        missed = new[0].seq - self._last_seq - 1
        if missed > 0 and one is None:
            self.entries.append(("", f"… {count(missed)} lines not shown", "head"))
        self.entries += [_entry(line) for line in new]
        self._last_seq = new[-1].seq
        over = max(0, len(self.entries) - KEEP)
        del self.entries[:over]
        self.virtual_size = Size(1, len(self.entries))
        if self.follow:
            self._to_end()
        elif over:
            # What one reads stays where it is while its place in the list goes down.
            self._to_line(self.scroll_offset.y - over)
        self.refresh()

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
        self.border_title = Content(f"{self._title}  {'follow on' if self.follow else 'follow off (f)'}")

    def render_line(self, y: int) -> Strip:
        """One line, cut at the right edge."""
        width = self.scrollable_content_region.width
        place = self.scroll_offset.y + y
        base = self.rich_style
        if place >= len(self.entries):
            return Strip.blank(width, base)
        head, text, style = self.entries[place]
        segments = [Segment(head, base + self._colour("head"))] if head else []
        segments.append(Segment(fit(text, max(0, width - len(head))), base + self._colour(style)))
        return Strip(segments).adjust_cell_length(width, base)

    def notify_style_update(self) -> None:
        """A new theme has other colours."""
        super().notify_style_update()
        self._colours.clear()

    def _colour(self, name: str) -> Style:
        style = self._colours.get(name)
        if style is None:
            style = self.get_component_rich_style(f"log-view--{name}", partial=True)
            self._colours[name] = style
        return style


def _entry(line: LogLine) -> Entry:
    who = f"w{line.slot + 1}" if line.slot is not None else "--"
    kind = "   " if line.kind == "event" else fit(harmless(line.kind), 3)
    style = line.level if line.level in ("warning", "error") else "info" if line.kind == "event" else "output"
    mark = {"warning": "! ", "error": "!! "}.get(style, "")
    return f" {time_of_day(line.time)} {who:<3} {kind} ", mark + harmless(line.text), style
