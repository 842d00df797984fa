"""The acts on a whole pool: size, hold, submit, drain, terminate.  Runs in the app's thread."""

from __future__ import annotations

import time
from collections.abc import Callable

from poolmgr.model.requests import Drain, Pause, Reply, Resize, Resume, Terminate
from poolmgr.model.states import PoolState
from poolmgr.tui.format import count, harmless, plural
from poolmgr.tui.screens.confirm import ConfirmScreen
from poolmgr.tui.screens.size import SizeScreen
from poolmgr.tui.screens.submit import SubmitScreen
from poolmgr.tui.screens.type_name import TypeNameScreen
from poolmgr.tui.screens.worker_acts import WorkerScreen
from poolmgr.tui.watched import Watched

_OPEN_ONLY = ("submit", "hold", "grow", "shrink", "set_size", "drain")


class PoolScreen(WorkerScreen):
    """A screen of one pool, with every act on it."""

    def __init__(self) -> None:
        super().__init__()
        #: The size last asked for, and of which pool.  It counts until a picture is there that was taken after the
        #: answer: + pressed three times means three.
        self._wanted: tuple[Watched | None, int] | None = None
        self._resizes = 0
        #: When the last answer came (seconds since the epoch).
        self._resized_at = 0.0

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what cannot be done to the pool now."""
        if self.cockpit.forbids(action):
            return None
        snapshot = self.cockpit.snapshot
        state = None if snapshot is None else snapshot.state
        if action in _OPEN_ONLY:
            open_ = state in (PoolState.RUN, PoolState.HELD)
            return (open_ and (action != "shrink" or self._workers_wanted > 1)) or None
        if action == "terminate":
            return state not in (None, PoolState.TERMINATE, PoolState.ENDED) or None
        return super().check_action(action, parameters)

    @property
    def _workers_wanted(self) -> int:
        snapshot = self.cockpit.snapshot
        shown = snapshot is not None and not self._resizes and snapshot.time > self._resized_at
        if self._wanted is not None and self._wanted[0] is self.cockpit.current and not shown:
            return self._wanted[1]
        return 0 if snapshot is None else snapshot.size

    def _resize_pool(self, size: int) -> None:
        self._wanted = self.cockpit.current, size
        self._resizes += 1
        self.cockpit.send(Resize(size), self._resized)

    def _resized(self, reply: Reply) -> None:
        self._resizes -= 1
        self._resized_at = time.time()
        if self._resizes == 0 and not reply.ok:
            self._wanted = None
        # Of + + + only the last answer is news; a refusal is always.
        if self._resizes == 0 or not reply.ok:
            self.cockpit.tell_reply(reply)

    def action_grow(self) -> None:
        """One worker more."""
        self._resize_pool(self._workers_wanted + 1)

    def action_shrink(self) -> None:
        """One worker less."""
        self._resize_pool(self._workers_wanted - 1)

    def action_set_size(self) -> None:
        """Ask for the number of workers."""

        def answered(size: int | None) -> None:
            if size is not None and size != self._workers_wanted:
                self._resize_pool(size)

        self.app.push_screen(SizeScreen(self._workers_wanted), answered)

    def action_hold(self) -> None:
        """Hold the queue, or let it go on."""
        snapshot = self.cockpit.snapshot
        held = snapshot is not None and snapshot.state is PoolState.HELD
        self.cockpit.send(Resume() if held else Pause())

    def action_submit(self) -> None:
        """Open the form, with what was typed last."""
        self.app.push_screen(SubmitScreen(self.cockpit.last_submit))

    def action_drain(self) -> None:
        """Ask, then close and join."""
        question = self._question(
            "It takes no more jobs, finishes {running} and {queued}, and then ends. There is no way back."
        )
        screen = ConfirmScreen("Drain the pool?", question, yes="Drain", no="Go on")
        self.app.push_screen(screen, self._answer(Drain()))

    def action_terminate(self) -> None:
        """Ask for the pool's name, then end all workers now."""
        snapshot = self.cockpit.snapshot
        if snapshot is None:
            return
        question = self._question("All workers end now: {running} killed, {queued} cancelled. There is no way back.")
        self.app.push_screen(TypeNameScreen("Terminate the pool?", question, snapshot.name), self._answer(Terminate()))

    def _question(self, text: str) -> Callable[[], str]:
        """The text with the newest numbers in it."""

        def question() -> str:
            snapshot = self.cockpit.newest
            if snapshot is None:
                return text
            running, queued = plural(snapshot.counts.running, "running job"), count(snapshot.counts.queued)
            return f"{harmless(snapshot.name)}: " + text.format(running=running, queued=f"{queued} waiting")

        return question

    def _answer(self, request: Drain | Terminate) -> Callable[[bool | None], None]:
        def answered(sure: bool | None) -> None:
            if sure:
                self.cockpit.send(request)

        return answered
