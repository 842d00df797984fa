"""KeyboardInterrupt in the owner's main thread, at any moment, leaves a pool that works and ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

PROGRAM = """
import signal
import poolmgr
from tests.helpers.jobs import double

INTERRUPTS = 500

def main():
    pool, accepted, hits = poolmgr.Pool(2), [], 0
    armed = False

    def interrupt(*_):
        nonlocal armed
        if armed:
            armed = False
            raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0013)
    while hits < INTERRUPTS:
        try:
            armed = True
            while True:
                number = len(accepted)
                accepted.append((number, pool.apply_async(double, (number,))))
                accepted[-1][1].get()
        except KeyboardInterrupt:
            hits += 1
    armed = False
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert all(job.get(20) == 2 * number for number, job in accepted)
    assert pool.map_async(double, range(50)).get(20) == [2 * x for x in range(50)]
    pool.terminate()
    assert pool.join(10)
    print("survived")

main()
"""


def test_pool_survives_interrupts_of_the_main_thread_at_any_moment(tmp_path: Path) -> None:
    """Hundreds of interrupts in apply_async() and get(): every accepted job ends, and so does the pool."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    run = subprocess.run(
        [sys.executable, str(program)],
        capture_output=True,
        text=True,
        timeout=50,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (run.stdout, run.returncode) == ("survived\n", 0), run.stderr
