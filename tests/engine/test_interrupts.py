"""KeyboardInterrupt in the owner's main thread, at any moment, leaves a pool that works and ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

PROGRAM = """
import signal
import sys
import poolmgr
from tests.helpers.jobs import double

KIND = sys.argv[1]
INTERRUPTS = 500
ERROR = TimeoutError if KIND == "timeout" else KeyboardInterrupt

def main():
    pool, accepted, hits = poolmgr.Pool(2), [], 0
    armed = 0

    def interrupt(*_):
        nonlocal armed, hits
        if KIND == "submit":
            # Itself interrupted by the next one, now and then.
            hits += 1
            number = hits
            assert pool.apply_async(double, (number,)).get() == 2 * number
        elif armed and hits < INTERRUPTS:
            armed -= 1
            if armed:
                # The next one comes while this one is on its way out.
                signal.setitimer(signal.ITIMER_REAL, 0.00001, 0.0013)
            raise ERROR

    def run():
        nonlocal armed
        armed = 2 if KIND == "twice" else 1
        while hits < INTERRUPTS:
            number = len(accepted)
            accepted.append((number, pool.apply_async(double, (number,))))
            accepted[-1][1].get()

    def guarded(levels):
        nonlocal hits
        while hits < INTERRUPTS:
            try:
                guarded(levels - 1) if levels else run()
            except ERROR:
                hits += 1

    signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0013)
    # One may come while the one before is being caught: the level above catches it.
    guarded(4)
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert all(job.get(20) == 2 * number for number, job in accepted)
    assert pool.map_async(double, range(50)).get(20) == [2 * x for x in range(50)]
    assert pool._dispatcher.ledger.taken_out, "no caller took its own result"
    assert not pool._dispatcher.mailbox.inside
    assert len(pool.snapshot().workers) == 2
    assert sum(worker.generation for worker in pool.snapshot().workers) == 2, "a worker had to be replaced"
    pool.terminate()
    assert pool.join(10)
    print("survived")

main()
"""


@pytest.mark.parametrize("kind", ["once", "twice", "timeout", "submit"])
def test_pool_survives_interrupts_of_the_main_thread_at_any_moment(tmp_path: Path, kind: str) -> None:
    """Hundreds of interrupts in apply_async() and get(): every accepted job ends, no worker is lost, the pool ends."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    run = subprocess.run(
        [sys.executable, str(program), kind],
        capture_output=True,
        text=True,
        timeout=50,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (run.stdout, run.returncode) == ("survived\n", 0), run.stderr
