"""The demo scripts, and the few functions that they share: options, checks, and the line of figures at the end.

In a wheel the scripts lie here, in a checkout in the folder ``demos`` beside the package.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

_HERE = Path(__file__).resolve().parent
_CHECKOUT = _HERE.parent.parent / "demos"

# Workers that are spawned import a demo's functions by name: the name must be the same in a wheel and in a checkout.
if not (_HERE / "stdlib.py").exists() and _CHECKOUT.is_dir():
    __path__.append(str(_CHECKOUT))

#: What a line begins with that :func:`check` and :func:`figures` print.  Read again by ``poolmgr demo --json``.
CHECKED = "  checked: "
FIGURES = "figures: "


def arguments(doc: str | None, *, start_method: bool = True, **sizes: float) -> argparse.Namespace:
    """The options of a demo script: ``--quick``, ``--start-method``, and one for each of ``sizes`` with its default.

    What is wrong with the command line is said in one sentence, with exit code 2.
    """
    title, _, rest = (doc or "").strip().partition("\n")
    parser = _Parser(description=title, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="less of everything: about a second in all")
    if start_method:
        methods = multiprocessing.get_all_start_methods()
        parser.add_argument("--start-method", choices=methods, help="how processes start (default: the system's own)")
    for name, default in sizes.items():
        parser.add_argument(f"--{name}", type=type(default), default=default, help=f"(default: {default})")
    options = parser.parse_args()
    for name in sizes:
        if not getattr(options, name) > 0:
            parser.error(f"--{name} takes a number above 0, not {getattr(options, name):g}")
    return options


def check(what: str, right: bool) -> None:
    """Say that ``what`` was found to be so; if it was not, say that, and end the script with exit code 1."""
    if not right:
        raise SystemExit(f"  WRONG: {what}")
    print(f"{CHECKED}{what}", flush=True)


def raised(call: Callable[..., object], /, *args: Any, **kwds: Any) -> Exception | None:
    """What calling it raises, or None: for what is shown because it fails."""
    try:
        call(*args, **kwds)
    except Exception as error:  # the very thing that is asked for
        return error
    return None


def figures(**counts: Any) -> None:
    """Print what was counted and measured, in the last line, in a form that programs can read too."""
    texts = {name: f"{count:.2f}" if isinstance(count, float) else str(count) for name, count in counts.items()}
    print(FIGURES + " ".join(f"{name}={text}" for name, text in texts.items()), flush=True)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")
