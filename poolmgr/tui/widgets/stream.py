"""The task stream: what each worker did in each slice of the last time, a line or half a line for each worker.

A column is a slice of time. Its colour is the function that took most of it, its height the share of it that was
busy; where one job gives way to another within it, an eighth block shows where. Without colours a function is a
letter, upper case where the whole slice was busy. Runs in the app's thread; it draws what :meth:`StreamView.take`
gives it and repaints the lines that changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from poolmgr.tui import palette
from poolmgr.tui.format import fit, harmless, short_name
from poolmgr.tui.ink import ink
from poolmgr.tui.keys import bindings
from poolmgr.tui.repaint import regions, retitle
from poolmgr.tui.widgets.stream_glyphs import Look, StreamCell, axis, colour_glyph, letter_glyph, pair_glyph, selected

__all__ = ["StreamCell", "StreamPicture", "StreamRow", "StreamView"]

#: From this width on a worker has a line of its own and a label, if there are lines enough.
ROOMY = 100
#: Cells of the label at the right: the job and its time.
LABEL = 22
#: How a mark is told in the title.
MARKS = "x fail  k kill  ~ respawn"


@dataclass(frozen=True, slots=True)
class StreamRow:
    """One worker: its name, its cells from the oldest to the newest, and what it does now."""

    name: str
    cells: tuple[StreamCell, ...]
    label: str = ""
    #: The label tells of something wrong.
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class StreamPicture:
    """What there is to see. All rows have as many cells; the last cell is the newest."""

    #: Asked only for those that are seen.
    rows: Sequence[StreamRow] = ()
    #: Names by number, as the history has them: 0 is all those that are not told apart.
    functions: tuple[str, ...] = ("other",)
    #: Seconds of one column.
    seconds: float = 0.25
    #: The column that everything else on the screen shows, counted back from the newest; None while it is live.
    selected: int | None = None


class Runs(NamedTuple):
    """What decides how a line looks: equal ones need no repaint."""

    names: str
    rows: tuple[StreamRow, ...]
    selected: int | None


class StreamView(ScrollView, can_focus=True):
    """Draws a :class:`StreamPicture`. The time axis stays at the bottom while the workers scroll."""

    BINDINGS = bindings("move")
    DEFAULT_CSS = f"""
    StreamView > .stream-view--name {{ text-style: bold; }}
    StreamView > .stream-view--axis {{ color: $text-muted; }}
    StreamView > .stream-view--label {{ color: $text-muted; }}
    StreamView > .stream-view--alarm {{ color: $text-error; text-style: bold; }}
    StreamView > .stream-view--fail {{ color: $text-error; text-style: bold; }}
    StreamView > .stream-view--respawn {{ color: $text-warning; }}
    StreamView > .stream-view--idle {{ color: $text-disabled; }}
    StreamView > .stream-view--line {{ color: $background; text-style: bold; }}
    StreamView > .stream-view--selected {{ text-style: reverse; }}
    StreamView:nocolor > .stream-view--fail, StreamView:nocolor > .stream-view--alarm {{ color: $foreground; }}
    {palette.css("StreamView", "stream-view")}
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"stream-view--{name}"
        for name in ("name", "axis", "label", "alarm", "fail", "respawn", "idle", "line", "selected", *palette.STYLES)
    }

    def __init__(self, *, id: str | None = None, title: str = "Stream") -> None:
        super().__init__(id=id)
        self._picture = StreamPicture()
        self._title = title
        self._styles: dict[Look, Style] = {}
        self._inks: dict[str, Style] = {}
        #: What each visible line shows now.
        self._painted: dict[int, Runs] = {}
        #: The room for lines, and what it was found out for.
        self._measured: tuple[tuple[Size, bool], Size] | None = None

    # --- what others ask and give

    def take(self, picture: StreamPicture) -> None:
        """Show this picture."""
        axis_changed = (picture.seconds, picture.selected) != (self._picture.seconds, self._picture.selected)
        titled = picture.functions != self._picture.functions or self._border_title is None
        self._picture = picture
        size = Size(1, self._lines + 1)
        if size != self.virtual_size:
            self.virtual_size = size
        if titled or axis_changed:
            self._retitle()
        changed = [y for y, painted in self._painted.items() if self._runs_at(y) != painted]
        if axis_changed:
            changed.append(self._height - 1)
        if changed:
            self.refresh(*regions(changed, self.size.width))

    @property
    def columns(self) -> int:
        """How many columns there is room for: a picture needs no more."""
        return max(0, self._width - self._name_width - self._label_width)

    @property
    def plain(self) -> bool:
        """Whether functions are told by letters, because there are no colours or no blocks."""
        return self.app.no_color or bool(getattr(self.app, "ascii", False))

    @property
    def packed(self) -> bool:
        """Whether two workers share a line, which takes colours and half blocks."""
        return not self.plain and (self._width < ROOMY or len(self._picture.rows) > max(1, self._height - 1))

    # --- measures

    @property
    def _room(self) -> Size:
        """Where lines are drawn. Asked for by each of them many times, and dear to find out."""
        key = (self._size, self.show_vertical_scrollbar)
        if self._measured is None or self._measured[0] != key:
            self._measured = (key, self.scrollable_content_region.size)
        return self._measured[1]

    @property
    def _width(self) -> int:
        return self._room.width

    @property
    def _height(self) -> int:
        return self._room.height

    @property
    def _lines(self) -> int:
        rows = len(self._picture.rows)
        return (rows + 1) // 2 if self.packed else rows

    @property
    def _name_width(self) -> int:
        rows = self._picture.rows
        longest = len(rows[-1].name) if rows else 2
        return longest * 2 + 1 if self.packed else longest + 1

    @property
    def _label_width(self) -> int:
        return LABEL if self._width >= ROOMY and not self.packed else 0

    # --- drawing

    def render_line(self, y: int) -> Strip:
        """A line of workers, or the axis at the bottom."""
        base = self.rich_style
        if y == self._height - 1:
            return self._axis_strip(base)
        runs = self._runs_at(y)
        self._painted[y] = runs
        if not runs.rows:
            return Strip.blank(self._width, base)
        segments = [Segment(fit(runs.names, self._name_width), base + self._ink("name"))]
        segments += self._cells(runs.rows, base)
        if self._label_width:
            row = runs.rows[0]
            label = fit(f" {harmless(row.label)}", self._label_width)
            segments.append(Segment(label, base + self._ink("alarm" if row.alarm else "label")))
        return Strip(segments).adjust_cell_length(self._width, base)

    def _runs_at(self, y: int) -> Runs:
        rows = self._picture.rows
        place = self.scroll_offset.y + y
        each = 2 if self.packed else 1
        shown = tuple(rows[row] for row in range(place * each, min(len(rows), (place + 1) * each)))
        # w1,2: both are workers.
        names = ",".join(row.name.removeprefix("w") if number else row.name for number, row in enumerate(shown))
        return Runs(names, shown, self._picture.selected)

    def _cells(self, rows: tuple[StreamRow, ...], base: Style) -> list[Segment]:
        columns = self.columns
        shown = [row.cells[-columns:] if columns else () for row in rows]
        if self.packed:
            lower = shown[1] if len(shown) > 1 else (StreamCell(),) * len(shown[0])
            glyphs = [pair_glyph(above, below) for above, below in zip(shown[0], lower, strict=False)]
        else:
            draw = letter_glyph if self.plain else colour_glyph
            glyphs = [draw(cell) for cell in shown[0]]
        segments = [Segment(" " * (columns - len(glyphs)), base)]
        chosen = self._selected_place(len(glyphs))
        if chosen is not None:
            glyphs[chosen] = selected(glyphs[chosen], plain=self.plain)
        start = 0
        for place in range(1, len(glyphs) + 1):
            look = glyphs[start].look
            if place == len(glyphs) or glyphs[place].look != look:
                text = "".join([glyph.text for glyph in glyphs[start:place]])
                segments.append(Segment(text, base + self._style(look)))
                start = place
        return segments

    def _selected_place(self, cells: int) -> int | None:
        back = self._picture.selected
        return None if back is None or back >= cells else cells - 1 - back

    def _axis_strip(self, base: Style) -> Strip:
        text = axis(self.columns, self._picture.seconds, self._picture.selected, marker="^" if self.plain else "▲")
        line = " " * self._name_width + text
        return Strip([Segment(line, base + self._ink("axis"))]).adjust_cell_length(self._width, base)

    def _style(self, look: Look) -> Style:
        """The style that a glyph's inks come to."""
        style = self._styles.get(look)
        if style is None:
            style = self._ink(look.ink) if look.ink else Style()
            if look.paper:
                style += Style(bgcolor=self._shade(look.ink) if look.paper == look.ink else self._colour(look.paper))
            if look.reverse:
                style += Style(reverse=True)
            if look.selected:
                style += self._ink("selected")
            self._styles[look] = style
        return style

    def _ink(self, name: str) -> Style:
        style = self._inks.get(name)
        if style is None:
            style = ink(self, f"stream-view--{name}")
            self._inks[name] = style
        return style

    def _colour(self, name: str) -> str | None:
        colour = self._ink(name).color
        return None if colour is None else colour.name

    def _shade(self, name: str) -> str | None:
        """A darker tone of an ink, for a new job of the same function; a terminal's own colours have none."""
        colour = self.get_component_styles(f"stream-view--{name}").color
        if colour.ansi is not None:
            return None
        return colour.blend(self.background_colors[1], 0.4).rich_color.name

    def _retitle(self) -> None:
        span = self.columns * self._picture.seconds
        parts: list[Content] = [Content(f"{self._title}  {span:.0f}s  ")]
        names = self._picture.functions
        for number, name in enumerate(names[1 : palette.DISTINCT + 1], 1):
            text = short_name(harmless(name))
            if self.plain:
                parts.append(Content(f"{palette.letter_of(number)} {text}  "))
            else:
                colour = self.get_component_styles(f"stream-view--{palette.style_of(number)}").color
                parts.append(Content.assemble(("█ ", colour.css), f"{text}  "))
        if len(names) > palette.DISTINCT + 1 and not self.plain:
            parts.append(Content("others grey  "))
        parts.append(Content(f"{'. idle  ' if self.plain else ''}{MARKS}"))
        retitle(self, Content("").join(parts))

    def notify_style_update(self) -> None:
        """A new theme has other colours."""
        super().notify_style_update()
        self._styles.clear()
        self._inks.clear()
        if self._border_title is not None:
            self._retitle()

    def on_resize(self) -> None:
        """Another size may pack the workers another way."""
        self._painted.clear()
        self.virtual_size = Size(1, self._lines + 1)
        self._retitle()
        self.refresh()

    # --- moving

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Other workers are seen: what was painted where is no longer true."""
        if round(old_value) != round(new_value):
            self._painted.clear()
        super().watch_scroll_y(old_value, new_value)

    def _scroll_by(self, lines: int) -> None:
        # Forced: Textual refuses to scroll what has no scroll bar yet, and it gets that only at the next layout.
        top = max(0, min(self.scroll_offset.y + lines, self.max_scroll_y))
        self.scroll_to(y=top, animate=False, force=True)

    def action_cursor_down(self) -> None:
        """One line down."""
        self._scroll_by(1)

    def action_cursor_up(self) -> None:
        """One line up."""
        self._scroll_by(-1)

    def action_cursor_page_down(self) -> None:
        """One page down."""
        self._scroll_by(max(1, self._height - 1))

    def action_cursor_page_up(self) -> None:
        """One page up."""
        self._scroll_by(-max(1, self._height - 1))

    def action_cursor_half_down(self) -> None:
        """Half a page down."""
        self._scroll_by(max(1, self._height // 2))

    def action_cursor_half_up(self) -> None:
        """Half a page up."""
        self._scroll_by(-max(1, self._height // 2))

    def action_cursor_top(self) -> None:
        """To the first worker."""
        self._scroll_by(-len(self._picture.rows))

    def action_cursor_bottom(self) -> None:
        """To the last worker."""
        self._scroll_by(len(self._picture.rows))

    def action_open(self) -> None:
        """A line of time has no detail."""
