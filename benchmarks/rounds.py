"""Rounds of measurements: each in a fresh interpreter, the engines in turn, so that what drifts, drifts for all.

A ratio compares engines of the same round; the medians of ratios are told, not the ratio of medians.  A run that other
processes have disturbed (more than FOREIGN cores' worth) is repeated, and marked if it stays so.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Cores that others may have used during a run.
FOREIGN = 0.2
#: Runs of one measurement at the most.
TRIES = int(os.environ.get("BENCH_TRIES", "3"))
#: Of prctl(2): processes that lose their parent become ours, so that their CPU time is counted as ours.
_SET_CHILD_SUBREAPER = 36
TIMEOUT = 180.0


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement: its value, or why there is none."""

    value: float | None
    error: str = ""
    #: Cores that other processes used meanwhile.
    foreign: float = 0.0


def answer(value: float) -> None:
    """What the fresh interpreter says at its end; no engine's exit handlers run."""
    print(f"\nRESULT {json.dumps(value)}", flush=True)
    os._exit(0)


def run(request: dict[str, Any]) -> Run:
    """Have this program, started anew with ``--child REQUEST``, measure one thing."""
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1)
    runs: list[Run] = []
    while len(runs) < TRIES:
        runs.append(_run_once(request))
        if runs[-1].value is None or runs[-1].foreign <= FOREIGN:
            return runs[-1]
    return min(runs, key=lambda one: one.foreign)


def _run_once(request: dict[str, Any]) -> Run:
    command = [sys.executable, os.path.abspath(sys.argv[0]), "--child", json.dumps(request)]
    busy, own, begun = _busy(), _own(), time.monotonic()
    # Files, not pipes: a process that an engine leaves behind would hold a pipe open.
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, start_new_session=True)
        try:
            process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            return Run(None, f"not within {TIMEOUT:g} s")
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # It has left nobody.
            process.wait()
            _reap()
        foreign = (_busy() - busy - (_own() - own)) / (time.monotonic() - begun)
        out.seek(0)
        err.seek(0)
        lines = [line for line in out if line.startswith("RESULT ")]
        if lines:
            return Run(json.loads(lines[-1].removeprefix("RESULT ")), foreign=max(0.0, foreign))
        said = err.read().strip().splitlines()
        return Run(None, said[-1][:100] if said else f"exit code {process.returncode}")


def _reap() -> None:
    """Collect the workers that were left behind."""
    end = time.monotonic() + 2
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < end:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.01)


def _busy() -> float:
    """CPU seconds that all processes of this machine have used."""
    with open("/proc/stat") as file:
        ticks = [int(field) for field in file.readline().split()[1:]]
    return (sum(ticks[:3]) + sum(ticks[5:8])) / os.sysconf("SC_CLK_TCK")


def _own() -> float:
    return sum(os.times()[:4])


def alternate(names: Sequence[str], rounds: int, measure: Callable[[str], Run], told: str) -> dict[str, list[Run]]:
    """Measure each name once in each round, beginning with another one each time."""
    found: dict[str, list[Run]] = {name: [] for name in names}
    for number in range(rounds):
        shift = number % len(names)
        for name in [*names[shift:], *names[:shift]]:
            if found[name] and found[name][0].value is None:
                # What does not work does not work better next time.
                continue
            one = measure(name)
            found[name].append(one)
            shown = one.error or f"{one.value:,.6g}"
            print(f"{told} round {number + 1} {name}: {shown} (others {one.foreign:.2f})", file=sys.stderr, flush=True)
    return found


def disturbed(one: Run) -> bool:
    """Whether others used so much of the machine that the run says little."""
    return one.foreign > FOREIGN


def told(found: Mapping[str, Sequence[Run]], rounds: int = 0) -> str:
    """How often it was measured, in words; ``rounds`` if it is not as often as an engine has runs."""
    runs = [one for runs in found.values() for one in runs]
    number = rounds or max(map(len, found.values()), default=0)
    text = f"{number} round{'s' * (number != 1)}"
    bad = sum(map(disturbed, runs))
    return f"{text}, {bad} of {len(runs)} runs disturbed" if bad else text


def values(runs: Sequence[Run]) -> list[float]:
    """The values that there are."""
    return [one.value for one in runs if one.value is not None]


def ratio(runs: Sequence[Run], others: Sequence[Run], higher_is_better: bool) -> float | None:
    """How many times better, round by round."""
    pairs = [(a.value, b.value) for a, b in zip(runs, others, strict=False) if a.value and b.value]
    if not pairs:
        return None
    return statistics.median(a / b if higher_is_better else b / a for a, b in pairs)


def shown(value: float) -> str:
    """Three digits that count, or whole numbers."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def put_into(path: str, name: str, text: str) -> None:
    """Replace what stands between ``<!-- NAME -->`` and ``<!-- end of NAME -->`` in a Markdown file.

    Raises:
        SystemExit: The file has no such part.
    """
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    with open(path, encoding="utf-8") as file:
        head, found, rest = file.read().partition(begin)
    _, ended, tail = rest.partition(end)
    if not found or not ended:
        sys.exit(f"{path} has no part {begin} ... {end}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{head}{begin}\n\n{text.strip()}\n\n{end}{tail}")


def machine() -> str:
    """What it was measured on."""
    return (
        f"CPython {platform.python_version()}, {len(os.sched_getaffinity(0))} cores, "
        f"{platform.system()} {platform.release().split('-')[0]}, {platform.machine()}"
    )
