"""What the workers cost: CPU and memory by process, from psutil.

Thread: the collector's alone.  Never: asks for a process more often than :data:`INTERVAL`, however often it is called.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import psutil

#: Seconds between two looks at one process.  The kernel counts CPU in ticks of 10 ms: over a shorter time a percent
#: would jump, over a longer one a worker that got stuck would look busy for too long.
INTERVAL = 0.75


@dataclass(frozen=True, slots=True)
class Sample:
    """One process at its last look."""

    #: Percent of one core since the look before, None at the first one.
    cpu_percent: float | None
    #: Resident memory in bytes.
    rss: int
    #: Whether it is stopped, by SIGSTOP or a terminal.
    frozen: bool = False


@dataclass(slots=True)
class _Watched:
    process: psutil.Process
    sample: Sample
    looked: float


class Sampler:
    """Remembers the processes it was asked for, and looks at a few of them at each call, in turn.

    Attributes:
        seconds: CPU time that sampling has cost so far.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._watched: dict[int, _Watched] = {}
        self._called: float | None = None

    def sample(self, pids: Collection[int]) -> Mapping[int, Sample]:
        """The newest sample of each process; one that vanished is absent. Others than ``pids`` are forgotten."""
        begun = time.thread_time()
        now = time.monotonic()
        for pid in self._watched.keys() - set(pids):
            del self._watched[pid]
        for pid in pids:
            if pid not in self._watched:
                self._meet(pid, now)
        for pid in self._due(now):
            self._look(pid, now)
        self._called = now
        self.seconds += time.thread_time() - begun
        return {pid: watched.sample for pid, watched in self._watched.items()}

    def _due(self, now: float) -> list[int]:
        due = sorted(
            (pid for pid, watched in self._watched.items() if now - watched.looked >= INTERVAL),
            key=lambda pid: self._watched[pid].looked,
        )
        if self._called is None or not due:
            return due
        # Workers that started together would all be due in the same frame: a share for each frame spreads them.
        share = math.ceil(len(self._watched) * (now - self._called) / INTERVAL)
        return due[: max(1, share)]

    def _meet(self, pid: int, now: float) -> None:
        try:
            process = psutil.Process(pid)
            process.cpu_percent()  # Only sets the mark that the next call counts from.
            with process.oneshot():
                self._watched[pid] = _Watched(process, _read(process, None), now)
        except psutil.Error:
            pass

    def _look(self, pid: int, now: float) -> None:
        watched = self._watched[pid]
        try:
            with watched.process.oneshot():
                watched.sample = _read(watched.process, watched.process.cpu_percent())
            watched.looked = now
        except psutil.Error:
            del self._watched[pid]


def _read(process: psutil.Process, cpu_percent: float | None) -> Sample:
    return Sample(cpu_percent, process.memory_info().rss, process.status() == psutil.STATUS_STOPPED)
