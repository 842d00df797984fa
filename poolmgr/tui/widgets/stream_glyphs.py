"""How a slice of a worker's time becomes a character: in colours, as half of a pair, or as a letter. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from poolmgr.tui import palette

#: Left parts of a cell, and heights of one, in eighths.
_PARTS = " ▏▎▍▌▋▊▉█"
_HEIGHTS = " ▁▂▃▄▅▆▇█"
#: A half block stands for a slice that was busy for as many eighths, at the least: less would hide the gaps.
_HALF = 2
#: Columns between two times on the axis, at the least.
_TICK = 12
_STEPS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)

_MARK_INKS = {"x": "fail", "k": "fail", "~": "respawn"}


class StreamCell(NamedTuple):
    """A slice of one worker's time. A tuple, because thousands of them are looked up in each frame."""

    #: Eighths of the slice that were busy.
    fill: int = 0
    #: The function that took most of it, by number; None if nothing ran.
    function: int | None = None
    #: Where in it, in eighths from the left, the job ended and what follows began; 0 if it did not, or nobody knows.
    edge: int = 0
    #: The function that runs right of the edge; None if nothing does.
    then: int | None = None
    #: ``x`` a job failed, ``k`` one was killed or lost, ``~`` a worker started.
    mark: str = ""


class Look(NamedTuple):
    """The names of a character's inks: what decides its style."""

    ink: str = ""
    #: Behind the character.  The same as the ink: a darker tone of it.
    paper: str = ""
    reverse: bool = False
    selected: bool = False


class Glyph(NamedTuple):
    """A character and how it looks."""

    text: str
    look: Look


_BLANK = Glyph(" ", Look())


@lru_cache(4096)
def colour_glyph(cell: StreamCell) -> Glyph:
    """One worker a line, in colours."""
    if cell.mark:
        return _marked(cell)
    ink = "" if cell.function is None else palette.style_of(cell.function)
    after = "" if cell.then is None else palette.style_of(cell.then)
    if 0 < cell.edge < 8:
        if ink:
            return Glyph(_PARTS[cell.edge], Look(ink, after))
        # Nothing, then a job: the part that is drawn is the left one, so the colours change places.
        return Glyph(_PARTS[cell.edge], Look(after, reverse=True))
    if not ink or cell.fill <= 0:
        return _BLANK
    return Glyph(_HEIGHTS[min(8, cell.fill)], Look(ink))


@lru_cache(4096)
def letter_glyph(cell: StreamCell) -> Glyph:
    """One worker a line, without colours."""
    if cell.mark:
        return _marked(cell)
    function = cell.function if cell.function is not None else cell.then
    if function is None or cell.fill <= 0:
        return Glyph(".", Look("idle"))
    letter = palette.letter_of(function)
    return Glyph(letter.upper() if cell.fill >= 8 else letter, Look())


@lru_cache(16384)
def pair_glyph(above: StreamCell, below: StreamCell) -> Glyph:
    """Two workers a line. What went wrong with either takes the whole cell; a start only if the other is idle."""
    for cell in (above, below):
        if cell.mark and cell.mark != "~":
            return _marked(cell)
    upper, lower = _half(above), _half(below)
    if {upper, lower} <= {"respawn", ""} and (upper or lower):
        return Glyph("~", Look("respawn"))
    if upper and lower:
        return Glyph("█", Look(upper)) if upper == lower else Glyph("▀", Look(upper, lower))
    if upper:
        return Glyph("▀", Look(upper))
    return Glyph("▄", Look(lower)) if lower else _BLANK


@lru_cache(4096)
def selected(glyph: Glyph, *, plain: bool) -> Glyph:
    """The same in the column that is selected: a line through it, or, without colours, the character in reverse."""
    ink, paper, _, _ = glyph.look
    if plain or glyph.text in _MARK_INKS:
        return Glyph(glyph.text, glyph.look._replace(selected=True))
    behind = ink or paper
    return Glyph("│", Look("line", behind) if behind else Look("idle", selected=True))


def _half(cell: StreamCell) -> str:
    if cell.mark:
        return _MARK_INKS[cell.mark]
    if cell.function is None or cell.fill < _HALF:
        return ""
    return palette.style_of(cell.function)


def _marked(cell: StreamCell) -> Glyph:
    return Glyph(cell.mark, Look(_MARK_INKS[cell.mark]))


def axis(columns: int, seconds: float, chosen: int | None, *, marker: str = "▲") -> str:
    """The line of times below the stream: how long ago, ``now`` at the right; with a column selected, its place.

    Args:
        columns: How many columns there are.
        seconds: What each of them stands for.
        chosen: The selected one, counted back from the newest.
        marker: What points at it.
    """
    if columns <= 0:
        return ""
    line = [" "] * columns
    step = next((each for each in _STEPS if each / seconds >= _TICK), _STEPS[-1])
    ago = step
    while (place := columns - round(ago / seconds)) >= 0:
        _write(line, place, _ago(ago))
        ago += step
    _write(line, max(0, columns - 3), "now")
    if chosen is not None and chosen < columns:
        _write_chosen(line, columns - 1 - chosen, _ago(chosen * seconds) if chosen else "now", marker)
    return "".join(line)


def _write_chosen(line: list[str], place: int, text: str, marker: str) -> None:
    """The marker, and beside it its time with a blank on either side."""
    if place + len(text) + 2 <= len(line):
        _write(line, place + 1, f" {text} ")
    else:
        _write(line, place - len(text) - 1, f" {text}")
    line[place] = marker


def _ago(seconds: float) -> str:
    if seconds < 120:
        return f"-{seconds:g}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"-{minutes}m{rest:02}s" if rest else f"-{minutes}m"


def _write(line: list[str], place: int, text: str) -> None:
    for offset, character in enumerate(text):
        if 0 <= place + offset < len(line):
            line[place + offset] = character
