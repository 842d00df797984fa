"""poolmgr.Pool beside the standard library's pools and other packages', each measured in a fresh interpreter.

    python benchmarks/engine.py                                  all cases, all engines that are installed, 5 rounds
    python benchmarks/engine.py --case calls,round_trip --engine poolmgr,stock --rounds 9
    python benchmarks/engine.py --list

    python benchmarks/engine.py --case startup --into docs/performance.md       and replace the table there

Tables in Markdown go to stdout, each measurement to stderr as it comes.  ``pip install '.[bench]'`` has the peers; what
is not installed is left out.  ``refresh.py`` measures all that the page on performance shows.
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

import cases
import command
import peers
import rounds

TITLES = {name: f"{case.title}, {case.unit}" for name, case in cases.CASES.items()}


def child(request: dict[str, Any]) -> None:
    """Measure one case of one engine, here."""
    case = cases.CASES[request["case"]]
    engine = peers.load(request["engine"])
    setting = cases.Setting(request["workers"], case.method or request["method"], request["jobs"] or case.jobs)
    rounds.answer(case.measure(lambda workers: engine(workers, setting.method), setting))


def table(case: cases.Case, found: dict[str, list[rounds.Run]]) -> str:
    """The runs of one case in Markdown, best first."""
    middles = {one: statistics.median(rounds.values(runs)) for one, runs in found.items() if rounds.values(runs)}
    order = sorted(middles, key=middles.__getitem__, reverse=case.higher_is_better)
    best = next((one for one in order if not peers.is_ours(one)), None)
    lines = [
        f"| engine | median | range | x {case.against} | x best peer{f' ({best})' if best else ''} |",
        "|---|---:|---:|---:|---:|",
    ]
    for one in order:
        runs = found[one]
        span = f"{rounds.shown(min(rounds.values(runs)))} to {rounds.shown(max(rounds.values(runs)))}"
        mark = " (disturbed)" if any(map(rounds.disturbed, runs)) else ""
        against = [
            rounds.ratio(runs, found.get(other or "", []), case.higher_is_better) for other in (case.against, best)
        ]
        told = ["" if times is None else f"{times:.2f}" for times in against]
        lines.append(f"| {one} | {rounds.shown(middles[one])} | {span}{mark} | {told[0]} | {told[1]} |")
    lines += [f"| {one} | {runs[0].error} | | | |" for one, runs in found.items() if one not in middles and runs]
    return "\n".join(lines) + "\n"


def measure(name: str, engines: list[str], wanted: argparse.Namespace) -> None:
    """Measure one case, print its table, and put it where it is wanted."""
    case = cases.CASES[name]
    able = [engine for engine in engines if case.has(engine)]
    if case.engines and wanted.engine == ",".join(peers.DEFAULT):
        able = peers.installed(case.engines)

    def one(engine: str) -> rounds.Run:
        asked = {"case": name, "engine": engine, "workers": wanted.workers, "method": wanted.method}
        return rounds.run({**asked, "jobs": wanted.jobs})

    found = rounds.alternate(able, wanted.rounds, one, name)
    better = "higher" if case.higher_is_better else "lower"
    text = (
        f"### {case.title} ({case.unit}, {better} is better)\n\n{table(case, found)}\n"
        f"{rounds.machine()}; {wanted.workers} workers, {case.method or wanted.method}, {rounds.told(found)}."
    )
    print(f"{text}\n", flush=True)
    if wanted.into:
        rounds.put_into(wanted.into, name, text)


def main() -> None:
    """Measure and print."""
    options = command.parser(__doc__, TITLES, ",".join(peers.DEFAULT), 5)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--jobs", type=int, default=0, help="jobs of a case, in place of its own number")
    command.carry_out(options, TITLES, child, measure)


if __name__ == "__main__":
    main()
