"""The pools of this user's other programs, as members of a fleet: each is added when it comes, and taken out when its
program is gone.

Thread: "poolmgr-scout" looks into the runtime folder, and connects to what is new there.  It may wait for a board that
does not answer, up to ten seconds once in :data:`AGAIN`; leaving ends that wait.  Nothing here waits for the app.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from types import TracebackType
from typing import Self

from poolmgr.control.remote import RemoteControl
from poolmgr.errors import UsageError
from poolmgr.model.fleet import Fleet, Member
from poolmgr.runtime import folder

#: Seconds between two looks into the folder.  A pool that came is seen as much later at the most; a look reads one
#: small file for each pool.
LOOK = 1.0
#: Seconds after which a pool that could not be seen is tried once more.
AGAIN = 30.0


class Others:
    """Keeps a fleet up to date while it is entered.

    Args:
        fleet: Where the pools are added.
        read_only: They may only be looked at.
    """

    def __init__(self, fleet: Fleet, *, read_only: bool = False) -> None:
        self._fleet = fleet
        self._read_only = read_only
        self._closing = threading.Event()
        #: By the entry's folder.  The scout's alone, once it runs.
        self._known: dict[str, tuple[RemoteControl, Member]] = {}
        #: When one that could not be seen is tried again.
        self._again: dict[str, float] = {}
        #: The one that is being connected to.  Written by the scout, read by whoever closes.
        self._entering: RemoteControl | None = None
        #: Why the last one that could not be seen could not.
        self.problem = ""
        self._thread = threading.Thread(target=self._run, name="poolmgr-scout", daemon=True)

    def __enter__(self) -> Self:
        """Take those there are now, then follow."""
        self.look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        entering = self._entering
        if entering is not None:
            entering.close()
        self._thread.join()
        for control, _ in self._known.values():
            control.close()
        self._known.clear()

    def look(self) -> None:
        """Add what has come, and take out what is gone."""
        entries = {entry.path: entry for entry in folder.entries() if entry.pid != os.getpid()}
        for path, (control, member) in list(self._known.items()):
            if path not in entries or control.over:
                self._fleet.remove(member)
                control.close()
                del self._known[path]
                self._again[path] = float("inf")
        self._again = {path: when for path, when in self._again.items() if path in entries}
        for path, entry in entries.items():
            if self._closing.is_set():
                return
            if path not in self._known and time.monotonic() >= self._again.get(path, 0.0):
                self._add(entry)

    def _add(self, entry: folder.Entry) -> None:
        control = RemoteControl(entry, read_only=self._read_only)
        self._entering = control
        try:
            # After it is known which one: whoever closes ends the wait of one that it sees, or is seen here.
            if self._closing.is_set():
                return
            control.__enter__()
        except UsageError as error:
            self.problem = str(error)
            self._again[entry.path] = time.monotonic() + AGAIN
            return
        finally:
            self._entering = None
        member = self._fleet.add(control, name=entry.name, attached=True, read_only=self._read_only)
        self._known[entry.path] = (control, member)

    def _run(self) -> None:
        while not self._closing.wait(LOOK):
            # The folder may be gone or open to others for a moment; whoever asks by name is told why.
            with contextlib.suppress(OSError, UsageError):
                self.look()
