"""The command line as a user meets it: a process of its own, outside the checkout."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

#: Seconds a command may take on a loaded machine before it counts as hung.
PATIENCE = 45

COMMAND = (sys.executable, "-m", "poolmgr")


def poolmgr(*arguments: str, cwd: Path, stdin: int = subprocess.DEVNULL) -> subprocess.CompletedProcess[str]:
    """Run ``poolmgr ARGUMENTS`` to its end, without a terminal."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=cwd,
        stdin=stdin,
        capture_output=True,
        text=True,
        # A screen that draws into a page writes the sizes of its pictures in binary.
        errors="backslashreplace",
        timeout=PATIENCE,
    )


@contextmanager
def started(*arguments: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """``poolmgr ARGUMENTS`` while it runs, without a terminal, in a session of its own; killed if it is still there."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_heed_interrupts,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def _heed_interrupts() -> None:
    # A shell starts what runs in its background with SIGINT ignored, and that is inherited.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def on_terminal(
    *arguments: str, cwd: Path, columns: int = 100, lines: int = 30, streams: Sequence[int] = (0, 1, 2)
) -> tuple[int, str]:
    """Run ``poolmgr ARGUMENTS`` to its end on a pseudo-terminal.

    Args:
        streams: Which of the standard streams are the terminal; the others are /dev/null.

    Returns:
        The exit code, and what it wrote to the terminal.
    """
    owner, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    fds = [terminal if stream in streams else subprocess.DEVNULL for stream in range(3)]
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=cwd,
        stdin=fds[0],
        stdout=fds[1],
        stderr=fds[2],
        start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": str(lines)},
    )
    os.close(terminal)
    with process, open(owner, "rb", buffering=0) as screen:
        written = b"".join(_chunks(screen.fileno()))
        return process.wait(PATIENCE), written.decode(errors="replace")


def _chunks(fd: int) -> Iterator[bytes]:
    while True:
        try:
            chunk = os.read(fd, 65536)
        except OSError:
            # Linux says EIO once nobody has the terminal open any more.
            return
        if not chunk:
            return
        yield chunk
