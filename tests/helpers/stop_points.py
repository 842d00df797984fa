"""A worker that stops for good, or for a while, at a named step of the protocol.

Installed in a worker by its pool's initializer, around what the worker has: the product knows nothing of it.

    "COMMIT"         a write of a cell; "BEGAN=0" is the one at the end of a batch
    "read LIMIT"     a read of a cell
    "kind"           a write of a column of the ring, or of the payload area
    "_store"         a method of the worker's ``Batches``
    "send LARGE"     a frame to the owner; "half" sends its first half
    "fill"           a large argument comes in; "half" reads its first half

``before`` and ``after`` are sides of that step.  Which worker stops, and when: the first that comes to the step for the
``at``-th time of its life, or a later time, and finds a token left; it takes the token with it.  A token that is called
``only-PID`` is for the worker of that number.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poolmgr.engine import wire
from poolmgr.engine.parts import Buffer, Load
from poolmgr.engine.tasks import Batches
from poolmgr.engine.worker import Inbox
from poolmgr.runtime import cells
from tests.helpers.jobs import append

NAMES = (
    "START",
    "COMMIT",
    "BEGAN",
    "BUSY",
    "ACK",
    "LIMIT",
    "STOP",
    "SENT",
    "TAIL",
    "NOTIFY",
    "DRAINED",
    "SOFT",
    "TOLD",
    "SERIAL",
    "LOOK",
)
CELLS = {getattr(cells, name): name for name in NAMES}
COLUMNS = ("began", "ended", "cpu", "value", "real", "kind", "area")
METHODS = (
    "learn",
    "run",
    "_run",
    "_read",
    "_call",
    "_store_value",
    "_store_failure",
    "_store",
    "wake",
    "spin",
    "tell",
    "_is_taken",
)
FRAMES = {wire.READY: "READY", wire.UNREADY: "UNREADY", wire.LARGE: "LARGE"}

#: Results of other kinds than these do not exist on the wire.
KINDS = 8
LARGE = 40_000


@dataclass(frozen=True, slots=True)
class Stop:
    """Where workers stop."""

    step: str
    #: ``before``, ``after``, or ``half`` of a frame.
    side: str
    #: How often a worker must have come to the step.
    at: int
    #: A folder of tokens: each is one stop. The pid of who stopped is left under the token's name and ``.taken``.
    tokens: str
    #: SIGKILL ends the worker, SIGSTOP freezes it.
    number: int = signal.SIGKILL


def put_tokens(stop: Stop, count: int = 1) -> None:
    """Allow so many stops from now on."""
    for i in range(count):
        Path(stop.tokens, f"token{i}").touch()


def left_tokens(stop: Stop) -> int:
    """Stops that have not happened."""
    return len(list(Path(stop.tokens).glob("token?")))


def stopped_pids(stop: Stop) -> list[int]:
    """The workers that have stopped."""
    return [int(path.read_text()) for path in Path(stop.tokens).glob("*.taken")]


def numbers(path: str) -> list[int]:
    """What jobs have told of themselves in a file, each as often as it has run."""
    file = Path(path)
    return [int(line) for line in file.read_text().splitlines()] if file.exists() else []


class Trap:
    """Counts the steps of this worker and stops it."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._passed = 0

    def pass_by(self, step: str, side: str) -> None:
        """The worker is here."""
        if self.due(step, side):
            os.kill(os.getpid(), self._stop.number)

    def due(self, step: str, side: str) -> bool:
        """Whether it is to stop here."""
        stop = self._stop
        if step != stop.step or side != stop.side:
            return False
        self._passed += 1
        return self._passed >= stop.at and self._take_token()

    def _take_token(self) -> bool:
        folder = Path(self._stop.tokens)
        for token in [folder / f"only-{os.getpid()}", *sorted(folder.glob("token?"))]:
            mine = token.with_suffix(f".{os.getpid()}")
            try:
                token.rename(mine)
            except FileNotFoundError:
                continue
            mine.write_text(str(os.getpid()))
            mine.rename(token.with_suffix(".taken"))
            return True
        return False

    def around(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        """The method, with a step before and after it."""

        def watched(*args: Any) -> Any:
            self.pass_by(name, "before")
            value = method(*args)
            self.pass_by(name, "after")
            return value

        return watched

    def send(self, batches: Batches) -> Callable[[list[Buffer]], None]:
        """``Batches.send`` with steps around and inside."""
        whole = batches.send

        def watched(parts: list[Buffer]) -> None:
            step = f"send {FRAMES[parts[0][0]]}"
            self.pass_by(step, "before")
            if self.due(step, "half"):
                data = b"".join(parts)
                os.write(batches.fd, data[: len(data) // 2])
                os.kill(os.getpid(), self._stop.number)
                os.write(batches.fd, data[len(data) // 2 :])
                return
            whole(parts)
            self.pass_by(step, "after")

        return watched

    def fill(self) -> Callable[[Inbox, Load], bool]:
        """``Inbox.fill`` with steps around and inside."""
        whole = Inbox.fill

        def watched(inbox: Inbox, load: Load) -> bool:
            self.pass_by("fill", "before")
            if self.due("fill", "half"):
                half = Load([view[: len(view) // 2] for view in load.next()])
                size = half.left
                assert whole(inbox, half)
                load.moved(size)
                os.kill(os.getpid(), self._stop.number)
            filled = whole(inbox, load)
            self.pass_by("fill", "after")
            return filled

        return watched


class Watched:
    """A view of shared memory, with a step at each access."""

    def __init__(self, view: Any, trap: Trap, name: str = "") -> None:
        self._view = view
        self._trap = trap
        self._name = name

    def _step(self, where: Any) -> str:
        return self._name or CELLS[where]

    def __getitem__(self, where: Any) -> Any:
        step = f"read {self._step(where)}"
        self._trap.pass_by(step, "before")
        value = self._view[where]
        self._trap.pass_by(step, "after")
        return value

    def __setitem__(self, where: Any, value: Any) -> None:
        step = self._step(where)
        if step == "BEGAN" and value == 0:
            step = "BEGAN=0"
        self._trap.pass_by(step, "before")
        self._view[where] = value
        self._trap.pass_by(step, "after")


def install(stop: Stop) -> None:
    """Set the trap. The pool's initializer."""
    handler: Any = signal.getsignal(signal.SIGINT)
    batches: Batches = handler.__self__
    trap = Trap(stop)
    batches.cells = Watched(batches.cells, trap)
    for name in COLUMNS:
        setattr(batches._ring, name, Watched(getattr(batches._ring, name), trap, name))
    replaced: dict[str, Any] = {name: trap.around(name, getattr(batches, name)) for name in METHODS}
    replaced["send"] = trap.send(batches)
    Inbox.fill = trap.fill()  # type: ignore[method-assign,assignment]
    for name, method in replaced.items():
        setattr(batches, name, method)


class Refused(Exception):
    """What one kind of job raises."""


def result(i: int) -> Any:
    """The result of job ``i``: of every kind in turn."""
    kinds = (i, i / 2, None, bool(i & 8), f"job {i}", [i, "listed"], b"%07d" % i * (LARGE // 7))
    return kinds[i % KINDS] if i % KINDS < len(kinds) else Refused(i)


def work(path: str, i: int) -> Any:
    """Tell that job ``i`` runs, and give its result."""
    append(path, str(i))
    value = result(i)
    if isinstance(value, Refused):
        raise value
    return value


def work_item(item: str) -> Any:
    """As ``work``, with one argument: ``PATH:NUMBER``."""
    path, _, i = item.rpartition(":")
    return work(path, int(i))


def work_unevenly(path: str, i: int) -> Any:
    """As ``work``; now and then a job takes so long that others are taken back from behind it."""
    if i % 40 == 7:
        time.sleep(0.02)
    return work(path, i)


def work_and_set_trap(path: str, i: int, tokens: str = "") -> Any:
    """As ``work``; with ``tokens``, take so long that others are taken back, and have this worker stop next time."""
    if tokens:
        time.sleep(0.05)
        Path(tokens, f"only-{os.getpid()}").touch()
    return work(path, i)
