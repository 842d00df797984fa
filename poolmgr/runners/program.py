"""A user's program as a child: its descriptors, its terminal, its signals and its exit code.

    the user's fds     files and pipes go to the program as they are; terminals too, if no screen is to be shown
    with a screen      those of fds 0, 1 and 2 that are terminals become a terminal of the program's own (a pty), in a
                       session of its own, which begins with the settings and the size of the user's

Thread: the caller's.  Started from a process without other threads, since some code runs between fork and exec.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pty
import signal
import subprocess
import termios
from collections.abc import Callable, Mapping, Sequence

from poolmgr.runners.command import NOT_EXECUTABLE, NOT_FOUND, NotStarted


class Program:
    """A program that has been started.

    Attributes:
        pid: Its process id.
        ended: A descriptor that is readable once it has ended.
        master: The other end of its terminal, None if it has none of its own. Whoever takes it closes it.
        terminal: The path of that terminal, empty if it has none of its own.
    """

    def __init__(self, process: subprocess.Popen[bytes], master: int | None, terminal: str = "") -> None:
        self._process = process
        self.pid = process.pid
        self.master = master
        self.terminal = terminal
        self.ended = os.pidfd_open(process.pid)

    @property
    def exit_code(self) -> int | None:
        """Its exit code as a shell tells it, 128 and the number for a signal; None while it runs."""
        code = self._process.poll()
        return 128 - code if code is not None and code < 0 else code

    def wait(self) -> int:
        """Wait for its end, and return the exit code."""
        self._process.wait()
        code = self.exit_code
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        with contextlib.suppress(OSError):
            # By descriptor: a process id may be another program's by now.
            signal.pidfd_send_signal(self.ended, number)

    def close(self) -> None:
        """Let go of its descriptor."""
        os.close(self.ended)


def start(
    argv: Sequence[str],
    environment: Mapping[str, str],
    *,
    tty: int | None = None,
    streams: tuple[int, int] | None = None,
) -> Program:
    """Start a program.

    Args:
        argv: The program and its arguments.
        environment: Its environment.
        tty: The user's terminal, if the program is to have one of its own in place of it.
        streams: What it gets for stdout and stderr in place of this process's.

    Raises:
        NotStarted: The system refuses to.
    """
    if tty is None:
        out, err = streams or (None, None)
        return Program(_popen(argv, environment, [None, out, err], None), None)
    master, slave = pty.openpty()
    try:
        _copy_settings(tty, slave)
        copy_size(tty, master)
        fds = [slave if os.isatty(fd) else None for fd in (0, 1, 2)]
        name = os.ttyname(slave)
        process = _popen(argv, environment, fds, slave)
    except BaseException:  # whatever it is goes on, and the terminal is nobody's
        os.close(master)
        raise
    finally:
        os.close(slave)
    return Program(process, master, name)


def _popen(
    argv: Sequence[str], environment: Mapping[str, str], fds: list[int | None], terminal: int | None
) -> subprocess.Popen[bytes]:
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())

    def prepare() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
        if terminal is not None:
            fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)

    unblocked = mask - NOTED
    try:
        return subprocess.Popen(
            argv,
            env=environment,
            stdin=fds[0],
            stdout=fds[1],
            stderr=fds[2],
            # What the caller wants the program to inherit (3>file, <(command)) is inheritable here too; all that is
            # ours is not.
            close_fds=False,
            start_new_session=terminal is not None,
            preexec_fn=prepare,
        )
    except OSError as error:
        raise _not_started(argv[0], error) from error


def _not_started(program: str, error: OSError) -> NotStarted:
    if error.errno == errno.ENOENT:
        return NotStarted(f"{program!r} cannot be started: it, or what its first line names, is not there", NOT_FOUND)
    if error.errno == errno.EACCES:
        return NotStarted(f"{program!r} cannot be started: it is not executable", NOT_EXECUTABLE)
    return NotStarted(f"{program!r} cannot be started: {error.strerror or error}", NOT_EXECUTABLE)


def _copy_settings(tty: int, terminal: int) -> None:
    with contextlib.suppress(termios.error):
        termios.tcsetattr(terminal, termios.TCSANOW, termios.tcgetattr(tty))


def copy_size(tty: int, master: int) -> None:
    """Give a terminal the size of another; who runs on it gets SIGWINCH if that changes anything."""
    with contextlib.suppress(OSError):
        fcntl.ioctl(master, termios.TIOCSWINSZ, fcntl.ioctl(tty, termios.TIOCGWINSZ, bytes(8)))


#: Signals that are waited for in place of a handler while a program runs without a screen; a program is started
#: without them blocked.
NOTED = frozenset(
    (
        signal.SIGCHLD,
        signal.SIGHUP,
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGTERM,
        signal.SIGUSR1,
        signal.SIGUSR2,
    )
)


def hold_signals() -> None:
    """Have :data:`NOTED` wait for :func:`attend`. Called before any thread is started: all must hold them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, NOTED)


def attend(program: Program) -> int:
    """Wait for the end of a program on this process's own terminal, if any, and pass signals on.

    Those that a terminal sends go to the program too, and are not sent twice.

    Returns:
        The exit code.
    """
    while (code := program.exit_code) is None:
        found = signal.sigwaitinfo(NOTED)
        # Above 0 it comes from the kernel: a terminal's key or its end, or a child that has ended.
        if found.si_code <= 0 and found.si_signo != signal.SIGCHLD:
            program.send_signal(found.si_signo)
    return code


def passing_on(program: Program) -> Callable[[], None]:
    """Have signals to this process sent on to the program, by handlers; what is returned ends that."""
    before = {
        number: signal.signal(number, lambda signum, _: program.send_signal(signum))
        for number in NOTED - {signal.SIGCHLD}
        if signal.getsignal(number) is not signal.SIG_IGN
    }

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    return restore
