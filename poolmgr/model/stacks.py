"""Stacks as faulthandler writes them, read and told in words; and a profile of many of them.

A line in parentheses says what a dump does not tell.

Pure, but for the source lines, which the caller looks up.  For any thread.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

#: ``source(file, line)`` gives a line of a file, empty if it cannot be had.
Source = Callable[[str, int], str]

_THREAD = re.compile(r"^(?:Current thread|Thread) (0x[0-9a-fA-F]+).*\(most recent call first\):$")
_FRAME = re.compile(r'^  File "(.*)", line (\d+) in (.*)$')
_NOTE = re.compile(r"^\((.*)\)$")
_TEXT = re.compile(r"^(.*):(\d+) +(.*)$")
#: Where a job's own frames end: what called it.
_CALLERS = ("poolmgr/engine/tasks.py", "poolmgr/engine/worker.py")
#: The frames that only carry a thread.
_CARRIERS = ("_bootstrap", "_bootstrap_inner")
#: Lines of a profile.
MOST = 40
#: Cells of the place in a line, and of the function.
_PLACE, _FUNCTION = 26, 22


class Frame(NamedTuple):
    """One call that has not returned."""

    file: str
    line: int
    function: str


class Thread(NamedTuple):
    """One thread's calls, the innermost first."""

    ident: str
    frames: tuple[Frame, ...]
    #: In place of frames, what is not told, and why.
    note: str = ""

    @property
    def is_worker(self) -> bool:
        """Whether it is the one that runs the jobs."""
        return any(_is_ours(frame) for frame in self.frames)

    @property
    def job(self) -> tuple[Frame, ...]:
        """The frames of the job, or of what a thread runs: those above whatever only calls it."""
        own = self.frames
        for place, frame in enumerate(own):
            if _is_ours(frame):
                own = own[:place]
                break
        return tuple(frame for frame in own if frame.function not in _CARRIERS)


def parse(text: str) -> list[Thread]:
    """The threads in a dump; the one that runs the jobs first, then those that have something to tell."""
    threads: list[tuple[str, list[Frame]]] = []
    notes: list[str] = []
    for line in text.splitlines():
        head = _THREAD.match(line)
        if head is not None:
            threads.append((head[1], []))
            continue
        note = _NOTE.match(line)
        if note is not None:
            notes.append(note[1])
        frame = _FRAME.match(line)
        if frame is not None and threads:
            threads[-1][1].append(Frame(frame[1], int(frame[2]), frame[3]))
    found = [Thread(ident, tuple(frames)) for ident, frames in threads]
    ordered = sorted(found, key=lambda thread: not thread.is_worker)
    return ordered + [Thread("", (), note) for note in notes]


class Told(NamedTuple):
    """One line of what is told, and the frame that it tells of, if it does."""

    text: str
    frame: Frame | None = None


def told(threads: Iterable[Thread], source: Source) -> list[Told]:
    """The stacks in lines, the innermost call first."""
    lines: list[Told] = []
    for thread in threads:
        frames = thread.job
        if thread.is_worker:
            if not frames:
                lines.append(Told("no job of its own code runs: it waits for one, or is between two"))
        elif frames or thread.note:
            lines.append(Told(thread.note or f"thread {thread.ident}"))
        lines += [Told(_line("", frame, source), frame) for frame in frames]
    return lines


class Profile:
    """How often each line was found on the stack of a worker's job."""

    def __init__(self) -> None:
        self.samples = 0
        self.idle = 0
        self._total: Counter[Frame] = Counter()
        self._own: Counter[Frame] = Counter()

    def add(self, threads: Iterable[Thread]) -> None:
        """One look."""
        self.samples += 1
        frames = next((thread.job for thread in threads if thread.is_worker), ())
        if not frames:
            self.idle += 1
            return
        # Once for each line, however deep a function calls itself.
        self._total.update(set(frames))
        self._own[frames[0]] += 1

    def told(self, source: Source) -> list[Told]:
        """The lines that were found most often, in percent of the looks: anywhere on the stack, and innermost."""
        lines = [Told(f"{self.samples} looks" + (f", {self.idle} of them found no job" if self.idle else ""))]
        if not self._total:
            return lines
        lines.append(Told(f"{'on stack':>8} {'itself':>6}  line"))
        ranked = sorted(self._total.items(), key=lambda pair: (-pair[1], -self._own[pair[0]], pair[0]))
        for frame, count in ranked[:MOST]:
            shares = f"{100 * count / self.samples:7.0f}% {100 * self._own[frame] / self.samples:5.0f}%  "
            lines.append(Told(_line(shares, frame, source), frame))
        return lines


def frame_text(frame: Frame) -> str:
    """A frame in one line, with its whole path."""
    return f"{frame.file}:{frame.line} {frame.function}"


def frame_of(text: str) -> Frame | None:
    """The frame that :func:`frame_text` made the line of; None if it made it of none."""
    found = _TEXT.match(text)
    return None if found is None else Frame(found[1], int(found[2]), found[3])


def frame_line(frame: Frame, source: str) -> str:
    """A frame as it is told, with its line of source."""
    return _line("", frame, lambda file, line: source)


def place_text(frame: Frame) -> str:
    """Where a frame is, in short: ``pool/crawl.py:12``."""
    return f"{_short(frame.file)}:{frame.line}"


def _line(before: str, frame: Frame, source: Source) -> str:
    return (
        f"{before}{place_text(frame):<{_PLACE}} {frame.function:<{_FUNCTION}} {source(frame.file, frame.line)}".rstrip()
    )


def _short(file: str) -> str:
    """The last two parts of a path: enough to know it by."""
    return "/".join(file.rsplit("/", 2)[-2:]) if file.count("/") > 1 else file


def _is_ours(frame: Frame) -> bool:
    return frame.file.endswith(_CALLERS)
