"""The board: read from other processes, restarted when it dies, gone with its owner, deaf to strangers."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from multiprocessing.managers import RemoteError
from pathlib import Path

import psutil
import pytest

import poolmgr
from poolmgr.errors import UsageError
from poolmgr.monitor import board as board_module
from poolmgr.monitor.board import Board
from poolmgr.monitor.status import from_status, to_status
from poolmgr.runtime import folder
from tests.helpers.pictures import full_snapshot
from tests.helpers.programs import line, program
from tests.helpers.wait import wait_until

READER = """
    import poolmgr
    status = poolmgr.connect("train")
    print(type(status).__name__, status["counts"]["done"], len(status.copy()["workers"]), flush=True)
"""

OWNER = """
    import sys, threading
    from poolmgr.monitor.board import Board
    from tests.helpers.pictures import full_snapshot
    board = Board("train", print)
    board.publish(full_snapshot())
    print("published", flush=True)
    sys.stdin.readline()
"""


class Log:
    """A pool's log that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, text: str, *, kind: str = "event", level: str = "info", job_id: int | None = None) -> None:
        self.lines.append(text)


@pytest.fixture
def log() -> Log:
    """The log that the board writes to."""
    return Log()


@pytest.fixture
def board(log: Log) -> Iterator[Board]:
    """A board with one frame on it."""
    board = Board("train", log)
    board.publish(full_snapshot())
    yield board
    board.close()


def test_another_process_reads_it(board: Board) -> None:
    """A second process of the user gets a DictProxy of the status dict."""
    with program(READER) as reader:
        assert line(reader) == "DictProxy 36 2"


def test_what_is_read_is_what_was_published(board: Board) -> None:
    """The picture comes back whole."""
    assert from_status(poolmgr.connect("train").copy()) == full_snapshot()


def test_proxy_behaves_as_a_dict_and_does_not_write(board: Board) -> None:
    """All that reads works; what would write is refused, and changes nothing."""
    status = poolmgr.connect()
    keys = set(to_status(full_snapshot()))
    assert set(status) == set(status.keys()) == keys
    assert "counts" in status
    assert status.get("nothing") is None
    assert len(status) == len(dict(status)) == len(status.values())
    with pytest.raises(RemoteError):
        status["version"] = 99
    assert status["version"] == 1


def test_only_changed_keys_are_sent(board: Board) -> None:
    """A frame is one update of what differs; an old proxy sees it."""
    status = poolmgr.connect("train")
    board.publish(full_snapshot(time=1001.0))
    wait_until(lambda: status["time"] == 1001.0)
    assert status["counts"] == to_status(full_snapshot())["counts"]


def test_killed_board_is_started_again(board: Board, log: Log) -> None:
    """SIGKILL to the board costs its viewers their connection, and nothing else; it is told in the log."""
    viewer = poolmgr.connect("train")
    first = board.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    board.publish(full_snapshot(time=1002.0))
    wait_until(lambda: len(log.lines) == 2)
    assert "killed by SIGKILL" in log.lines[0]
    assert "status board restarted" in log.lines[1]
    assert board.pid not in (None, first)
    assert poolmgr.connect("train")["time"] == 1002.0
    with pytest.raises((OSError, EOFError)):
        viewer.copy()


def test_frozen_board_is_replaced(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """A board that does not answer any more is killed; publish() itself never waits for it."""
    monkeypatch.setattr(board_module, "STALL", 0.3)
    poolmgr.connect("train")
    assert board.pid is not None
    frozen = psutil.Process(board.pid)
    frozen.suspend()

    def replaced() -> bool:
        board.publish(full_snapshot(time=1003.0))
        return not frozen.is_running()

    wait_until(replaced)
    assert poolmgr.connect("train")["time"] == 1003.0


def test_frozen_board_does_not_keep_close_waiting(log: Log) -> None:
    """close() ends a board that does not answer."""
    board = Board("train", log)
    board.publish(full_snapshot())
    poolmgr.connect("train")
    assert board.pid is not None
    psutil.Process(board.pid).suspend()
    board.publish(full_snapshot(time=1001.0))
    board.close()
    assert log.lines == []


def test_close_before_and_while_starting(log: Log) -> None:
    """A board may be closed before its first frame, and while its process starts."""
    Board("train", log).close()
    board = Board("train", log)
    board.publish(full_snapshot())
    board.close()
    assert folder.entries() == []
    assert log.lines == []


def test_board_that_cannot_start_is_reported(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log says why; frames go on being taken without a wait."""
    monkeypatch.setattr(board_module, "_BOOT", "raise SystemExit('no luck today')")
    board = Board("train", log)
    board.publish(full_snapshot())
    wait_until(lambda: log.lines)
    board.publish(full_snapshot())
    board.close()
    assert len(log.lines) == 1
    assert "status board cannot start: no luck today" in log.lines[0]


def test_board_that_stands_at_its_start_is_killed(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that does not read what it is told first, which is more than a pipe holds, is given up."""
    monkeypatch.setattr(board_module, "STALL", 0.3)
    monkeypatch.setattr(board_module, "_BOOT", "import time; time.sleep(600)")
    board = Board("train", log)

    def given_up() -> bool:
        board.publish(full_snapshot(name="n" * 1_000_000))
        return bool(log.lines)

    wait_until(given_up)
    board.close()
    assert "status board cannot start: " in log.lines[0]


def test_ends_with_a_killed_owner(runtime_folder: Path) -> None:
    """SIGKILL to the owner: 2 s later there is no board, and the next reader clears the folder."""
    with program(OWNER) as owner:
        line(owner)
        status = poolmgr.connect("train")
        (process,) = psutil.Process(owner.pid).children()
        owner.kill()
        owner.wait()
        wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, 2.0)
        with pytest.raises((OSError, EOFError)):
            status.copy()
        with pytest.raises(UsageError, match="no pool 'train' of yours is running"):
            poolmgr.connect("train")
    assert list(runtime_folder.iterdir()) == []


def test_wrong_key_is_refused(board: Board) -> None:
    """Who does not know the key is turned away, and the board goes on."""
    poolmgr.connect("train")
    with pytest.raises(AuthenticationError):
        Client(board.entry.address, authkey=b"guess")
    assert poolmgr.connect("train")["version"] == 1


def test_garbage_on_the_socket_harms_nobody(board: Board) -> None:
    """Bytes that are no handshake, and peers that say nothing, leave the board alive and answering."""
    status = poolmgr.connect("train")
    silent = [socket.socket(socket.AF_UNIX) for _ in range(3)]
    for peer in silent:
        peer.connect(board.entry.address)
    for garbage in (b"\0" * 64, b"\xff" * 4096, b"GET / HTTP/1.1\r\n\r\n", (1 << 31).to_bytes(4, "big") * 9):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(board.entry.address)
            peer.sendall(garbage)
    first = board.pid
    board.publish(full_snapshot(time=1005.0))
    wait_until(lambda: status["time"] == 1005.0)
    assert poolmgr.connect("train")["time"] == 1005.0
    assert board.pid == first
    for peer in silent:
        peer.close()


def test_socket_open_to_others_is_refused(board: Board) -> None:
    """A viewer does not connect to a socket that others may have rights on."""
    poolmgr.connect("train")
    os.chmod(board.entry.address, 0o777)
    with pytest.raises(UsageError, match="open to others"):
        poolmgr.connect("train")


def test_key_open_to_others_is_refused(board: Board) -> None:
    """A key that others may have read proves nothing."""
    os.chmod(board.entry.key_path, 0o644)
    with pytest.raises(UsageError, match="open to others"):
        poolmgr.connect("train")


def test_connect_says_which_pools_there_are(board: Board, log: Log) -> None:
    """None or several: one sentence with the names to choose from; a process id names a pool too."""
    with pytest.raises(UsageError, match=r"no pool 'other' is running; there are: train \(process \d+\)"):
        poolmgr.connect("other")
    with program(OWNER) as owner:
        line(owner)
        with pytest.raises(UsageError, match="more than one pool 'train' is running"):
            poolmgr.connect("train")
        with pytest.raises(UsageError, match="more than one pool is running"):
            poolmgr.connect()
        assert poolmgr.connect(str(owner.pid))["pool"]["name"] == "train"


def test_unguarded_main_is_not_run_again(tmp_path: Path) -> None:
    """A script without a main guard is run once: the board's process does not import it."""
    script = tmp_path / "script.py"
    script.write_text(
        "import poolmgr\n"
        "from poolmgr.monitor.board import Board\n"
        "from tests.helpers.pictures import full_snapshot\n"
        "print('run', flush=True)\n"
        "board = Board('once', print)\n"
        "board.publish(full_snapshot())\n"
        "poolmgr.connect('once')\n"
        "board.close()\n"
        "print('end', flush=True)\n"
    )
    source = f"import runpy, sys; sys.argv = ['s']; runpy.run_path({str(script)!r}, run_name='__main__')"
    with program(source) as process:
        assert [line(process), line(process)] == ["run", "end"]


def test_users_modules_do_not_stand_in_for_the_standard_library(tmp_path: Path) -> None:
    """A file named as a module of the standard library, beside the user's script, does not get into the board."""
    (tmp_path / "select.py").write_text("raise RuntimeError('not that one')")
    (tmp_path / "shelve.py").write_text("raise RuntimeError('not that one')")
    source = f"import sys; sys.path.append({str(tmp_path)!r})\n" + OWNER.replace("\n    ", "\n")
    with program(source) as owner:
        line(owner)
        assert poolmgr.connect("train")["version"] == 1


def test_threads_and_descriptors_are_let_go(log: Log) -> None:
    """Ten boards later this process has what it had before."""
    before = (threading.active_count(), len(os.listdir("/proc/self/fd")))
    for _ in range(10):
        board = Board("train", log)
        board.publish(full_snapshot())
        poolmgr.connect("train")
        board.close()
    wait_until(lambda: (threading.active_count(), len(os.listdir("/proc/self/fd"))) == before)
