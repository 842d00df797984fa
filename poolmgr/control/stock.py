"""Acts on the pools of a program that was not written for poolmgr: what can be done to a stock pool, and is safe.

    kill      stops the worker, looks at what it is in, and kills it or lets it go on: never between two tasks, where it
              may hold the lock of the pool's pipe
    stop      has the job raise an exception at its next step of Python
    resize    a wish in the pool's record, and a ring of its bell
    hold      workers call nothing that they have not called yet, until release()

Nothing is sent but words in the run's files and signals; ``poolmgr_hook/layout.py`` says who reads them.

Thread: the caller's, which waits up to DEADLINE.  Never raises for what an operator asks: the reply says what is wrong.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

from poolmgr.hook.site.poolmgr_hook import layout
from poolmgr.model.requests import Reply
from poolmgr.monitor.observed import ObservedPool, ObservedWorker, is_alive
from poolmgr.runtime.procfs import has, masks, stopped

#: Seconds until an act is given up.  A process stops in less than a millisecond, unless it waits for a disk; a pool's
#: thread wakes as soon as the program lets go of the interpreter's lock.
DEADLINE = 3.0
#: Seconds between two looks; nobody is told when a process has stopped.
STEP = 0.0005
#: Seconds after which a job that was not to be interrupted is asked again.
AGAIN = 0.05


class StockActs:
    """Acts on what is in one run's folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def kill(self, worker: ObservedWorker, job: int) -> Reply:
        """Kill a worker if it is in that job.

        In a stock Pool the job fails with WorkerLost and a new worker takes the place.  An executor breaks: all that is
        pending in it fails with BrokenProcessPool.  Ask first.
        """
        with self._cells(worker) as words, _process(worker) as send:
            if words is None or send is None:
                return Reply(False, f"worker {worker.pid} is gone", job)
            return _kill(words, send, worker.pid, job)

    def stop(self, worker: ObservedWorker, job: int) -> Reply:
        """Have the job raise JobStopped, if the worker is in it; it takes no effect inside a long call of C."""
        with self._cells(worker) as words, _process(worker) as send:
            if words is None or send is None:
                return Reply(False, f"worker {worker.pid} is gone", job)
            number = words[layout.SOFT]
            if not number or not has(masks(worker.pid).get("SigCgt", 0), number):
                return Reply(False, f"worker {worker.pid} cannot be asked to stop its job: kill it instead", job)
            task = words[layout.TASK]
            if not _is_in(words, job):
                return Reply(False, f"job {job} is not running in worker {worker.pid} any more", job)
            words[layout.STOP] = task

            def asked() -> bool:
                send(number)
                return _until(lambda: words[layout.STOPPED] == task or words[layout.TASK] != task, AGAIN)

            if not _until(asked, DEADLINE):
                return Reply(False, f"job {job} is in a call of C, and stops when that ends; or kill it", job)
            if words[layout.STOPPED] == task:
                return Reply(True, f"job {job} was asked to stop", job)
            return Reply(False, f"job {job} finished meanwhile", job)

    def is_in(self, worker: ObservedWorker, job: int) -> bool:
        """Whether the worker is in that job at this moment."""
        with self._cells(worker) as words:
            return words is not None and _is_in(words, job)

    def resize(self, pool: ObservedPool, wanted: int) -> Reply:
        """Have a pool start or let go workers; those that are in a job leave after it."""
        if "resize" not in pool.facts.get("controls", "").split():
            reason = pool.facts.get("reason") or "it takes no wishes"
            return Reply(False, f"this pool cannot be resized: {reason}")
        if not 1 <= wanted <= layout.WISH_SIZE:
            return Reply(False, f"a pool cannot have {wanted} workers: give it 1 to {layout.WISH_SIZE}")
        with self._words(f"pool.{pool.key}", layout.RECORD_SIZE) as words:
            if words is None or words[layout.P_STATE] != layout.OPEN:
                return Reply(False, "this pool is closed: it takes no new workers")
            # Another word than before, also for the same number: that is how it is seen.
            words[layout.P_WISH] = ((words[layout.P_WISH] >> 16) + 1 << 16) | wanted
            try:
                _ring(os.path.join(self._folder, pool.facts["bell"]), pool)
            except OSError as error:
                return Reply(False, f"the pool could not be woken: {error.strerror}")
            if not _until(lambda: words[layout.P_WANTED] == wanted, DEADLINE):
                return Reply(False, "the pool has not taken it up yet: its program is busy or stopped; it will")
        return Reply(True, f"the pool is to have {wanted} workers")

    def hold(self, pool: ObservedPool, workers: list[ObservedWorker]) -> Reply:
        """Have the workers of a pool call nothing new; what runs goes on, and whoever holds it must live."""
        # The file first: a worker that starts now sees it, or is among those of the next look.
        with open(self._hold_path(pool), "ab"):
            pass
        return self._set_hold(workers, 1, "the pool starts nothing new; what runs goes on")

    def release(self, pool: ObservedPool, workers: list[ObservedWorker]) -> Reply:
        """Undo hold()."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._hold_path(pool))
        return self._set_hold(workers, 0, "the pool goes on")

    def is_held(self, pool: ObservedPool) -> bool:
        """Whether hold() is in force."""
        return os.path.exists(self._hold_path(pool))

    def _hold_path(self, pool: ObservedPool) -> str:
        return os.path.join(self._folder, f"hold.{pool.pipe}")

    def _set_hold(self, workers: list[ObservedWorker], value: int, text: str) -> Reply:
        for worker in workers:
            with self._cells(worker) as words:
                if words is not None:
                    words[layout.HOLD] = value
        return Reply(True, text)

    @contextlib.contextmanager
    def _cells(self, worker: ObservedWorker) -> Iterator[Any]:
        """The words of a worker; None if its number is another process's now."""
        with self._words(f"cells.{worker.pid}", layout.CELLS_SIZE) as words:
            yield words if words is not None and words[layout.BORN] == worker.born_ns else None

    @contextlib.contextmanager
    def _words(self, name: str, size: int) -> Iterator[Any]:
        try:
            fd = os.open(os.path.join(self._folder, name), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            yield None
            return
        try:
            memory = mmap.mmap(fd, size)
        finally:
            os.close(fd)
        with memory, memoryview(memory) as whole, whole[: layout.WORDS * 8] as part, part.cast("q") as words:
            yield words


@contextlib.contextmanager
def _process(worker: ObservedWorker) -> Iterator[Callable[[int], None] | None]:
    """A way to signal a worker, whoever has its number later; None if it is gone."""
    try:
        pidfd = os.pidfd_open(worker.pid)
    except OSError:
        yield None
        return
    if not is_alive(worker):
        # Looked at after it was opened: what is behind it now stays behind it.
        os.close(pidfd)
        yield None
        return

    def send(number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(pidfd, number)

    try:
        yield send
    finally:
        os.close(pidfd)


def _is_in(words: Any, job: int) -> bool:
    task = words[layout.TASK]
    return bool(task & 1 and words[layout.SENDING] != task and words[layout.JOB] == job)


def _kill(words: Any, send: Callable[[int], None], pid: int, job: int) -> Reply:
    was_stopped = stopped(pid)
    send(signal.SIGSTOP)
    still = _until(lambda: stopped(pid), DEADLINE)
    # It stands now, so what its cells say stays true until the signal.
    if still and _is_in(words, job):
        words[layout.KILLED] = words[layout.TASK]
        send(signal.SIGKILL)
        return Reply(True, f"job {job} was killed with its worker {pid}", job)
    if not was_stopped:
        send(signal.SIGCONT)
    if not still:
        return Reply(False, f"worker {pid} did not stop within {DEADLINE:g} s and was left alone", job)
    return Reply(False, f"job {job} is not running in worker {pid} any more: it finished meanwhile", job)


def _ring(path: str, pool: ObservedPool) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell:
        bell.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            # A bell that is full of rings has not been heard yet, and will be.
            bell.sendto(b"!", path)
    fd, _, inode = pool.facts.get("wake", "").partition(":")
    if not fd:
        return
    pipe = os.open(f"/proc/{pool.pid}/fd/{int(fd)}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if os.fstat(pipe).st_ino == int(inode):
            # An empty message of multiprocessing's connections, which is what wakes the executor's own thread.
            os.write(pipe, b"\0\0\0\0")
    finally:
        os.close(pipe)


def _until(condition: Callable[[], bool], deadline: float) -> bool:
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(STEP)
    return True
