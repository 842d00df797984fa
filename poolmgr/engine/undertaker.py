"""The undertaker: what is done when a worker's process has ended.

Thread: the dispatcher, under the feed lock, so that nobody sends the worker anything more.
"""

from __future__ import annotations

from poolmgr.engine.accounts import Accounts
from poolmgr.engine.backlog import Batch, part, task_at
from poolmgr.engine.crew import Crew
from poolmgr.engine.drain import Drain
from poolmgr.engine.feeding import Feeding
from poolmgr.engine.handle import Handle
from poolmgr.engine.ledger import said
from poolmgr.engine.post_mortem import post_mortem
from poolmgr.errors import FOR_MEMORY, describe_exit
from poolmgr.runtime.oom import OomWatch


class Undertaker:
    """Delivers what a dead worker had committed, blames it for the one task it had begun, and saves the others."""

    def __init__(self, crew: Crew, accounts: Accounts, drain: Drain, feeding: Feeding) -> None:
        self._crew = crew
        self._accounts = accounts
        self._drain = drain
        self._feeding = feeding
        #: Tells whether the kernel has killed a worker for lack of memory.
        self.oom = OomWatch()

    def bury(self, handle: Handle, terminating: bool) -> tuple[int | None, str]:
        """Settle all that the worker leaves behind, and close its handle.

        Returns:
            Its exit code, and in words how it ended.
        """
        with handle.lock:
            # What it printed is read first: its lines are the jobs' that are about to be booked.
            handle.read_output(self._accounts.ledger)
            self._drain.collect(handle)
            began = handle.began
            held = handle.take_back(handle.drained)
        self._log_rest(handle)
        orderly = handle.leaving or (not handle.ready and not held)
        exitcode = handle.reap(sweep=not orderly)
        self._crew.remove(handle)
        if not handle.leaving and not terminating and handle.killed_for is None:
            self._accounts.tape.died(handle)
        words = f"{handle.name} (pid {handle.pid}) {describe_exit(exitcode)}"
        self._settle(handle, held, began, exitcode, words, terminating)
        handle.close()
        return exitcode, words

    def _log_rest(self, handle: Handle) -> None:
        for pipe in handle.output:
            rest = pipe.rest()
            if rest:
                self._accounts.ledger.log(rest, kind=pipe.stream, slot=handle.slot, pid=handle.pid)

    def _settle(
        self, handle: Handle, held: list[Batch], began: bool, exitcode: int | None, words: str, terminating: bool
    ) -> None:
        """The task that it had begun and not committed is lost, the others go back."""
        if held and began:
            task = task_at(held[0], 0)
            held[0] = part(held[0], 1)
            unasked = handle.killed_for is None and not terminating
            death = post_mortem(handle, task.job, exitcode, self.oom, self._accounts.ledger) if unasked else None
            how_far = said(handle.cells, handle.drained)
            self._accounts.died(task, handle, exitcode, terminated=terminating, began=True, death=death, said=how_far)
            words += FOR_MEMORY if death is not None and death.for_memory else ""
            words += f" while it ran job {task.job.id}"
        if began or not handle.leaving or exitcode != 0:
            self._accounts.ledger.log(words, level="warning", slot=handle.slot, pid=handle.pid)
        # The others never ran: no effect, no blame, and their turn comes first.
        self._feeding.put_back(held)
