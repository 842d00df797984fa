"""What the kernel tells of sockets: bytes that wait in each, and nothing of what is gone."""

from __future__ import annotations

import multiprocessing
import os

import pytest

from poolmgr.monitor.sockets import Sockets


def test_bytes_are_told_without_being_taken() -> None:
    """Each end of a pair is told with what waits there; it is received as ever, and is then told to be gone."""
    sockets = Sockets()
    one, other = multiprocessing.Pipe()
    here, there = (os.fstat(end.fileno()).st_ino for end in (one, other))
    one.send_bytes(b"hello")
    other.send_bytes(b"x" * 20_000)
    for _ in range(2):
        assert sockets.waiting([here, there]) == {here: 4 + 20_000, there: 4 + 5}
    assert (one.recv_bytes(), other.recv_bytes()) == (b"x" * 20_000, b"hello")
    assert sockets.waiting([here, there]) == {here: 0, there: 0}
    other.close()
    assert sockets.waiting([here, there]) == {here: 0}
    with pytest.raises(EOFError):
        one.recv_bytes()
    one.close()
    assert sockets.waiting([here, there]) == {}
    sockets.close()
