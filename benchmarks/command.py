"""The command line that the benchmarks beside peers share, and what they do of it alike."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from typing import Any

import peers


def parser(doc: str | None, titles: Mapping[str, str], engines: str, rounds: int) -> argparse.ArgumentParser:
    """The options that all have.

    Args:
        doc: What the program says of itself.
        titles: The cases by name, with what they measure.
        engines: Those that are measured unless told otherwise, with commas.
        rounds: How often, unless told otherwise.
    """
    options = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--case", default=",".join(titles), type=_known(titles), help="with commas; all if not given")
    options.add_argument("--engine", default=engines, type=_known(peers.ENGINES), help="with commas")
    options.add_argument("--rounds", type=int, default=rounds)
    options.add_argument("--method", default="fork", help="start method, where a case has none of its own")
    options.add_argument("--into", help="a Markdown file in which the parts of these cases are replaced")
    options.add_argument("--list", action="store_true", help="say what there is to measure")
    options.add_argument("--child", help=argparse.SUPPRESS)
    return options


def _known(names: Mapping[str, object]) -> Callable[[str], str]:
    def check(given: str) -> str:
        unknown = [name for name in given.split(",") if name not in names]
        if unknown:
            raise argparse.ArgumentTypeError(f"no {', '.join(unknown)}; there is {', '.join(names)}")
        return given

    return check


def carry_out(
    options: argparse.ArgumentParser,
    titles: Mapping[str, str],
    child: Callable[[dict[str, Any]], None],
    measure: Callable[[str, list[str], argparse.Namespace], None],
) -> None:
    """Do what the command line says.

    Args:
        options: As :func:`parser` has made them.
        titles: The cases by name.
        child: Measures once, in the fresh interpreter that it is called in, what the request says.
        measure: Measures one case, with the engines of these names, and prints it.
    """
    wanted = options.parse_args()
    if wanted.child:
        child(json.loads(wanted.child))
        return
    if wanted.list:
        for name, title in titles.items():
            print(f"{name:20} {title}")
        print("engines:", *peers.installed(peers.ENGINES))
        return
    for name in wanted.case.split(","):
        measure(name, peers.installed(wanted.engine.split(",")), wanted)
