"""All text of numbers, durations and sizes, and the cleaning of text that users' programs made.

Pure. Every screen takes its words from here, so that one thing looks the same everywhere.
"""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from rich.cells import cell_len, set_cell_size

from poolmgr.model.snapshot import Progress

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"

# Control sequences as ECMA-48 has them: CSI, the string kinds (OSC, DCS, SOS, PM, APC), and the short ones.
_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|\x9c|$)"
    r"|\x1b[ -/]*[0-~]?",
    re.DOTALL,
)


def harmless(text: str) -> str:
    """One line of anybody's text without escape sequences, control and direction characters.

    A carriage return starts the line anew, as on a terminal, so a progress bar shows its last state.
    """
    if text.isprintable():
        return text
    text = _SEQUENCES.sub("", text).rstrip("\r\n").rpartition("\r")[2]
    return "".join(map(_harmless_character, text.expandtabs(4)))


def harmless_lines(text: str) -> list[str]:
    """The same for a text of many lines, such as a traceback."""
    return [harmless(line) for line in text.split("\n")]


def _harmless_character(character: str) -> str:
    if character.isprintable():
        return character
    category = unicodedata.category(character)
    if category in ("Cc", "Cf"):
        return " " if character in "\n\v\f" else ""
    return " " if category.startswith("Z") else "\N{REPLACEMENT CHARACTER}"


def fit(text: str, width: int, *, right: bool = False) -> str:
    """``text`` in exactly ``width`` cells: filled with blanks, or cut with an ellipsis at its end."""
    length = len(text) if text.isascii() else cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…" if width > 0 else ""
    fill = " " * (width - length)
    return fill + text if right else text + fill


def short_name(text: str) -> str:
    """The last part of a dotted name: the one that tells most. The detail has the whole."""
    return text.rpartition(".")[2] or text


def count(number: int) -> str:
    """``48,120``."""
    return f"{number:,}"


def short_count(number: int) -> str:
    """A count in at most five cells: ``6031``, ``60.3k``, ``1.2M``."""
    if number < 10_000:
        return str(number)
    return _scaled(number, (("k", 1e3), ("M", 1e6), ("G", 1e9)))


def size(number: int | None) -> str:
    """Bytes in at most five cells: ``812``, ``212M``, ``1.9G``; nothing if it is not known."""
    if number is None:
        return ""
    if number < 1024:
        return str(number)
    return _scaled(number, (("K", 1024), ("M", 1024**2), ("G", 1024**3), ("T", 1024**4)))


def _scaled(number: float, units: Sequence[tuple[str, float]]) -> str:
    for unit, factor in units:
        value = number / factor
        if value < 9.95:
            return f"{value:.1f}{unit}"
        if value < 999.5:
            return f"{value:.0f}{unit}"
    return f"{number / units[-1][1]:.0f}{units[-1][0]}"


def duration(seconds: float | None) -> str:
    """A duration in at most six cells: ``0.08s``, ``41.0s``, ``3m12s``, ``1h02m``, ``2d03h``; none for None or -1."""
    if seconds is None or seconds < 0:
        return ""
    if seconds < 9.995:
        return f"{max(seconds, 0.0):.2f}s"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86_400}d{whole % 86_400 // 3600:02}h"


def fine(seconds: float | None) -> str:
    """A duration that may be very short, in at most six cells: ``812us``, ``9.6ms``, ``118ms``, ``1.9s``, ``3m12s``."""
    if seconds is None:
        return ""
    for unit, factor in (("ns", 1e9), ("us", 1e6), ("ms", 1e3), ("s", 1.0)):
        value = max(seconds, 0.0) * factor
        if value < 9.95 and unit != "ns":
            return f"{value:.1f}{unit}"
        if value < (59.5 if unit == "s" else 999.5):
            return f"{value:.0f}{unit}"
    return duration(seconds).replace("m00s", "m").replace("h00m", "h")


def clock(seconds: float) -> str:
    """A long duration as a clock shows it: ``00:12:41``, ``2d 03:00:00``."""
    days, rest = divmod(round(seconds), 86_400)
    text = f"{rest // 3600:02}:{rest % 3600 // 60:02}:{rest % 60:02}"
    return f"{days}d {text}" if days else text


def short_clock(seconds: float) -> str:
    """``00:42``, ``1:02:41``."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes:02}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def time_of_day(moment: float) -> str:
    """``12:01:31`` in this machine's time zone."""
    return time.strftime("%H:%M:%S", time.localtime(moment))


def rate(per_second: float) -> str:
    """``0.4``, ``63.1``, ``1,205``: one decimal where it still says something."""
    return f"{per_second:.1f}" if per_second < 99.95 else f"{per_second:,.0f}"


def plural(number: int, word: str) -> str:
    """``1 job``, ``2 jobs``, ``1,200 jobs``, ``2 processes``."""
    ending = "" if number == 1 else "es" if word.endswith("s") else "s"
    return f"{number:,} {word}{ending}"


def bar(value: float, top: float, width: int) -> str:
    """A horizontal bar drawn in eighths of a cell; any value above 0 shows, and only ``top`` fills it."""
    if top <= 0 or value <= 0:
        return " " * width
    steps = max(1, min(int(value / top * width * 8), width * 8))
    full, rest = divmod(steps, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)


def spark(values: Sequence[float], width: int, top: float, span: int = 60) -> str:
    """The last ``span`` values in ``width`` columns on a scale from 0 to ``top``, newest on the right.

    The scale is fixed by the caller: one that follows its own data draws 50% as an empty column.
    A column is the mean of the values in it; where there is no value yet, there is no mark.
    """
    return _spark(tuple(values), width, top, span)


@lru_cache(512)
def _spark(values: tuple[float, ...], width: int, top: float, span: int) -> str:
    # Values come once a second, frames more often: most sparks were drawn before.
    if width <= 0:
        return ""
    each = max(1, -(-span // width))
    scale = 8 / (each * top) if top > 0 else 0.0
    end = len(values)
    begin = max(end % each, end - each * width)
    marks = []
    if begin and begin < each and end < each * width:
        # The oldest column has fewer values.
        marks.append(_LEVELS[max(0, min(7, int(sum(values[:begin]) * scale * each / begin)))])
    for place in range(begin, end, each):
        level = int(sum(values[place : place + each]) * scale)
        marks.append(_LEVELS[level if 0 <= level < 8 else 0 if level < 0 else 7])
    return "".join(marks).rjust(width)


def amount(value: float) -> str:
    """A number of whatever a job counts: ``48,120``, ``0.25``."""
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.3g}"


def progress_bar(progress: Progress, width: int) -> str:
    """How far something is, in ``width`` cells: a bar with its percent, or the number where there is no total."""
    text = f" {harmless(progress.text)}" if progress.text else ""
    share = progress.share
    if share is None:
        return fit(f"{amount(progress.done)}{text}", width)
    percent = f"{100 * share:4.0f}%"
    cells = max(0, min(20, width - len(percent) - (min(len(text), width // 2))))
    return fit(f"{bar(share, 1, cells)}{percent}{text}", width)
