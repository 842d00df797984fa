"""What the screen costs: a frame, the idle screen, and the jobs that a pool loses to being watched.

    python benchmarks/ui.py                  all of it, 3 rounds, each measurement in a fresh interpreter
    python benchmarks/ui.py --rounds 5 --case frame,load

A frame is the CPU time of the whole process, from the picture of the pool to the bytes on a terminal of 160 by 45, with
64 real workers that all run a job, and something new in every row of every frame; what the process costs between frames
is subtracted.  Pools are forked before the app runs.  Tables in Markdown go to stdout, each measurement to stderr.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import fcntl
import json
import multiprocessing
import os
import pty
import statistics
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import rounds

COLUMNS, LINES = 160, 45
WORKERS = 64
#: Frames that are measured, after some that are not, and seconds between two: a terminal's own pace.
FRAMES, WARM, GAP = 40, 5, 0.1
#: Seconds of the idle screen, and of the load.
IDLE, LOAD = 10.0, 6.0
#: Seconds of load before the measured ones.
WARM_UP = 2.0

#: Measurements by case: what the child is asked for.
CASES: dict[str, dict[str, dict[str, Any]]] = {
    "frame": {
        "1,000 jobs": {"kind": "frame", "jobs": 1_000},
        "1,000,000 jobs": {"kind": "frame", "jobs": 1_000_000},
    },
    "tables": {
        "poolmgr": {"kind": "tables", "drawn": "ours"},
        "DataTable": {"kind": "tables", "drawn": "theirs"},
    },
    "idle": {"2 Hz": {"kind": "idle"}},
    "load": {"headless": {"kind": "load", "screen": False}, "screen": {"kind": "load", "screen": True}},
}
_TITLES = {
    "frame": ("CPU time of a frame by the jobs that the pool knows", "ms"),
    "tables": ("CPU time of a frame of the workers and jobs tables alone", "ms"),
    "idle": ("The idle screen at 2 Hz, monitor included", "% of a core"),
    "load": ("Tiny jobs with the screen on and without it, 2 workers", "jobs/s"),
}


@contextlib.contextmanager
def terminal() -> Iterator[None]:
    """Standard streams on a terminal of their own, which another process reads."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    reader = subprocess.Popen([sys.executable, "-c", "import os\nwhile os.read(0, 65536): pass"], stdin=ours)
    kept = [os.dup(number) for number in range(3)]
    try:
        for number in range(3):
            os.dup2(theirs, number)
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
        yield
    finally:
        for number, before in enumerate(kept):
            os.dup2(before, number)
        reader.kill()
        reader.wait()


class Moving:
    """A control of a real pool whose every picture has something new in each row."""

    def __init__(self, pool: Any) -> None:
        from poolmgr.model.recording import Recording

        self._pool = pool
        self._number = 0
        self._recording = Recording(0, time.time())
        self._function = self._recording.function("time.sleep")

    def snapshot(self) -> Any:
        """The pool as it is, with gauges as a sampler would read them."""
        self._number += 1
        number, picture = self._number, self._pool.snapshot()
        workers = [
            dataclasses.replace(
                worker,
                cpu_percent=float((worker.slot * 7 + number * 13) % 101),
                rss=(200 + (worker.slot + number) % 50) << 20,
                elapsed=float(number),
                cpu_history=tuple(float((second + number + worker.slot) * 11 % 101) for second in range(60)),
            )
            for worker in picture.workers
        ]
        trend = tuple(float((second + number) * 17 % 90) for second in range(120))
        history = dataclasses.replace(picture.history, throughput=trend, cpu=trend)
        changed = {"workers": tuple(workers), "history": history, "rate": float(number)}
        # A second later in each: the jobs that run have run longer.
        return dataclasses.replace(picture, time=picture.time + number, **changed)

    def history(self) -> Any:
        """A slice more for each worker, busy for another part of it each time."""
        begin = self._number * 250_000_000
        for slot in range(WORKERS):
            part = (slot * 7 + self._number * 3) % 8 + 1
            self._recording.slot(slot).run(begin, begin + part * 31_250_000, self._function, done=1)
        return self._recording.picture(begin + 250_000_000)

    def send(self, request: Any) -> Any:
        """Nothing is asked."""

    def subscribe(self, listener: Any) -> Callable[[], None]:
        """Nothing is told."""
        return lambda: None


def busy_pool(jobs: int) -> Any:
    """64 workers that each run a job, and as many more jobs as there shall be in all."""
    import poolmgr

    pool = poolmgr.Pool(WORKERS, context=multiprocessing.get_context("fork"))
    for _ in range(WORKERS):
        pool.apply_async(time.sleep, (3600,))
    while pool.snapshot().counts.running < WORKERS:
        time.sleep(0.01)
    for number in range(jobs - WORKERS):
        pool.apply_async(abs, (number,))
    return pool


def cost_of_frames(app: Any, draw: Callable[[], None]) -> float:
    """CPU ms that a frame costs more than waiting does."""
    found: list[float] = []

    async def spend(frames: int, what: Callable[[], None]) -> float:
        begun = time.process_time()
        for _ in range(frames):
            what()
            await asyncio.sleep(GAP)
        return time.process_time() - begun

    async def drive() -> None:
        await spend(WARM, draw)
        drawn, waited = await spend(FRAMES, draw), await spend(FRAMES, lambda: None)
        found.append((drawn - waited) / FRAMES * 1e3)
        app.exit()

    app.call_later(lambda: app.run_worker(drive()))
    with terminal():
        app.run()
    return found[0]


def measure_frame(request: dict[str, Any]) -> float:
    """The dashboard over a pool that knows so many jobs."""
    from poolmgr.tui.app import PoolmgrApp

    app = PoolmgrApp(Moving(busy_pool(request["jobs"])), refresh_hz=0.001)
    return cost_of_frames(app, app.pull)


def measure_tables(request: dict[str, Any]) -> float:
    """The two tables of the dashboard, drawn by us or by Textual's DataTable, cell by cell."""
    import tables

    control = Moving(busy_pool(1_000))
    # Taken before: what a picture costs is not the question here.
    pictures = iter([control.snapshot() for _ in range(WARM + FRAMES)])
    app = tables.Ours() if request["drawn"] == "ours" else tables.Theirs()
    return cost_of_frames(app, lambda: app.take(next(pictures)))


def measure_idle(request: dict[str, Any]) -> float:
    """Percent of a core that the process costs while nothing happens: app, collector and the board's writer."""
    from poolmgr.runners.session import Session
    from poolmgr.tui.app import PoolmgrApp

    with Session("idle", 8, "fork") as session:
        app = PoolmgrApp(session.control, refresh_hz=2)
        marks: list[tuple[float, float]] = []

        def mark() -> None:
            marks.append((time.process_time(), time.monotonic()))

        app.call_later(lambda: (app.set_timer(2, mark), app.set_timer(2 + IDLE, lambda: (mark(), app.exit()))))
        with terminal():
            app.run()
    (cpu, begun), (cpu_end, end) = marks
    return 100 * (cpu_end - cpu) / (end - begun)


def measure_load(request: dict[str, Any]) -> float:
    """Tiny jobs a second, while somebody watches or frames are only taken."""
    from poolmgr.runners.session import Session

    with Session("load", 2, "fork") as session:
        rates: list[float] = []
        ended = threading.Event()

        def feed() -> None:
            results = session.pool.imap_unordered(abs, iter(range(10**9)), chunksize=1)
            # Until the first screen is there: what it costs to open is not what it costs to watch.
            warm = time.monotonic() + WARM_UP
            while time.monotonic() < warm:
                for _ in range(500):
                    next(results)
            count, begun = 0, time.monotonic()
            while time.monotonic() - begun < LOAD:
                for _ in range(500):
                    next(results)
                count += 500
            rates.append(count / (time.monotonic() - begun))
            ended.set()

        thread = threading.Thread(target=feed, daemon=True)
        if request["screen"]:
            _watch(session, thread, ended)
        else:
            thread.start()
            while not ended.wait(0.25):
                session.frame()
    return rates[0]


def _watch(session: Any, thread: threading.Thread, ended: threading.Event) -> None:
    from poolmgr.tui.app import PoolmgrApp

    app = PoolmgrApp(session.control)
    app.call_later(lambda: (thread.start(), app.set_interval(0.2, lambda: app.exit() if ended.is_set() else None)))
    with terminal():
        app.run()


MEASURES = {"frame": measure_frame, "tables": measure_tables, "idle": measure_idle, "load": measure_load}


def table(case: str, found: dict[str, list[rounds.Run]]) -> str:
    """The runs of one case in Markdown, with how they compare."""
    title, unit = _TITLES[case]
    lines = [f"### {title} ({unit})", "", "| | median | range | others' cores |", "|---|---:|---:|---:|"]
    for name, runs in found.items():
        values = rounds.values(runs)
        if not values:
            lines.append(f"| {name} | {runs[0].error} | | |")
            continue
        span = f"{rounds.shown(min(values))} to {rounds.shown(max(values))}"
        foreign = max(one.foreign for one in runs)
        lines.append(f"| {name} | {rounds.shown(statistics.median(values))} | {span} | {foreign:.2f} |")
    if len(found) == 2:
        (first, ones), (second, others) = found.items()
        times = rounds.ratio(others, ones, higher_is_better=True)
        lines += ["", f"{second} against {first}: " + ("not measured" if times is None else f"{times:.2f} times")]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", default=",".join(CASES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.child:
        request = json.loads(wanted.child)
        rounds.answer(MEASURES[request["kind"]](request))
    print(f"{rounds.machine()}; {COLUMNS}x{LINES}, {WORKERS} workers, {wanted.rounds} rounds.\n")
    for case in wanted.case.split(","):
        asked = CASES[case]
        found = rounds.alternate(list(asked), wanted.rounds, lambda name, asked=asked: rounds.run(asked[name]), case)
        print(table(case, found), flush=True)


if __name__ == "__main__":
    main()
