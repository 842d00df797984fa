"""A program that runs on without a terminal, seen by whoever attaches.

    parent    waits until the program can be seen, or cannot be started
    child     a session of its own; starts the program and looks at it until it ends

What would have gone to a terminal or through a pipe goes to the run's log, where viewers read it; into a file it goes
as ever.

Threads: the caller's, which the child never leaves; "poolmgr-output" in the child reads what the program prints.
"""

from __future__ import annotations

import os
import stat
import sys
import threading

from poolmgr.runners.command import Command, NotStarted
from poolmgr.runners.program import attend, hold_signals
from poolmgr.runners.run import Run
from poolmgr.runners.spool import CHUNK, Lines

#: Seconds for what the program has printed at its end to be read.
LAST_WORDS = 1.0


def detach(command: Command, name: str, *, locks: bool = True, engine: str = "stock") -> tuple[str, int]:
    """Start a program that runs on when this process has ended. Called before any thread is started.

    Returns:
        What it can be found by, and 0; or nothing, and an exit code, if it cannot be started.
    """
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(reader)
        code = 1
        try:
            os.setsid()
            code = _run(command, name, writer, locks=locks, engine=engine)
        except NotStarted as error:
            os.write(2, f"poolmgr: {error}\n".encode())
            code = error.exit_code
        finally:
            os._exit(code)
    os.close(writer)
    with open(reader, encoding="utf-8") as told:
        found = told.read().strip()
    if found:
        return found, 0
    return "", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _run(command: Command, name: str, writer: int, *, locks: bool, engine: str) -> int:
    hold_signals()
    null = os.open(os.devnull, os.O_RDWR)
    if os.isatty(0):
        os.dup2(null, 0)
    with Run(command, name, locks=locks, engine=engine) as opened:
        output, given = os.pipe()
        streams = [given if _is_read_by_somebody(fd) else fd for fd in (1, 2)]
        program = opened.start(streams=(streams[0], streams[1]))
        os.close(given)
        reading = threading.Thread(target=_read, args=(output, opened), name="poolmgr-output", daemon=True)
        reading.start()

        def tell() -> None:
            os.write(writer, f"{opened.name} runs as process {program.pid}\n".encode())
            os.close(writer)

        opened.observe(always=True, found=tell)
        # The caller's descriptors are not kept open by who only looks.
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        code = attend(program)
        # A daemon of the program may keep it open for ever.
        reading.join(LAST_WORDS)
        opened.end()
    return code


def _is_read_by_somebody(fd: int) -> bool:
    """Whether it is a terminal or a pipe: who reads it waits for an end that is not to come."""
    mode = os.fstat(fd).st_mode
    return os.isatty(fd) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _read(output: int, opened: Run) -> None:
    """Lines of the program into the log, until nobody can write any more."""
    lines = Lines()
    with open(output, "rb", buffering=0) as file:
        while data := file.read(CHUNK):
            for line in lines.feed(data):
                opened.log.printed(line)
    if rest := lines.rest():
        opened.log.printed(rest)
