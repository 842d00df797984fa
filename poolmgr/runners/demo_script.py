"""A demo that is a program of its own, run without a screen: a child process, its output, and what it found.

Thread: the caller's; "poolmgr-demo-output" copies what the child prints, if somebody wants to read it here too.

The child leads a process group.  Whatever of that is left when it has ended is killed: a demo that failed half-way may
have left processes that wait for one another.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from poolmgr.demos import CHECKED, FIGURES
from poolmgr.runners.catalogue import Entry

#: Seconds that a demo has to end by itself after a signal, before it is killed.
GRACE = 3.0

#: What the figures of a demo look like as text, if they are numbers.
_WHOLE = re.compile(r"-?\d+")
_DECIMAL = re.compile(r"-?\d+\.\d+")


@dataclass(slots=True)
class Found:
    """What a run came to.

    Attributes:
        name: The demo.
        exit_code: The script's own; 128 and the signal if a signal ended it.
        seconds: How long it took.
        checks: What it found to be as it should be, in its words.
        figures: What it counted and measured.
    """

    name: str
    exit_code: int = 0
    seconds: float = 0.0
    checks: list[str] = field(default_factory=list)
    figures: dict[str, int | float | str] = field(default_factory=dict)

    def read(self, line: str) -> None:
        """Take in a line that the script printed."""
        line = line.rstrip("\n")
        if line.startswith(CHECKED):
            self.checks.append(line.removeprefix(CHECKED))
        elif line.startswith(FIGURES):
            pairs = (word.partition("=") for word in line.removeprefix(FIGURES).split())
            self.figures.update((name, _number(value)) for name, _, value in pairs)

    def to_json(self) -> dict[str, Any]:
        """Plain values, in a fixed order."""
        return {
            "name": self.name,
            "exit_code": self.exit_code,
            "seconds": round(self.seconds, 3),
            "checks": self.checks,
            "figures": self.figures,
        }


class ScriptRun:
    """One run of a script demo.

    Args:
        entry: The demo.
        arguments: What the script is given.
        tell: Takes each line that the script prints, from another thread; None lets the script print to stdout itself.
        ended: Called from another thread when the script has ended.
    """

    def __init__(
        self,
        entry: Entry,
        arguments: Sequence[str],
        *,
        tell: Callable[[str], None] | None,
        ended: Callable[[], None],
    ) -> None:
        self.found = Found(entry.name)
        self._tell = tell
        self._ended = ended
        #: Written by the thread before it says so, which is before it has left itself.
        self._over = False
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-u", str(entry.path), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=None if tell is None else subprocess.PIPE,
            text=True,
            errors="replace",
            process_group=0,
        )
        self._thread = threading.Thread(target=self._watch, name="poolmgr-demo-output", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether the script, or what it printed, is still to be waited for."""
        return not self._over

    def stop(self, signum: int) -> None:
        """Send a signal to the script and all its processes, as a terminal does; kill them if that does not end it."""
        self._kill(signum)
        self._thread.join(GRACE)
        self._kill(signal.SIGKILL)

    def result(self) -> Found:
        """Wait for the end, and say what it came to."""
        self._thread.join()
        return self.found

    def _watch(self) -> None:
        if self._process.stdout is None or self._tell is None:
            self._bury()
        else:
            # What the script leaves behind has its stdout too, so the end of that does not come by itself.
            burial = threading.Thread(target=self._bury, name="poolmgr-demo-burial", daemon=True)
            burial.start()
            with self._process.stdout as printed:
                for line in printed:
                    self.found.read(line)
                    self._tell(line.rstrip("\n"))
            burial.join()
        self._over = True
        self._ended()

    def _bury(self) -> None:
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        self.found.seconds = time.monotonic() - self._began
        # Before it is reaped: until then its number cannot be another group's.
        self._kill(signal.SIGKILL)
        code = self._process.wait()
        self.found.exit_code = code if code >= 0 else 128 - code

    def _kill(self, signum: int) -> None:
        if self._process.returncode is None:
            try:
                os.killpg(self._process.pid, signum)
            except (ProcessLookupError, PermissionError):
                # All of them have ended (a group of nothing but a zombie is refused on some systems).
                pass


def _number(text: str) -> int | float | str:
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text
