"""What the hook keeps of one stock Pool of this process, and does for it in the pool's own threads.

    submitted, ended    whichever thread submits; the result handler
    taking              the result handler
    attend, settle      the worker handler, at each of its passes: wishes, deaths; what is to be delivered, the size

A job whose worker died fails by a message in the pool's own result pipe, so the result handler alone settles jobs, and
what the dead worker had sent before it died comes first.
"""

from __future__ import annotations

import collections
import select
import sys

from . import burial, failures, files, layout, names, record
from .bell import Bell
from .errors import WorkerLost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_KINDS = {
    "ApplyResult": layout.APPLY,
    "MapResult": layout.MAP,
    "IMapIterator": layout.IMAP,
    "IMapUnorderedIterator": layout.IMAP_UNORDERED,
}
#: Iterables of which the length can be asked without running users' code.
_SIZED = (list, tuple, range, dict, set, frozenset, str, bytes)
#: Results remembered to tell whether a worker that died while it sent one had sent it.  It died among the last ones.
_RECENT = 2048
_GOOD = layout.P_GOOD
#: Passes between two looks around: a pass is made for each result.
_EAR = 64


class Owner:
    """One pool.  Lives as long as the pool's cache, and holds neither the cache nor the pool."""

    def __init__(self, pool: Any, reason: str) -> None:
        """Make the pool's record.

        Args:
            pool: The pool, whose threads have not been started.
            reason: Why it can only be watched; empty if it can be steered.
        """
        self.workers = pool._pool
        self.wanted = pool._processes
        self.bell: Bell | None = None
        self._taskqueue = pool._taskqueue
        self._pipe = files.inode(pool._inqueue._reader)
        #: The class of what most jobs return, of which there is nothing more to tell.
        self._plain = getattr(sys.modules.get("multiprocessing.pool"), "ApplyResult", None)
        self._recent: collections.deque[Any] = collections.deque(maxlen=_RECENT)
        self._lost: collections.deque[Any] = collections.deque()
        #: Workers that were asked to leave, by process id, and end messages on their way to whichever is idle.
        self._leaving: set[int] = set()
        self._ends_sent = 0
        self._passes = self._wish = 0
        self._seen = -1
        key = record.next_key()
        if not reason:
            try:
                self.bell = Bell(key)
            except OSError as error:
                reason = f"no socket in the run's folder: {error}"
        self.record = record.Record(key, self._pipe, self.wanted, self._facts(pool, reason))

    def _facts(self, pool: Any, reason: str) -> dict[str, str]:
        kind = type(pool)
        initializer = pool._initializer
        return {
            "kind": "Pool",
            "class": f"{kind.__module__}.{kind.__qualname__}",
            "site": record.site(),
            "start_method": getattr(pool._ctx, "_name", None) or pool._ctx.get_start_method(),
            "processes": str(pool._processes),
            "maxtasksperchild": str(pool._maxtasksperchild or ""),
            "initializer": "" if initializer is None else names.describe(initializer),
            "bell": self.bell.name if self.bell else "",
            "controls": " ".join(record.CONTROLS if self.bell else ("stop", "hold")),
            "reason": reason,
        }

    def detach(self) -> None:
        """In a child of the owner: write nothing, hear nothing."""
        self.record.detach()
        if self.bell is not None:
            self.bell.drop()

    def submitted(self, job: int, result: Any, frame: Any) -> None:
        """A job has entered the cache; ``frame`` is the constructor of its result, whose callers know the rest."""
        detail = self.record.submitted()
        if not detail and type(result) is self._plain:
            return
        kind = _KINDS.get(type(result).__name__, layout.APPLY)
        if kind == layout.APPLY:
            if detail:
                self.record.describe(job, kind, names.describe(frame.f_back.f_locals["func"]), 1, 1)
            return
        tasks = items = -1
        if kind == layout.MAP:
            frame = frame.f_back
            items, size = frame.f_locals["length"], frame.f_locals["chunksize"]
            tasks = -(-items // size) if size > 0 else 0
        call = frame.f_back.f_locals
        if kind != layout.MAP and type(call.get("iterable")) in _SIZED:
            items = len(call["iterable"])
            tasks = -(-items // max(1, call.get("chunksize", 1)))
        self.record.batch(tasks, items)
        if detail:
            self.record.describe(job, kind, names.describe(call["func"]), tasks, items)

    def ended(self, job: int, result: Any) -> None:
        """A job has left the cache."""
        good = getattr(result, "_success", True)
        if not self.record.ended(good):
            return
        error = None if good else getattr(result, "_value", None)
        if good:
            self.record.tell_end(job, layout.OK)
        elif type(error) is WorkerLost:
            self.record.tell_end(job, layout.WORKER_LOST)
        else:
            self.record.tell_end(job, layout.ERROR, failures.tell(error))

    def taking(self, get: Callable[[], Any]) -> Callable[[], Any]:
        """The result handler's way from the workers, counted, without the losses of what was not lost."""
        words, remember, recent = self.record.words, self._recent.append, self._recent

        def quick_get() -> Any:
            while True:
                result = get()
                if result is None:
                    return None
                job, index, (good, value) = result
                key = job, index
                if good:
                    remember(key)
                    words[_GOOD] += 1
                    return result
                if type(value) is WorkerLost and (value.job, value.index) == key:
                    if key in recent:
                        # The worker died after it had sent this result.
                        continue
                    words[layout.P_LOST] += 1
                remember(key)
                words[layout.P_BAD] += 1
                return result

        return quick_get

    def attend(self) -> bool | None:
        """The first half of a pass: whether workers are to be started; None if the pool sees to that itself."""
        if self.bell is None:
            return None
        self._passes += 1
        wish = self.record.words[layout.P_WISH]
        # The bell itself is asked only now and then: it is ready to be read until then, and brings us back here.
        if wish != self._wish or not self._passes % _EAR:
            self.bell.hear()
            self._wish = wish
            self._grant(wish & layout.WISH_SIZE)
        buried = self._bury()
        return buried or len(self.workers) < self.wanted

    def settle(self, inqueue: Any, outqueue: Any) -> None:
        """The second half, with all workers there: who learns of a loss may use the pool at once."""
        if self._lost:
            self._deliver(outqueue)
        if len(self.workers) > self.wanted:
            self._shrink(inqueue)
        elif self._leaving:
            self._keep_all()
        if len(self.workers) != self._seen or not self._passes % _EAR:
            self._seen = len(self.workers)
            self.record.seen(self._seen)

    def _grant(self, wish: int) -> None:
        if wish > 0 and wish != self.wanted:
            self.wanted = wish
            self.record.words[layout.P_WANTED] = wish

    def _bury(self) -> bool:
        """Take leave of workers that have ended.  Each is asked once: one that ends meanwhile waits for the next."""
        dead = [one for one in self.workers if one.exitcode is not None]
        for process in dead:
            process.join()
            self.workers.remove(process)
            if process.pid in self._leaving:
                self._leaving.remove(process.pid)
            elif self._ends_sent:
                self._ends_sent -= 1
            try:
                lost = burial.lost_task(process, self._pipe)
            except Exception as error:  # the pool's thread must go on
                files.note(f"the end of worker {process.pid} could not be looked into: {error!r}")
                lost = None
            if lost is not None:
                self._lost.append(lost)
            if lost is not None or process.exitcode:
                self.record.words[layout.P_DEATHS] += 1
        return bool(dead)

    def _deliver(self, outqueue: Any) -> None:
        """Put losses into the result pipe; what would have to wait stays for the next pass, which a result brings."""
        from multiprocessing.reduction import ForkingPickler

        lock, writer = getattr(outqueue, "_wlock", None), outqueue._writer
        while self._lost:
            job, index, error = self._lost[0]
            if lock is not None and not lock.acquire(False):
                return
            try:
                # A pipe that is ready has room for a page, and this is less: it cannot block.
                if not select.select([], [writer], [], 0)[1]:
                    return
                writer.send_bytes(ForkingPickler.dumps((job, index, (False, error))))
            finally:
                if lock is not None:
                    lock.release()
            self._lost.popleft()

    def _shrink(self, inqueue: Any) -> None:
        """Have as many leave as are too many: those in a job after it; if nothing waits, those that are idle now."""
        missing = len(self.workers) - self.wanted - len(self._leaving) - self._ends_sent
        waits = self._taskqueue.qsize() or inqueue._reader.poll()
        busy = [one.pid for one in reversed(self.workers) if waits or burial.peek(one.pid, layout.TASK) & 1]
        for pid in [] if waits else self._leaving.difference(busy):
            # Idle, and so without a look at its mark: it would leave only after one more job.
            burial.mark(pid, layout.LEAVE, 0)
            self._leaving.remove(pid)
            missing += 1
        idle = min(missing, len(self.workers) - len(busy) - self._ends_sent)
        if idle > 0:
            # The pool's own end message: whoever is idle takes it.
            self._taskqueue.put((iter([None] * idle), None))
            self._ends_sent += idle
            missing -= idle
        for pid in busy:
            if missing > 0 and pid not in self._leaving and burial.mark(pid, layout.LEAVE, 1):
                self._leaving.add(pid)
                missing -= 1

    def _keep_all(self) -> None:
        while self._leaving:
            burial.mark(self._leaving.pop(), layout.LEAVE, 0)
