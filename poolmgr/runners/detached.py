"""A program that runs on without a terminal, seen by whoever attaches.

    parent    waits until the program can be seen, cannot be started, or has ended already
    child     a session of its own; starts the program and looks at it until it ends

What would have gone to a terminal or through a pipe goes to the run's log, where viewers read it; into a file it goes
as ever.

Threads: the caller's, which the child never leaves; "poolmgr-output" in the child reads what the program prints.
"""

from __future__ import annotations

import os
import pickle
import select
import stat
import sys
import threading
import time
from dataclasses import dataclass
from typing import BinaryIO

from poolmgr.errors import PoolmgrError, describe_exit
from poolmgr.runners.command import Command
from poolmgr.runners.lines import Lines
from poolmgr.runners.program import attend, hold_signals
from poolmgr.runners.run import Run
from poolmgr.runners.spool import CHUNK

#: Seconds for what the program has printed at its end to be read.
LAST_WORDS = 1.0


@dataclass(frozen=True, slots=True)
class Detached:
    """What became of a program that was to run on.

    Attributes:
        name: What its pools are called.
        pid: Its process.
        exit_code: None if it runs on; the program's own if it ended before it could be seen.
        printed: What it had printed by then on a terminal or a pipe, line by line.
    """

    name: str
    pid: int
    exit_code: int | None = None
    printed: tuple[str, ...] = ()


def detach(command: Command, name: str, *, locks: bool = True, engine: str = "stock") -> Detached:
    """Start a program that runs on when this process has ended. Called before any thread is started.

    Raises:
        NotStarted: It cannot be started.
        UsageError: There is no safe folder for the run.
        PoolmgrError: The process that was to look at it failed.
    """
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(reader)
        code = 1
        with open(writer, "wb") as told:
            try:
                os.setsid()
                code = _run(command, name, told, locks=locks, engine=engine)
            except Exception as error:  # the process's top: who still waits for it raises it
                _tell(told, error)
            finally:
                os._exit(code)
    os.close(writer)
    with open(reader, "rb") as file:
        data = file.read()
    if not data:
        how = describe_exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        raise PoolmgrError(f"process {child}, which was to look at the program, {how} before it could be seen")
    found = pickle.loads(data)
    if isinstance(found, Detached):
        return found
    raise found if isinstance(found, PoolmgrError) else PoolmgrError(f"the program cannot be detached: {found!r}")


def _tell(told: BinaryIO, what: Detached | Exception) -> None:
    """Have the parent know, which goes on then; it is told once."""
    if not told.closed:
        with told:
            pickle.dump(what, told)


def _run(command: Command, name: str, told: BinaryIO, *, locks: bool, engine: str) -> int:
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
        opened.observe(always=True, found=lambda: _tell(told, Detached(opened.name, program.pid)))
        # The caller's descriptors are not kept open by who only looks.
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        code = attend(program)
        # A daemon of the program may keep it open for ever.
        reading.join(LAST_WORDS)
        opened.end()
        # Where it was never seen: the observer has left, and tells no more.
        printed = tuple(line.text for line in opened.log.lines() if line.kind == "out")
        _tell(told, Detached(opened.name, program.pid, code, printed))
    return code


def _is_read_by_somebody(fd: int) -> bool:
    """Whether it is a terminal or a pipe: who reads it waits for an end that is not to come."""
    mode = os.fstat(fd).st_mode
    return os.isatty(fd) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _read(output: int, opened: Run) -> None:
    """Lines of the program into the log, until nobody can write any more."""
    lines, poll = Lines(), select.poll()
    poll.register(output, select.POLLIN)
    with open(output, "rb", buffering=0) as file:
        while True:
            if not poll.poll(lines.patience(time.monotonic())):
                found = lines.settled(time.monotonic())
            elif data := file.read(CHUNK):
                found = lines.feed(data, time.monotonic())
            else:
                break
            for line in found:
                opened.log.printed(line)
    for line in lines.rest():
        opened.log.printed(line)
