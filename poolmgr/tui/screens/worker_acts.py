"""The acts on one worker, and on the order of jobs that wait.  Runs in the app's thread."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Literal, TypeVar

from poolmgr.model.cpus import spelled_out
from poolmgr.model.requests import (
    Continue,
    Move,
    Recycle,
    Renice,
    Reply,
    Request,
    SendSignal,
    SetAffinity,
    Suspend,
    Uncancel,
    WorkerRequest,
)
from poolmgr.model.snapshot import WorkerSnapshot
from poolmgr.model.states import JobState, WorkerState
from poolmgr.tui.format import plural
from poolmgr.tui.screens.ask import AskScreen
from poolmgr.tui.screens.base import JobScreen
from poolmgr.tui.screens.confirm import ConfirmScreen
from poolmgr.tui.screens.pick import PickScreen

T = TypeVar("T")

#: Signals that the menu offers by name, and what a worker without a handler of its own makes of each.
SIGNALS = (
    (signal.SIGINT, "raises KeyboardInterrupt in its job"),
    (signal.SIGTERM, "ends it, and its job is lost"),
    (signal.SIGHUP, "the same"),
    (signal.SIGQUIT, "the same, with a core file where the system writes one"),
    (signal.SIGUSR1, "the same, unless the program handles it"),
    (signal.SIGUSR2, "the same, unless the program handles it"),
)


class WorkerScreen(JobScreen):
    """A screen with a worker that one can stop, bind and replace, and with jobs that one can put in order."""

    def worker(self) -> WorkerSnapshot | None:
        """The worker that a key would act on: here, the one that runs the job."""
        snapshot, target = self.cockpit.snapshot, self.target()
        if snapshot is None or target is None:
            return None
        return next((worker for worker in snapshot.workers if worker.job_id == target.id), None)

    def marked_workers(self) -> list[WorkerSnapshot]:
        """The workers that are marked."""
        return []

    def missed(self) -> bool:
        """Whether what was aimed at has just gone from under the cursor; the operator is told then."""
        return False

    def reordered(self) -> None:
        """The order of the jobs is another one: show it."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what cannot be done now."""
        if self.cockpit.forbids(action):
            return None
        if action == "suspend_worker":
            return bool(self.marked_workers()) or self.worker() is not None or None
        if action in ("worker_menu", "show_worker", "profile_worker"):
            return self.worker() is not None or None
        if action == "move_job":
            target = self.target()
            return (target is not None and target.state is JobState.QUEUED) or None
        if action == "undo":
            return self.cockpit.last_cancel.open(time.monotonic()) or None
        return super().check_action(action, parameters)

    # --- a worker

    def action_suspend_worker(self) -> None:
        """Suspend the worker, or let it go on; of those that are marked, suspend all or let all go on."""
        marked = self.marked_workers()
        if not marked:
            worker = self.worker()
            if worker is not None and not self.missed():
                self.cockpit.send(_toggled(worker))
            return
        running = [worker for worker in marked if worker.state is not WorkerState.FROZEN]
        verb = "Suspend" if running else "Continue"
        requests: list[Request] = [_toggled(worker) for worker in running or marked]

        def answered(yes: bool | None) -> None:
            if yes:
                self.cockpit.send_all(requests, verb)

        title = f"{verb} {plural(len(requests), 'worker')}?"
        text = "Suspended workers stand still, with what their jobs have started, until they are continued."
        self.app.push_screen(ConfirmScreen(title, text, yes=verb, no="Leave them"), answered)

    def action_show_worker(self) -> None:
        """Show the worker with its stack."""
        worker = self.worker()
        if worker is not None:
            self.cockpit.open_worker(worker)

    def action_profile_worker(self) -> None:
        """Show the worker, and sample its stack."""
        worker = self.worker()
        if worker is not None:
            self.cockpit.open_worker(worker, profile=True)

    def action_worker_menu(self) -> None:
        """Ask what to do to the worker."""
        worker = self.worker()
        if worker is None or self.missed():
            return
        frozen = worker.state is WorkerState.FROZEN
        choices = [
            ("suspend", "Continue it (P)" if frozen else "Suspend it (P)"),
            ("recycle", "Recycle it: it leaves after its job, and another takes its place"),
            ("nice", "Nice value ..."),
            ("cpus", "CPUs that it may use ..."),
            *((number.name, f"{number.name:<8} {makes}") for number, makes in SIGNALS),
            ("signal", "Another signal ..."),
        ]

        def answered(what: str | None) -> None:
            if what is not None:
                self._do(worker, what)

        self.app.push_screen(PickScreen(f"Worker {worker.name}, pid {worker.pid}", choices, "suspend"), answered)

    def _do(self, worker: WorkerSnapshot, what: str) -> None:
        slot, generation, name = worker.slot, worker.generation, f"Worker {worker.name}"
        if what == "suspend":
            self.cockpit.send(_toggled(worker))
        elif what == "recycle":
            self.cockpit.send(Recycle(slot, generation))
        elif what == "nice":
            question = "Its nice value, from -20 (first) to 19 (last); only root may lower it."
            self._ask(name, question, read_nice, lambda value: Renice(slot, value, generation))
        elif what == "cpus":
            question = "The CPUs that it and what it has started may use, such as 0-3,6."
            self._ask(name, question, spelled_out, lambda cpus: SetAffinity(slot, cpus, generation))
        elif what == "signal":
            question = "The signal, by name or number, such as SIGUSR1, usr1 or 10."
            self._ask(name, question, read_signal, lambda number: SendSignal(slot, number, generation))
        else:
            self.cockpit.send(SendSignal(slot, signal.Signals[what].value, generation))

    def _ask(self, title: str, question: str, read: Callable[[str], T], make: Callable[[T], WorkerRequest]) -> None:
        def answered(value: T | None) -> None:
            if value is not None:
                self.cockpit.send(make(value))

        self.app.push_screen(AskScreen(title, question, read), answered)

    # --- the queue

    def action_move_job(self, where: Literal["up", "down", "top"]) -> None:
        """Move the job past one other, or to the top, of its priority."""
        target = self.aim()

        def moved(reply: Reply) -> None:
            self.cockpit.tell_reply(reply)
            self.reordered()

        if target is not None:
            self.cockpit.send(Move(target.id, where), moved)

    def action_undo(self) -> None:
        """Put back what was taken out of the queue last."""
        ids = self.cockpit.last_cancel.take()
        if len(ids) == 1:
            self.cockpit.send(Uncancel(ids[0]))
        elif ids:
            self.cockpit.send_all([Uncancel(job_id) for job_id in ids], "Put back")


def _toggled(worker: WorkerSnapshot) -> Suspend | Continue:
    kind = Continue if worker.state is WorkerState.FROZEN else Suspend
    return kind(worker.slot, worker.generation)


def read_nice(text: str) -> int:
    """A nice value as people type it."""
    try:
        value = int(text)
    except ValueError:
        value = 99
    if not -20 <= value <= 19:
        raise ValueError("Write a whole number from -20 to 19.")
    return value


def read_signal(text: str) -> int:
    """A signal by its name, with or without SIG, or by its number."""
    try:
        if text.isdecimal():
            return signal.Signals(int(text)).value
        return signal.Signals["SIG" + text.upper().removeprefix("SIG")].value
    except (KeyError, ValueError):
        raise ValueError(f"There is no signal {text!r} here.") from None
