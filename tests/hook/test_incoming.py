"""What the hook takes from a pipe is what ``recv`` would have got."""

from __future__ import annotations

import gc
import multiprocessing.connection
import os
import pickle
import random
import struct
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import process
from multiprocessing.connection import Connection
from typing import Any

import pytest

from poolmgr.hook.site.poolmgr_hook import executor
from poolmgr.hook.site.poolmgr_hook.incoming import at_a_glance, in_blocks
from tests.helpers.wait import wait_until

Take = Callable[[Connection], Callable[[], Any]]


def glance(reader: Connection) -> Callable[[], Any]:
    """The way of an executor's results."""
    at_a_glance(reader)
    return reader.recv


def blocks(reader: Connection) -> Callable[[], Any]:
    """The way of a pool's results."""
    return in_blocks(reader.recv)


@pytest.fixture
def ends() -> Iterator[tuple[Connection, Connection]]:
    """Both ends of a pipe."""
    reader, writer = multiprocessing.Pipe(duplex=False)
    yield reader, writer
    for end in (reader, writer):
        end.close()


def sizes(kind: str) -> list[int]:
    """Bytes of messages."""
    if kind == "short":
        return [n % 90 for n in range(4000)]
    if kind == "around a block":
        return [65536 + n for n in range(-30, 10)]
    if kind == "around a piece":
        return [4096 + n for n in range(-60, 10)]
    rng = random.Random(7)
    return [rng.choice((1, 40, 4000, 16384, 40000, 65530, 70000, 300000)) + rng.randrange(50) for _ in range(200)]


@pytest.mark.parametrize("kind", ["short", "around a block", "around a piece", "mixed"])
@pytest.mark.parametrize("take", [blocks, glance])
def test_all_come_whole_and_in_order(ends: tuple[Connection, Connection], take: Take, kind: str) -> None:
    """Messages of all sizes, written while they are read and before."""
    reader, writer = ends
    sent = [bytes([number % 256]) * size for number, size in enumerate(sizes(kind))]

    def send() -> None:
        for message in sent:
            writer.send(message)

    sender = threading.Thread(target=send)
    sender.start()
    get = take(reader)
    try:
        assert [get() for _ in sent] == sent
    finally:
        reader.close()
        sender.join()


@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize("take", [blocks, glance])
def test_length_of_more_than_two_gigabytes(ends: tuple[Connection, Connection], take: Take, before: int) -> None:
    """Such a message has its length in another place, which is read there; what is behind it comes too."""
    reader, writer = ends
    for number in range(before):
        writer.send(number)
    long = pickle.dumps(b"x" * 20000)
    os.write(writer.fileno(), struct.pack("!iQ", -1, len(long)) + long)
    get = take(reader)
    assert [get() for _ in range(before + 1)] == [*range(before), b"x" * 20000]
    writer.send("behind")
    assert get() == "behind"


@pytest.mark.parametrize("take", [blocks, glance])
@pytest.mark.parametrize("torn", [b"", b"\0\0", struct.pack("!i", 9) + b"1234", struct.pack("!i", 90000) + b"1234"])
def test_end_of_the_pipe_is_told_as_by_recv(ends: tuple[Connection, Connection], take: Take, torn: bytes) -> None:
    """Nothing more is EOFError; a message of which the rest is missing is OSError."""
    reader, writer = ends
    writer.send(1)
    os.write(writer.fileno(), torn)
    writer.close()
    get = take(reader)
    assert get() == 1
    with pytest.raises(OSError if torn else EOFError):
        get()


def test_closed_connection_is_told(ends: tuple[Connection, Connection]) -> None:
    """Its descriptor may be somebody else's by then: it is not read."""
    reader, writer = ends
    get = blocks(reader)
    writer.send(1)
    assert get() == 1
    reader.close()
    with pytest.raises(OSError, match="closed"):
        get()


class Big:
    """Something that can be referred to weakly."""


def test_result_is_not_kept_while_the_next_one_is_waited_for(ends: tuple[Connection, Connection]) -> None:
    """A big result is the program's alone."""
    reader, writer = ends
    get = blocks(reader)
    writer.send(Big())
    found = [get()]
    kept = weakref.ref(found[0])
    waiting = threading.Thread(target=lambda: found.append(get()))
    waiting.start()
    found.pop(0)
    wait_until(lambda: gc.collect() >= 0 and kept() is None)
    writer.send(2)
    waiting.join()
    assert found == [2]


def test_pool_that_ends_makes_room_for_who_writes(ends: tuple[Connection, Connection]) -> None:
    """The result handler takes ten more messages for that, and finds those that it has in hand."""
    reader, writer = ends
    for number in range(50):
        writer.send(number)
    got: list[Any] = []

    def handle() -> None:
        get = blocks(reader)
        got.append(get())
        for number in range(50, 60):
            writer.send(number)
        threading.current_thread()._state = "TERMINATE"  # type: ignore[attr-defined]  # as the pool does
        got.append(get())

    handler = threading.Thread(target=handle)
    handler.start()
    handler.join()
    assert got == [0, 1]
    assert not reader.poll()


def test_pool_that_ends_gets_big_results_whole(ends: tuple[Connection, Connection]) -> None:
    """What makes room takes more than one block, and so a long message together with what is behind it."""
    reader, writer = ends
    sent = [b"x" * (150000 if number in (12, 30) else number) for number in range(40)]
    got: list[Any] = []

    def send() -> None:
        for message in sent:
            writer.send(message)

    def handle() -> None:
        threading.current_thread()._state = "TERMINATE"  # type: ignore[attr-defined]  # as the pool does
        get = blocks(reader)
        got.append(get())
        while len(got) < len(sent):
            wait_until(lambda: reader.poll() or not sender.is_alive())
            got.append(get())

    sender = threading.Thread(target=send)
    sender.start()
    handler = threading.Thread(target=handle)
    handler.start()
    handler.join()
    sender.join()
    assert got == sent


def test_other_ways_of_reading_are_left_alone(ends: tuple[Connection, Connection]) -> None:
    """A connection of the program's own class, or with a ``recv`` of its own, is read by it."""

    class Own(Connection):
        def recv(self) -> Any:
            return "own"

    reader, _ = ends
    own = Own(os.dup(reader.fileno()), writable=False)
    assert in_blocks(own.recv) == own.recv
    at_a_glance(own)
    assert own.recv() == "own"
    own.close()
    assert in_blocks(list) is list


def test_a_recv_that_the_program_has_replaced_is_left_alone(
    ends: tuple[Connection, Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For all connections too: what it does there is its own business."""
    reader, _ = ends
    monkeypatch.setattr(Connection, "recv", lambda self: "own")
    at_a_glance(reader)
    assert (reader.recv(), in_blocks(reader.recv)()) == ("own", "own")


def test_wakeups_are_all_taken() -> None:
    """An executor that was woken many times is not woken again by any of them, and can be woken anew."""
    kind: Any = type("Wakeup", (process._ThreadWakeup,), {"clear": process._ThreadWakeup.clear})
    executor._clear_at_once(kind)
    assert kind.clear is not process._ThreadWakeup.clear
    wakeup = kind()
    for _ in range(300):
        wakeup.wakeup()
    wakeup.clear()
    assert not wakeup._reader.poll()
    wakeup.wakeup()
    assert wakeup._reader.poll()
    wakeup.clear()
    wakeup.close()
    wakeup.clear()


def test_wakeups_of_another_kind_are_left_alone() -> None:
    """Who clears them in another way has a reason."""

    class Wakeup:
        def clear(self) -> None:
            """Nothing."""

    clear = Wakeup.clear
    executor._clear_at_once(Wakeup)
    assert Wakeup.clear is clear
