"""The command that an operator wants run when the work has ended.

Thread: the caller's; it waits for the command.
"""

from __future__ import annotations

import os
import subprocess

from poolmgr.model.snapshot import PoolSnapshot

#: Seconds that a command may take before it is left alone.
PATIENCE = 600.0


def run_on_done(command: str, snapshot: PoolSnapshot) -> str:
    """Run ``command`` in a shell, with the counts in its environment, and nothing of it on the screen.

    Returns:
        What went wrong, in one sentence; empty if nothing did.
    """
    counts = snapshot.counts
    numbers = {"ended": counts.ended, "done": counts.done, "failed": counts.failed, "lost": counts.lost}
    environment = {f"POOLMGR_{name.upper()}": str(number) for name, number in numbers.items()}
    try:
        run = subprocess.run(
            command,
            shell=True,
            env={**os.environ, "POOLMGR_POOL": snapshot.name, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=PATIENCE,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        return f"--on-done: {command!r} took longer than {PATIENCE:g} s"
    except OSError as error:
        return f"--on-done: {command!r}: {error.strerror}"
    if run.returncode == 0:
        return ""
    said = run.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    return f"--on-done: {command!r} ended with {run.returncode}" + (f": {said}" if said else "")
