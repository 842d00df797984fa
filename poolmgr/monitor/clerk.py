"""The owner's side of the desk: takes viewers' requests from the board, and has them carried out.

    board's desk --take()--> "poolmgr-requests" --carry_out()--> the pool
                 <-answer()-                    <---- Reply ----

A request is carried out once. Its id is remembered with the reply, so when a board dies with a request in it, and the
viewer posts that to the next one, it gets the reply that there was.

Thread: "poolmgr-requests", one for each board that takes requests, alone talks to the desk and carries out.  It waits
for the desk, which answers every few seconds, and for whatever a request waits for.  follow() and close() are for the
board's thread and the owner.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from poolmgr.errors import UsageError
from poolmgr.model.plain import from_plain, reply_to_plain
from poolmgr.model.requests import CheckCall, Complete, Pace, Reply, Request, WorkerLook
from poolmgr.monitor.line import LOST, Line
from poolmgr.monitor.ports import LogTo

#: Seconds that one take() waits in the board.
WAIT = 5.0
#: Requests that are remembered by their ids.  A viewer posts one again within seconds, and nobody sends so many then.
REMEMBERED = 1000
#: Seconds that close() waits for a request that is being carried out, such as the import of a module that hangs.
PATIENCE = 2.0
#: Seconds until a board is tried again that did not answer, and is not gone as far as is known.
AGAIN = 0.5
#: Most characters of a request in the log.
LONGEST_LINE = 300

CarryOut = Callable[[Request], Reply]


class Clerk:
    """Has requests carried out from when it is made until it is closed.

    Args:
        key: The board's key.
        carry_out: Does what a request asks. Called by one thread, one request at a time.
        log: Takes a line for each request.
    """

    def __init__(self, key: bytes, carry_out: CarryOut, log: LogTo) -> None:
        self._key = key
        self._carry_out = carry_out
        self._log = log
        self._changed = threading.Condition()
        self._address = ""
        self._closing = False
        #: The replies by ids, oldest first.  The clerk's thread alone.
        self._replies: dict[str, dict[str, Any]] = {}
        self._thread = threading.Thread(target=self._run, name="poolmgr-requests", daemon=True)
        self._thread.start()

    def follow(self, address: str) -> None:
        """A board stands at this address; none does if it is empty."""
        with self._changed:
            self._address = address
            self._changed.notify()

    def close(self) -> None:
        """End the thread; the board is gone, or going."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        while address := self._next_address():
            try:
                self._serve(address)
            except LOST:
                # Mostly the board is gone: the thread that keeps it says so, and where the next one is.  A machine that
                # swaps may have cut a handshake short: then it is the same one.
                pass
            except Exception as error:  # the thread's top: nobody else would take a request
                self._log(f"requests from elsewhere: {type(error).__name__}: {error}; going on", level="error")
            self._rest(address)

    def _rest(self, address: str) -> None:
        """Wait for another board than this one, but not for long."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._address != address, AGAIN)

    def _next_address(self) -> str:
        """Where the board stands, once there is one; empty when the clerk is being closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._address)
            return "" if self._closing else self._address

    def _serve(self, address: str) -> None:
        line = Line(address, self._key, "owners_desk")
        try:
            while not self._closing:
                envelope = line.call("take", WAIT)
                if envelope is not None:
                    line.call("answer", envelope["id"], self._answer(envelope))
        finally:
            line.close()

    def _answer(self, envelope: dict[str, Any]) -> dict[str, Any]:
        name = envelope["id"]
        if name in self._replies:
            return self._replies[name]
        request, reply = self._carry_out_guarded(envelope)
        plain = reply_to_plain(reply)
        # What changes nothing may be done twice, and its answers are long: stacks, and names while somebody types.
        if not isinstance(request, CheckCall | Complete | Pace | WorkerLook):
            self._replies[name] = plain
            if len(self._replies) > REMEMBERED:
                del self._replies[next(iter(self._replies))]
        return plain

    def _carry_out_guarded(self, envelope: dict[str, Any]) -> tuple[Request | None, Reply]:
        request, asked = None, "request"
        try:
            request = from_plain(envelope.get("request"))
            asked = "" if isinstance(request, CheckCall | Complete | Pace) else _shown(request)
            reply = self._carry_out(request)
        except UsageError as error:
            reply = Reply(False, str(error))
        except Exception as error:  # the thread's top: who asked must get an answer, and the next one be heard
            reply = Reply(False, f"{type(error).__name__}: {error}")
        by = envelope.get("viewer")
        # A form asks what it may do at each key, and that changes nothing.
        if asked:
            self._log(
                f"asked by process {by if type(by) is int else 'unknown'}: {asked}: {reply.text}",
                level="info" if reply.ok else "warning",
            )
        return request, reply


def _shown(request: Request) -> str:
    """The request as a line of the log: every viewer gets that, and arguments may be as long as a file."""
    text = repr(request)
    return text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}..."
