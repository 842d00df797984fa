"""This process as a worker of a pool: its cells, its stacks, and a soft stop of its job.

    watched(stock)     the stock loop, with what comes before and after it
    enter(queue)       the loop begins: cells are made, signals are taken
    follow_pool        has a stock Pool's worker note what it takes and gives
    follow_executor    the same for ProcessPoolExecutor's and loky's
    Cells.left()       the loop has ended

The stock loop runs as it is.  What it gets and puts goes through two functions that are set on its two queues, in this
process only, and that call the queues' own.

Thread: the worker's main thread.  A signal's handler runs in it too, between two instructions.
"""

from __future__ import annotations

import os
import signal
import time

from . import files, stacks
from .cells import Cells
from .errors import JobStopped
from .layout import HOLD, LEAVE
from .shape import in_place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: The signal that stops a job: programs and C libraries use it not.
_SOFT = getattr(signal, "SIGRTMIN", 0) + 6

#: Seconds between two looks of a worker that is held, and looks between two at whether anybody holds it still: it goes
#: on that much later, and wakes that often for nothing.
_HOLD_STEP = 0.02
_LOOKS = 50

#: Functions of the executors' own modules that call the user's.
_CALLERS = ("_process_chunk", "__call__")

#: Cells of this process.  More than one only where a worker's loop is called by something else than a pool.
_mine: list[Cells] = []


def watched(stock: Callable[..., Any], follow: Callable[[Any, Any, Cells], None]) -> Any:
    """A worker's loop in place of the stock one, which it calls; ``follow`` has its two queues note what passes."""

    def work(inqueue: Any, outqueue: Any, *args: Any, **kwds: Any) -> Any:
        cells = enter(inqueue)
        if cells is None:
            return stock(inqueue, outqueue, *args, **kwds)
        follow(inqueue, outqueue, cells)
        try:
            return stock(inqueue, outqueue, *args, **kwds)
        finally:
            cells.left()

    return in_place_of(stock, work)


def enter(queue: Any) -> Cells | None:
    """Make the cells of a worker that takes tasks from ``queue``; None if it is a thread, or cannot be watched."""
    reader = getattr(queue, "_reader", None)
    if reader is None or not files.folder():
        return None
    try:
        cells = Cells(os.fstat(reader.fileno()).st_ino)
        _mine.append(cells)
        cells.offer(stacks=stacks.offer(), soft=_offer_stop())
    except Exception as error:  # a worker that cannot be watched works all the same
        files.note(f"worker {os.getpid()} is not watched: {type(error).__name__}: {error}")
        return None
    return cells


def follow_pool(inqueue: Any, outqueue: Any, cells: Cells) -> None:
    """Note the tasks that a stock Pool's worker takes, and the results that it gives."""
    real_get, real_put = inqueue.get, outqueue.put
    ready = False

    # Both run once for each job, however short: words are read here, and not by a call for each.
    def get() -> Any:
        nonlocal ready
        words = cells.words
        if not ready:
            cells.ready()
            ready = True
        if words[LEAVE]:
            # What the pool itself sends when it closes.
            return None
        task = real_get()
        if task is not None:
            job, index, func, args, kwds = task
            cells.begin(job, index, func, args, kwds)
            if words[HOLD]:
                _wait_while_held(cells)
        return task

    def put(result: Any) -> None:
        good, value = result[2]
        cells.sending(good, value)
        try:
            real_put(result)
        except BaseException:  # raised again: users' code, which pickles the result
            cells.not_sent()
            raise
        cells.end()

    inqueue.get, outqueue.put = get, put


def follow_executor(calls: Any, results: Any, cells: Cells) -> None:
    """Note the calls that an executor's worker takes, and the results that it gives."""
    real_get, real_put = calls.get, results.put

    def get(*args: Any, **kwds: Any) -> Any:
        cells.ready()
        if cells.asked_to_leave():
            # Its last result has told the executor that this process leaves.
            raise SystemExit(0)
        item = real_get(*args, **kwds)
        if item is not None:
            cells.begin(item.work_id, 0, item.fn, item.args, item.kwargs)
            if cells.held:
                _wait_while_held(cells)
        return item

    def put(item: Any) -> None:
        if not hasattr(item, "work_id"):
            # Not a result: the process tells that it leaves.
            real_put(item)
            return
        if cells.asked_to_leave() and hasattr(item, "exit_pid"):
            item.exit_pid = os.getpid()
        cells.sending(item.exception is None, getattr(item, "result", None))
        try:
            real_put(item)
        except BaseException:  # as above
            cells.not_sent()
            raise
        cells.end()

    calls.get, results.put = get, put


def _wait_while_held(cells: Cells) -> None:
    """Wait with the task in hand: it can be killed, and is not lost unnoticed, as any other that has begun."""
    waited = 0
    while cells.held:
        time.sleep(_HOLD_STEP)
        waited += 1
        if waited % _LOOKS == 0 and (not _is_watched() or _is_orphan()):
            return


def _is_watched() -> bool:
    """Whether somebody is there who could let the workers go on: the run's folder has a lock that its owner holds."""
    import fcntl

    try:
        fd = os.open(os.path.join(files.folder(), "lock"), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    fd = files.above_standard(fd)
    try:
        fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def _is_orphan() -> bool:
    from multiprocessing import process

    parent = process.parent_process()
    return parent is not None and not parent.is_alive()


def _offer_stop() -> int:
    """Have a signal stop the job that is named in the cells; 0 if that cannot be."""
    if not hasattr(signal, "SIGRTMIN") or signal.getsignal(_SOFT) is not signal.SIG_DFL:
        return 0
    try:
        signal.signal(_SOFT, _stop)
    except ValueError:
        # Not the main thread: the interpreter takes no handlers from others.
        return 0
    return _SOFT


def _stop(number: int, frame: Any) -> None:
    for cells in _mine:
        if cells.asked_to_stop() and _in_call(frame):
            cells.stopping()
            raise JobStopped(f"job {cells.job} was stopped on request in worker {os.getpid()}; it was not retried")


def _in_call(frame: Any) -> bool:
    """Whether the worker's loop is in the user's call, and so ready for its errors.

    A stock Pool's may be ended anywhere, since its pool then starts another one.  An executor breaks if its worker ends
    with a call in hand: there, who asks has to ask again.
    """
    callee = None
    while frame is not None and frame.f_code.co_name != "_process_worker":
        if frame.f_code.co_name == "worker" and frame.f_globals.get("__name__") == "multiprocessing.pool":
            return True
        callee, frame = frame, frame.f_back
    if frame is None:
        return False
    if callee is None:
        # A function of C, called right there.
        import linecache

        return "call_item.fn(" in linecache.getline(frame.f_code.co_filename, frame.f_lineno)
    others = callee.f_globals is not frame.f_globals and callee.f_globals is not globals()
    return others or callee.f_code.co_name in _CALLERS


def _forget_in_child() -> None:
    """A process that a job forks is not the worker: what it does is not to be written into the worker's cells."""
    for cells in _mine:
        cells.detach()
    _mine.clear()


os.register_at_fork(after_in_child=_forget_in_child)
