"""Reads a run's folder, over and over, with the files of before kept open.

Thread: the one that makes a Reader; it never waits for the program.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Callable
from dataclasses import replace

from poolmgr.hook.site.poolmgr_hook import layout
from poolmgr.monitor.observed import (
    Hello,
    Observation,
    ObservedWorker,
    decode_failures,
    decode_pool,
    decode_worker,
    literal,
    number_in_slot,
)
from poolmgr.runtime import procfs

#: Copies of a worker's cells until one is whole: it takes a microsecond to make one, and a task to spoil it.
_TRIES = 5


class Reader:
    """Reads one run's folder, over and over."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        #: By file name: its inode, and its memory.
        self._maps: dict[str, tuple[int, mmap.mmap]] = {}
        self._hellos: dict[int, Hello] = {}
        self._last = Observation()

    def close(self) -> None:
        """Let go of all files."""
        for name in list(self._maps):
            self._drop(name)

    def read(self) -> Observation:
        """All that is there now. A folder that is gone is an empty one."""
        seen = Observation(hellos=self._hellos)
        try:
            with os.scandir(self._folder) as entries:
                names = {one.name: one.inode() for one in entries}
        except OSError:
            names = {}
        # A number of a process may be used again: the same name is then another file.
        for name in [name for name, (inode, _) in self._maps.items() if names.get(name) != inode]:
            self._drop(name)
        # Failures after the pools that name them, by their numbers; cells after the pools whose jobs they are at.
        takers: dict[str, Callable[[Observation, str, str], None]] = {
            "hello": self._take_hello,
            "notes": self._take_notes,
            "pool": self._take_pool,
            "cells": self._take_worker,
            "errors": self._take_failures,
        }
        for kind, take in takers.items():
            for name in names:
                if name.startswith(f"{kind}."):
                    take(seen, name, name[len(kind) + 1 :])
        self._hellos, self._last = seen.hellos, seen
        return seen

    def forget(self, pid: int) -> None:
        """Remove the files of a process that has ended and been looked at for the last time.

        The cells of a stock Pool's worker stay until its owner has looked at them too: they say what was lost.
        """
        worker = self._last.workers.get(pid)
        kept = "cells" if worker is not None and self._is_awaited(worker) else ""
        for name in os.listdir(self._folder):
            kind, _, key = name.partition(".")
            if kind != kept and key.partition(".")[0] == str(pid):
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(self._folder, name))
        self._hellos.pop(pid, None)

    def _is_awaited(self, worker: ObservedWorker) -> bool:
        return not worker.buried and any(
            pool.pipe == worker.pipe
            and pool.facts.get("kind") == "Pool"
            and pool.state in (layout.OPEN, layout.CLOSED)
            and procfs.alive(pool.pid)
            for pool in self._last.pools.values()
        )

    def _take_hello(self, seen: Observation, name: str, key: str) -> None:
        if not key.isdigit() or int(key) in seen.hellos:
            return
        facts = literal(self._text(name))
        with contextlib.suppress(KeyError, TypeError, ValueError):
            seen.hellos[int(key)] = Hello(
                int(facts["pid"]),
                int(facts["parent"]),
                str(facts["version"]),
                str(facts["executable"]),
                tuple(str(one) for one in facts["argv"]),
            )

    def _take_notes(self, seen: Observation, name: str, key: str) -> None:
        if key.isdigit():
            seen.notes[int(key)] = tuple(self._text(name).splitlines())

    def _take_worker(self, seen: Observation, name: str, key: str) -> None:
        memory = self._map(name, layout.CELLS_SIZE)
        if memory is None:
            return
        for _ in range(_TRIES):
            data = memory[:]
            worker = decode_worker(data)
            if worker is None or memory[layout.TASK * 8 : layout.TASK * 8 + 8] == data[layout.TASK * 8 :][:8]:
                break
        if worker is not None and str(worker.pid) == key:
            seen.workers[worker.pid] = worker

    def _take_pool(self, seen: Observation, name: str, key: str) -> None:
        memory = self._map(name, layout.RECORD_SIZE)
        pool = None if memory is None else decode_pool(key, memory[:])
        if pool is not None:
            seen.pools[key] = pool

    def _take_failures(self, seen: Observation, name: str, key: str) -> None:
        memory = self._map(name, layout.ERRORS_SIZE)
        if memory is None:
            return
        failures = decode_failures(memory[:])
        # A slot that is used again while it is copied has lost its number first.
        kept = {number: failure for number, failure in failures.items() if number_in_slot(memory, number) == number}
        for pool in [pool for pool in seen.pools.values() if str(pool.pid) == key]:
            ends = tuple(replace(end, failure=kept.get(end.number)) if end.number >= 0 else end for end in pool.ends)
            seen.pools[pool.key] = replace(pool, ends=ends)

    def _text(self, name: str) -> str:
        try:
            fd = os.open(os.path.join(self._folder, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return ""
        with open(fd, encoding="utf-8", errors="replace") as file:
            return file.read()

    def _map(self, name: str, size: int) -> mmap.mmap | None:
        if name in self._maps:
            return self._maps[name][1]
        try:
            fd = os.open(os.path.join(self._folder, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            found = os.fstat(fd)
            # Made, and not yet as large as it will be: next time.
            if found.st_size != size:
                return None
            memory = mmap.mmap(fd, size, access=mmap.ACCESS_READ)
        finally:
            os.close(fd)
        self._maps[name] = (found.st_ino, memory)
        return memory

    def _drop(self, name: str) -> None:
        self._maps.pop(name)[1].close()
