"""What is read of a program's objects from outside: bytes in pipes, without looking for them more than need be."""

from __future__ import annotations

import os
from collections.abc import Iterable

import pytest

from poolmgr.monitor import sync_memory
from poolmgr.monitor.sync_memory import Outside


def test_pipe_of_nobody_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """All descriptors of all processes are gone through for a new pipe or a new process, and not for each picture."""
    looked: list[set[int]] = []
    plain = sync_memory._holders

    def holders(inodes: Iterable[int], processes: Iterable[int]) -> dict[int, tuple[int, str]]:
        looked.append(set(inodes))
        return plain(inodes, processes)

    monkeypatch.setattr(sync_memory, "_holders", holders)
    outside, ours, nobody = Outside(), [os.getpid()], 1
    reading, writing = os.pipe()
    inode = os.fstat(reading).st_ino
    os.write(writing, b"hello")
    for _ in range(3):
        assert outside.pipes({inode, nobody}, ours) == {inode: 5}
    assert looked == [{inode, nobody}]
    assert outside.pipes({inode, nobody}, [*ours, os.getppid()]) == {inode: 5}
    assert looked[1:] == [{nobody}]
    os.close(reading)
    os.close(writing)
    for _ in range(3):
        assert outside.pipes({inode, nobody}, ours) == {}
    assert looked[2:] == [{inode, nobody}]
    outside.close()
