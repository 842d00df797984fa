"""How often the kernel has killed for lack of memory: its own count, so that nobody has to guess from a SIGKILL.

    cgroup v2    oom_kill of memory.events in our group, which counts the groups below it too
    cgroup v1    oom_kill of memory.oom_control
    else         oom_kill of /proc/vmstat, which counts the whole machine

A worker that was killed by SIGKILL, unasked, was killed for lack of memory if the count has risen since a moment ago,
and nobody else accounts for the rise.

Thread: :meth:`OomWatch.look` any; :meth:`OomWatch.claim` the dispatcher.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable

_ROOT = "/sys/fs/cgroup"
_COUNT = re.compile(rb"^oom_kill (\d+)$", re.MULTILINE)
#: Seconds before a death from which on a rise of the count is taken to be that death: the kernel counts, then kills,
#: then we are told; and a picture may have looked at the count in between.
BEFORE = 2.0
#: Seconds between two looks at the least, and looks that are remembered: they go back well beyond ``BEFORE``.
EVERY, LOOKS = 0.2, 40


class OomWatch:
    """Remembers what the count was of late, and which rises are accounted for."""

    def __init__(
        self, read: Callable[[], int | None] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``read`` gives the count; the kernel's own if it is None."""
        self._read = read or _Counter().read
        self._clock = clock
        #: When it was looked at (CLOCK_MONOTONIC, s), and what it was.
        self._looks: deque[tuple[float, int]] = deque(maxlen=LOOKS)
        #: When rises were claimed.
        self._claimed: deque[float] = deque(maxlen=LOOKS)
        self.look()

    def look(self) -> None:
        """Take note of the count as it is now, unless that was done a moment ago."""
        now = self._clock()
        if self._looks and now - self._looks[-1][0] < EVERY:
            return
        count = self._read()
        if count is not None:
            self._looks.append((now, count))

    def claim(self) -> tuple[int, int] | None:
        """A worker was killed by SIGKILL just now: the count before and after, None if nobody can say.

        A rise is claimed once: two workers that die together need a rise by two.
        """
        now, after = self._clock(), self._read()
        looks = list(self._looks)
        if after is None or not looks:
            return None
        # The first look is that of the start, and is taken where there is no other one that is old enough.
        moment, before = next((look for look in reversed(looks) if now - look[0] >= BEFORE), looks[0])
        before += sum(1 for claimed in self._claimed if claimed >= moment)
        if after > before:
            self._claimed.append(now)
        return before, max(before, after)


class _Counter:
    """The file that has the count, looked for once."""

    def __init__(self) -> None:
        self._path = next((path for path in _candidates() if _count(path) is not None), None)

    def read(self) -> int | None:
        return None if self._path is None else _count(self._path)


def _candidates() -> list[str]:
    try:
        with open("/proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.rstrip("\n").split(":", 2) for line in file]
    except OSError:
        lines = []
    unified = [fields[2] for fields in lines if len(fields) == 3 and fields[0] == "0"]
    memory = [fields[2] for fields in lines if len(fields) == 3 and "memory" in fields[1].split(",")]
    # In a container the path may be one of the host's, and the group that we are in be mounted as the root.
    paths = [f"{_ROOT}{path.rstrip('/')}/memory.events" for path in unified]
    paths += [f"{_ROOT}/memory{path.rstrip('/')}/memory.oom_control" for path in memory]
    paths += [f"{_ROOT}/memory.events"] if unified and not memory else []
    paths += [f"{_ROOT}/memory/memory.oom_control"] if memory else []
    return [*paths, "/proc/vmstat"]


def _count(path: str) -> int | None:
    try:
        with open(path, "rb") as file:
            found = _COUNT.search(file.read())
    except OSError:
        return None
    return None if found is None else int(found[1])
