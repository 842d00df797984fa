"""Requests over the board: carried out once, answered, refused, taken back; strangers and garbage change nothing."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import stat
import struct
import threading
from collections.abc import Iterator
from multiprocessing.connection import Client
from multiprocessing.managers import dispatch  # type: ignore[attr-defined]
from pathlib import Path
from typing import Any

import pytest

import poolmgr
from poolmgr.control import asking
from poolmgr.control.asking import ask
from poolmgr.errors import UsageError
from poolmgr.model.requests import Pause, Reply, Request, Resize, Stack, Submit
from poolmgr.monitor import clerk
from poolmgr.monitor import desk as desk_module
from poolmgr.monitor.board import Board
from poolmgr.monitor.desk import Desk
from poolmgr.monitor.line import Line
from poolmgr.monitor.viewer import line_to
from tests.helpers.pictures import full_snapshot
from tests.helpers.wait import wait_until

NOBODY = 65534


class Owner:
    """A board with a pool that only remembers what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.lines: list[str] = []
        #: Not set: a request is being carried out.
        self.let_go = threading.Event()
        self.let_go.set()
        self.board = Board("train", self.log)
        self.board.publish(full_snapshot())
        poolmgr.connect("train")

    def log(self, text: str, *, kind: str = "event", level: str = "info", job_id: int | None = None) -> None:
        self.lines.append(text)

    def carry_out(self, request: Request) -> Reply:
        self.asked.append(request)
        self.let_go.wait()
        return Reply(True, f"done {len(self.asked)}")


@pytest.fixture
def owner() -> Iterator[Owner]:
    """An owner whose board takes requests."""
    owner = Owner()
    owner.board.take_requests(owner.carry_out)
    yield owner
    owner.let_go.set()
    owner.board.close()


def envelope(name: str, request: Any = None) -> dict[str, Any]:
    """What a viewer posts."""
    return {"id": name, "viewer": 1, "request": {"verb": "pause"} if request is None else request}


def test_request_is_carried_out_and_answered(owner: Owner) -> None:
    """The owner gets the request whole, the viewer the reply, the log a line with who asked."""
    assert ask(owner.board.entry, Resize(4)) == Reply(True, "done 1")
    assert owner.asked == [Resize(4)]
    assert owner.lines == [f"asked by process {os.getpid()}: Resize(size=4): done 1"]


def test_board_killed_in_between_costs_a_moment(owner: Owner) -> None:
    """A request that is being carried out when the board dies is carried out once, and answered through the next."""
    owner.let_go.clear()
    replies: list[Reply] = []
    asker = threading.Thread(target=lambda: replies.append(ask(owner.board.entry, Pause())))
    asker.start()
    wait_until(lambda: owner.asked)
    first = owner.board.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    owner.board.publish(full_snapshot(time=1001.0))
    wait_until(lambda: owner.board.pid not in (None, first))
    owner.let_go.set()
    asker.join()
    assert replies == [Reply(True, "done 1")]
    assert owner.asked == [Pause()]


def test_same_id_is_carried_out_once(owner: Owner) -> None:
    """A request that is posted again, even after its reply was fetched, gets the reply that there was."""
    with contextlib.closing(line_to(owner.board.entry, "counter", patience=5)) as line:
        for _ in range(3):
            line.call("post", envelope("one"))
            assert line.call("wait", "one", 5.0)["text"] == "done 1"
            line.call("fetched", "one")
    assert owner.asked == [Pause()]


@pytest.mark.parametrize("request_", [None, 3, {"verb": "explode"}, {"verb": "resize", "size": "x"}, {"verb": "kill"}])
def test_nonsense_is_answered_and_not_carried_out(owner: Owner, request_: Any) -> None:
    """What is no request gets a reply that says so."""
    with contextlib.closing(line_to(owner.board.entry, "counter", patience=5)) as line:
        line.call("post", {"id": "bad", "request": request_})
        assert line.call("wait", "bad", 5.0)["ok"] is False
    assert owner.asked == []


def test_only_plain_values_reach_the_owner(owner: Owner) -> None:
    """The board turns away anything that the owner would have to unpickle."""
    with contextlib.closing(line_to(owner.board.entry, "counter", patience=5)) as line:
        with pytest.raises(UsageError, match="a Resize is no plain value"):
            line.call("post", envelope("bad", Resize(4)))
        with pytest.raises(UsageError, match="has an id"):
            line.call("post", {"request": {}})
    assert owner.asked == []


def test_error_in_carrying_out_is_the_reply(owner: Owner) -> None:
    """An error of the control's is told to who asked, and the next request is heard."""
    owner.asked = None  # type: ignore[assignment]
    assert "AttributeError" in ask(owner.board.entry, Pause()).text
    owner.asked = []
    assert ask(owner.board.entry, Pause()).ok


def test_request_that_nobody_takes_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner that takes no request: the viewer says so after the deadline, and it is not carried out later."""
    monkeypatch.setattr(asking, "DEADLINE", 0.3)
    owner = Owner()
    reply = ask(owner.board.entry, Pause())
    owner.board.take_requests(owner.carry_out)
    monkeypatch.setattr(asking, "DEADLINE", 10.0)
    assert ask(owner.board.entry, Resize(3)).ok
    owner.board.close()
    assert not reply.ok
    assert "took no request for 0.3 s, so this one was taken back" in reply.text
    assert owner.asked == [Resize(3)]


def test_owner_that_does_not_answer_is_reported(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that was taken and takes too long: the viewer says that it may still be carried out."""
    monkeypatch.setattr(asking, "DEADLINE", 1.0)
    owner.let_go.clear()
    reply = ask(owner.board.entry, Pause())
    assert not reply.ok
    assert "has taken the request, and has not answered" in reply.text


def test_board_that_was_late_once_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handshake that was cut short, as on a machine that swaps, does not end the taking of requests."""
    tried: list[str] = []

    def late_once(*args: Any, **options: Any) -> Line:
        tried.append(args[2])
        if len(tried) == 1:
            raise BlockingIOError("not in time")
        if len(tried) == 2:
            raise ValueError("nobody foresaw this")
        return Line(*args, **options)

    monkeypatch.setattr(clerk, "Line", late_once)
    owner = Owner()
    owner.board.take_requests(owner.carry_out)
    reply = ask(owner.board.entry, Pause())
    owner.board.close()
    assert reply == Reply(True, "done 1")
    assert "requests from elsewhere: ValueError: nobody foresaw this; going on" in owner.lines


def test_only_acts_are_remembered(owner: Owner) -> None:
    """Answers to who only looks are long, and are not kept; a line of the log is short whatever was asked."""
    assert ask(owner.board.entry, Stack(0)).ok
    assert ask(owner.board.entry, Submit("module:function", ("x" * 10_000,))).ok
    assert owner.board._clerk is not None
    assert len(owner.board._clerk._replies) == 1
    assert max(map(len, owner.lines)) < 500


def test_request_to_a_closed_pool() -> None:
    """An entry that is not there any more: nothing was sent."""
    owner = Owner()
    owner.board.close()
    reply = ask(owner.board.entry, Pause())
    assert reply == Reply(False, f"process {os.getpid()} is gone, and its pool with it: nothing was sent")


def test_desk_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that nobody takes, and replies that nobody fetches, do not pile up."""
    monkeypatch.setattr(desk_module, "MOST_WAITING", 2)
    monkeypatch.setattr(desk_module, "MOST_REPLIES", 2)
    desk = Desk()
    desk.post(envelope("a"))
    desk.post(envelope("b"))
    with pytest.raises(UsageError, match="2 requests wait"):
        desk.post(envelope("c"))
    for name in "abc":
        desk.answer(name, {})
    assert [desk.wait(name, 0.0) for name in "abc"] == [None, {}, {}]


def test_end_does_not_wait_for_who_was_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply that lies there since long ago, since its viewer was killed, keeps no owner from ending."""
    monkeypatch.setattr(desk_module, "LONGEST", 1e6)
    monkeypatch.setattr(desk_module, "LEASE", -1.0)
    desk = Desk()
    desk.answer("old", {})
    desk.await_fetched(1e6)
    assert desk.wait("old", 0.0) == {}


def test_viewer_cannot_write_the_status(owner: Owner) -> None:
    """The objects that viewers are given have no method that writes."""
    for kind, method in (("view", "update"), ("status", "update"), ("counter", "answer")):
        with (
            contextlib.closing(line_to(owner.board.entry, kind, patience=5)) as line,
            pytest.raises(Exception, match="not in exposed"),
        ):
            line.call(method, {})


def test_viewer_cannot_end_the_board(owner: Owner) -> None:
    """The Manager's own shutdown is not served."""
    with (
        Client(owner.board.entry.address, authkey=Path(owner.board.entry.key_path).read_bytes()) as connection,
        pytest.raises(Exception, match="unrecognized"),
    ):
        dispatch(connection, None, "shutdown")
    assert ask(owner.board.entry, Pause()).ok


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_nothing_is_unpickled_before_the_key_is_proved(owner: Owner, tmp_path: Path) -> None:
    """A pickle in place of a digest is not read as one; half a message is no more than that."""
    bomb = pickle.dumps(Bomb(tmp_path / "unpickled"))
    for sent in (struct.pack("!i", len(bomb)) + bomb, struct.pack("!i", 4096) + b"half", b"\0"):
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(5)
        peer.connect(owner.board.entry.address)
        peer.sendall(sent)
        assert peer.recv(4096)
        peer.close()
    assert ask(owner.board.entry, Pause()).ok
    assert not (tmp_path / "unpickled").exists()


def test_silent_peers_are_let_go(owner: Owner) -> None:
    """Viewers that stop in the middle of a message do not keep others from being served."""
    lines = [line_to(owner.board.entry, "counter", patience=5) for _ in range(5)]
    for line in lines:
        os.write(line._wire.connection.fileno(), struct.pack("!i", 1000) + b"half a message")
    assert ask(owner.board.entry, Pause()).ok
    for line in lines:
        line.close()


def test_foreign_user_is_refused(owner: Owner, runtime_folder: Path) -> None:
    """Another user's process is not served: its folder stops it, and where somebody opened that, the board does."""
    entry = owner.board.entry
    address = os.path.realpath(entry.address)
    if os.getuid() == 0:
        assert in_another_user(address) == "PermissionError"
        for path in (runtime_folder.parent, runtime_folder, Path(entry.path)):
            path.chmod(0o711)
        os.chmod(address, 0o777)
        assert in_another_user(address) in ("EOFError", "ConnectionResetError", "BrokenPipeError")
        for path in (Path(entry.path), runtime_folder, runtime_folder.parent):
            path.chmod(0o700)
        os.chmod(address, 0o600)
    assert stat.S_IMODE(os.stat(address).st_mode) & 0o077 == 0
    assert ask(entry, Pause()).ok


def in_another_user(address: str) -> str:
    """The name of the error that a process of another user gets when it connects."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        said = "connected"
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            with contextlib.closing(socket.socket(socket.AF_UNIX)) as peer:
                peer.settimeout(5)
                peer.connect(address)
                if not peer.recv(64):
                    said = "EOFError"
        except BaseException as error:
            said = type(error).__name__
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        said = file.read().decode()
    os.waitpid(pid, 0)
    return said


def test_viewer_refuses_a_board_of_another_user(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A viewer does not talk to what another user serves, whatever the file's owner is."""
    monkeypatch.setattr("poolmgr.monitor.line.peer_uid", lambda connected: NOBODY)
    with pytest.raises(ConnectionRefusedError, match=f"served by user {NOBODY}"):
        Line(os.path.realpath(owner.board.entry.address), b"key", "view")
