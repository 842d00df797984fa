"""What the workers cost: CPU, memory and switches by process, from psutil; and how busy the machine is.

Thread: the collector's alone.  Never: asks for a process more often than :data:`INTERVAL`, however often it is called.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import psutil

from poolmgr.model.snapshot import Machine
from poolmgr.runtime.cpus import cpu_count

#: Seconds between two looks at one process.  The kernel counts CPU in ticks of 10 ms: over a shorter time a percent
#: would jump, over a longer one a worker that got stuck would look busy for too long.
INTERVAL = 0.75
#: Seconds between two looks at the machine, and how many are averaged: one look at what runs is a throw of the dice.
MACHINE_INTERVAL, MACHINE_LOOKS = 0.5, 20


@dataclass(frozen=True, slots=True)
class Sample:
    """One process at its last look."""

    #: Percent of one core since the look before, None at the first one.
    cpu_percent: float | None
    #: Resident memory in bytes.
    rss: int
    #: Whether it is stopped, by SIGSTOP or a terminal.
    frozen: bool = False
    #: Times that it gave up its core, and that it was taken from it, since the look before.
    voluntary: int = 0
    involuntary: int = 0


@dataclass(slots=True)
class _Watched:
    process: psutil.Process
    sample: Sample
    looked: float
    #: Switches so far.
    voluntary: int
    involuntary: int


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
                switches = process.num_ctx_switches()
                sample = Sample(None, process.memory_info().rss, _is_frozen(process))
            self._watched[pid] = _Watched(process, sample, now, switches.voluntary, switches.involuntary)
        except psutil.Error:
            pass

    def _look(self, pid: int, now: float) -> None:
        watched = self._watched[pid]
        process = watched.process
        try:
            with process.oneshot():
                switches = process.num_ctx_switches()
                watched.sample = Sample(
                    process.cpu_percent(),
                    process.memory_info().rss,
                    _is_frozen(process),
                    switches.voluntary - watched.voluntary,
                    switches.involuntary - watched.involuntary,
                )
            watched.voluntary, watched.involuntary = switches.voluntary, switches.involuntary
            watched.looked = now
        except psutil.Error:
            del self._watched[pid]


def _is_frozen(process: psutil.Process) -> bool:
    return bool(process.status() == psutil.STATUS_STOPPED)


class MachineSampler:
    """What the machine does: looked at once in :data:`MACHINE_INTERVAL` seconds, however often it is called."""

    def __init__(self) -> None:
        self._looked: float | None = None
        self._runnable: deque[int] = deque(maxlen=MACHINE_LOOKS)
        self._machine: Machine | None = None
        self._cores = cpu_count()

    def sample(self, now: float) -> Machine | None:
        """The newest figures; None where the system does not give them."""
        if self._looked is None or now - self._looked >= MACHINE_INTERVAL:
            self._looked = now
            try:
                # Who looks is running itself, and is no competitor of anybody.
                self._runnable.append(max(0, _runnable() - 1))
                memory = psutil.virtual_memory()
            except (OSError, ValueError, IndexError, psutil.Error):
                return self._machine
            runnable = sum(self._runnable) / len(self._runnable)
            self._machine = Machine(self._cores, runnable, memory.total, memory.available)
        return self._machine


def _runnable() -> int:
    """Processes and threads that run or would like to, at this moment: ``0.20 0.18 0.12 1/80 11206``."""
    with open("/proc/loadavg", encoding="ascii") as file:
        return int(file.read().split()[3].partition("/")[0])
