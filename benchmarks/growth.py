"""How an engine behaves as things grow: the number of jobs, of workers, and the size of what travels.

    python benchmarks/growth.py                                      all three, 3 rounds
    python benchmarks/growth.py --case jobs --engine poolmgr,stock
    python benchmarks/growth.py --into docs/performance.md           and replace the tables and plots there

Tables in Markdown go to stdout, each measurement to stderr as it comes; each is made in a fresh interpreter.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import chart
import command
import peers
import rounds

#: More jobs than this are too many for an engine that needs 100 us for each.
SLOW_MOST = 100_000
FAST = (peers.OURS, peers.STOCK)


def jobs(engine: Callable[[int], Any], number: int) -> float:
    """Jobs a second with so many submitted at once, handles kept."""
    opened = engine(2)
    for get in [opened.submit(peers.same, i) for i in range(8)]:
        get()
    begun = time.perf_counter()
    gets = [opened.submit(peers.same, i) for i in range(number)]
    for get in reversed(gets):
        get()
    return number / (time.perf_counter() - begun)


def workers(engine: Callable[[int], Any], number: int) -> float:
    """Jobs a second with so many workers."""
    opened = engine(number)
    for get in [opened.submit(peers.same, i) for i in range(4 * number)]:
        get()
    begun = time.perf_counter()
    gets = [opened.submit(peers.same, i) for i in range(20_000)]
    for get in reversed(gets):
        get()
    return 20_000 / (time.perf_counter() - begun)


def payload(engine: Callable[[int], Any], size: int) -> float:
    """Milliseconds to send so many bytes as an argument and to get as many as a result; the median of a few."""
    opened = engine(1)
    data = bytes(size)
    times = []
    for _ in range(3 if size >= 10_000_000 else 200):
        begun = time.perf_counter()
        assert opened.submit(peers.size_of, data)() == size
        assert len(opened.submit(peers.make_bytes, size)()) == size
        times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1e3


@dataclass(frozen=True, slots=True)
class Growth:
    """One thing that grows."""

    title: str
    x_title: str
    y_title: str
    at: tuple[int, ...]
    measure: Callable[[Callable[[int], Any], int], float]
    higher_is_better: bool


GROWTHS = {
    "jobs": Growth("Jobs at once", "jobs", "jobs/s", (1_000, 10_000, 100_000, 1_000_000), jobs, True),
    "workers": Growth("Workers, 20,000 jobs", "workers", "jobs/s", (1, 2, 4, 8, 16, 32, 64), workers, True),
    "payload": Growth(
        "Payload, there and back", "bytes", "ms", tuple(10**power for power in range(10)), payload, False
    ),
}


def child(request: dict[str, Any]) -> None:
    """Measure one point, here."""
    engine = peers.load(request["engine"])
    growth = GROWTHS[request["case"]]
    rounds.answer(growth.measure(lambda number: engine(number, request["method"]), request["at"]))


def points(name: str, engines: list[str], wanted: argparse.Namespace) -> tuple[dict[str, list[chart.Point]], str]:
    """All points of one growth, by engine, and how they were measured in words."""
    growth = GROWTHS[name]
    series: dict[str, list[chart.Point]] = {engine: [] for engine in engines}
    every: dict[str, list[rounds.Run]] = {engine: [] for engine in engines}
    for at in growth.at:
        if at > wanted.most:
            continue

        def one(engine: str, at: int = at) -> rounds.Run:
            return rounds.run({"case": name, "engine": engine, "at": at, "method": wanted.method})

        able = [engine for engine in engines if name != "jobs" or at <= SLOW_MOST or engine in FAST]
        for engine, runs in rounds.alternate(able, wanted.rounds, one, f"{name} {at:,}").items():
            every[engine] += runs
            values = rounds.values(runs)
            if values:
                series[engine].append(chart.Point(at, statistics.median(values), min(values), max(values)))
    told = f"{rounds.machine()}; {wanted.method}, {rounds.told(every, wanted.rounds)}."
    return {engine: points for engine, points in series.items() if points}, told


def table(name: str, series: dict[str, list[chart.Point]]) -> str:
    """The points in Markdown: the median, and the range."""
    growth = GROWTHS[name]
    lines = [
        f"| {growth.x_title} | " + " | ".join(f"{engine}, {growth.y_title}" for engine in series) + " |",
        "|---:|" + "---:|" * len(series),
    ]
    for at in sorted({point.x for points in series.values() for point in points}):
        cells = []
        for points in series.values():
            point = next((point for point in points if point.x == at), None)
            cells.append("" if point is None else _cell(point))
        lines.append(f"| {at:,.0f} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(point: chart.Point) -> str:
    return f"{rounds.shown(point.y)} ({rounds.shown(point.low)} to {rounds.shown(point.high)})"


def measure(name: str, engines: list[str], wanted: argparse.Namespace) -> None:
    """Measure one growth, print its table, and put it and its plot where they are wanted."""
    growth = GROWTHS[name]
    series, told = points(name, engines, wanted)
    text = f"{table(name, series)}\n{told}"
    print(f"### {growth.title}\n\n{text}\n", flush=True)
    if wanted.into:
        folder = os.path.splitext(wanted.into)[0]
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, f"{name}.svg"), "w", encoding="utf-8") as file:
            file.write(chart.draw(growth.title, growth.x_title, growth.y_title, series))
        picture = f"![{growth.title}]({os.path.basename(folder)}/{name}.svg)"
        rounds.put_into(wanted.into, name, f"{picture}\n\n{text}")


def main() -> None:
    """Measure and print."""
    titles = {name: f"{growth.title}, {growth.y_title}" for name, growth in GROWTHS.items()}
    options = command.parser(__doc__, titles, "poolmgr,stock,futures", 3)
    options.add_argument("--most", type=int, default=10**9, help="leave out points beyond this")
    command.carry_out(options, titles, child, measure)


if __name__ == "__main__":
    main()
