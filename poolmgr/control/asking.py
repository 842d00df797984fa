"""A request to a pool in another program, and its reply, over the board's counter.

Thread: the caller's, for at most :data:`DEADLINE` and a moment.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from typing import Any

from poolmgr.errors import UsageError
from poolmgr.model.plain import reply_from_plain, to_plain
from poolmgr.model.requests import Reply, Request
from poolmgr.monitor.line import LOST
from poolmgr.monitor.viewer import RETRY, line_to
from poolmgr.runtime import folder

#: Seconds that the owner may take over a request.  It takes milliseconds, and as long as the import of a module.
DEADLINE = 10.0
#: Seconds that one question waits in the board.
WAIT = 1.0
#: Seconds that any answer of the board may take on top of that.
PATIENCE = 5.0


def ask(entry: folder.Entry, request: Request) -> Reply:
    """Carry a request to the owner and wait for its reply. It is carried out once or not at all; never raises."""
    return _Errand(entry, request).run()


class _Errand:
    """One request on its way."""

    def __init__(self, entry: folder.Entry, request: Request) -> None:
        self._entry = entry
        self._owner = f"process {entry.pid}"
        self._id = secrets.token_hex(8)
        self._envelope: dict[str, Any] = {"id": self._id, "viewer": os.getpid(), "request": to_plain(request)}
        self._deadline = time.monotonic() + DEADLINE
        #: Whether some board may have it.
        self._posted = False

    def run(self) -> Reply:
        while True:
            try:
                return self._ask()
            except UsageError as error:
                return Reply(False, str(error))
            except LOST as error:
                # The board is gone, maybe with the request in it: the same id asks the next one for the same thing.
                doubt = "nobody can say whether this was carried out" if self._posted else "nothing was sent"
                if not folder.is_listed(self._entry):
                    return Reply(False, f"{self._owner} is gone, and its pool with it: {doubt}")
                if time.monotonic() > self._deadline:
                    why = str(error) or type(error).__name__
                    return Reply(False, f"the board of {self._entry.name!r} does not answer ({why}): {doubt}")
            time.sleep(RETRY)

    def _ask(self) -> Reply:
        with contextlib.closing(line_to(self._entry, "counter", patience=WAIT + PATIENCE)) as line:
            self._posted = True
            line.call("post", self._envelope)
            while (left := self._deadline - time.monotonic()) > 0:
                reply = line.call("wait", self._id, min(left, WAIT))
                if reply is not None:
                    line.call("fetched", self._id)
                    return reply_from_plain(reply)
            if line.call("withdraw", self._id):
                return Reply(False, f"{self._owner} took no request for {DEADLINE:g} s, so this one was taken back")
        return Reply(
            False,
            f"{self._owner} has taken the request, and has not answered for {DEADLINE:g} s: its log will say what "
            "became of it",
        )
