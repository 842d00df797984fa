"""``poolmgr wait``: returns when a pool of another terminal has ended, with its outcome as exit code."""

from __future__ import annotations

import math
import time

import click

from poolmgr.cli.interrupts import Interrupts
from poolmgr.cli.options import complete_pool
from poolmgr.cli.output import result, tell
from poolmgr.errors import PoolGone
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.model.states import PoolState

#: Seconds between two looks: nobody who waits in a script sees less.
LOOK = 0.2

FAILED = 1


@click.command(epilog="Example: poolmgr wait stdlib && echo all done")
@click.argument("pool", shell_complete=complete_pool)
@click.option("--idle", is_flag=True, help="Wait only until no job runs and none waits.")
def wait(pool: str, idle: bool) -> int:
    """Wait until POOL has ended, then say what came of it.

    Exit code: 0 if all of its jobs were done, 1 if some were not, or its program was killed, 130 after Ctrl-C.
    """
    from poolmgr.cli.headless import summary
    from poolmgr.control.remote import RemoteControl
    from poolmgr.monitor.viewer import find
    from poolmgr.runners.outcome import Tally

    entry = find(pool)
    # A picture from before would not show what was submitted a moment ago.
    since = time.time() if idle else math.inf
    with Interrupts() as interrupts, RemoteControl(entry) as control:
        last = control.snapshot()
        while not control.over and not _reached(last, since):
            if (signum := interrupts.wait(LOOK)) is not None:
                tell("interrupted: the pool goes on")
                return 128 + signum
            try:
                last = control.snapshot()
            except PoolGone:
                # Told below if it stays gone; a board that is started again is nobody's trouble here.
                continue
        if control.over:
            last = control.last
            if not control.closed:
                tell(f"poolmgr: {control.over}")
    outcome = Tally().outcome(last)
    result(summary(outcome))
    if control.over and not control.closed:
        return FAILED
    return outcome.exit_code


def _reached(snapshot: PoolSnapshot, since: float) -> bool:
    """Whether it has ended, or was idle in a picture that was taken after ``since``."""
    if snapshot.state is PoolState.ENDED:
        return True
    coming = snapshot.until is not None and snapshot.time < snapshot.until
    return snapshot.time > since and not coming and snapshot.counts.ended >= snapshot.whole
