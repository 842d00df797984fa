"""The task stream of the last minute as an SVG: a lane for each worker, a colour for each function. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from poolmgr.model.buckets import FINE, SECOND, WIDTHS, History, Track
from poolmgr.model.snapshot import PoolSnapshot, WorkerSnapshot
from poolmgr.tui import palette
from poolmgr.tui.format import harmless, short_name, time_of_day
from poolmgr.tui.widgets.stream_glyphs import StreamCell
from poolmgr.tui.widgets.stream_source import cells

#: Measures in px: a slice of time, a lane, the margins.
SLICE, LANE, LEFT, TOP, BOTTOM = 5, 18, 48, 46, 30
#: Seconds that are shown: what the fine ring keeps.
SPAN = 60
_MARKS = {"x": "#c62828", "k": "#c62828", "~": "#b05400"}


def stream_svg(history: History, snapshot: PoolSnapshot) -> str:
    """The text of the file. It needs no font and no script, and tells each lane's function on hover."""
    columns = SPAN * SECOND // WIDTHS[FINE]
    width, height = LEFT + columns * SLICE + 12, TOP + max(1, len(snapshot.workers)) * LANE + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="ui-monospace, monospace" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="8" y="18" font-weight="bold">{_text(snapshot.name)}: task stream, {SPAN} s to '
        f"{time_of_day(snapshot.time)}</text>",
        *_legend(history),
    ]
    for lane, worker in enumerate(snapshot.workers):
        parts += _lane(history, worker, TOP + lane * LANE, columns)
    parts += _axis(TOP + len(snapshot.workers) * LANE, columns)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _legend(history: History) -> Iterator[str]:
    x = 8
    named = [(number, short_name(harmless(name))) for number, name in enumerate(history.names)][1:]
    told = [(palette.light(number), name) for number, name in named[: palette.DISTINCT]]
    if len(named) > palette.DISTINCT:
        told.append((palette.light(0), "others"))
    for colour, name in told:
        yield f'<rect x="{x}" y="27" width="10" height="10" fill="{colour}"/>'
        yield f'<text x="{x + 14}" y="36">{_text(name)}</text>'
        x += 28 + 8 * len(name)
    yield f'<text x="{x}" y="36" fill="#6b6f76">x failed  k killed or lost  ~ started</text>'


def _lane(history: History, worker: WorkerSnapshot, y: int, columns: int) -> Iterator[str]:
    yield f'<text x="8" y="{y + 13}" font-weight="bold">{worker.name}</text>'
    last, elapsed = divmod(history.now - 1, WIDTHS[FINE])
    buckets = history.tracks.get(worker.slot, Track()).cells(FINE, last, columns)
    for begin, end, cell in _joined(cells(buckets, WIDTHS[FINE], elapsed + 1)):
        yield from _cell(cell, LEFT + begin * SLICE, (end - begin) * SLICE, y, history)


def _joined(row: tuple[StreamCell, ...]) -> Iterator[tuple[int, int, StreamCell]]:
    """Equal neighbours in one, so that a long job is one rectangle."""
    begin = 0
    for place in range(1, len(row) + 1):
        if place == len(row) or row[place] != row[begin] or row[begin].edge:
            yield begin, place, row[begin]
            begin = place


def _cell(cell: StreamCell, x: float, width: float, y: int, history: History) -> Iterator[str]:
    if cell.edge:
        split = width * cell.edge / 8
        if cell.function is not None:
            yield _box(x, split, y, 8, cell.function, history)
        if cell.then is not None:
            # A hair of a gap: two jobs of one function are two.
            yield _box(x + split + 0.3, width - split - 0.3, y, 8, cell.then, history)
    elif cell.function is not None and cell.fill:
        yield _box(x, width, y, cell.fill, cell.function, history)
    if cell.mark:
        # With an edge in white: it has to be read on any colour.
        halo = f'font-weight="bold" paint-order="stroke" stroke="#ffffff" stroke-width="3" fill="{_MARKS[cell.mark]}"'
        yield f'<text x="{x - 1:g}" y="{y + 13}" {halo}>{cell.mark}</text>'


def _box(x: float, width: float, y: int, fill: int, function: int, history: History) -> str:
    high = (LANE - 2) * fill / 8
    name = history.names[function] if function < len(history.names) else "other"
    return (
        f'<rect x="{x:g}" y="{y + LANE - 1 - high:g}" width="{width:g}" height="{high:g}" '
        f'fill="{palette.light(function)}"><title>{_text(name)}</title></rect>'
    )


def _axis(y: int, columns: int) -> Iterator[str]:
    for ago in range(0, SPAN + 1, 10):
        x = LEFT + columns * SLICE - ago * columns * SLICE // SPAN
        text = f"-{ago}s" if ago else "now"
        yield f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{y + 4}" stroke="#6b6f76" stroke-opacity="0.4"/>'
        yield f'<text x="{min(x, LEFT + columns * SLICE - 16)}" y="{y + 18}" fill="#6b6f76">{text}</text>'


def _text(text: str) -> str:
    return escape(harmless(text))
