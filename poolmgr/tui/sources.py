"""Source lines around the places that tracebacks and stacks name.

    places(text) --> read(places), in a thread of the app --> with_source(text, sources) when the text is drawn
                                                              places_by_line(parts) --> what Enter opens

Files are those of this machine as they are now.  Where a line is not the one that the traceback shows, the file has
changed since, and nothing is added.

Thread: ``read`` may wait for a disk, so the app's own thread never calls it; all else is pure.
"""

from __future__ import annotations

import linecache
import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from textwrap import dedent

from textual.content import Content

from poolmgr.model.snapshot import JobSnapshot
from poolmgr.model.stacks import frame_of
from poolmgr.tui.format import harmless

#: A file and the number of a line in it.
Place = tuple[str, int]
#: The number of the first line, and the lines.
Around = tuple[int, tuple[str, ...]]
Sources = Mapping[Place, Around]
#: A text and its style; of a whole line that stands for a place, the place too.
Part = tuple[str, str] | tuple[str, str, Place]
NO_SOURCES: Sources = {}

#: Lines before and after.
MARGIN = 2
#: Places of one text that are looked up, the innermost: a recursion has thousands.
MOST = 20
#: Bytes of a file that is read.
LARGEST = 4 << 20

_FILE = re.compile(r'^  File "(.*)", line (\d+)(?:,|$)')


def places(job: JobSnapshot) -> list[Place]:
    """What the job's traceback and the last stack of its worker name."""
    found = [(match[1], int(match[2])) for line in job.traceback.splitlines() if (match := _FILE.match(line))]
    stack = () if job.death is None else job.death.stack
    frames = [frame for line in stack if (frame := frame_of(line)) is not None]
    return found[-MOST:] + [(frame.file, frame.line) for frame in frames[:MOST]]


def read(wanted: Iterable[Place]) -> dict[Place, Around]:
    """The lines around each place; empty where they cannot be had."""
    return {place: _around(*place) for place in wanted}


def _around(file: str, line: int) -> Around:
    try:
        found = os.stat(file)
    except (OSError, ValueError):
        return 0, ()
    # A traceback is a job's text, and may name anything.
    if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
        return 0, ()
    linecache.checkcache(file)
    lines = linecache.getlines(file)
    first = max(1, line - MARGIN)
    return first, tuple(text.rstrip("\n") for text in lines[first - 1 : line + MARGIN])


def line_of(sources: Sources, place: Place) -> str:
    """The line itself; empty if it cannot be had."""
    first, lines = sources.get(place, (0, ()))
    at = place[1] - first
    return lines[at].strip() if 0 <= at < len(lines) else ""


def with_source(lines: Sequence[str], sources: Sources) -> list[Part]:
    """A traceback in lines, as parts of a text: what lies around its places is muted, the error stands out."""
    parts: list[Part] = []
    place: Place | None = None
    shift = 0
    for number, line in enumerate(lines):
        match = _FILE.match(line)
        if match is not None:
            place, shift = (match[1], int(match[2])), 0
            parts.append((f"{line}\n", "$text-muted", place))
        elif place is not None and line.strip() and line.strip() == harmless(line_of(sources, place)):
            block, shift = _block(sources[place], place[1])
            parts += block
            place = None
        elif shift and set(line.strip()) <= {"^", "~"} and line.strip():
            parts.insert(_behind_marked(parts), (" " * shift + f"{line}\n", ""))
            shift = 0
        else:
            place, shift = None, 0
            parts.append((f"{line}\n", "bold $text-error" if number == len(lines) - 1 else ""))
    return parts


def assembled(parts: Iterable[Part]) -> Content:
    """The text of the parts."""
    return Content.assemble(*((part[0], part[1]) for part in parts))


def places_by_line(parts: Iterable[Part]) -> dict[int, Place]:
    """The places that lines of the text stand for, by the lines' numbers from 0."""
    found: dict[int, Place] = {}
    line = 0
    for part in parts:
        if len(part) == 3:
            found[line] = part[2]
        line += part[0].count("\n")
    return found


def _block(around: Around, line: int) -> tuple[list[Part], int]:
    """Numbered lines, and how much further right the marked one begins than in a traceback."""
    first, lines = around
    texts = dedent("\n".join(text.expandtabs() for text in lines)).split("\n")
    parts: list[Part] = []
    shift = 0
    for number, text in enumerate(texts, first):
        mark = ">" if number == line else " "
        parts.append(
            (f"  {mark}{number:>5}  {harmless(text)}".rstrip() + "\n", "bold" if number == line else "$text-muted")
        )
        if number == line:
            shift = 10 + len(text) - len(text.lstrip()) - 4
    return parts, shift


def _behind_marked(parts: Sequence[Part]) -> int:
    """Where the carets under the marked line of the last block belong."""
    return next(place for place in range(len(parts) - 1, -1, -1) if parts[place][1] == "bold") + 1
