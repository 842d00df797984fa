"""A pseudo-terminal with a person before it: reads the screen through pyte, types keys, and sees how it is left.

A thread takes what is written all the time, as a terminal does: a command must never wait for a test that looks at
something else meanwhile.  All else belongs to the test's own thread.
"""

from __future__ import annotations

import fcntl
import os
import pty
import queue
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pyte

from tests.helpers.commands import COMMAND, PATIENCE
from tests.helpers.wait import wait_until

#: Seconds between two looks at a screen that says nothing new.
LOOK = 0.05
#: Bytes taken at a time.
PIECE = 65536
#: What stands behind the last byte of a command; no command writes it, and a terminal shows nothing of it.
END = bytes(16)


def _environment(locale: str, home: Path) -> dict[str, str]:
    # A size that somebody wrote down goes before the terminal's own.
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    return {**inherited, "TERM": "xterm-256color", "LC_ALL": locale, "XDG_CONFIG_HOME": str(home)}


class Terminal:
    """A command on a terminal of its own. Made by :func:`terminal`."""

    def __init__(self, arguments: tuple[str, ...], cwd: Path, columns: int, lines: int, locale: str) -> None:
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self.owner, self._tty = pty.openpty()
        fcntl.ioctl(self._tty, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.settings = termios.tcgetattr(self._tty)
        #: All of what the command wrote that was read.
        self.written = b""
        self._incoming: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._leave, self._left = os.pipe()
        self._reader = threading.Thread(target=self._take_all, name="terminal", daemon=True)
        self._reader.start()
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=cwd,
            stdin=self._tty,
            stdout=self._tty,
            stderr=self._tty,
            start_new_session=True,
            env=_environment(locale, cwd),
        )

    def _take_all(self) -> None:
        while self._leave not in select.select([self.owner, self._leave], [], [])[0]:
            self._incoming.put(os.read(self.owner, PIECE))

    def _feed(self) -> bool:
        """Draw what has come, or comes within LOOK; whether there was anything."""
        try:
            chunk = self._incoming.get(timeout=LOOK)
        except queue.Empty:
            return False
        for _ in range(self._incoming.qsize()):
            chunk += self._incoming.get()
        self.written += chunk
        self._stream.feed(chunk)
        return True

    def read(self) -> str:
        """What the screen shows now."""
        self._feed()
        return "\n".join(self._screen.display)

    def wait_for(self, text: str) -> str:
        """Read until the screen shows ``text``, and return the screen."""
        deadline = time.monotonic() + PATIENCE
        while text not in (shown := self.read()):
            if time.monotonic() > deadline:
                raise AssertionError(f"no {text!r} on the screen:\n{shown}")
        return shown

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.owner, keys.encode())

    def wait(self) -> int:
        """Read to the end, and return the exit code."""
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"it did not end:\n{self.read()}")
            self.read()
        if self.owner >= 0:
            # The reader may come late to what was written last; a terminal keeps the order, so this comes behind it.
            os.write(self._tty, END)
            while END not in self.written:
                if time.monotonic() > deadline:
                    raise AssertionError(f"its last words were not read:\n{self.read()}")
                self._feed()
            self.written = self.written.replace(END, b"")
        return self.process.returncode

    def family(self) -> list[psutil.Process]:
        """The command's children, theirs, and so on."""
        return psutil.Process(self.process.pid).children(recursive=True)

    @property
    def restored(self) -> bool:
        """Whether the terminal is as it was: its settings, the normal screen, the cursor, no mouse."""
        settings: list[Any] = termios.tcgetattr(self._tty)
        switches = ((b"?1049", b"l"), (b"?25", b"h"), (b"?1000", b"l"), (b"?2004", b"l"))
        return settings == self.settings and all(
            self.written.rfind(b"\x1b[" + switch + last) >= self.written.rfind(b"\x1b[" + switch + other)
            for switch, last in switches
            for other in (b"h", b"l")
        )

    def hang_up(self) -> None:
        """Take the terminal away, as a window that is closed does."""
        os.close(self._left)
        self._reader.join()
        os.close(self._leave)
        os.close(self.owner)
        self.owner = -1

    def close(self) -> None:
        """End the command if it still runs, and give the terminal back."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        if self.owner >= 0:
            self.hang_up()
        os.close(self._tty)


@contextmanager
def terminal(
    *arguments: str, cwd: Path, columns: int = 100, lines: int = 30, locale: str = "C.UTF-8"
) -> Iterator[Terminal]:
    """``poolmgr ARGUMENTS`` on a terminal; it is ended at the end of the block."""
    opened = Terminal(arguments, cwd, columns, lines, locale)
    try:
        yield opened
    finally:
        opened.close()


def submit(screen: Terminal, target: str, arguments: str) -> None:
    """Fill the form and wait until the pool took the job."""
    screen.type("a")
    screen.wait_for("Submit a job")
    # Step by step, as a person would: keys typed ahead go to the field that is in focus when they are read.
    screen.wait_for("to the arguments")
    screen.type(target)
    screen.wait_for(target)
    screen.type("\r")
    screen.wait_for("Enter submits")
    screen.type(arguments)
    screen.wait_for(arguments)
    screen.type("\r")
    wait_until(lambda: "Submit a job" not in screen.read(), what="the form closed")


def worker_pids(screen: Terminal) -> list[int]:
    """The pids in the workers table, of lines that were read beyond it: of one that is half drawn it may be cut."""
    return [int(pid) for pid in re.findall(r"^[ >]w\d+ +(\d+) \S", screen.read(), re.MULTILINE)]
