"""A pool that can be seen and steered from elsewhere: its collector, its control, and its board.

    poolmgr.publish(pool)      a program's own pool
    Session                    the pools that poolmgr opens itself

Closing takes the last frame, so that viewers see how it ended, and lets them fetch it.

Thread: the caller's.  It starts those of the collector, the board and the requests; none of them runs users' code, but
for the import of a module that a viewer names in a submit.
"""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from poolmgr.control.local import LocalControl
from poolmgr.engine.executor import PoolExecutor
from poolmgr.engine.pool import Pool
from poolmgr.errors import UsageError
from poolmgr.monitor.board import Board
from poolmgr.monitor.collector import Collector

#: The open ones of this program by their pools.
_open: dict[Pool, Publication] = {}


class Publication:
    """A published pool. Until it is closed it keeps the pool, and does not change what the pool does.

    A context manager; who does not close it has it closed when the program ends.

    Attributes:
        control: What screens and viewers steer the pool through.
        collector: Takes the pictures.
        board: Where viewers find them.
    """

    def __init__(self, pool: Pool) -> None:
        self._owner = os.getpid()
        with ExitStack() as stack:
            self.board = Board(pool.name, pool.log)
            stack.callback(self.board.close)
            self.collector = Collector(pool, board=self.board)
            stack.callback(self.collector.stop)
            self.control = LocalControl(pool, self.collector)
            stack.callback(self.control.close)
            self.board.take_requests(self.control.send)
            self.collector.start()
            self._stack = stack.pop_all()
        # Before the standard library ends the pools that are left, and with them what is to be seen.
        atexit.register(self.close)
        self._pool = pool
        _open[pool] = self

    @property
    def name(self) -> str:
        """The name by which viewers find the pool."""
        return self.board.name

    def close(self) -> None:
        """Take the pool from where viewers find it. It goes on. Closing twice does no harm."""
        if os.getpid() != self._owner:
            # A forked child that ends has this object, and its parent's board.
            return
        atexit.unregister(self.close)
        if _open.get(self._pool) is self:
            del _open[self._pool]
        self._stack.close()

    @classmethod
    def of(cls, pool: Pool) -> Publication | None:
        """The open one of this pool, None if there is none in this process."""
        found = _open.get(pool)
        return found if found is not None and found._owner == os.getpid() else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def publish(pool: Pool | PoolExecutor, *, name: str = "") -> Publication:
    """Let a pool of this program be seen and steered from any other terminal: ``poolmgr ps``, ``attach``, ``ctl``.

    Args:
        pool: A :class:`poolmgr.Pool` or :class:`poolmgr.PoolExecutor`.
        name: What viewers call it; the pool's own name if empty.

    Raises:
        TypeError: It is not a pool of poolmgr's.
        UsageError: There is no safe folder for it (see docs/elsewhere.md).
    """
    if isinstance(pool, PoolExecutor):
        pool = pool.pool
    if not isinstance(pool, Pool):
        raise TypeError(f"only a poolmgr.Pool or PoolExecutor can be published, not {type(pool).__name__}")
    if not name.isprintable():
        raise UsageError(f"a pool cannot be called {name!r}: its name has characters that cannot be shown")
    pool.name = name or _name_by_program(pool.name)
    return Publication(pool)


def _name_by_program(name: str) -> str:
    """The program's name and process id, if the pool was given no name of its own."""
    given, _, number = name.rpartition("-")
    if given != f"pool-{os.getpid()}":
        return name
    script = sys.argv[0] if sys.argv else ""
    if os.path.basename(script) == "__main__.py":
        script = os.path.dirname(os.path.abspath(script))
    program = os.path.splitext(os.path.basename(script))[0]
    if not program.isprintable() or program in ("", "-c"):
        program = "python"
    return f"{program}-{os.getpid()}" + (f"-{number}" if number != "1" else "")
