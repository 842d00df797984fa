"""``poolmgr run`` on a terminal: what a program finds there, and what a person sees and types."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import sys
import termios
from pathlib import Path

from poolmgr.cli.pools import look
from tests.cli.test_run import script
from tests.cli.test_screen import assert_nobody_left
from tests.helpers.commands import PATIENCE
from tests.helpers.terminal import terminal
from tests.helpers.wait import wait_until


def test_program_finds_its_terminal(tmp_path: Path) -> None:
    """All three streams are a terminal, of the right size, and the one that controls the program."""
    source = """
        import os, sys
        print([os.isatty(fd) for fd in (0, 1, 2)], tuple(os.get_terminal_size()), os.ttyname(0) == os.ttyname(2))
        with open("/dev/tty", "w") as tty:
            print("controlled", file=tty)
    """
    with terminal("run", script(tmp_path, source), cwd=tmp_path, columns=90, lines=33) as screen:
        assert screen.wait() == 0
        assert b"[True, True, True] (90, 33) True\r\ncontrolled\r\n" in screen.written
        assert screen.restored


def test_size_follows_the_window(tmp_path: Path) -> None:
    """A window that is resized tells the program."""
    source = """
        import os, signal
        signal.signal(signal.SIGWINCH, lambda *_: None)
        # One that comes before it is waited for is kept.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGWINCH})
        print("ready", flush=True)
        signal.sigwait({signal.SIGWINCH}) if os.get_terminal_size()[0] == 100 else None
        print("now", *os.get_terminal_size())
    """
    with terminal("run", script(tmp_path, source), cwd=tmp_path) as screen:
        screen.wait_for("ready")
        fcntl.ioctl(screen.owner, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 140, 0, 0))
        os.kill(screen.process.pid, 28)
        assert screen.wait() == 0
        assert b"now 140 50" in screen.written


def test_input_and_getpass(tmp_path: Path) -> None:
    """input() and getpass() work, and a password is not shown."""
    source = """
        from getpass import getpass
        name = input("name? ")
        secret = getpass("secret? ")
        print(name.upper(), len(secret))
    """
    with terminal("run", script(tmp_path, source), cwd=tmp_path) as screen:
        screen.wait_for("name?")
        screen.type("joe\r")
        screen.wait_for("secret?")
        screen.type("xyzzy\r")
        assert screen.wait() == 0
        assert b"JOE 5" in screen.written
        assert b"xyzzy" not in screen.written
        assert screen.restored


def test_interrupt_is_a_key(tmp_path: Path) -> None:
    """Ctrl-C interrupts the program, and the exit code tells it."""
    source = """
        import time
        try:
            print("ready", flush=True)
            time.sleep(600)
        except KeyboardInterrupt:
            print("interrupted once")
            raise
    """
    with terminal("run", script(tmp_path, source), cwd=tmp_path) as screen:
        screen.wait_for("ready")
        screen.type("\x03")
        assert screen.wait() == 130
        assert screen.written.count(b"interrupted once") == 1
        assert screen.restored


def test_colours_and_bars_pass(tmp_path: Path) -> None:
    """Control sequences and a tqdm bar reach the terminal as the program wrote them."""
    source = """
        from tqdm import tqdm
        print("\\x1b[31mred\\x1b[0m")
        for _ in tqdm(range(3), mininterval=0, ncols=60):
            pass
    """
    with terminal("run", script(tmp_path, source), cwd=tmp_path) as screen:
        assert screen.wait() == 0
        assert b"\x1b[31mred\x1b[0m\r\n" in screen.written
        assert b"\r100%|" in screen.written


def test_headless_leaves_the_terminal_alone(tmp_path: Path) -> None:
    """With --headless the program has the very terminal that poolmgr was started on."""
    source = "import os, sys; print(os.ttyname(0), os.getpgrp() == os.getpgid(os.getppid()))"
    with terminal("run", "--headless", script(tmp_path, source), cwd=tmp_path) as screen:
        assert screen.wait() == 0
        assert f"{os.ttyname(screen._tty)} True".encode() in screen.written


def test_only_terminals_are_replaced(tmp_path: Path) -> None:
    """stdin from a pipe and stderr into a file pass as they are, while stdout is a terminal."""
    source = """
        import os, sys
        print("read", len(sys.stdin.read()), os.isatty(1))
        print("told", os.isatty(2), file=sys.stderr)
    """
    name = script(tmp_path, source)
    command = f'printf 12345 | "$0" -m poolmgr run {name} 2>log'
    with terminal("run", "sh", "-c", command, sys.executable, cwd=tmp_path) as screen:
        assert screen.wait() == 0
        assert b"read 5 True" in screen.written
    assert (tmp_path / "log").read_bytes() == b"told False\n"


def test_stop_key_stops_the_whole_run(tmp_path: Path) -> None:
    """Ctrl-Z under a shell stops program and poolmgr; fg has both go on."""
    source = """
        print("ready", flush=True)
        print("got", input())
    """
    command = f'set -m; "$0" -m poolmgr run {script(tmp_path, source)}; echo stopped $?; fg >/dev/null; echo ended $?'
    with terminal("run", "bash", "-c", command, sys.executable, cwd=tmp_path) as screen:
        screen.wait_for("ready")
        screen.type("\x1a")
        screen.wait_for("stopped 148")
        screen.type("word\r")
        assert screen.wait() == 0
        assert b"got word" in screen.written
        assert b"ended 0" in screen.written


#: Prints while its pool works, then asks, then works again until a file is there.
PROGRAM = """
    import multiprocessing, os, time

    def work(number):
        time.sleep(0.05)
        return number

    def wait(number):
        while not os.path.exists("go"):
            time.sleep(0.01)
        return number

    if __name__ == "__main__":
        with multiprocessing.Pool(2) as pool:
            for number, result in enumerate(pool.imap(work, range(40))):
                print("line", number, end="\\r" if number % 10 == 5 else "\\n")
            print("hello", input("name? "))
            print("sum", sum(pool.map(wait, range(4))))
"""


def on_normal_screen(written: bytes) -> bytes:
    """What was written while no screen was up."""
    return re.sub(rb"\x1b\[\?1049h.*?\x1b\[\?1049l", b"", written, flags=re.DOTALL)


def test_screen_comes_with_the_pool_and_goes_with_the_program(tmp_path: Path) -> None:
    """The screen shows the pool and what the program prints; i types into it; in the end all of it was printed once."""
    with terminal("run", script(tmp_path, PROGRAM), cwd=tmp_path, columns=120) as screen:
        screen.wait_for("stock Pool")
        screen.wait_for("2/2 workers")
        screen.wait_for("out line 39")
        screen.wait_for("waits for input")
        screen.type("i")
        screen.wait_for("name? ")
        screen.type("joe\r")
        screen.wait_for("hello joe")
        screen.type("\x1d")
        screen.wait_for("1 run")
        (tmp_path / "go").touch()
        assert screen.wait() == 0
        assert screen.restored
    printed = on_normal_screen(screen.written)
    ends = [b"\r" if number % 10 == 5 else b"\r\n" for number in range(40)]
    assert [printed.count(b"line %d" % number + end) for number, end in enumerate(ends)] == [1] * 40
    assert printed.index(b"line 0") < printed.index(b"line 39") < printed.index(b"hello joe") < printed.index(b"sum 6")
    assert printed.count(b"hello joe") == printed.count(b"sum 6") == 1
    assert b"\r\r\n" not in printed


def test_screen_at_once(tmp_path: Path) -> None:
    """--screen shows a program that has no pool, and prints in the end what that printed."""
    source = """
        import os, time
        print("begun")
        while not os.path.exists("go"):
            time.sleep(0.01)
        print("over")
    """
    with terminal("run", "--screen", script(tmp_path, source), cwd=tmp_path, columns=120) as screen:
        screen.wait_for("out begun")
        (tmp_path / "go").touch()
        assert screen.wait() == 0
        assert screen.restored
    assert b"over" in on_normal_screen(screen.written)


def test_log_has_each_of_several_bars_once(tmp_path: Path) -> None:
    """Bars among which a program moves are a line each in the log, and on the normal screen what it wrote, to the byte.

    Each step takes longer than a line needs to be told that nobody comes back to.
    """
    source = """
        import io, os, sys, time
        from tqdm import tqdm

        class Both(io.StringIO):
            def write(self, text):
                with open("written", "a", newline="") as file:
                    file.write(text)
                sys.stderr.write(text)
                sys.stderr.flush()

        bars = {"file": Both(), "mininterval": 0, "bar_format": "{desc} {n}/{total}"}
        with tqdm(total=2, desc="outer", **bars) as outer, tqdm(total=4, desc="inner", position=1, **bars) as inner:
            for step in range(4):
                time.sleep(0.4)
                inner.update(1)
                if step % 2:
                    outer.update(1)
        print("\\nbars are done", flush=True)
        while not os.path.exists("go"):
            time.sleep(0.01)
    """
    with terminal("run", "--name", "bars", "--screen", script(tmp_path, source), cwd=tmp_path) as screen:
        lines: list[str] = []

        def told() -> bool:
            screen.read()
            snapshot = next((each.snapshot for each in look() if each.entry.name == "bars"), None)
            lines[:] = [] if snapshot is None else [line.text for line in snapshot.log if line.kind == "out"]
            return "bars are done" in lines

        wait_until(told, what="the last line is in the log")
        (tmp_path / "go").touch()
        assert screen.wait() == 0
    # tqdm itself leaves the bar that ends first above the other.
    assert [line for line in lines if line] == ["inner 4/4", "outer 2/2", "bars are done"]
    written = (tmp_path / "written").read_bytes()
    assert b"\x1b[A" in written
    # The screen came in between, and has put the terminal's modes back.
    printed = re.sub(rb"\x1b\[[?<>][0-9;]*[a-z]", b"", on_normal_screen(screen.written))
    assert written.replace(b"\n", b"\r\n") in printed


def test_leaving_the_screen_leaves_the_program(tmp_path: Path) -> None:
    """q gives the terminal back to the program, which ctrl+c then interrupts; the exit code is its own."""
    (tmp_path / "go").touch()
    with terminal("run", script(tmp_path, PROGRAM), cwd=tmp_path, columns=120) as screen:
        screen.wait_for("out line 39")
        screen.type("q")
        screen.wait_for("name? ")
        screen.type("joe\x7fy\r")
        assert screen.wait() == 0
        assert b"hello joy" in screen.written
        assert screen.restored


def test_signal_under_the_screen_is_the_programs(tmp_path: Path) -> None:
    """SIGTERM while the screen is up ends the program, and with it the screen; nobody is left."""
    with terminal("run", script(tmp_path, PROGRAM), cwd=tmp_path, columns=120) as screen:
        screen.wait_for("2/2 workers")
        family = screen.family()
        screen.process.terminate()
        assert screen.wait() == 143
        assert screen.restored
        assert_nobody_left(family)


def test_window_that_is_closed_ends_the_program(tmp_path: Path) -> None:
    """When the terminal goes away, the program hears of it as it would without poolmgr; nobody is left."""
    with terminal("run", script(tmp_path, PROGRAM), cwd=tmp_path, columns=120) as screen:
        screen.wait_for("2/2 workers")
        family = screen.family()
        screen.hang_up()
        screen.process.wait(PATIENCE)
        assert_nobody_left(family)


def test_screen_beside_redirected_streams(tmp_path: Path) -> None:
    """With stdin from a pipe and stderr in a file, the screen still comes, and both stay the program's."""
    source = """
        import multiprocessing, os, sys, time

        def work(word):
            while not os.path.exists("go"):
                time.sleep(0.01)
            return word.upper()

        if __name__ == "__main__":
            with multiprocessing.Pool(2) as pool:
                print(*pool.map(work, sys.stdin.read().split(), chunksize=1))
            print("told", file=sys.stderr)
    """
    name = script(tmp_path, source)
    command = f'echo a b c d e f g h | "$0" -m poolmgr run {name} 2>log'
    with terminal("run", "--headless", "sh", "-c", command, sys.executable, cwd=tmp_path, columns=120) as screen:
        screen.wait_for("stock Pool")
        (tmp_path / "go").touch()
        assert screen.wait() == 0
        assert b"A B C D E F G H" in on_normal_screen(screen.written)
    assert (tmp_path / "log").read_bytes() == b"told\n"
