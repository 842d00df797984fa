"""The board: a Manager process with the status dict of a pool, for whoever wants to read it.

    collector --publish()--> mailbox of one frame --> "poolmgr-board" --update()--> board process <-- viewers
    the pool's control <-- "poolmgr-requests" (clerk.py) <--take()--                      <-- requests --

The owner's side. The process (server.py) is started by exec, not by fork or spawn: nothing of the owner's memory,
descriptors or handlers gets into it, and a script without a main guard is not run again. If it dies, or answers no
more, it is killed and started again, each time a little later; the pool does not notice.

Thread: "poolmgr-board", one for each board, is the only one that talks to the process. publish() and close() are for
the collector and the owner; a condition guards what they share.
Never: makes the collector wait. A frame that comes while the one before is on its way takes its place.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import subprocess
import sys
import threading
import time
from multiprocessing import spawn
from typing import Any

from poolmgr.errors import describe_exit
from poolmgr.model.buckets import History
from poolmgr.model.delta import pack
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.monitor.clerk import CarryOut, Clerk
from poolmgr.monitor.line import LOST, Line
from poolmgr.monitor.ports import LogTo
from poolmgr.monitor.server import READY, Opening
from poolmgr.monitor.status import Records, changed_keys, to_status
from poolmgr.monitor.viewer import connect
from poolmgr.runtime import folder
from poolmgr.runtime.lifeline import guard
from poolmgr.version import __version__

__all__ = ["Board", "connect"]

#: Seconds a board may take to answer an update before it is killed.  Answers take milliseconds; a machine that swaps
#: takes seconds, and a restart would not make that better.
STALL = 10.0
#: Seconds a board may take to start.
START = 20.0
#: Seconds between two looks at a starting board whose pipe says nothing.
SLICE = 0.5
#: Seconds that closing takes at the most before the board is killed: for the last frame, and for viewers to fetch it.
FLUSH = 2.0
#: Seconds of those that viewers have.  They take milliseconds; one that is stopped must not hold the owner up.
LINGER = 0.5
#: Seconds between two pieces of the history while nobody follows.
SELDOM = 5.0
#: Seconds between the first two starts, and, doubling, the most between two later ones.
BACKOFF = (0.5, 30.0)
#: Seconds after which a board that stands is taken for sound, and the next restart for a first one.
SOUND = 30.0
#: The owner's import path is added behind the board's own, so that nothing of it can stand in for the stdlib.
_BOOT = (
    "import pickle, sys; sys.path.extend(p for p in pickle.load(sys.stdin.buffer) if p not in sys.path); "
    "from poolmgr.monitor.server import main; main()"
)


class Board:
    """The owner's handle of one board. The process starts with the first frame.

    Args:
        name: The pool's name, by which viewers find it.
        log: Takes a line when the board was lost, restarted, or cannot start.
        version: The version that viewers are told; poolmgr's own if empty.

    Raises:
        UsageError: There is no safe runtime folder.
    """

    def __init__(self, name: str, log: LogTo, *, version: str = "") -> None:
        self.name = name
        self.entry = folder.open_entry(name, version=version or __version__)
        #: CPU seconds that publishing has cost.  Written by the board's thread.
        self.seconds = 0.0
        #: How many viewers followed at the last frame.  Written by the board's thread.
        self.viewers = 0
        #: The time of the frame that viewers see.  Written by the board's thread.
        self.published: float | None = None
        with open(self.entry.key_path, "rb") as file:
            self._key = file.read()
        self._log = log
        self._changed = threading.Condition()
        self._frame: PoolSnapshot | None = None
        self._history: History | None = None
        self._closing = False
        #: Set while the thread waits for an answer: when the wait began.
        self._sending: float | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._clerk: Clerk | None = None
        #: Where viewers find the process; empty while there is none.
        self._served = ""
        # The thread's own from here on.
        self._line: Line | None = None
        self._sent: dict[str, Any] = {}
        #: The history up to here is in the board, and was sent then.
        self._until = 0
        self._past_sent = 0.0
        self._records = Records()
        self._generation = 0  # Of processes: the first one is 1.
        self._started = 0.0
        self._delay = 0.0
        self._not_before = 0.0
        self._thread = threading.Thread(target=self._run, name="poolmgr-board", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """Process id of the board, None while there is none."""
        process = self._process
        return None if process is None else process.pid

    def publish(self, snapshot: PoolSnapshot, history: History | None = None) -> None:
        """Hand over the newest frame, and the history up to it; never waits. Kills a board that no longer answers."""
        with self._changed:
            self._frame = snapshot
            self._history = history
            self._changed.notify()
            stalled = self._sending is not None and time.monotonic() - self._sending > STALL
            process = self._process
        if stalled and process is not None:
            process.kill()

    def take_requests(self, carry_out: CarryOut) -> None:
        """Have viewers' requests carried out, by a thread of their own, until the board is closed. Called once."""
        clerk = Clerk(self._key, carry_out, self._log)
        with self._changed:
            self._clerk = clerk
            if self._served:
                clerk.follow(self._served)

    def close(self) -> None:
        """End the board's process and threads, and remove the pool from the runtime folder.

        Viewers get the last frame first, for which this waits a moment. Then they see an EOFError.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(FLUSH)
        with self._changed:
            if self._process is not None:
                self._process.kill()
        self._thread.join()
        if self._clerk is not None:
            self._clerk.close()
        folder.close_entry(self.entry)

    def _run(self) -> None:
        try:
            while (frame := self._next_frame()) is not None:
                if not (self._start(frame) if self._line is None else self._update(frame)):
                    self._keep(frame)
                self.seconds = time.thread_time()
            self._finish()
        except Exception as error:  # the thread's top: the pool must hear why its board is gone
            self._log_unless_closing(f"status board given up: {type(error).__name__}: {error}", "error")
        finally:
            self._drop()

    def _next_frame(self) -> PoolSnapshot | None:
        """The newest frame, once there is one and a board may take it; None if the board is being closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._frame is not None)
            if self._line is None:
                self._changed.wait_for(lambda: self._closing, max(0.0, self._not_before - time.monotonic()))
            if self._closing:
                # A frame that waits is the last one, and sent as such.
                return None
            frame, self._frame = self._frame, None
            return frame

    def _finish(self) -> None:
        """Viewers get the last frame, and hear that it is."""
        with self._changed:
            frame, self._frame = self._frame, None
        if frame is not None and self._line is not None:
            self._update(frame)
        if self._line is not None:
            with contextlib.suppress(*LOST):
                self._line.call("end", LINGER)

    def _keep(self, frame: PoolSnapshot) -> None:
        """The frame is still to be published, unless a newer one has come."""
        with self._changed:
            if self._frame is None:
                self._frame = frame

    def _update(self, frame: PoolSnapshot) -> bool:
        """Send what changed; False if the board is lost."""
        assert self._line is not None
        status = to_status(frame, self._records)
        self._sending = time.monotonic()
        try:
            self._send_history()
            self.viewers = self._line.call("update", changed_keys(self._sent, status))
        except LOST:
            if time.monotonic() - self._started > SOUND:
                self._delay = 0.0
            pid, code = self.pid, self._drop()
            self._log_unless_closing(f"status board {pid} {describe_exit(code)}; it is started again", "warning")
            return False
        finally:
            self._sending = None
        self._note_sent(status)
        return True

    def _send_history(self) -> None:
        """Send what has come to it: with each frame if somebody follows, else now and then, so that no piece is long.

        A board that has none yet gets all of it.
        """
        history, now = self._history, time.monotonic()
        if history is None or (self.viewers == 0 and now - self._past_sent < SELDOM):
            return
        assert self._line is not None
        self._line.call("add", pack(history, self._until))
        self._until, self._past_sent = history.until, now

    def _start(self, frame: PoolSnapshot) -> bool:
        """Start the process with this frame in it; False, and the time of the next try is set, if it cannot start."""
        self._started = time.monotonic()
        self._delay = BACKOFF[0] if self._delay == 0 else min(2 * self._delay, BACKOFF[1])
        self._not_before = self._started + self._delay
        status = to_status(frame, self._records)
        try:
            address = self._launch(status)
            self._line = Line(address, self._key, "owners_sheet")
            self._point_viewers_to(address)
        except LOST as error:
            self._drop()
            self._log_unless_closing(
                f"status board cannot start: {error}; the pool goes on, the next try is in {self._delay:g} s", "error"
            )
            return False
        self._note_sent(status)
        if self._generation > 1:
            self._log_unless_closing(f"status board restarted as process {self.pid}", "info")
        return True

    def _note_sent(self, status: dict[str, Any]) -> None:
        self._sent = status
        self.published = status["time"]

    def _launch(self, status: dict[str, Any]) -> str:
        self._generation += 1
        address = self._address()
        lifeline = guard()
        executable = spawn.get_executable()
        if not executable:
            raise OSError("this program does not say which Python it runs (sys.executable)")
        # -P: neither the folder it is started in nor that of a script is searched for the stdlib's modules.
        process = subprocess.Popen(
            [os.fsdecode(executable), "-P", "-c", _BOOT, "poolmgr-board", self.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(lifeline.reader,),
            # Not in the terminal's foreground group: Ctrl-C is for the owner.
            process_group=0,
        )
        with self._changed:
            self._process = process
            if self._closing:
                process.kill()
        # A process that stands before it has read all this keeps the pipe full: publish() kills it, as it does later.
        self._sending = time.monotonic()
        try:
            assert process.stdin is not None
            with process.stdin as stdin:
                pickle.dump([os.path.abspath(path) for path in sys.path], stdin)
                pickle.dump(Opening(address, self._key, lifeline.reader, os.getpid(), status), stdin)
        finally:
            self._sending = None
        self._await_ready(process)
        return address

    def _address(self) -> str:
        # A new path each time: proxies share one connection for each address, and a dead one would be taken again.
        return os.path.join(self.entry.path, f"s{self._generation}")

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        said = b""
        deadline = time.monotonic() + START
        with process.stdout as stdout:
            while not said.endswith(READY):
                readable, _, _ = select.select([stdout], [], [], SLICE)
                chunk = os.read(stdout.fileno(), 65536) if readable else b""
                said += chunk
                # A worker that was forked at the wrong moment may keep the pipe open: the process is asked too.
                if (readable and not chunk) or (not readable and process.poll() is not None):
                    last = said.decode(errors="replace").strip().rpartition("\n")[2]
                    raise OSError(last or f"its process {describe_exit(process.wait())}")
                if time.monotonic() > deadline:
                    raise OSError(f"it was not ready within {START:g} s")

    def _point_viewers_to(self, address: str) -> None:
        link = f"{address}.link"
        os.symlink(os.path.basename(address), link)
        os.rename(link, self.entry.address)
        with self._changed:
            self._served = address
            if self._clerk is not None:
                self._clerk.follow(address)

    def _drop(self) -> int | None:
        """Let go of the process, alive or not, and return its exit code."""
        if self._line is not None:
            self._line.close()
            self._line = None
        process = self._process
        if process is None:
            return None
        # Dead or deaf: both end here, and only a dead one has an exit code of its own by now.
        process.kill()
        code = process.wait()
        if process.stdout is not None:
            process.stdout.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._address())
        with self._changed:
            self._process = None
            self._served = ""
            if self._clerk is not None:
                self._clerk.follow("")
            self.viewers = self._until = 0
            self._past_sent = 0.0
        return code

    def _log_unless_closing(self, text: str, level: str) -> None:
        if not self._closing:
            self._log(text, level=level)
