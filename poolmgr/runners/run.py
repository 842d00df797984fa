"""A user's program under poolmgr: its folder, the program, what is seen of it, and what is left of it at the end.

    folder    made; the program's environment names it                                        (runtime/run_folder.py)
    program   started, before this process has any thread                                     (program.py)
    observed  its pools come and go                                                           (observation.py)
    the end   what it left behind is ended; its pools' last pictures are published; the folder goes

Thread: the caller's.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from poolmgr import hook
from poolmgr.monitor.run_log import RunLog
from poolmgr.runners import leftovers
from poolmgr.runners.command import Command
from poolmgr.runners.observation import Observed
from poolmgr.runners.program import Program, start
from poolmgr.runners.spool import Spool
from poolmgr.runners.terminal import ProgramTerminal
from poolmgr.runtime.run_folder import RunFolder


class Run:
    """One run, from the start of the program until nothing is left of it.

    Args:
        command: What to run.
        name: What its pools are called; the program's name if empty.
        locks: Whether its locks, queues, pipes and shared values are tracked.
        engine: "stock", or "poolmgr" to have its ``multiprocessing.Pool`` made by poolmgr's engine.
    """

    def __init__(self, command: Command, name: str = "", *, locks: bool = True, engine: str = "stock") -> None:
        self.command = command
        self.name = name or command.name
        self._track_locks, self._engine = locks, engine
        self.log = RunLog()
        self.program: Program
        self.observed: Observed
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            leftovers.become_reaper()
            self.folder = RunFolder()
            stack.callback(self.folder.close)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def start(self, tty: int | None = None, streams: tuple[int, int] | None = None) -> Program:
        """Start the program; the arguments are those of :func:`poolmgr.runners.program.start`."""
        environment = hook.environment(self.folder.path, locks=self._track_locks, engine=self._engine)
        self._begun = time.monotonic()
        self.program = start(self.command.argv, environment, tty=tty, streams=streams)
        self._stack.callback(self.program.close)
        self._session = self.program.pid if self.program.master is not None else os.getsid(0)
        return self.program

    def show_on(self, terminal: int) -> ProgramTerminal:
        """What shows the program on the person's terminal; the caller closes it when the program has ended."""
        shown = ProgramTerminal(self.program, terminal, Spool(self.folder.path), self.log.printed)
        shown.start()
        return shown

    def observe(self, *, always: bool = False, found: Callable[[], None] = lambda: None) -> None:
        """Begin to look at the program; the arguments are those of :class:`Observed`. Starts threads."""
        self.observed = Observed(self.folder.path, self.name, self.program, self.log, always=always, found=found)
        self._stack.callback(self.observed.stop)
        self.observed.start()

    def end(self) -> None:
        """The program has ended: end what it left behind, and publish how it ended."""
        code = self.program.exit_code
        self.log.add(f"the program ended with exit code {code}", level="warning" if code else "info")
        mark = f"{hook.VARIABLE}={self.folder.path}".encode()
        left = leftovers.sweep(mark, self._session, {self.program.pid, *self.observed.children})
        if left:
            self.log.add(f"{left} processes that it had left behind were ended", level="warning")
        self.observed.stop()

    def summary(self, code: int) -> str:
        """The run in one line."""
        seconds = time.monotonic() - self._begun
        return f"{self.name}: {self.observed.totals()}; exit code {code} after {seconds:.1f} s"
