"""poolmgr.Pool beside the standard library's pools and other packages', each measured in a fresh interpreter.

    python benchmarks/engine.py                                  all cases, all engines that are installed, 5 rounds
    python benchmarks/engine.py --case calls,round_trip --engine poolmgr,stock --rounds 9
    python benchmarks/engine.py --list

    python benchmarks/engine.py --into docs/performance.md       and replace the tables there

Tables in Markdown go to stdout, each measurement to stderr as it comes.  ``pip install '.[bench]'`` has the peers; what
is not installed is left out.
"""

from __future__ import annotations

import argparse
import json
import statistics
from typing import Any

import cases
import peers
import rounds


def child(request: dict[str, Any]) -> None:
    """Measure one case of one engine, here."""
    case = cases.CASES[request["case"]]
    engine = peers.load(request["engine"])
    setting = cases.Setting(request["workers"], request["method"], request["jobs"] or case.jobs)
    rounds.answer(case.measure(lambda workers: engine(workers, setting.method), setting))


def table(name: str, found: dict[str, list[rounds.Run]], wanted_rounds: int) -> str:
    """The runs of one case in Markdown, best first."""
    case = cases.CASES[name]
    middles = {one: statistics.median(rounds.values(runs)) for one, runs in found.items() if rounds.values(runs)}
    order = sorted(middles, key=middles.__getitem__, reverse=case.higher_is_better)
    best = next((one for one in order if not peers.is_ours(one)), None)
    lines = [
        f"### {case.title} ({case.unit}, {'higher' if case.higher_is_better else 'lower'} is better)",
        "",
        f"| engine | median of {wanted_rounds} | range | x stock | x best peer{f' ({best})' if best else ''} |",
        "|---|---:|---:|---:|---:|",
    ]
    for one in order:
        runs = found[one]
        span = f"{rounds.shown(min(rounds.values(runs)))} to {rounds.shown(max(rounds.values(runs)))}"
        mark = " (disturbed)" if max(run.foreign for run in runs) > rounds.FOREIGN else ""
        against = [
            rounds.ratio(runs, found.get(other or "", []), case.higher_is_better) for other in (peers.STOCK, best)
        ]
        told = ["" if times is None else f"{times:.2f}" for times in against]
        lines.append(f"| {one} | {rounds.shown(middles[one])} | {span}{mark} | {told[0]} | {told[1]} |")
    lines += [f"| {one} | {runs[0].error} | | | |" for one, runs in found.items() if one not in middles and runs]
    return "\n".join(lines) + "\n"


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", default=",".join(cases.CASES))
    parser.add_argument("--engine", default=",".join(peers.DEFAULT))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--method", default="fork")
    parser.add_argument("--jobs", type=int, default=0, help="jobs of a case, in place of its own number")
    parser.add_argument("--into", help="a Markdown file whose part about peers is replaced by the tables")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    wanted = arguments()
    if wanted.child:
        child(json.loads(wanted.child))
        return
    if wanted.list:
        for name, case in cases.CASES.items():
            print(f"{name:16} {case.title}, {case.unit}")
        print("engines:", *peers.installed(peers.ENGINES))
        return
    names = peers.installed(wanted.engine.split(","))
    parts = [f"{rounds.machine()}; {wanted.workers} workers, {wanted.method}, {wanted.rounds} rounds.\n"]
    for case in wanted.case.split(","):

        def measure(engine: str, case: str = case) -> rounds.Run:
            asked = {"case": case, "engine": engine, "workers": wanted.workers, "method": wanted.method}
            return rounds.run({**asked, "jobs": wanted.jobs})

        able = [name for name in names if name != "joblib" or case not in cases.NOT_JOBLIB]
        parts.append(table(case, rounds.alternate(able, wanted.rounds, measure, case), wanted.rounds))
        print(parts[-1], flush=True)
    if wanted.into:
        rounds.put_into(wanted.into, "peers", "\n".join(parts))


if __name__ == "__main__":
    main()
