"""The stock ``concurrent.futures.process``, loky's and joblib's copy of it, watched, and resized.

    _process_worker                   calls the stock one, whose queues note what passes (``worker.py``)
    _SafeQueue.__init__               remembers who makes an executor                      thread: the program's
    _ExecutorManagerThread.__init__   makes the executor's record, at its first job        thread: the program's
      .add_call_item_to_queue         notes what was submitted, grants wishes              thread: the manager's own
      .process_result_item            notes what has ended                                 thread: the manager's own
      .terminate_broken               notes that all is lost                               thread: the manager's own
      .run                            notes the end                                        thread: the manager's own
    _ThreadWakeup.clear               takes them with one read, which pays for the rest    thread: the manager's own

A worker that is killed breaks the executor, as without us: it cannot be told which results had been sent.
"""

from __future__ import annotations

import os
import select
import weakref

from . import burial, failures, files, layout, names, record, worker
from .bell import Bell
from .incoming import at_a_glance
from .shape import in_place_of, missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TO_WATCH: dict[str, tuple[str, ...] | None] = {
    "_process_worker": ("call_queue", "result_queue"),
    "_SafeQueue": None,
    "_ExecutorManagerThread": None,
}
_MANAGER: dict[str, tuple[str, ...] | None] = {
    "__init__": ("self", "executor"),
    "add_call_item_to_queue": ("self",),
    "process_result_item": ("self", "result_item"),
    "terminate_broken": ("self",),
    "run": ("self",),
}
_KINDS = {
    "concurrent.futures.process": "ProcessPoolExecutor",
    "loky.process_executor": "loky",
    "joblib.externals.loky.process_executor": "joblib.loky",
}

#: Passes between two looks around: two are made for each call.
_LOOK = 64

#: Bytes of wake-ups that are taken at once: a pipe's room.
_WAKEUPS = 65536

#: What is kept of executors.  Their manager threads have it too: to look it up here takes as long as all that is noted.
_owners: weakref.WeakSet[ExecutorOwner] = weakref.WeakSet()


class ExecutorOwner:
    """What the hook keeps of one executor.  After it is made, its manager thread alone uses it."""

    def __init__(self, manager: Any, executor: Any, kind: str) -> None:
        """Make the executor's record."""
        calls = manager.call_queue
        self._kind = kind
        self._pipe = files.inode(calls._reader)
        self._told = 0
        self._wanted = executor._max_workers
        self._leaving: set[int] = set()
        self._passes = self._wish = 0
        self._seen = -1
        key = record.next_key()
        reason, self._bell = _why_not(executor, kind), None
        try:
            self._bell = None if reason else Bell(key)
        except OSError as error:
            reason = f"no socket in the run's folder: {error}"
        context = getattr(executor, "_mp_context", None) or getattr(executor, "_context", None)
        initializer = getattr(executor, "_initializer", None)
        facts = {
            "kind": kind,
            "class": f"{type(executor).__module__}.{type(executor).__qualname__}",
            "site": getattr(calls, "_poolmgr_site", "") or record.site(),
            "start_method": context.get_start_method() if context is not None else "",
            "processes": str(self._wanted),
            "maxtasksperchild": str(getattr(executor, "_max_tasks_per_child", None) or ""),
            "initializer": "" if initializer is None else names.describe(initializer),
            "bell": self._bell.name if self._bell else "",
            "wake": _wake(executor) if self._bell else "",
            "controls": "kill stop hold resize" if self._bell else "kill stop hold",
            "reason": reason,
        }
        self.record = record.Record(key, self._pipe, self._wanted, facts)

    def detach(self) -> None:
        """In a child of the owner: write nothing, hear nothing."""
        self.record.detach()
        if self._bell is not None:
            self._bell.drop()

    def attend(self, manager: Any) -> None:
        """One pass of the manager thread: two are made for each call, so most do next to nothing."""
        executor = manager.executor_reference()
        if executor is not None:
            wish = self.record.words[layout.P_WISH]
            if wish != self._wish and self._bell is not None:
                self._bell.hear()
                self._wish = wish
                self._grant(manager, executor, wish & layout.WISH_SIZE)
            if executor._queue_count > self._told:
                self._tell_submitted(manager, executor._queue_count)
            flags = getattr(executor, "_flags", None)
            if executor._shutdown_thread if flags is None else flags.shutdown:
                self.record.state(layout.CLOSED)
        self.record.finished(self._told - len(manager.pending_work_items))
        self._passes += 1
        if len(manager.processes) != self._seen or not self._passes % _LOOK:
            self._seen = len(manager.processes)
            self.record.seen(self._seen)

    def _tell_submitted(self, manager: Any, count: int) -> None:
        for number in range(self._told, count):
            if not self.record.submitted():
                continue
            item = manager.pending_work_items.get(number)
            if item is not None:
                name, items = "?", 1
                try:
                    func, items, _, _ = names.call(item.fn, item.args, None)
                    name = names.describe(func)
                except Exception:  # users' objects may answer any question with any error
                    pass
                self.record.describe(number, layout.APPLY, name, 1, items)
        self._told = count

    def ended(self, item: Any) -> None:
        """A result has come."""
        number = getattr(item, "work_id", None)
        if number is not None:
            good = item.exception is None
            self.record.words[layout.P_GOOD if good else layout.P_BAD] += 1
            if self.record.ended(good):
                outcome, failure = (layout.OK, -1) if good else (layout.ERROR, failures.tell(item.exception))
                self.record.tell_end(number, outcome, failure)

    def broke(self, manager: Any) -> None:
        """All that is pending fails now."""
        for number in list(manager.pending_work_items):
            self.record.words[layout.P_LOST] += 1
            if self.record.ended(False):
                self.record.tell_end(number, layout.WORKER_LOST)
        self.record.words[layout.P_DEATHS] += 1
        self.record.state(layout.TERMINATED)

    def over(self) -> None:
        """The manager thread ends."""
        self.record.state(layout.GONE)

    def _grant(self, manager: Any, executor: Any, wish: int) -> None:
        if wish <= 0:
            return
        executor._max_workers = self._wanted = wish
        self.record.words[layout.P_WANTED] = wish
        if self._kind == "ProcessPoolExecutor":
            with manager.shutdown_lock:
                while len(manager.processes) < wish and not executor._broken and not executor._shutdown_thread:
                    executor._spawn_process()
        self._mark_leaving(manager, wish)

    def _mark_leaving(self, manager: Any, wish: int) -> None:
        """Have as many leave after their next result as are too many."""
        self._leaving &= set(manager.processes)
        surplus = len(manager.processes) - wish
        while len(self._leaving) > max(0, surplus):
            burial.mark(self._leaving.pop(), layout.LEAVE, 0)
        # Those in a call first: an idle one leaves only after one more.
        order = sorted(manager.processes, key=lambda pid: -(burial.peek(pid, layout.TASK) & 1))
        for pid in order:
            if len(self._leaving) >= surplus:
                return
            if pid not in self._leaving and burial.mark(pid, layout.LEAVE, 1):
                self._leaving.add(pid)


def _wake(executor: Any) -> str:
    writer = executor._executor_manager_thread_wakeup._writer
    return f"{writer.fileno()}:{files.inode(writer)}"


def _why_not(executor: Any, kind: str) -> str:
    """Why an executor cannot be resized; empty if it can."""
    if kind != "ProcessPoolExecutor":
        return "loky sizes its executors itself"
    if not hasattr(executor, "_max_tasks_per_child"):
        return "executors of this Python let no worker leave"
    return missing(type(executor), {"_spawn_process": ("self",), "_adjust_process_count": ("self",)})


def patch(module: Any) -> None:
    """Watch all executors of the module."""
    reason = missing(module, _TO_WATCH) or missing(module._ExecutorManagerThread, _MANAGER)
    if reason:
        files.note(f"executors of {module.__name__} are not watched: {reason}")
        return
    module._process_worker = worker.watched(module._process_worker, worker.follow_executor)
    _remember_maker(module._SafeQueue)
    _clear_at_once(getattr(module, "_ThreadWakeup", None))
    _watch_manager(module._ExecutorManagerThread, _KINDS.get(module.__name__, module.__name__))


def _remember_maker(queue: Any) -> None:
    make = queue.__init__

    def init(self: Any, *args: Any, **kwds: Any) -> None:
        make(self, *args, **kwds)
        self._poolmgr_site = record.site()

    queue.__init__ = in_place_of(make, init)


def _watch_manager(manager: Any, kind: str) -> None:
    make, add, process = manager.__init__, manager.add_call_item_to_queue, manager.process_result_item
    broken, run = manager.terminate_broken, manager.run

    def init(self: Any, executor: Any) -> None:
        make(self, executor)
        try:
            if files.folder():
                self._poolmgr_owner = owner = ExecutorOwner(self, executor, kind)
                _owners.add(owner)
                at_a_glance(self.result_queue._reader)
        except Exception as error:  # an executor of a kind that is not known here works, and is not seen
            files.note(f"an executor is not watched: {type(error).__name__}: {error}")

    def add_call_item_to_queue(self: Any) -> None:
        _tell(self, "attend", self)
        add(self)

    def process_result_item(self: Any, result_item: Any) -> None:
        _tell(self, "ended", result_item)
        process(self, result_item)

    def terminate_broken(self: Any, *args: Any) -> None:
        _tell(self, "broke", self)
        broken(self, *args)

    def run_and_tell(self: Any) -> None:
        try:
            run(self)
        finally:
            _tell(self, "over")

    manager.__init__ = in_place_of(make, init)
    manager.add_call_item_to_queue = in_place_of(add, add_call_item_to_queue)
    manager.process_result_item = in_place_of(process, process_result_item)
    manager.terminate_broken = in_place_of(broken, terminate_broken)
    manager.run = in_place_of(run, run_and_tell)


def _tell(manager: Any, what: str, *args: Any) -> None:
    owner = manager.__dict__.get("_poolmgr_owner")
    if owner is not None:
        try:
            getattr(owner, what)(*args)
        except Exception as error:  # the manager thread must go on
            files.note(f"an executor's state was not noted: {error!r}")


def _clear_at_once(wakeup: Any) -> None:
    """Take an executor's wake-ups with one read.

    The stock method asks a selector of its own before each of them, which costs more than all that is noted here: this
    pays for it.  Left alone where it does something else.
    """
    clear = getattr(wakeup, "clear", None)
    if getattr(getattr(clear, "__code__", None), "co_names", ()) != ("_closed", "_reader", "poll", "recv_bytes"):
        return

    def at_once(self: Any) -> None:
        if not self._closed:
            reader = self._reader.fileno()
            ready = select.poll()
            ready.register(reader, select.POLLIN)
            while ready.poll(0):
                if not os.read(reader, _WAKEUPS):
                    raise EOFError

    wakeup.clear = in_place_of(clear, at_once)


def _forget_in_child() -> None:
    """A forked child owns none of its parent's executors."""
    for owner in list(_owners):
        owner.detach()
    _owners.clear()


os.register_at_fork(after_in_child=_forget_in_child)
