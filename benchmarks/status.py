"""What a frame costs the thread that publishes it: 64 workers, 600 jobs, 500 lines, one of each new in a frame.

    python benchmarks/status.py

Prints CPU milliseconds a frame, with the records of the frame before and without.
"""

from __future__ import annotations

import time
from dataclasses import replace

from poolmgr.model.log import LogLine
from poolmgr.model.snapshot import Counts, JobSnapshot, PoolSnapshot, Trends, WorkerSnapshot
from poolmgr.model.states import JobState, PoolState, WorkerState
from poolmgr.monitor.board import Board
from poolmgr.monitor.status import Records, to_status

FRAMES = 40


def picture() -> PoolSnapshot:
    """A large pool with a long past."""
    workers = tuple(
        WorkerSnapshot(slot, 1000 + slot, WorkerState.RUNNING, 1.0, 1, slot, "pkg.fn", 1.0, 5, 1, 99.0, 1 << 20)
        for slot in range(64)
    )
    workers = tuple(replace(worker, cpu_history=(50.0,) * 60) for worker in workers)
    bad = [
        JobSnapshot(number, JobState.FAILED, "pkg.fn", "('a',)", 1, 100, 1.0, 2.0, 3.0, "KeyError: 'x'", "T" * 800)
        for number in range(300)
    ]
    done = [JobSnapshot(number, JobState.DONE, "pkg.fn", "('a',)", 1, 100, 1.0, 2.0, 3.0, "1") for number in range(300)]
    log = tuple(LogLine(seq, 1.0, "event", "job 7 failed: pkg.fn: KeyError: 'x'") for seq in range(500))
    history = Trends((1.0,) * 120, (1.0,) * 120)
    return PoolSnapshot("bench", 1, PoolState.RUN, "fork", 64, 1.0, 1.0, Counts(), workers, (*bad, *done), log, history)


def after(picture: PoolSnapshot, number: int) -> PoolSnapshot:
    """The next frame: all workers a little older, one more job, one more line."""
    return replace(
        picture,
        time=picture.time + 0.25,
        workers=tuple(replace(worker, elapsed=worker.elapsed + 0.25) for worker in picture.workers),
        jobs=(replace(picture.jobs[-1], id=1000 + number), *picture.jobs[:-1]),
        log=(*picture.log[1:], LogLine(500 + number, 2.0, "event", "one more line")),
    )


def main() -> None:
    """Measure and print."""
    frames = [picture()]
    for number in range(FRAMES):
        frames.append(after(frames[-1], number))
    for label, records in (("without", None), ("with", Records())):
        begun = time.thread_time()
        for frame in frames:
            to_status(frame, records)
        print(f"to_status {label} records: {(time.thread_time() - begun) / len(frames) * 1e3:.2f} ms")
    board = Board("bench", print)
    before = 0.0
    for frame in frames:
        board.publish(frame)
        while board.published != frame.time:
            time.sleep(0.001)
        before = before or board.seconds
    print(f"published: {(board.seconds - before) / FRAMES * 1e3:.2f} ms a frame")
    board.close()


if __name__ == "__main__":
    main()
