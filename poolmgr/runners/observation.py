"""What is seen of a running program: its pools come and go, each in a seat with a collector, a board and a control.

    read      the run's folder, four times a second                                              (monitor/run_reader.py)
    locks     who holds and who waits, in the pictures of all pools                             (monitor/lock_watch.py)
    seats     a pool that has lived for a moment gets one; the next pool may take it            (monitor/seat.py)
    the fleet the app shows the seats                                                            (model/fleet.py)

A program that opens no pool is not shown: it runs as if poolmgr were not there.  Where the hook is not in it, it is
shown as its processes are seen from outside, and so it is when somebody has asked for that, or when several processes
of it use locks or queues of its own.

Thread: "poolmgr-observer", from start() to stop(), is the only one that reads the folder and changes seats.
Never: lets an error end it; the log says what it was, once.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

from poolmgr.control.observed import ObservedControl
from poolmgr.control.remote import RemoteControl
from poolmgr.control.stock import StockActs
from poolmgr.errors import UsageError
from poolmgr.model.fleet import Fleet, Member
from poolmgr.model.requests import FASTEST_PACE, WISH
from poolmgr.model.snapshot import NO_POOL, NOT_INSTRUMENTED
from poolmgr.model.sync import SyncSnapshot
from poolmgr.monitor.board import Board
from poolmgr.monitor.collector import Collector
from poolmgr.monitor.lock_watch import LockWatch
from poolmgr.monitor.observed import Observation, ObservedPool, is_alive
from poolmgr.monitor.observed_pool import is_over
from poolmgr.monitor.run_log import RunLog
from poolmgr.monitor.run_reader import Reader
from poolmgr.monitor.seat import Seat
from poolmgr.runners.program import Program
from poolmgr.runtime import folder
from poolmgr.runtime.procfs import alive
from poolmgr.runtime.tree import descendants

#: Seconds between two looks.
INTERVAL = 0.25
#: Seconds that a pool must have lived to be shown: many live for less, and a screen that flickers shows nothing.
SETTLED = 0.3
#: Seconds after which a program that has not loaded the hook is taken not to have it.
SILENT = 2.0
#: Pools that have ended before that, and after which no pool is waited for any more: a program that opens a pool for
#: each of its steps would never be seen.
MISSED = 3
#: Pools that are shown at the same time.  Each has a board, which is a process.
MOST_SEATS = 8


class Taken:
    """A seat with all that belongs to it."""

    def __init__(self, seat: Seat, stack: ExitStack, collector: Collector, board: Board) -> None:
        self.seat = seat
        self.stack = stack
        self.collector = collector
        self.board = board
        self.member: Member | None = None


class Observed:
    """What is seen of one program.

    Args:
        folder: The run's.
        name: What its pools are called.
        program: The program.
        log: The run's log.
        always: Show the program itself while it has no pool.
        found: Called once, from the observer's thread, when there is a pool to see, or the program itself, if that was
            asked for.
    """

    def __init__(
        self,
        folder: str,
        name: str,
        program: Program,
        log: RunLog,
        *,
        always: bool = False,
        found: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.log = log
        self.fleet = Fleet(empty="the program has opened no pool yet")
        self._reader = Reader(folder)
        self._acts = StockActs(folder)
        self._locks = LockWatch(folder, self._processes, log)
        self._program = program
        self._always = always
        self._found: Callable[[], None] | None = found
        self._taken: list[Taken] = []
        self._followed: list[RemoteControl] = []
        self._begun = time.monotonic()
        self._instrumented = False
        #: Whether the program's processes share locks or queues of its own: then it is shown without a pool too.
        self._uses_locks = False
        #: Looks a second that were wished for last, and until when the wish holds.
        self._wish = (1 / INTERVAL, 0.0)
        #: Hook's notes that are in the log, pools that wait for a seat, and those that are on boards of their own.
        self._told: set[object] = set()
        #: Pools that have or had a seat, or ended before they could get one; and how many of those there were.
        self._settled: set[str] = set()
        self._missed = 0
        #: All pools, as they were seen last.
        self._records: dict[str, ObservedPool] = {}
        self._reported = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="poolmgr-observer", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """The program has ended: take the last look, publish it, take everything down. Stopping twice does no harm."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        for control in self._followed:
            control.close()
        for taken in reversed(self._taken):
            taken.seat.closed = True
            taken.stack.close()
        self._taken.clear()
        self._reader.close()
        self._locks.close()

    def _processes(self) -> list[int]:
        return [self._program.pid, *descendants(self._program.pid)]

    @property
    def children(self) -> set[int]:
        """Processes that are not the program's."""
        return {pid for taken in self._taken if (pid := taken.board.pid) is not None}

    def totals(self) -> str:
        """The pools that were seen and their jobs, those included that lived too briefly to be shown."""
        records = list(self._records.values())
        if not records:
            return self._note()
        watched = [record for record in records if not _publishes_itself(record)]
        # What they did is on their own boards, which are gone by now.
        own = f"{_plural(len(records) - len(watched), 'pool')} of poolmgr's engine"
        if not watched:
            return own
        submitted = sum(record.submitted for record in watched)
        finished = sum(record.finished for record in watched)
        lost = sum(record.lost for record in watched)
        counts = f"{_plural(len(watched), 'pool')}, {_plural(submitted, 'job')}, {finished:,} ended"
        return counts + f", {lost:,} lost" * bool(lost) + f", and {own}" * (len(watched) < len(records))

    def _run(self) -> None:
        while not self._stop.wait(self._interval()):
            self._guarded_look()
        self._guarded_look()

    def _interval(self) -> float:
        hertz, until = self._wish
        return min(INTERVAL, 1 / hertz) if time.monotonic() < until else INTERVAL

    def _hurry(self, hertz: float) -> None:
        """Somebody wishes for more looks a second; from any thread."""
        self._wish = min(hertz, FASTEST_PACE), time.monotonic() + WISH

    def _guarded_look(self) -> None:
        try:
            self._look()
        except Exception as error:  # the thread's top: without it the pictures would stand still in silence
            text = f"observer: {type(error).__name__}: {error}"
            if text != self._reported:
                self._reported = text
                self.log.add(text, level="error")

    def _look(self) -> None:
        seen = self._reader.read()
        living = {pid for pid in self._pids(seen) if alive(pid)}
        # A number may be another process's by now.
        living -= {worker.pid for worker in seen.workers.values() if not is_alive(worker)}
        self._instrumented = self._instrumented or bool(seen.hellos)
        self._records.update(seen.pools)
        self._tell_notes(seen)
        self._follow_published(seen, living)
        # Those that sit first: whose pool has ended may take another one in this very look.
        for taken in self._taken:
            if not taken.seat.free:
                self._take(taken.seat, seen, living)
        self._seat_pools(seen, living)
        self._look_at_locks()
        self._show_program()
        for pid in self._pids(seen) - living:
            self._reader.forget(pid)

    def _look_at_locks(self) -> None:
        sync = self._locks.look([taken.seat.snapshot() for taken in self._taken])
        self._uses_locks = self._uses_locks or (sync is not None and _has_shared(sync))
        for taken in self._taken:
            taken.seat.sync = sync

    def _pids(self, seen: Observation) -> set[int]:
        return {*seen.hellos, *seen.workers, *(pool.pid for pool in seen.pools.values())}

    def _tell_notes(self, seen: Observation) -> None:
        for pid, notes in seen.notes.items():
            for note in notes:
                if (pid, note) not in self._told:
                    self._told.add((pid, note))
                    self.log.add(f"hook in process {pid}: {note}", level="warning", pid=pid)

    def _seat_pools(self, seen: Observation, living: set[int]) -> None:
        now = time.monotonic_ns()
        fresh = [
            record
            for record in sorted(seen.pools.values(), key=lambda record: record.born_ns)
            if record.key not in self._settled and record.pid in living and not _publishes_itself(record)
        ]
        over = [record for record in fresh if is_over(record, seen.workers_of(record), living)]
        self._settled.update(record.key for record in over)
        self._missed += sum(record.key not in self._told for record in over)
        hurried = self._missed >= MISSED
        coming = [
            record
            for record in fresh
            if record.key not in self._settled and (hurried or now - record.born_ns >= SETTLED * 1e9)
        ]
        if hurried and not coming and (not self._taken or any(taken.seat.free for taken in self._taken)):
            # Where all are so brief, the last one is seen after its end.
            coming = over[-1:]
        for record in coming:
            self._seat_pool(record, seen, living)

    def _seat_pool(self, record: ObservedPool, seen: Observation, living: set[int]) -> None:
        taken = next((taken for taken in self._taken if taken.seat.free), None)
        if taken is None and len(self._taken) < MOST_SEATS:
            taken = self._open_seat()
        if taken is not None:
            self._settled.add(record.key)
            taken.seat.seat(record)
            self._take(taken.seat, seen, living)
            # Of one that has ended, pictures are taken seldom.
            taken.collector.request_frame()
            self._tell_found()
        elif record.key not in self._told:
            self._told.add(record.key)
            text = f"pool {record.key} is not shown yet: {MOST_SEATS} are; it takes the place of the first that ends"
            self.log.add(text, level="warning")

    def _take(self, seat: Seat, seen: Observation, living: set[int]) -> None:
        """Have the pool in a seat note what is there now."""
        assert seat.pool is not None
        record = seen.pools.get(seat.pool.key)
        seat.pool.take(record, [] if record is None else seen.workers_of(record), living)

    def _follow_published(self, seen: Observation, living: set[int]) -> None:
        """Pools of poolmgr's engine in the program are on boards of their own: the app follows those."""
        for key, record in seen.pools.items():
            if not _publishes_itself(record) or key in self._told or record.pid not in living:
                continue
            name = record.facts.get("published", "")
            entry = next((each for each in folder.entries() if each.pid == record.pid and each.name == name), None)
            if entry is None:
                continue
            self._told.add(key)
            control = RemoteControl(entry)
            try:
                control.__enter__()
            except UsageError as error:
                self.log.add(str(error), level="warning")
                continue
            self._followed.append(control)
            self.fleet.add(control, name=name, attached=True)
            self._tell_found()

    def _show_program(self) -> None:
        """Show the program itself, if nothing else is to be shown and it should be."""
        silent = not self._instrumented and time.monotonic() - self._begun > SILENT
        if not self._taken and (self._always or silent or self._uses_locks) and not self._stop.is_set():
            self._open_seat()
            if self._always:
                self._tell_found()

    def _open_seat(self) -> Taken:
        number = len(self._taken) + 1
        name = self.name if number == 1 else f"{self.name}-{number}"
        seat = Seat(name, self._program.pid, self.log, self._note)
        with ExitStack() as stack:
            board = Board(name, seat.log)
            stack.callback(board.close)
            collector = Collector(seat, board=board)
            stack.callback(collector.stop)
            control = ObservedControl(
                seat,
                collector,
                self._acts,
                end_program=self._end_program,
                hurry=self._hurry,
                release=self._locks.release,
            )
            board.take_requests(control.send)
            taken = Taken(seat, stack.pop_all(), collector, board)
        collector.start()
        self._taken.append(taken)
        taken.member = self.fleet.add(control, name=name, attached=True)
        return taken

    def _tell_found(self) -> None:
        if self._found is not None:
            self._found()
            self._found = None

    def _end_program(self) -> str:
        self._program.send_signal(signal.SIGTERM)
        return f"the program (process {self._program.pid}) is asked to end, by SIGTERM"

    def _note(self) -> str:
        return NO_POOL if self._instrumented else NOT_INSTRUMENTED


def _has_shared(sync: SyncSnapshot) -> bool:
    """Whether an object of the program's own is used by another process than its maker, or was waited for."""
    return any(
        not sync.whole(each).machinery
        and (
            bool(each.contended)
            or any(waiter.pid != each.maker for waiter in each.waiters)
            or (each.holder is not None and each.holder.pid != each.maker)
        )
        for each in sync.objects
    )


def _plural(number: int, word: str) -> str:
    return f"{number:,} {word}" + "s" * (number != 1)


def _publishes_itself(record: ObservedPool) -> bool:
    """Whether it is a pool of poolmgr's engine, which is seen by its own board."""
    return record.facts.get("kind") == "poolmgr"
